/**
 * The settings of the playground: what each control goes through, where it stands at first, and the
 * presets, each a story in settings. A preset `try-rate` is opened by playground.html#try-rate, where
 * the page has a paragraph of that name.
 */
"use strict";

const BN_NORMS = {
  none: "No normalization",
  batch: "Batch normalization",
  layer: "Layer normalization",
  group: "Group normalization",
  rms: "RMS normalization",
};

/** Controls in the order of the page: `choices` make a menu, `values` a slider. */
const BN_CONTROLS = [
  {
    key: "data",
    label: "Data",
    choices: { moons: "two moons", spirals: "two spirals", cats: "cats", digits: "digits" },
  },
  { key: "left", label: "First network", choices: BN_NORMS },
  { key: "right", label: "Second network", choices: BN_NORMS },
  {
    key: "activation",
    label: "Activation",
    choices: { relu: "ReLU", sigmoid: "sigmoid", tanh: "tanh", identity: "identity" },
  },
  {
    key: "optimizer",
    label: "Optimizer",
    choices: { sgd: "SGD", momentum: "SGD, momentum 0.9", adam: "Adam" },
  },
  {
    key: "statistics",
    label: "Tested with",
    choices: { population: "running (eval)", batch: "its batch (train)" },
  },
  { key: "depth", label: "Hidden layers", values: [1, 2, 3, 4, 5, 6, 8, 10, 15, 20] },
  { key: "width", label: "Units a layer", values: [4, 8, 16, 32, 64, 100] },
  { key: "rate", label: "Learning rate η",
    values: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10] },
  { key: "batch", label: "Batch size", values: [1, 2, 4, 8, 16, 32, 60, 128, 256] },
  { key: "scale", label: "Initial weights ×", values: [0.1, 0.2, 0.5, 1, 2, 5, 10] },
  { key: "noise", label: "Noise after BN ×", values: [0, 0.5, 1, 2, 4] },
  { key: "average", label: "Weight of a new batch", values: [0.01, 0.1, 0.5, 1] },
  { key: "steps", label: "Steps", values: [10, 30, 100, 300, 1000, 3000] },
  { key: "seed", label: "Seed", values: Array.from({ length: 32 }, (_, seed) => seed) },
];

const BN_START = {
  data: "spirals", left: "none", right: "batch", activation: "relu", optimizer: "sgd",
  statistics: "population", depth: 3, width: 32, rate: 0.1, batch: 32, scale: 1, noise: 0,
  average: 0.1, steps: 300, seed: 0,
};

const BN_IOFFE = { data: "digits", activation: "sigmoid", width: 100, batch: 60, rate: 0.5 };

/** Each changes the start as `settings` say; `story` tells what to look at. */
const BN_PRESETS = [
  {
    id: "try-start",
    title: "Two spirals",
    story: "The same weights, the same batches, and one network normalizes. Which unwinds the spirals first?",
    settings: {},
  },
  {
    id: "try-oldest",
    title: "The oldest experiment",
    story: "Three layers of 100 sigmoid units on digits, batches of 60. Watch a unit’s distribution, then change nothing but the activation.",
    settings: BN_IOFFE,
  },
  {
    id: "try-rate",
    title: "A rate too high for the plain one",
    story: "At η = 2 the plain network jumps and dies. The normalized one jumps too, but its weights grow, and that lowers its effective rate.",
    settings: { data: "moons", width: 16, rate: 2 },
  },
  {
    id: "try-scale",
    title: "Careless initial weights",
    story: "Every weight begins ten times too small. BN divides that away at the first step; the plain network hardly has a gradient. Try ten times too large.",
    settings: { data: "moons", width: 16, scale: 0.1 },
  },
  {
    id: "try-deep",
    title: "Twenty layers",
    story: "Sigmoid units, twenty layers deep. Look at the gradient of each layer: without BN it fades on the way down, and the first layers never learn.",
    settings: { data: "moons", width: 16, depth: 20, activation: "sigmoid", rate: 0.5 },
  },
  {
    id: "try-two",
    title: "A batch of two",
    story: "With two examples to a batch, BN sees each as plus or minus one. Layer normalization looks at one example at a time and does not mind.",
    settings: { data: "moons", width: 16, left: "layer", batch: 2, rate: 0.05 },
  },
  {
    id: "try-shake",
    title: "Shake it",
    story: "Noise shifts and stretches what BN hands on, by other amounts at every step. If still inputs were the reason, it should learn no faster than the plain one.",
    settings: { noise: 1 },
  },
  {
    id: "try-eval",
    title: "Eval after ten steps",
    story: "A new batch weighs 0.01 in the running averages, Keras’s default: after ten steps they still say 0 and 1. Switch “Tested with” to the batch and back.",
    settings: { ...BN_IOFFE, steps: 10, average: 0.01 },
  },
];
