/**
 * Two networks that learn side by side, and what is seen of them. They have the same weights to
 * begin with and the same batches in the same order: they differ in their normaliser alone.
 */
"use strict";

function bnTrainer(engine, data) {
  const { Network, optimizers, stream, permutation } = engine;

  const POINTS = 100; // of a curve
  const UNITS = 8; // of each layer, whose distributions are watched
  const SAMPLE = 200; // test examples that make such a distribution
  const PERCENTILES = [0.05, 0.25, 0.5, 0.75, 0.95];
  const GRID = 40; // cells of a side of the plane
  const SHOWN = 12; // digits got wrong

  /**
   * Name and options of a normaliser: BN that is followed by noise is another one, and `noise` is
   * in units of the package's own.
   */
  function normaliser(norm, noise, { width, average }) {
    const options = { momentum: average, groups: Math.min(4, width / 2) };
    if (norm !== "batch" || !noise) return { norm, normOptions: options };
    const shaken = { shift: 0.5 * noise, scale: 1 + 0.25 * noise, spread: 0.1 * noise };
    return { norm: "noisy-batch", normOptions: { ...options, ...shaken } };
  }

  /** The order of the examples: epochs of full batches, by the seed alone. */
  class Batches {
    constructor(set, size, seed) {
      Object.assign(this, { set, seed, size: Math.min(size, set.size), epoch: -1 });
      this.perEpoch = Math.floor(set.size / this.size);
      const inputs = set.x.length / set.size;
      this.x = new Float32Array(this.size * inputs);
      this.y = new Int32Array(this.size);
    }

    /** Put the batch of a step, counted from 0, into x and y. */
    fill(step) {
      const epoch = Math.floor(step / this.perEpoch), { set, size, x, y } = this;
      if (epoch !== this.epoch) {
        this.epoch = epoch;
        this.order = permutation(set.size, stream(this.seed, 3, epoch));
      }
      const inputs = x.length / size, start = (step % this.perEpoch) * size;
      for (let r = 0; r < size; r++) {
        const example = this.order[start + r];
        x.set(set.x.subarray(example * inputs, (example + 1) * inputs), r * inputs);
        y[r] = set.y[example];
      }
    }
  }

  /** One network in training. */
  class Arm {
    constructor(settings, kind, { inputs, classes }) {
      const { depth, width, activation, seed, scale, optimizer, rate } = settings;
      const widths = Array(depth).fill(width);
      this.net = new Network({ inputs, widths, classes, activation, ...kind });
      this.net.initialise(seed, scale);
      this.optimizer = optimizers[optimizer](rate);
      this.rate = rate;
      this.losses = [];
      this.divergedAt = null;
    }

    /** One update, unless the loss has ceased to be a number. */
    step({ x, y, size }, step) {
      if (this.divergedAt !== null) return;
      const loss = this.net.differentiate(x, y, size);
      if (Number.isFinite(loss)) this.optimizer.step(this.net.parameters);
      else this.divergedAt = step;
      this.losses.push(loss);
    }

    /** Mean loss of the batches since this was asked last; at first, of the coming one. */
    meanLoss(coming) {
      if (!this.losses.length) return coming;
      const mean = this.losses.reduce((a, b) => a + b) / this.losses.length;
      this.losses = [];
      return mean;
    }
  }

  /** ‖v‖₂. */
  const norm2 = (v) => Math.sqrt(v.reduce((total, each) => total + each * each, 0));

  /** Of rows of logits: the class with the largest of each row. */
  function argmax(logits, rows, classes, out, start) {
    for (let r = 0; r < rows; r++) {
      let best = 0;
      for (let c = 1; c < classes; c++) {
        if (logits[r * classes + c] > logits[r * classes + best]) best = c;
      }
      out[start + r] = best;
    }
  }

  /**
   * The pair and its run. `settings` has data, depth, width, activation, scale, left and right (two
   * normalisers), noise (after the right one, if it is BN), average (the weight of a new batch in the
   * running statistics), batch, rate, optimizer, statistics ("population" or "batch"), steps and seed.
   */
  class Trainer {
    constructor(settings, images) {
      this.settings = settings;
      this.data = data.load(settings.data, images);
      this.batches = new Batches(this.data.train, settings.batch, settings.seed);
      const { left, right, noise } = settings;
      const kinds = [normaliser(left, 0, settings), normaliser(right, noise, settings)];
      this.arms = kinds.map((kind) => new Arm(settings, kind, this.data));
      this.step = 0;
      this.every = Math.max(1, Math.round(settings.steps / POINTS));
    }

    get done() {
      return this.step >= this.settings.steps || this.arms.every((arm) => arm.divergedAt !== null);
    }

    /** At most so many steps, for at most so long, and not beyond the next point of the curves. */
    advance(most, milliseconds) {
      const until = performance.now() + milliseconds;
      for (let taken = 0; taken < most && !this.done; taken++) {
        this.batches.fill(this.step);
        for (const arm of this.arms) arm.step(this.batches, this.step);
        this.step++;
        if (this.step % this.every === 0 || performance.now() > until) break;
      }
      return this.done || this.step % this.every === 0;
    }

    /**
     * What is to be seen of both networks now; nothing of the training is changed by it. The
     * training loss comes with looks at which the curves get a point.
     */
    look({ point = true, curvesOnly = false } = {}) {
      const see = (arm) => (curvesOnly ? this.score(arm) : this.see(arm, point));
      return { step: this.step, point, done: this.done, arms: this.arms.map(see) };
    }

    /** Training loss, and the share of the test examples that is got right. */
    score(arm) {
      const accuracy = this.examine(arm.net, () => {}).right;
      const loss = arm.meanLoss(this.comingLoss(arm.net));
      return { loss, accuracy, divergedAt: arm.divergedAt };
    }

    see(arm, point) {
      const { net, rate } = arm, spread = this.spread(net);
      const { guesses, right } = this.examine(net, spread.add);
      const coming = this.comingLoss(net), sizes = net.weights.map((w) => norm2(w.value));
      return {
        loss: point ? arm.meanLoss(coming) : null,
        accuracy: right,
        divergedAt: arm.divergedAt,
        gradients: net.weights.map((w) => norm2(w.gradient)),
        sizes,
        rates: sizes.map((size) => rate / size ** 2),
        fans: spread.percentiles(),
        plane: this.data.inputs === 2 ? this.plane(net) : null,
        wrong: this.data.inputs === 2 ? null : this.wrong(guesses),
      };
    }

    /** Loss of the coming batch, whose gradient stays with the parameters; no statistics move. */
    comingLoss(net) {
      this.batches.fill(this.step);
      return net.differentiate(this.batches.x, this.batches.y, this.batches.size, "batch");
    }

    /**
     * Guesses for the test examples, all at once by the running statistics, or batch by batch, each
     * by its own. `watch` is told the first row and the number of rows of every pass.
     */
    examine(net, watch) {
      const { test, inputs, classes } = this.data, own = this.settings.statistics === "batch";
      const size = own ? this.batches.size : test.size, guesses = new Int32Array(test.size);
      for (let start = 0; start < test.size; start += size) {
        const rows = Math.min(size, test.size - start);
        const x = test.x.subarray(start * inputs, (start + rows) * inputs);
        const logits = net.forward(x, rows, own ? "batch" : "population");
        argmax(logits, rows, classes, guesses, start);
        watch(start, rows);
      }
      const right = guesses.reduce((n, guess, i) => n + (guess === test.y[i] ? 1 : 0), 0);
      return { guesses, right: right / test.size };
    }

    /** Collects what the first units of each layer are given, then cuts it at the percentiles. */
    spread(net) {
      const rows = Math.min(SAMPLE, this.data.test.size);
      const units = Math.min(UNITS, net.layers[0].units);
      const kept = net.layers.map(() =>
        Array.from({ length: units }, () => new Float32Array(rows)));
      const add = (start, count) => net.layers.forEach((layer, l) => {
        for (let r = 0; r < Math.min(count, rows - start); r++) {
          for (let u = 0; u < units; u++) kept[l][u][start + r] = layer.a[r * layer.units + u];
        }
      });
      const cut = (values) => {
        values.sort();
        return PERCENTILES.map((p) => values[Math.round(p * (rows - 1))]);
      };
      return { add, percentiles: () => kept.map((layer) => layer.map(cut)) };
    }

    /**
     * The probability of class 1 over the plane, a grid of cells from the upper left. Where
     * statistics are the batch's, they are those of the coming one: so the boundary moves with it.
     */
    plane(net) {
      const { x } = (this.grid ??= this.cells());
      const mode = this.settings.statistics === "batch" ? "frozen" : "population";
      const logits = net.forward(x, GRID * GRID, mode);
      return Float32Array.from({ length: GRID * GRID }, (_, i) =>
        1 / (1 + Math.exp(logits[2 * i] - logits[2 * i + 1])));
    }

    /** The middles of the cells; their square holds all training and test examples. */
    cells() {
      const all = [...this.data.train.x, ...this.data.test.x];
      const reach = 1.05 * all.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      const x = new Float32Array(2 * GRID * GRID);
      for (let i = 0; i < GRID * GRID; i++) {
        x[2 * i] = reach * (((i % GRID) + 0.5) * (2 / GRID) - 1);
        x[2 * i + 1] = reach * (1 - (Math.floor(i / GRID) + 0.5) * (2 / GRID));
      }
      return { x, reach };
    }

    /** The first test digits that are got wrong, with what each was taken for. */
    wrong(guesses) {
      const { x, y } = this.data.test, { inputs } = this.data, found = [];
      for (let i = 0; i < y.length && found.length < SHOWN; i++) {
        if (guesses[i] === y[i]) continue;
        const image = x.slice(i * inputs, (i + 1) * inputs);
        found.push({ image, label: y[i], guess: guesses[i] });
      }
      return found;
    }
  }

  /** A whole run of another seed, of which only the curves are kept. */
  function rehearse(settings, seed, images) {
    const trainer = new Trainer({ ...settings, seed }, images);
    trainer.every = Math.max(1, Math.round(settings.steps / 20));
    const looks = [trainer.look({ curvesOnly: true })];
    while (!trainer.done) {
      if (trainer.advance(Infinity, Infinity)) looks.push(trainer.look({ curvesOnly: true }));
    }
    return looks;
  }

  return { Trainer, rehearse };
}
