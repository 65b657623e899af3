/**
 * The playground as a reader meets it: controls, buttons, views, words. It holds no numbers of its
 * own: a worker trains and looks, and what it answers is drawn and described here.
 */
"use strict";

const BN_SEEDS = 8;
const BN_T = 2.365; // 0.975 quantile of Student's t with 7 degrees of freedom
const BN_CURVES = ["loss", "accuracy"];

/** An element with attributes, or properties where the value is no text, and children. */
function bnMake(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "string") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** A menu of { value: words }. */
function bnMenu(choices, onchange) {
  const options = Object.entries(choices).map(([value, words]) => new Option(words, value));
  return bnMake("select", { onchange }, ...options);
}

/** What a control's value is called. */
const bnWords = ({ choices }, value) => (choices ? choices[value] : bnTick(value));

/** The settings in the part of an address behind #, and what of it is no setting. */
function bnRead(hash) {
  const preset = BN_PRESETS.find(({ id }) => id === hash);
  if (preset) return { settings: { ...BN_START, ...preset.settings }, unknown: [] };
  const settings = { ...BN_START }, unknown = [];
  for (const [key, text] of new URLSearchParams(hash)) {
    const control = BN_CONTROLS.find((each) => each.key === key);
    const known = control?.choices ? Object.keys(control.choices) : control?.values ?? [];
    const value = known.find((each) => String(each) === text);
    if (value === undefined) unknown.push(`${key}=${text}`);
    else settings[key] = value;
  }
  return { settings, unknown };
}

/** The part of an address that keeps settings: a preset's name, or what differs from the start. */
function bnHash(settings) {
  const same = (preset) =>
    BN_CONTROLS.every(({ key }) => ({ ...BN_START, ...preset.settings })[key] === settings[key]);
  const preset = BN_PRESETS.find(same);
  if (preset) return preset.id;
  const changed = BN_CONTROLS.filter(({ key }) => settings[key] !== BN_START[key]);
  return new URLSearchParams(changed.map(({ key }) => [key, settings[key]])).toString();
}

/** The digits, unpacked; their file is fetched when they are first wanted. */
const bnImages = (() => {
  let images = null;
  return (folder) => (images ??= unpack(folder));

  async function unpack(folder) {
    await bnLoad(`${folder}digits.js`);
    const bytes = Uint8Array.from(atob(bnDigits.pixels), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const pixels = new Uint8Array(await new Response(stream).arrayBuffer());
    return { side: bnDigits.side, testing: bnDigits.testing, pixels };
  }
})();

/** Mean and 95 % interval of eight numbers. */
function bnInterval(values) {
  const n = values.length, mean = values.reduce((a, b) => a + b, 0) / n;
  const variance = values.reduce((total, v) => total + (v - mean) ** 2, 0) / (n - 1);
  const half = BN_T * Math.sqrt(variance / n);
  return [mean, mean - half, mean + half];
}

class BnPlayground {
  constructor(root, folder) {
    Object.assign(this, { root, folder, small: "small" in root.dataset, run: 0, layer: 0, unit: 0 });
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const { settings, unknown } = bnRead(this.small ? "" : location.hash.slice(1));
    this.settings = settings;
    this.build();
    this.worker = bnStartWorker();
    this.worker.onmessage = ({ data }) => data.run === this.run && this[`on_${data.task}`](data);
    this.worker.onerror = ({ message }) => this.say(`The training stopped: ${message}`);
    this.listen();
    this.begin();
    this.complain(unknown);
  }

  // ------------------------------------------------------------------------------- what is there

  build() {
    const button = (words, key, act) =>
      bnMake("button", { type: "button", "aria-keyshortcuts": key, onclick: act }, words);
    this.trainButton = button("Train", "t", () => this.toggle());
    this.stepButton = button("Step", "s", () => this.stepOnce());
    this.resetButton = button("Start over", "r", () => this.begin());
    this.stories = bnMenu({ "": "settings of your own" }, () => this.choose(this.stories.value));
    for (const { id, title } of this.offered()) this.stories.add(new Option(title, id));
    this.pace = bnMenu({ slow: "step by step", normal: "five seconds", fast: "fast" }, () => {});
    this.pace.value = this.still ? "fast" : "normal";
    this.story = bnMake("p", { class: "bn-pg-story" });
    this.legend = bnMake("div", { class: "bn-pg-legend" });
    this.status = bnMake("p", { class: "bn-pg-status", role: "status" });
    this.views = bnMake("div", { class: "bn-pg-views" });
    this.canvases = {};
    const bar = bnMake("div", { class: "bn-pg-bar" },
      bnMake("label", {}, "Story ", this.stories),
      bnMake("div", { class: "bn-pg-buttons" }, this.trainButton, this.stepButton, this.resetButton));
    if (!this.small) bar.append(bnMake("label", {}, "Pace ", this.pace));
    const parts = [bar, this.story];
    if (!this.small) parts.push(this.buildSettings());
    parts.push(this.legend, this.views, this.status, this.buildFoot());
    this.root.replaceChildren(...parts);
    this.buildViews();
  }

  /** The presets of this page's menu: all, or those that the small playground names. */
  offered() {
    const named = this.root.dataset.stories?.split(" ");
    return BN_PRESETS.filter(({ id }) => !named || named.includes(id));
  }

  buildSettings() {
    this.inputs = {};
    const rows = BN_CONTROLS.map((control) => {
      const { key, label, choices, values } = control;
      if (choices) {
        this.inputs[key] = bnMenu(choices, () => this.change(key, this.inputs[key].value));
        return bnMake("label", {}, bnMake("span", {}, label), this.inputs[key]);
      }
      const slider = bnMake("input", { type: "range", min: "0", max: `${values.length - 1}` });
      const shown = bnMake("span", { "aria-hidden": "true" }); // the slider itself says it
      slider.autocomplete = "off";
      slider.oninput = () => this.change(key, values[slider.value]);
      this.inputs[key] = slider;
      return bnMake("label", {}, bnMake("span", {}, label), shown, slider);
    });
    const open = matchMedia("(min-width: 40rem)").matches;
    const details = bnMake("details", { class: "bn-pg-settings", open },
      bnMake("summary", {}, "Settings"), bnMake("div", { class: "bn-pg-controls" }, ...rows));
    this.note = bnMake("p", { class: "bn-pg-note", hidden: true });
    return bnMake("div", {}, details, this.note);
  }

  buildFoot() {
    this.link = bnMake("a", {}, this.small ? "All controls and views" : "Link to these settings");
    if (this.small) return bnMake("p", { class: "bn-pg-foot" }, this.link);
    this.seedsButton = bnMake("button", { type: "button", onclick: () => this.rehearse() });
    return bnMake("p", { class: "bn-pg-foot" }, this.seedsButton, this.link);
  }

  buildViews() {
    this.headings = {};
    const view = (name, kind, title = "") => {
      this.canvases[name] = bnMake("canvas", { role: "img", "aria-label": `${title || "Picture"}: not drawn yet` });
      this.headings[name] = bnMake("figcaption", {}, title);
      const parts = [this.headings[name], this.canvases[name]];
      return bnMake("figure", { class: `bn-pg-view bn-pg-${kind}` }, ...parts);
    };
    const pictures = [view("picture0", "square"), view("picture1", "square")];
    const accuracy = view("accuracy", "third", "Test accuracy");
    this.views.append(...pictures, accuracy);
    if (this.small) return;
    this.layerMenu = bnMenu({}, () => this.watch());
    this.unitMenu = bnMenu({}, () => this.watch());
    const which = bnMake("div", { class: "bn-pg-which" },
      bnMake("label", {}, "Layer ", this.layerMenu), bnMake("label", {}, "Unit ", this.unitMenu),
      bnMake("span", {}, "What the unit’s nonlinearity is given: median, and the middle 50 % and " +
        "90 % of the test examples. Under it, the layer’s weights."));
    this.views.append(
      view("loss", "third", "Training loss"), view("gradients", "two-thirds"), which,
      view("fan0", "pair"), view("fan1", "pair"),
      view("sizes", "half", "Weight norm ‖W‖"), view("rates", "half", "Effective rate η/‖W‖²"));
  }

  listen() {
    this.root.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.matches("select, input")) return;
      const act = { t: this.trainButton, s: this.stepButton, r: this.resetButton }[event.key];
      if (!act || act.disabled) return;
      event.preventDefault();
      act.click();
    });
    new ResizeObserver(() => this.draw()).observe(this.views);
    const theme = { attributes: true, attributeFilter: ["data-theme"] };
    new MutationObserver(() => this.draw()).observe(document.documentElement, theme);
    if (this.small) return;
    addEventListener("hashchange", () => {
      const { settings, unknown } = bnRead(location.hash.slice(1));
      if (bnHash(settings) === bnHash(this.settings) && !unknown.length) return;
      this.settings = settings;
      this.begin();
      this.complain(unknown);
      this.root.scrollIntoView();
    });
    if (BN_PRESETS.some(({ id }) => `#${id}` === location.hash)) this.root.scrollIntoView();
  }

  // ---------------------------------------------------------------------------------- what is set

  choose(id) {
    const preset = BN_PRESETS.find((each) => each.id === id);
    if (!preset) return this.showSettings();
    this.settings = { ...BN_START, ...preset.settings };
    return this.begin();
  }

  /** One setting; the networks begin anew, except where only the way of looking changes. */
  change(key, value) {
    this.settings = { ...this.settings, [key]: value };
    if (key !== "statistics") return this.begin({ goOn: this.running });
    this.showSettings();
    return this.post("statistics", { statistics: value });
  }

  /** New networks with the settings as they are; the last run stays as a ghost. */
  async begin({ goOn = false } = {}) {
    this.run++;
    this.running = this.waiting = false;
    this.forgetSeeds();
    if (this.history?.[0].length > 2) this.ghost = { history: this.history, names: this.names };
    this.history = [[], []];
    this.look = this.cloud = null;
    this.names = this.named();
    this.showSettings();
    this.say("");
    const { run } = this;
    try {
      this.images = this.settings.data === "digits" ? await bnImages(this.folder) : null;
    } catch {
      return this.say("The digits are not beside this page; the book’s build writes them.");
    }
    if (run !== this.run) return undefined;
    this.post("start", { settings: this.settings, images: this.images });
    return goOn && this.toggle();
  }

  /** The two normalisers as drawings know them. */
  named() {
    const { left, right, noise } = this.settings;
    return [left, right === "batch" && noise > 0 ? "noisy-batch" : right];
  }

  /** The two networks in words. */
  titles() {
    const { left, right, noise } = this.settings, shaken = right === "batch" && noise > 0;
    return [BN_NORMS[left], BN_NORMS[right] + (shaken ? ", shaken" : "")];
  }

  showSettings() {
    const hash = bnHash(this.settings), preset = BN_PRESETS.find(({ id }) => id === hash);
    this.stories.value = preset ? hash : "";
    this.story.textContent = preset?.story ?? "Settings of your own.";
    this.link.href = this.small ? `${this.root.dataset.page}#${hash}` : `#${hash}`;
    if (!this.small) {
      for (const control of BN_CONTROLS) this.showControl(control);
      this.showNote();
      this.fillMenu(this.layerMenu, this.settings.depth, "layer");
      this.fillMenu(this.unitMenu, Math.min(8, this.settings.width), "unit");
    }
    this.showLegend();
  }

  showControl(control) {
    const input = this.inputs[control.key], value = this.settings[control.key];
    if (control.choices) return void (input.value = value);
    input.value = control.values.indexOf(value);
    input.setAttribute("aria-valuetext", bnWords(control, value));
    input.previousElementSibling.textContent = bnWords(control, value);
    if (control.key === "noise") input.disabled = this.settings.right !== "batch";
    return undefined;
  }

  /** What a setting means that would surprise. */
  showNote() {
    const { left, right, batch } = this.settings, alone = batch === 1;
    this.note.hidden = !(alone && [left, right].includes("batch"));
    this.note.textContent =
      "With one example to a batch, a value is its own mean: BN gives β whatever comes in, and " +
      "nothing below it learns. The package, like PyTorch, refuses to train so.";
  }

  fillMenu(menu, count, what) {
    if (menu.length !== count) {
      const numbers = Array.from({ length: count }, (_, i) => new Option(`${i + 1}`, `${i}`));
      menu.replaceChildren(...numbers);
      this[what] = Math.min(this[what], count - 1);
    }
    menu.value = `${this[what]}`;
  }

  watch() {
    this.layer = Number(this.layerMenu.value);
    this.unit = Number(this.unitMenu.value);
    this.draw();
  }

  showLegend() {
    const titles = this.titles(), looks = this.looks(bnColours(this.root));
    const swatch = ({ colour, dash }) => {
      const style = `stroke:${colour};stroke-dasharray:${dash.join(" ") || "none"}`;
      const span = bnMake("span", { class: "bn-pg-swatch" });
      span.innerHTML = `<svg width="34" height="8" aria-hidden="true"><line x1="1" x2="33" y1="4" y2="4" style="${style}"/></svg>`;
      return span;
    };
    this.counter = bnMake("span", { class: "bn-pg-counter" });
    const entries = titles.map((title, i) => bnMake("span", {}, swatch(looks[i]), title));
    this.legend.replaceChildren(...entries, this.counter);
    titles.forEach((title, i) => {
      if (this.headings[`fan${i}`]) this.headings[`fan${i}`].textContent = title;
    });
    this.count();
  }

  /** Colour and dash of both; of two alike the second is dotted. */
  looks(colours, names = this.names) {
    return names.map((name, i) => ({
      colour: colours.arms[name],
      dash: i && name === names[0] ? [1.5, 4] : BN_DASHES[name],
    }));
  }

  // ---------------------------------------------------------------------------------- what is done

  post(task, message) {
    this.worker.postMessage({ run: this.run, task, ...message });
  }

  toggle() {
    this.running = !this.running;
    this.trainButton.textContent = this.running ? "Pause" : "Train";
    if (this.running && this.look?.done) return this.begin({ goOn: true });
    if (this.running) {
      this.say("Training.");
      return this.advance();
    }
    return this.say(this.summary());
  }

  stepOnce() {
    if (this.running) this.toggle();
    if (!this.waiting && !this.look?.done) this.post("advance", { most: 1, milliseconds: 1e3, always: true });
  }

  /** One frame of training: as many steps as the pace wants, for 12 milliseconds at most. */
  advance() {
    if (!this.running || this.waiting) return;
    this.waiting = true;
    const third = Math.ceil(Math.max(1, Math.round(this.settings.steps / 100)) / 3);
    const most = { slow: 1, normal: third, fast: Infinity }[this.pace.value];
    this.post("advance", { most, milliseconds: 12, always: this.pace.value === "slow" });
  }

  on_start({ look, cloud }) {
    this.cloud = cloud;
    this.take(look);
  }

  on_statistics({ look }) {
    this.take(look);
    this.say(this.summary());
  }

  on_advance({ look }) {
    this.waiting = false;
    if (look) this.take(look);
    if (look?.done) {
      this.running = false;
      this.trainButton.textContent = "Train again";
    }
    if (!this.running) return void (look && this.say(this.summary()));
    const next = () => this.advance();
    if (this.pace.value === "slow") setTimeout(next, 200);
    else if (this.still) setTimeout(next);
    else requestAnimationFrame(next);
    return undefined;
  }

  /** Keep a look, and draw it; where motion is not wanted, ten times a run. */
  take(look) {
    this.look = look;
    if (look.point) {
      look.arms.forEach((arm, i) => {
        const lost = arm.divergedAt !== null;
        const { fans, sizes, rates } = arm, accuracy = lost ? NaN : arm.accuracy;
        this.history[i].push({ step: look.step, loss: arm.loss, accuracy, fans, sizes, rates });
      });
    }
    this.trainButton.textContent = look.done ? "Train again" : this.running ? "Pause" : "Train";
    this.stepButton.disabled = look.done;
    this.count();
    const often = Math.max(1, Math.round(this.settings.steps / 10));
    if (!this.still || !this.running || look.done || look.step % often === 0) this.draw();
  }

  // -------------------------------------------------------------------------- the eight other seeds

  rehearse() {
    if (this.rehearsal) return this.forgetSeeds();
    const { settings, images } = this, seeds = [];
    this.rehearsal = bnStartWorker();
    this.seedsButton.textContent = `Stop the ${BN_SEEDS} seeds`;
    this.rehearsal.onmessage = ({ data }) => {
      seeds.push(data.looks);
      this.say(`${seeds.length} of ${BN_SEEDS} seeds are trained.`);
      if (seeds.length === BN_SEEDS) this.finishSeeds(seeds);
    };
    for (let seed = 0; seed < BN_SEEDS; seed++) {
      this.rehearsal.postMessage({ task: "rehearse", settings, seed, images });
    }
    return undefined;
  }

  finishSeeds(seeds) {
    this.rehearsal.terminate();
    this.rehearsal = null;
    this.seedsButton.textContent = `Forget the ${BN_SEEDS} seeds`;
    const lost = [0, 1].map((i) => seeds.filter((looks) => looks.at(-1).arms[i].divergedAt !== null));
    this.bands = [0, 1].map((i) => this.band(seeds.filter((looks) => !lost[i].includes(looks)), i));
    const ends = this.titles().map((title, i) => this.ending(title, this.bands[i], lost[i].length));
    this.say(`${BN_SEEDS} seeds, means with 95 % intervals. ${ends.join(" ")}`);
    this.seedsButton.onclick = () => this.forgetSeeds();
    this.draw();
  }

  /** Mean and interval of each curve at each look, over the runs that did not diverge. */
  band(kept, i) {
    if (kept.length < BN_SEEDS) return null;
    return kept[0].map(({ step }, at) => {
      const of = (name) => kept.map((looks) => looks[at].arms[i][name]);
      const logs = bnInterval(of("loss").map(Math.log));
      return { step, loss: logs.map(Math.exp), accuracy: bnInterval(of("accuracy")) };
    });
  }

  ending(title, band, lost) {
    if (!band) return `${title}: ${lost} of ${BN_SEEDS} runs diverged, so there is no mean.`;
    const [mean, low, high] = band.at(-1).accuracy.map((v) => (100 * v).toFixed(0));
    return `${title}: ${mean} % of the test right [${low}, ${high}].`;
  }

  forgetSeeds() {
    this.rehearsal?.terminate();
    this.rehearsal = this.bands = null;
    if (!this.seedsButton) return;
    this.seedsButton.textContent = `Band of ${BN_SEEDS} seeds`;
    this.seedsButton.onclick = () => this.rehearse();
    this.draw();
  }

  // --------------------------------------------------------------------------------- what is said

  say(words) {
    this.status.textContent = words;
  }

  complain(unknown) {
    if (unknown.length) this.say(`The link asks for what is no setting here: ${unknown.join(", ")}.`);
  }

  count() {
    if (this.look) this.counter.textContent = `step ${this.look.step} of ${this.settings.steps}`;
  }

  summary() {
    const { step, arms } = this.look, titles = this.titles();
    const each = arms.map((arm, i) => {
      const last = this.history[i].at(-1);
      if (arm.divergedAt !== null) return `${titles[i]}: diverged at step ${arm.divergedAt}.`;
      const right = (100 * arm.accuracy).toFixed(0);
      return `${titles[i]}: training loss ${bnTick(last.loss)}, ${right} % of the test right.`;
    });
    return `Step ${step} of ${this.settings.steps}. ${each.join(" ")}`;
  }

  // --------------------------------------------------------------------------------- what is drawn

  draw() {
    if (!this.look || !this.canvases.accuracy.clientWidth) return;
    const colours = bnColours(this.root), looks = this.looks(colours);
    this.drawPictures(colours);
    this.drawCurves("accuracy", colours, looks, { y: [0, 1] });
    if (this.small) return;
    this.drawCurves("loss", colours, looks, { log: true });
    this.drawLayers(colours, looks);
    this.drawFans(colours, looks);
    for (const name of ["sizes", "rates"]) this.drawTrack(name, colours, looks);
  }

  drawPictures(colours) {
    const titles = this.titles();
    this.look.arms.forEach((arm, i) => {
      const canvas = this.canvases[`picture${i}`], heading = this.headings[`picture${i}`];
      if (arm.plane) bnPlane(canvas, colours, arm.plane, this.cloud);
      else bnDigitsWrong(canvas, colours, arm.wrong);
      heading.textContent = titles[i];
      const right = `${(100 * arm.accuracy).toFixed(0)} % of the test right`;
      const what = arm.plane ? "Decision boundary" : "Digits got wrong";
      this.describe(canvas, `${what}, ${titles[i]}, step ${this.look.step}: ${right}.`);
    });
  }

  /** One of the two curves of both networks, over the ghost of the last run and the band. */
  drawCurves(name, colours, looks, { y, log }) {
    const points = (history) => history.map((at) => [at.step, at[name]]);
    const lines = [], bands = [], crosses = [];
    const old = this.ghost ? this.looks(colours, this.ghost.names) : [];
    old.forEach((look, i) => {
      lines.push({ points: points(this.ghost.history[i]), ...look, width: 1.2, alpha: 0.4 });
    });
    looks.forEach((look, i) => {
      const band = this.bands?.[i]?.map((at) => [at.step, ...at[name]]);
      if (band) bands.push({ points: band.map(([s, , low, high]) => [s, low, high]), ...look });
      if (band) lines.push({ points: band.map(([s, mean]) => [s, mean]), ...look, width: 1.2 });
      lines.push({ points: points(this.history[i]), ...look });
      const last = points(this.history[i]).findLast((p) => Number.isFinite(p[1]));
      if (this.look.arms[i].divergedAt !== null && last) crosses.push({ point: last, ...look });
    });
    const values = lines.flatMap((line) => line.points.map((p) => p[1]));
    const range = y ?? bnRange(values, log), x = [0, this.settings.steps];
    bnChart(this.canvases[name], colours,
      { x, y: range, log, xlabel: "step", lines, bands, crosses });
    this.describe(this.canvases[name], `${this.headings[name].textContent}. ${this.summary()}`);
  }

  /** Gradients by layer; one that is zero, as of dead units, lies on the axis. */
  drawLayers(colours, looks) {
    const rows = this.look.arms.map((arm) => arm.gradients), count = rows[0].length;
    const y = bnRange(rows.flat(), true), xlabel = "layer, the last one the head";
    const lines = looks.map((look, i) => ({
      points: rows[i].map((value, l) => [l + 1, value === 0 ? y[0] : value]), ...look, dots: true,
    }));
    bnChart(this.canvases.gradients, colours, { x: [1, count], y, log: true, xlabel, lines });
    const zero = rows.flat().includes(0) ? "; zero lies on the axis" : "";
    this.headings.gradients.textContent = `Gradient norm ‖∂L/∂W‖ of each layer, now${zero}`;
    const words = this.titles().map((title, i) =>
      `${title}: ${bnTick(rows[i][0])} in the first layer, ${bnTick(rows[i].at(-1))} in the head.`);
    this.describe(this.canvases.gradients, `Gradient norm by layer. ${words.join(" ")}`);
  }

  /** Percentiles of what the nonlinearity of one unit is given, over the run. */
  drawFans(colours, looks) {
    looks.forEach(({ colour }, i) => {
      const rows = this.history[i].map(({ step, fans }) => [step, fans[this.layer][this.unit]]);
      const pick = (p, q) => rows.map(([step, cut]) => [step, cut[p], cut[q]]);
      const bands = [
        { points: pick(0, 4), colour, alpha: 0.18 }, { points: pick(1, 3), colour, alpha: 0.35 },
      ];
      const lines = [{ points: rows.map(([step, cut]) => [step, cut[2]]), colour }];
      const y = bnRange(rows.flatMap(([, cut]) => [cut[0], cut[4]])), x = [0, this.settings.steps];
      const canvas = this.canvases[`fan${i}`];
      bnChart(canvas, colours, { x, y, xlabel: "step", lines, bands });
      const [low, , middle, , high] = (rows.at(-1)?.[1] ?? [0, 0, 0, 0, 0]).map(bnTick);
      this.describe(canvas, `What unit ${this.unit + 1} of layer ${this.layer + 1} is given, ` +
        `${this.titles()[i]}: now 90 % between ${low} and ${high}, median ${middle}.`);
    });
  }

  /** A quantity of the chosen layer over the run. */
  drawTrack(name, colours, looks) {
    const lines = looks.map((look, i) => ({
      points: this.history[i].map((at) => [at.step, at[name][this.layer]]), ...look,
    }));
    const y = bnRange(lines.flatMap((line) => line.points.map((p) => p[1])), true);
    const x = [0, this.settings.steps];
    bnChart(this.canvases[name], colours, { x, y, log: true, xlabel: "step", lines });
    const words = this.titles().map((title, i) => `${title}: ${bnTick(lines[i].points.at(-1)[1])}.`);
    const what = `${this.headings[name].textContent} of layer ${this.layer + 1}, now`;
    this.describe(this.canvases[name], `${what}. ${words.join(" ")}`);
  }

  /** Words for a drawing; not at every frame, which would only burden who listens. */
  describe(canvas, words) {
    if (!this.running) canvas.setAttribute("aria-label", words);
  }
}
