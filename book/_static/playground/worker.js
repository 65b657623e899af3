/**
 * The trainer in a worker, so that training never holds up the page. A page from file:// may not
 * load a worker by its address: this one is made of the source text of the functions it needs.
 */
"use strict";

/** What the worker does when it is told to; every answer names the run that it belongs to. */
function bnWorker(scope, { Trainer, rehearse }) {
  let trainer = null;

  const tasks = {
    /** New networks; answers with how they look before the first step. */
    start({ settings, images }) {
      trainer = new Trainer(settings, images);
      const { train, test } = trainer.data, flat = trainer.data.inputs === 2;
      const cloud = flat ? { train, test, reach: trainer.cells().reach } : null;
      return { look: trainer.look(), cloud };
    },

    /** Some steps. Where `always`, a look at the end; otherwise at the points of the curves. */
    advance({ most, milliseconds, always }) {
      const point = trainer.advance(most, milliseconds);
      return { look: point || always ? trainer.look({ point: point || most === 1 }) : null };
    },

    /** The same networks seen by other statistics. */
    statistics({ statistics }) {
      trainer.settings.statistics = statistics;
      return { look: trainer.look({ point: false }) };
    },

    /** The curves of a whole run of another seed. */
    rehearse({ settings, seed, images }) {
      return { seed, looks: rehearse(settings, seed, images) };
    },
  };

  scope.onmessage = ({ data }) => {
    scope.postMessage({ run: data.run, task: data.task, ...tasks[data.task](data) });
  };
}

/** A worker that listens. */
function bnStartWorker() {
  const parts = ['"use strict";', bnEngine, bnData, bnTrainer, bnWorker].map(String);
  parts.push("const engine = bnEngine();", "bnWorker(self, bnTrainer(engine, bnData(engine)));");
  const address = URL.createObjectURL(new Blob([parts.join("\n")], { type: "text/javascript" }));
  const worker = new Worker(address);
  URL.revokeObjectURL(address);
  return worker;
}
