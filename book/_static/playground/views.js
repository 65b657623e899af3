/**
 * Drawing: a chart with axes, a plane with its boundary, digits with what they were taken for. Each
 * function draws a canvas anew from what it is given, in the colours of the page's theme.
 */
"use strict";

const BN_DASHES = {
  none: [6, 3], batch: [], "noisy-batch": [8, 2, 1.5, 2], layer: [11, 3], group: [2, 2.5],
  rms: [4, 2],
};

/** The colours that the style sheet has for this theme. */
function bnColours(root) {
  const style = getComputedStyle(root), read = (name) => style.getPropertyValue(name).trim();
  const arms = Object.keys(BN_DASHES).map((arm) => [arm, read(`--bn-arm-${arm}`)]);
  return {
    text: read("--bn-pg-text"),
    muted: read("--bn-pg-muted"),
    grid: read("--bn-pg-grid"),
    page: read("--bn-pg-page"),
    classes: [read("--bn-pg-class-0"), read("--bn-pg-class-1")],
    arms: Object.fromEntries(arms),
  };
}

/** A cleared context in CSS pixels, sharp on every screen, and its size. */
function bnCanvas(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas, ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const ctx = canvas.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  ctx.font = '12px "DejaVu Sans", system-ui, sans-serif';
  return { ctx, width, height };
}

/** A number as an axis writes it. */
function bnTick(value) {
  if (value !== 0 && (Math.abs(value) >= 1e4 || Math.abs(value) < 1e-3)) {
    const power = Math.floor(Math.log10(Math.abs(value)) + 1e-9), digit = value / 10 ** power;
    const raised = String(power).replace("-", "⁻").replace(/\d/g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]);
    return `${Math.abs(digit - 1) < 1e-6 ? "" : `${+digit.toFixed(1)}·`}10${raised}`;
  }
  return String(+value.toPrecision(3)).replace("-", "−");
}

/** Round numbers between two, about `count` of them; on a logarithmic axis of any length. */
function bnTicks([low, high], count, log) {
  const decades = Math.log10(high / low);
  if (log && decades > 1) {
    const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
    const every = Math.max(1, Math.ceil((last - first) / count)), ticks = [];
    const within = decades < 2 ? [1, 3] : [1];
    for (let power = first - 1; power <= last; power += every) {
      ticks.push(...within.map((digit) => digit * 10 ** power));
    }
    return ticks.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  }
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((round) => round * power >= rough), ticks = [];
  for (let t = Math.ceil(low / step - 1e-9); t * step <= high + 1e-9 * step; t++) {
    ticks.push(+(t * step).toPrecision(12));
  }
  return ticks;
}

/** A little more than the range of some numbers; those that cannot be drawn are left out. */
function bnRange(values, log) {
  let low = Infinity, high = -Infinity;
  for (const v of values) {
    if (!Number.isFinite(v) || (log && v <= 0)) continue;
    [low, high] = [Math.min(low, v), Math.max(high, v)];
  }
  if (low > high) return log ? [0.1, 1] : [0, 1];
  if (log) return high / low > 1.5 ? [low / 1.15, high * 1.15] : [low / 1.5, high * 1.5];
  const room = 0.05 * (high - low) || 0.5;
  return [low - room, high + room];
}

/**
 * Lines over an axis. `lines` are { points: [[x, y], …], colour, dash, width, alpha, dots }, `bands`
 * { points: [[x, low, high], …], colour, alpha }; what is no number, or not positive on a
 * logarithmic axis, is a gap. `crosses` mark where a run ended in no number.
 */
function bnChart(canvas, colours, { x, y, log = false, xlabel, lines, bands = [], crosses = [] }) {
  const { ctx, width, height } = bnCanvas(canvas);
  const rungs = bnTicks(y, 4, log);
  const left = 12 + Math.max(20, ...rungs.map((rung) => ctx.measureText(bnTick(rung)).width));
  const box = { left, right: width - 10, top: 8, bottom: height - 34 };
  const scale = log ? Math.log10 : (v) => v, [low, high] = y.map(scale);
  const across = (v) => box.left + ((v - x[0]) / (x[1] - x[0] || 1)) * (box.right - box.left);
  const up = (v) => box.bottom - ((scale(v) - low) / (high - low || 1)) * (box.bottom - box.top);
  bnAxes(ctx, colours, { x, rungs, xlabel, box, across, up });
  const drawn = (v) => Number.isFinite(v) && (!log || v > 0);
  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left - 2, box.top - 2, box.right - box.left + 6, box.bottom - box.top + 4);
  ctx.clip();
  for (const band of bands) {
    const points = band.points.filter((p) => drawn(p[1]) && drawn(p[2]));
    ctx.beginPath();
    points.forEach((p) => ctx.lineTo(across(p[0]), up(p[1])));
    points.reverse().forEach((p) => ctx.lineTo(across(p[0]), up(p[2])));
    ctx.globalAlpha = band.alpha ?? 0.2;
    ctx.fillStyle = band.colour;
    ctx.fill();
  }
  for (const { points, colour, dash = [], width: thick = 2.2, alpha = 1, dots } of lines) {
    Object.assign(ctx, { globalAlpha: alpha, strokeStyle: colour, fillStyle: colour });
    ctx.lineWidth = thick;
    ctx.setLineDash(dash);
    ctx.beginPath();
    let broken = true;
    for (const [at, value] of points) {
      if (drawn(value)) ctx[broken ? "moveTo" : "lineTo"](across(at), up(value));
      broken = !drawn(value);
    }
    ctx.stroke();
    ctx.setLineDash([]);
    const spots = dots ? points : points.length === 1 ? points : [];
    for (const [at, value] of spots.filter((p) => drawn(p[1]))) {
      ctx.beginPath();
      ctx.arc(across(at), up(value), 3, 0, 2 * Math.PI);
      ctx.fill();
    }
  }
  ctx.globalAlpha = 1;
  ctx.lineWidth = 2;
  for (const { point: [at, value], colour } of crosses) {
    const [cx, cy] = [across(at), drawn(value) ? up(value) : box.top + 6];
    ctx.strokeStyle = colour;
    ctx.beginPath();
    for (const s of [-1, 1]) {
      ctx.moveTo(cx - 5, cy - 5 * s);
      ctx.lineTo(cx + 5, cy + 5 * s);
    }
    ctx.stroke();
  }
  ctx.restore();
}

/** The grid with its numbers: a rung is a horizontal line. */
function bnAxes(ctx, colours, { x, rungs, xlabel, box, across, up }) {
  Object.assign(ctx, { lineWidth: 1, strokeStyle: colours.grid, fillStyle: colours.muted });
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  for (const tick of rungs) {
    ctx.beginPath();
    ctx.moveTo(box.left, up(tick));
    ctx.lineTo(box.right, up(tick));
    ctx.stroke();
    ctx.fillText(bnTick(tick), box.left - 6, up(tick));
  }
  ctx.textBaseline = "top";
  const room = box.right - box.left, count = room < 100 ? 2 : room < 180 ? 3 : 5;
  const ticks = bnTicks(x, count, false).filter((tick) => tick === Math.round(tick));
  for (const tick of ticks) {
    ctx.textAlign = across(tick) > box.right - 12 ? "right" : "center";
    ctx.fillText(bnTick(tick), Math.min(across(tick), box.right + 6), box.bottom + 5);
  }
  ctx.textAlign = "center";
  ctx.fillStyle = colours.text;
  ctx.fillText(xlabel, (box.left + box.right) / 2, box.bottom + 19);
}

/** A colour "#rrggbb" as three numbers. */
const bnRgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

/**
 * What a network makes of the plane, with the examples on it: filled ones are trained on, rings
 * test. The tint of a cell goes from class to class with its probability, and the line is ½.
 */
function bnPlane(canvas, colours, plane, { train, test, reach }) {
  const { ctx, width, height } = bnCanvas(canvas), side = Math.sqrt(plane.length);
  const tints = colours.classes.map(bnRgb), page = bnRgb(colours.page);
  const cells = new ImageData(side, side);
  plane.forEach((p, i) => {
    const sure = Number.isFinite(p) ? 0.5 * Math.abs(2 * p - 1) : 0, tint = tints[p > 0.5 ? 1 : 0];
    page.forEach((value, c) => { cells.data[4 * i + c] = value + sure * (tint[c] - value); });
    cells.data[4 * i + 3] = 255;
  });
  const small = Object.assign(document.createElement("canvas"), { width: side, height: side });
  small.getContext("2d").putImageData(cells, 0, 0);
  ctx.drawImage(small, 0, 0, width, height);
  bnBoundary(ctx, colours, plane, side, width / side, height / side);
  const at = (v) => (1 + v / reach) / 2;
  for (const [set, filled] of [[test, false], [train, true]]) {
    for (let i = 0; i < Math.min(set.size, 250); i++) {
      ctx.fillStyle = ctx.strokeStyle = colours.classes[set.y[i]];
      ctx.lineWidth = 1;
      ctx.beginPath();
      const [px, py] = [at(set.x[2 * i]) * width, (1 - at(set.x[2 * i + 1])) * height];
      if (!filled) ctx.arc(px, py, 2, 0, 2 * Math.PI);
      else if (set.y[i]) ctx.rect(px - 2, py - 2, 4, 4);
      else ctx.arc(px, py, 2.3, 0, 2 * Math.PI);
      ctx[filled ? "fill" : "stroke"]();
    }
  }
}

/** The line where the probability is ½, cell by cell: it crosses between neighbours that differ. */
function bnBoundary(ctx, colours, plane, side, w, h) {
  ctx.strokeStyle = colours.text;
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  const value = (i, j) => plane[j * side + i] - 0.5;
  const cross = (i, j, k, l) => {
    const a = value(i, j), b = value(k, l), t = a / (a - b);
    return [(i + t * (k - i) + 0.5) * w, (j + t * (l - j) + 0.5) * h];
  };
  for (let j = 0; j + 1 < side; j++) {
    for (let i = 0; i + 1 < side; i++) {
      const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
      const ends = corners
        .map((corner, c) => [...corner, ...corners[(c + 1) % 4]])
        .filter(([a, b, c, d]) => value(a, b) > 0 !== value(c, d) > 0)
        .map((edge) => cross(...edge));
      for (let e = 0; e + 1 < ends.length; e += 2) {
        ctx.moveTo(...ends[e]);
        ctx.lineTo(...ends[e + 1]);
      }
    }
  }
  ctx.stroke();
}

/** Digits that were got wrong, each with what it was taken for under it. */
function bnDigitsWrong(canvas, colours, wrong) {
  const { ctx, width } = bnCanvas(canvas), columns = width < 200 ? 3 : 4;
  const cell = width / columns, size = cell - 22;
  const ink = bnRgb(colours.text), page = bnRgb(colours.page);
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  wrong.slice(0, 3 * columns).forEach(({ image, label, guess }, i) => {
    const side = Math.sqrt(image.length), pixels = new ImageData(side, side);
    const low = image.reduce((a, b) => Math.min(a, b)), high = image.reduce((a, b) => Math.max(a, b));
    image.forEach((v, p) => {
      const share = (v - low) / (high - low || 1);
      page.forEach((paper, c) => { pixels.data[4 * p + c] = paper + share * (ink[c] - paper); });
      pixels.data[4 * p + 3] = 255;
    });
    const small = Object.assign(document.createElement("canvas"), { width: side, height: side });
    small.getContext("2d").putImageData(pixels, 0, 0);
    const left = (i % columns) * cell + 11, top = Math.floor(i / columns) * cell;
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(small, left, top, size, size);
    ctx.fillStyle = colours.text;
    ctx.fillText(`${label} → ${guess}`, left + size / 2, top + size + 3);
  });
  if (!wrong.length) ctx.fillText("none", width / 2, cell);
}
