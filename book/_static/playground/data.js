/**
 * What the playground's networks learn from: three clouds in the plane, drawn here, and the digits
 * of the book, which a file of their own brings. All are standardised by their training examples,
 * as the package does it. Like the engine it is one function, whose source text a worker gets.
 */
"use strict";

function bnData({ stream, plus, uniform, normal, permutation }) {
  const POINTS = 400;

  /**
   * The cats of the book's first chapter. x₁ is the coat, x₂ the shape of the ears; black cats
   * stand at x₁ ~ N(−1, 1), coloured ones at N(1, 1), and in both the label is 1, a cat, with
   * probability 1/(1 + exp(−6·(x₂ − x₁²/2))). Training knows black cats only, the test is coloured.
   */
  function cats(n, key, testing) {
    const x = normal(new Float64Array(2 * n), key);
    const chance = uniform(new Float64Array(n), plus(key, 1));
    const y = new Int32Array(n);
    for (let i = 0; i < n; i++) {
      x[2 * i] += testing ? 1 : -1;
      const rule = 1 / (1 + Math.exp(-6 * (x[2 * i + 1] - x[2 * i] ** 2 / 2)));
      y[i] = chance[i] < rule ? 1 : 0;
    }
    return { x, y };
  }

  /** Two half circles that reach into each other, with noise of standard deviation 0.15. */
  function moons(n, key) {
    const x = normal(new Float64Array(2 * n), key);
    const along = uniform(new Float64Array(n), plus(key, 1));
    const y = Int32Array.from({ length: n }, (_, i) => i % 2);
    for (let i = 0; i < n; i++) {
      const angle = Math.PI * along[i], side = y[i] ? -1 : 1;
      x[2 * i] = 0.15 * x[2 * i] + side * Math.cos(angle) + (y[i] ? 1 : 0);
      x[2 * i + 1] = 0.15 * x[2 * i + 1] + side * Math.sin(angle) + (y[i] ? 0.5 : 0);
    }
    return { x, y };
  }

  /** Two arms that wind around each other one and a half times, with noise of 0.08. */
  function spirals(n, key) {
    const x = normal(new Float64Array(2 * n), key);
    const along = uniform(new Float64Array(n), plus(key, 1));
    const y = Int32Array.from({ length: n }, (_, i) => i % 2);
    for (let i = 0; i < n; i++) {
      const radius = 0.15 + 1.85 * Math.sqrt(along[i]);
      const angle = 1.5 * Math.PI * radius + Math.PI * y[i];
      x[2 * i] = 0.08 * x[2 * i] + radius * Math.cos(angle);
      x[2 * i + 1] = 0.08 * x[2 * i + 1] + radius * Math.sin(angle);
    }
    return { x, y };
  }

  const clouds = { cats, moons, spirals };

  /** (x − μ)/σ of two sets of rows, column by column, by the moments of the first set. */
  function standardised(train, test, columns) {
    const scaled = [Float32Array.from(train), Float32Array.from(test)];
    const rows = train.length / columns;
    for (let c = 0; c < columns; c++) {
      let mean = 0, square = 0;
      for (let i = c; i < train.length; i += columns) mean += train[i] / rows;
      for (let i = c; i < train.length; i += columns) square += (train[i] - mean) ** 2 / rows;
      for (const x of scaled) {
        for (let i = c; i < x.length; i += columns) x[i] = (x[i] - mean) / Math.sqrt(square);
      }
    }
    return scaled;
  }

  /**
   * Both sets as the trainer takes them. The test is shuffled, once for all: some of it in a row
   * then make a fair batch.
   */
  function dataset(train, test, columns, classes, inputs) {
    const [trainX, testX] = standardised(train.x, test.x, columns);
    const order = permutation(test.y.length, stream(0, 8));
    const x = new Float32Array(testX.length), y = test.y.map((_, i) => test.y[order[i]]);
    order.forEach((from, to) => {
      x.set(testX.subarray(from * inputs, (from + 1) * inputs), to * inputs);
    });
    return {
      train: { x: trainX, y: train.y, size: train.y.length },
      test: { x, y, size: y.length },
      inputs,
      classes,
    };
  }

  function cloud(name) {
    const kind = Object.keys(clouds).indexOf(name);
    const draw = (testing) => clouds[name](POINTS, stream(0, 9, kind, testing ? 1 : 0), testing);
    return dataset(draw(false), draw(true), 2, 2, 2);
  }

  /**
   * The digits from the bytes that `bnbook.playground` wrote: image i, of side² grey levels, shows
   * the digit i mod 10, and the last `testing` images are the test.
   */
  function digits({ side, testing, pixels }) {
    const inputs = side * side, count = pixels.length / inputs, training = count - testing;
    const labels = Int32Array.from({ length: count }, (_, i) => i % 10);
    const part = (from, to) => ({
      x: pixels.subarray(from * inputs, to * inputs),
      y: labels.subarray(from, to),
    });
    return dataset(part(0, training), part(training, count), 1, 10, inputs);
  }

  /**
   * A data set by name: { train, test, inputs, classes }, each set with x (row by row), labels y
   * and size. The images of "digits" are given.
   */
  const load = (name, images) => (name === "digits" ? digits(images) : cloud(name));

  return { load, names: [...Object.keys(clouds), "digits"] };
}
