/**
 * The engine of the playground: dense networks, their normalisers and optimizers, and nothing of
 * the page. Its numbers are those of the package `bnbook`: same formulas, same order "linear map,
 * normaliser, nonlinearity", same names of parameters as in a PyTorch state_dict.
 *
 * All of it is one function, so that a worker can be made from its source text: a page that is
 * opened from a disk (file://) can load neither a module nor a worker by its address.
 *
 * Matrices are flat typed arrays, row by row: a batch (m, C) has an example a row. Arrays hold
 * float32 or float64, as the network was asked for; sums are taken in float64 in either case.
 */
"use strict";

function bnEngine() {

  // ------------------------------------------------------------------ random numbers, by counter

  /** The last 64-bit result, its high half and its low one: JavaScript has no fast 64 bits. */
  const word = new Int32Array(2);

  /** word ← word·(h, l) modulo 2⁶⁴, by products of 16 bits, of which none leaves 32. */
  function multiply(h, l) {
    const high = word[0], low = word[1];
    const a0 = low & 0xffff, a1 = low >>> 16, b0 = l & 0xffff, b1 = l >>> 16;
    const first = Math.imul(a0, b0);
    const second = (Math.imul(a1, b0) + (first >>> 16)) | 0;
    const third = (Math.imul(a0, b1) + (second & 0xffff)) | 0;
    const carried = (Math.imul(a1, b1) + (second >>> 16) + (third >>> 16)) | 0;
    word[0] = (((carried + Math.imul(high, l)) | 0) + Math.imul(low, h)) | 0;
    word[1] = (third << 16) | (first & 0xffff);
  }

  /** word ← word xor itself shifted right by `places` < 32, zeros moving in. */
  function fold(places) {
    const high = word[0], low = word[1];
    word[0] = high ^ (high >>> places);
    word[1] = low ^ ((low >>> places) | (high << (32 - places)));
  }

  const GOLDEN = [0x9e3779b9 | 0, 0x7f4a7c15 | 0];

  /** word ← SplitMix64 of (h, l): neighbouring keys give unrelated numbers. */
  function mix(h, l) {
    add(h, l, GOLDEN[0], GOLDEN[1]);
    fold(30);
    multiply(0xbf58476d | 0, 0x1ce4e5b9 | 0);
    fold(27);
    multiply(0x94d049bb | 0, 0x133111eb | 0);
    fold(31);
  }

  /** word ← (ah, al) + (bh, bl) modulo 2⁶⁴. */
  function add(ah, al, bh, bl) {
    const low = (al + bl) | 0;
    const carry = low >>> 0 < bl >>> 0 ? 1 : 0;
    word[0] = (((ah + bh) | 0) + carry) | 0;
    word[1] = low;
  }

  /** A key [high, low] mixed; keys of number streams are made with this and `plus`. */
  function hashed(key) {
    mix(key[0], key[1]);
    return [word[0], word[1]];
  }

  /** The 64-bit sum of two keys. */
  function sum(a, b) {
    add(a[0], a[1], b[0], b[1]);
    return [word[0], word[1]];
  }

  /** A key plus a small whole number n ≥ 0. */
  const plus = (key, n) => sum(key, [0, n | 0]);

  /** The key of one of the streams of random numbers that a seed fixes. */
  const stream = (seed, ...path) => path.reduce((key, n) => hashed(plus(key, n)), hashed([0, seed]));

  /** The first 24 of 64 bits, and the last, as numbers in (0, 1). */
  const firstBits = () => ((word[0] >>> 8) + 0.5) / 16777216;
  const lastBits = () => ((word[1] & 0xffffff) + 0.5) / 16777216;

  /** Fill `out` with numbers from U(0, 1): the same ones for the same key. */
  function uniform(out, key) {
    const [h, l] = hashed(key);
    for (let i = 0; i < out.length; i++) {
      add(h, l, 0, i);
      mix(word[0], word[1]);
      out[i] = firstBits();
    }
    return out;
  }

  /** Fill `out` with numbers from N(0, 1), by the Box–Muller transform of the ends of one hash. */
  function normal(out, key) {
    const [h, l] = hashed(key);
    for (let i = 0; i < out.length; i++) {
      add(h, l, 0, i);
      mix(word[0], word[1]);
      out[i] = Math.sqrt(-2 * Math.log(firstBits())) * Math.cos(2 * Math.PI * lastBits());
    }
    return out;
  }

  /** The numbers 0 … n−1 in an order that the key decides (Fisher and Yates). */
  function permutation(n, key) {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    const draws = uniform(new Float64Array(n), key);
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(draws[i] * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  // ------------------------------------------------------------------------------------ products

  /**
   * out[r, c] = Σ_k a[r, k]·b[c, k], with a[r, k] at r·ar + k·ak and b[c, k] at c·bc + k·bk.
   *
   * The strides turn one loop into all three products of a linear map: X·Wᵀ on the way forward,
   * δ·W to the layer below, and δᵀ·X for the weights. Tiles of 4 × 2 stay in registers.
   */
  function product(out, rows, columns, depth, a, ar, ak, b, bc, bk) {
    for (let r = 0; r < rows; r += 4) {
      const tall = r + 4 <= rows;
      for (let c = 0; c < columns; c += 2) {
        if (tall && c + 2 <= columns) tile(out, r, c, columns, depth, a, ar, ak, b, bc, bk);
        else edge(out, r, c, rows, columns, depth, a, ar, ak, b, bc, bk);
      }
    }
  }

  function tile(out, r, c, columns, depth, a, ar, ak, b, bc, bk) {
    let s00 = 0, s01 = 0, s10 = 0, s11 = 0, s20 = 0, s21 = 0, s30 = 0, s31 = 0;
    let i0 = r * ar, i1 = i0 + ar, i2 = i1 + ar, i3 = i2 + ar, j0 = c * bc, j1 = j0 + bc;
    for (let k = 0; k < depth; k++) {
      const b0 = b[j0], b1 = b[j1], a0 = a[i0], a1 = a[i1], a2 = a[i2], a3 = a[i3];
      s00 += a0 * b0; s01 += a0 * b1;
      s10 += a1 * b0; s11 += a1 * b1;
      s20 += a2 * b0; s21 += a2 * b1;
      s30 += a3 * b0; s31 += a3 * b1;
      i0 += ak; i1 += ak; i2 += ak; i3 += ak; j0 += bk; j1 += bk;
    }
    let at = r * columns + c;
    out[at] = s00; out[at + 1] = s01; at += columns;
    out[at] = s10; out[at + 1] = s11; at += columns;
    out[at] = s20; out[at + 1] = s21; at += columns;
    out[at] = s30; out[at + 1] = s31;
  }

  function edge(out, r, c, rows, columns, depth, a, ar, ak, b, bc, bk) {
    for (let row = r; row < Math.min(r + 4, rows); row++) {
      for (let column = c; column < Math.min(c + 2, columns); column++) {
        let total = 0;
        for (let k = 0; k < depth; k++) total += a[row * ar + k * ak] * b[column * bc + k * bk];
        out[row * columns + column] = total;
      }
    }
  }

  // ---------------------------------------------------------------------------------- parameters

  /** What an optimizer moves: a value and the gradient of the loss by it, under a name. */
  function parameter(name, Float, size, start) {
    return { name, value: new Float(size).fill(start), gradient: new Float(size) };
  }

  // --------------------------------------------------------------------------------- activations

  /** φ(a), and φ′ as a function of a and of h = φ(a). */
  const activations = {
    identity: { value: (a) => a, slope: () => 1 },
    relu: { value: (a) => (a > 0 ? a : 0), slope: (a) => (a > 0 ? 1 : 0) },
    sigmoid: { value: (a) => 1 / (1 + Math.exp(-a)), slope: (a, h) => h * (1 - h) },
    tanh: { value: Math.tanh, slope: (a, h) => 1 - h * h },
  };

  // --------------------------------------------------------------------------------- normalisers

  /** The identity: the control of every comparison. */
  class NoNorm {
    constructor() {
      this.absorbsBias = false;
      this.parameters = [];
      this.buffers = {};
    }

    forward(z, y, rows, units) {
      y.set(z.subarray(0, rows * units));
    }

    backward(dy, dz, rows, units) {
      dz.set(dy.subarray(0, rows * units));
    }
  }

  /** y = γ·x̂ + β for each channel, the last step of every normaliser; subclasses give x̂. */
  class Affine {
    constructor(name, units, options, Float) {
      this.units = units;
      this.eps = options.eps ?? 1e-5;
      this.absorbsBias = false;
      this.gamma = parameter(`${name}.weight`, Float, units, 1);
      this.beta = parameter(`${name}.bias`, Float, units, 0);
      this.parameters = [this.gamma, this.beta];
      this.buffers = {};
      this.Float = Float;
    }

    /** Room for x̂ of so many rows. */
    reserve(rows) {
      if (!this.xhat || this.xhat.length < rows * this.units) {
        this.xhat = new this.Float(rows * this.units);
      }
    }

    scaleAndShift(y, rows) {
      const { units, xhat } = this, gamma = this.gamma.value, beta = this.beta.value;
      for (let r = 0, i = 0; r < rows; r++) {
        for (let c = 0; c < units; c++, i++) y[i] = gamma[c] * xhat[i] + beta[c];
      }
    }

    /** ∂L/∂γ = Σ δ·x̂ and ∂L/∂β = Σ δ, over the batch. */
    scaleAndShiftGradients(dy, rows) {
      const { units, xhat } = this;
      for (let c = 0; c < units; c++) {
        let scale = 0, shift = 0;
        for (let r = 0, i = c; r < rows; r++, i += units) {
          scale += dy[i] * xhat[i];
          shift += dy[i];
        }
        this.gamma.gradient[c] = scale;
        this.beta.gradient[c] = shift;
      }
    }
  }

  /**
   * Batch normalization: x̂ = (z − μ)/√(σ² + ε), with mean and biased variance of the channel.
   *
   * Where μ and σ² come from is the mode: "train", of the batch, and the running averages move
   * towards the batch's mean and *unbiased* variance by the share `momentum`; "batch", of the
   * batch, and nothing moves; "population", the running averages; "frozen", the batch of the last
   * training step. A batch of one is its own mean: then x̂ = 0, whatever comes in (the package
   * refuses it), and the running variance moves towards 0.
   */
  class BatchNorm extends Affine {
    constructor(name, units, options, Float) {
      super(name, units, options, Float);
      this.absorbsBias = true;
      this.momentum = options.momentum ?? 0.1;
      this.mean = new Float64Array(units);
      this.deviation = new Float64Array(units);
      this.batchMean = new Float(units);
      this.batchVar = new Float(units).fill(1);
      this.runningMean = new Float(units);
      this.runningVar = new Float(units).fill(1);
      this.buffers = {
        [`${name}.running_mean`]: this.runningMean,
        [`${name}.running_var`]: this.runningVar,
      };
    }

    forward(z, y, rows, units, mode) {
      this.reserve(rows);
      if (mode === "population") this.take(this.runningMean, this.runningVar);
      else if (mode === "frozen") this.take(this.batchMean, this.batchVar);
      else this.measure(z, rows, mode === "train");
      const { xhat, mean, deviation } = this;
      for (let r = 0, i = 0; r < rows; r++) {
        for (let c = 0; c < units; c++, i++) xhat[i] = (z[i] - mean[c]) / deviation[c];
      }
      this.scaleAndShift(y, rows);
    }

    take(mean, variance) {
      for (let c = 0; c < this.units; c++) {
        this.mean[c] = mean[c];
        this.deviation[c] = Math.sqrt(variance[c] + this.eps);
      }
    }

    /** Moments of the batch; in training they are kept, and the running ones move. */
    measure(z, rows, training) {
      const { units, momentum } = this;
      for (let c = 0; c < units; c++) {
        let mean = 0, square = 0;
        for (let r = 0, i = c; r < rows; r++, i += units) mean += z[i];
        mean /= rows;
        for (let r = 0, i = c; r < rows; r++, i += units) square += (z[i] - mean) ** 2;
        const variance = square / rows;
        this.mean[c] = mean;
        this.deviation[c] = Math.sqrt(variance + this.eps);
        if (!training) continue;
        this.batchMean[c] = mean;
        this.batchVar[c] = variance;
        const unbiased = square / Math.max(rows - 1, 1);
        this.runningMean[c] += momentum * (mean - this.runningMean[c]);
        this.runningVar[c] += momentum * (unbiased - this.runningVar[c]);
      }
    }

    /** ∂L/∂z = γ/(m·√(σ² + ε)) · (m·δ − Σδ − x̂·Σδx̂), channel by channel. */
    backward(dy, dz, rows, units) {
      this.scaleAndShiftGradients(dy, rows);
      const { xhat } = this;
      for (let c = 0; c < units; c++) {
        const along = this.gamma.gradient[c], total = this.beta.gradient[c];
        const factor = this.gamma.value[c] / (rows * this.deviation[c]);
        for (let r = 0, i = c; r < rows; r++, i += units) {
          dz[i] = factor * (rows * dy[i] - total - xhat[i] * along);
        }
      }
    }
  }

  /**
   * BN whose output is shaken: s·BN(z) + d, with other s and d for every example and step,
   *
   *     d ~ U(μ_c ± spread), μ_c ~ U(−shift, shift);  s ~ N(σ_c, spread²), σ_c ~ U(1, scale)
   *
   * where μ_c and σ_c are drawn for each channel at each step, by `key` and the step alone. No
   * noise where moments are not the batch's.
   */
  class NoisyBatchNorm extends BatchNorm {
    constructor(name, units, options, Float) {
      super(name, units, options, Float);
      this.shift = options.shift ?? 0.5;
      this.scale = options.scale ?? 1.25;
      this.spread = options.spread ?? 0.1;
      this.key = [0, 0];
      this.step = 0;
      this.centre = new Float(units);
      this.width = new Float(units);
    }

    forward(z, y, rows, units, mode) {
      super.forward(z, y, rows, units, mode);
      this.shaken = mode === "train" || mode === "batch";
      if (!this.shaken) return;
      this.draw(rows * units);
      for (let i = 0; i < rows * units; i++) y[i] = this.factors[i] * y[i] + this.shifts[i];
      if (mode === "train") this.step++;
    }

    draw(size) {
      if (!this.factors || this.factors.length !== size) {
        this.factors = new this.Float(size);
        this.shifts = new this.Float(size);
      }
      const { centre, width, factors, shifts, units } = this;
      const key = hashed(sum(this.key, hashed([0, this.step])));
      uniform(centre, key);
      uniform(width, plus(key, 1));
      uniform(shifts, plus(key, 2));
      normal(factors, plus(key, 3));
      for (let i = 0; i < size; i++) {
        const c = i % units;
        shifts[i] = this.shift * (2 * centre[c] - 1) + this.spread * (2 * shifts[i] - 1);
        factors[i] = 1 + (this.scale - 1) * width[c] + this.spread * factors[i];
      }
    }

    backward(dy, dz, rows, units) {
      if (this.shaken) for (let i = 0; i < rows * units; i++) dy[i] *= this.factors[i];
      super.backward(dy, dz, rows, units);
    }
  }

  /**
   * Layer, group and RMS normalization: x̂ = (z − μ)/√(σ² + ε), the moments of each example over
   * each of `groups` equal groups of channels; one group is LayerNorm. Without centring μ = 0 and
   * σ² is the mean square (RMSNorm). Nothing depends on the rest of the batch.
   */
  class ExampleNorm extends Affine {
    constructor(name, units, options, Float) {
      super(name, units, options, Float);
      this.groups = options.groups ?? 1;
      this.centred = options.centred ?? true;
    }

    forward(z, y, rows, units) {
      this.reserve(rows);
      const { groups, xhat } = this, size = units / groups;
      if (!this.deviation || this.deviation.length < rows * groups) {
        this.deviation = new Float64Array(rows * groups);
      }
      for (let g = 0; g < rows * groups; g++) {
        const from = g * size, to = from + size;
        let mean = 0, square = 0;
        if (this.centred) {
          for (let i = from; i < to; i++) mean += z[i];
          mean /= size;
        }
        for (let i = from; i < to; i++) square += (z[i] - mean) ** 2;
        const deviation = Math.sqrt(square / size + this.eps);
        this.deviation[g] = deviation;
        for (let i = from; i < to; i++) xhat[i] = (z[i] - mean) / deviation;
      }
      this.scaleAndShift(y, rows);
    }

    /** ∂L/∂z = (δγ − mean(δγ) − x̂·mean(δγx̂))/√(σ² + ε) in each group; uncentred, no first mean. */
    backward(dy, dz, rows, units) {
      this.scaleAndShiftGradients(dy, rows);
      const { groups, xhat } = this, size = units / groups, gamma = this.gamma.value;
      for (let g = 0; g < rows * groups; g++) {
        const from = g * size, channel = (g % groups) * size;
        let total = 0, along = 0;
        for (let k = 0; k < size; k++) {
          const d = dy[from + k] * gamma[channel + k];
          total += d;
          along += d * xhat[from + k];
        }
        const mean = this.centred ? total / size : 0;
        for (let k = 0, i = from; k < size; k++, i++) {
          const d = dy[i] * gamma[channel + k];
          dz[i] = (d - mean - xhat[i] * (along / size)) / this.deviation[g];
        }
      }
    }
  }

  /** name → (the name of its parameters, units, options, kind of array) → a normaliser. */
  const norms = {
    none: () => new NoNorm(),
    batch: (...args) => new BatchNorm(...args),
    "noisy-batch": (...args) => new NoisyBatchNorm(...args),
    layer: (name, units, options, Float) =>
      new ExampleNorm(name, units, { ...options, groups: 1 }, Float),
    group: (...args) => new ExampleNorm(...args),
    rms: (name, units, options, Float) =>
      new ExampleNorm(name, units, { ...options, groups: 1, centred: false }, Float),
  };

  // ------------------------------------------------------------------------------------- networks

  /** z = x·Wᵀ + b, with W (out, in) as in PyTorch. */
  class Linear {
    constructor(name, fanIn, fanOut, bias, Float) {
      this.fanIn = fanIn;
      this.fanOut = fanOut;
      this.weight = parameter(`${name}.weight`, Float, fanIn * fanOut, 0);
      this.bias = bias ? parameter(`${name}.bias`, Float, fanOut, 0) : null;
      this.parameters = bias ? [this.weight, this.bias] : [this.weight];
    }

    forward(x, z, rows) {
      const { fanIn, fanOut, bias } = this;
      product(z, rows, fanOut, fanIn, x, fanIn, 1, this.weight.value, fanIn, 1);
      if (!bias) return;
      for (let r = 0, i = 0; r < rows; r++) {
        for (let c = 0; c < fanOut; c++, i++) z[i] += bias.value[c];
      }
    }

    /** ∂L/∂W = δᵀ·x, ∂L/∂b = Σδ, and, where `dx` is wanted, ∂L/∂x = δ·W. */
    backward(x, dz, dx, rows) {
      const { fanIn, fanOut, bias } = this;
      product(this.weight.gradient, fanOut, fanIn, rows, dz, 1, fanOut, x, 1, fanIn);
      if (dx) product(dx, rows, fanIn, fanOut, dz, fanOut, 1, this.weight.value, 1, fanIn);
      if (!bias) return;
      for (let c = 0; c < fanOut; c++) {
        let total = 0;
        for (let r = 0, i = c; r < rows; r++, i += fanOut) total += dz[i];
        bias.gradient[c] = total;
      }
    }
  }

  /**
   * Hidden layers of linear map, normaliser and nonlinearity, and a linear head.
   *
   *     new Network({ inputs: 2, widths: [16, 16], classes: 2, activation: "relu", norm: "batch" })
   *
   * `normOptions` go to the normaliser (eps, momentum, groups, shift, scale, spread); `float` is
   * 32 or 64. A linear map has no bias where the normaliser would remove it. After `forward`,
   * layer ℓ has z, the linear map's output, a, what the nonlinearity is given, and h, its output.
   */
  class Network {
    constructor({ inputs, widths, classes, activation, norm, normOptions = {}, float = 32 }) {
      this.Float = float === 64 ? Float64Array : Float32Array;
      this.activation = activations[activation];
      this.inputs = inputs;
      this.classes = classes;
      this.layers = widths.map((units, l) => {
        const made = norms[norm](`layers.${l}.norm`, units, normOptions, this.Float);
        const fanIn = l ? widths[l - 1] : inputs, name = `layers.${l}.linear`;
        const linear = new Linear(name, fanIn, units, !made.absorbsBias, this.Float);
        return { units, linear, norm: made };
      });
      this.head = new Linear("head", widths[widths.length - 1], classes, true, this.Float);
      this.parameters = [
        ...this.layers.flatMap(({ linear, norm: n }) => [...linear.parameters, ...n.parameters]),
        ...this.head.parameters,
      ];
      this.buffers = Object.assign({}, ...this.layers.map((layer) => layer.norm.buffers));
      this.capacity = 0;
    }

    /** The weights of the linear maps, first layer first, the head last. */
    get weights() {
      return [...this.layers.map((layer) => layer.linear.weight), this.head.weight];
    }

    /** Weights N(0, scale²·2/fan_in), biases and β 0, γ 1: the same for every normaliser. */
    initialise(seed, scale = 1) {
      [...this.layers.map((layer) => layer.linear), this.head].forEach((linear, l) => {
        const deviation = scale * Math.sqrt(2 / linear.fanIn), weight = linear.weight.value;
        normal(weight, stream(seed, 1, l));
        for (let i = 0; i < weight.length; i++) weight[i] *= deviation;
      });
      this.layers.forEach(({ norm }, l) => { norm.key = [0, stream(seed, 2, l)[1] & 0x7fffffff]; });
      return this;
    }

    /** Take parameters and running statistics by name, as a state_dict has them. */
    load(state) {
      for (const { name, value } of this.parameters) value.set(state[name]);
      for (const [name, value] of Object.entries(this.buffers)) value.set(state[name]);
      return this;
    }

    /** Room for the activations of so many rows, and for the gradients by them. */
    reserve(rows) {
      if (rows <= this.capacity) return;
      this.capacity = rows;
      for (const layer of this.layers) {
        for (const what of ["z", "a", "h", "delta"]) layer[what] = new this.Float(rows * layer.units);
      }
      this.logits = new this.Float(rows * this.classes);
      this.slope = new this.Float(rows * this.classes);
    }

    /** Logits of x (rows, inputs), row by row in `this.logits`; `mode` as in `BatchNorm`. */
    forward(x, rows, mode) {
      this.reserve(rows);
      const { value } = this.activation;
      let below = x;
      for (const { units, linear, norm, z, a, h } of this.layers) {
        linear.forward(below, z, rows);
        norm.forward(z, a, rows, units, mode);
        for (let i = 0; i < rows * units; i++) h[i] = value(a[i]);
        below = h;
      }
      this.head.forward(below, this.logits, rows);
      return this.logits;
    }

    /**
     * One pass forward and one backward in training mode: returns the loss L and leaves its
     * gradient with every parameter. L is the mean over the batch of −log softmax(logits)_y.
     */
    differentiate(x, y, rows) {
      this.forward(x, rows, "train");
      const loss = crossEntropy(this.logits, y, rows, this.classes, this.slope);
      const { layers, head } = this, { slope } = this.activation;
      let above = layers.length - 1;
      head.backward(layers[above].h, this.slope, layers[above].delta, rows);
      for (let l = above; l >= 0; l--) {
        const { units, linear, norm, z, a, h, delta } = layers[l];
        for (let i = 0; i < rows * units; i++) delta[i] *= slope(a[i], h[i]);
        norm.backward(delta, z, rows, units); // z has served: it takes the gradient by itself
        linear.backward(l ? layers[l - 1].h : x, z, l ? layers[l - 1].delta : null, rows);
      }
      return loss;
    }
  }

  /** Mean cross-entropy of logits (rows, classes); `slope`, if given, takes its gradient. */
  function crossEntropy(logits, y, rows, classes, slope) {
    let loss = 0;
    for (let r = 0; r < rows; r++) {
      const from = r * classes;
      let most = -Infinity, total = 0;
      for (let c = 0; c < classes; c++) most = Math.max(most, logits[from + c]);
      for (let c = 0; c < classes; c++) total += Math.exp(logits[from + c] - most);
      loss += Math.log(total) + most - logits[from + y[r]];
      if (!slope) continue;
      for (let c = 0; c < classes; c++) {
        const share = Math.exp(logits[from + c] - most) / total;
        slope[from + c] = (share - (c === y[r] ? 1 : 0)) / rows;
      }
    }
    return loss / rows;
  }

  // ----------------------------------------------------------------------------------- optimizers

  /** θ ← θ − η·v, with v ← momentum·v + g. */
  class SGD {
    constructor(rate, { momentum = 0 } = {}) {
      this.rate = rate;
      this.momentum = momentum;
      this.velocity = new Map();
    }

    step(parameters) {
      for (const p of parameters) {
        const { value, gradient } = p;
        let update = gradient;
        if (this.momentum) {
          if (!this.velocity.has(p)) this.velocity.set(p, new value.constructor(value.length));
          update = this.velocity.get(p);
          for (let i = 0; i < update.length; i++) {
            update[i] = this.momentum * update[i] + gradient[i];
          }
        }
        for (let i = 0; i < value.length; i++) value[i] -= this.rate * update[i];
      }
    }
  }

  /** Adam: θ ← θ − η·m̂/(√v̂ + ε), with bias-corrected averages of g and of g². */
  class Adam {
    constructor(rate, { beta1 = 0.9, beta2 = 0.999, eps = 1e-8 } = {}) {
      Object.assign(this, { rate, beta1, beta2, eps, steps: 0, averages: new Map() });
    }

    step(parameters) {
      const { beta1, beta2, eps } = this;
      this.steps++;
      const rate = this.rate / (1 - beta1 ** this.steps), correction = 1 - beta2 ** this.steps;
      for (const p of parameters) {
        const { value, gradient } = p;
        if (!this.averages.has(p)) {
          const fresh = () => new value.constructor(value.length);
          this.averages.set(p, [fresh(), fresh()]);
        }
        const [mean, square] = this.averages.get(p);
        for (let i = 0; i < value.length; i++) {
          const g = gradient[i];
          mean[i] = beta1 * mean[i] + (1 - beta1) * g;
          square[i] = beta2 * square[i] + (1 - beta2) * g * g;
          value[i] -= (rate * mean[i]) / (Math.sqrt(square[i] / correction) + eps);
        }
      }
    }
  }

  /** name → learning rate → an optimizer. */
  const optimizers = {
    sgd: (rate) => new SGD(rate),
    momentum: (rate) => new SGD(rate, { momentum: 0.9 }),
    adam: (rate) => new Adam(rate),
  };

  return { Network, crossEntropy, optimizers, norms, activations,
           hashed, plus, stream, uniform, normal, permutation };
}
