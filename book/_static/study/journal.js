// What a reader has done, kept in the browser: the same as bnbook.journal keeps in a file.
const bnJournal = (() => {
  "use strict";
  const KEY = "bnbook-journal";
  const KINDS = ["exercises", "predictions"];
  const empty = () => ({ bnbook: 1, exercises: {}, predictions: {} });
  const plain = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  let kept = JSON.stringify(empty()); // for this visit, where the browser keeps nothing
  const told = [];

  function parse(text) {
    let found = null;
    try {
      found = JSON.parse(text);
    } catch { /* said below */ }
    const whole = plain(found) && found.bnbook === 1
      && KINDS.every((kind) => plain(found[kind]) && Object.values(found[kind]).every(plain));
    if (!whole) throw new Error("This file is no journal: choose one that was exported here or by bnbook.journal.export.");
    return { bnbook: 1, exercises: found.exercises, predictions: found.predictions };
  }

  function read() {
    try {
      return parse(localStorage.getItem(KEY) ?? kept);
    } catch {
      return empty();
    }
  }

  function write(journal) {
    kept = JSON.stringify(journal);
    try {
      localStorage.setItem(KEY, kept);
    } catch { /* a browser may refuse; then it lasts as long as the page */ }
    told.forEach((tell) => tell());
  }

  // Keep what is known of an exercise or a prediction, beside what was known before.
  function note(kind, name, known) {
    const journal = read();
    journal[kind][name] = { ...journal[kind][name], ...known };
    write(journal);
  }

  // As bnbook.journal.merge.
  function merge(mine, other) {
    const exercises = {};
    for (const name of Object.keys({ ...mine.exercises, ...other.exercises })) {
      const one = mine.exercises[name] ?? {}, two = other.exercises[name] ?? {};
      const better = one.passed || !two.passed ? one : two;
      exercises[name] = { ...two, ...one, ...better };
      for (const count of ["attempts", "hints"])
        if (count in one || count in two)
          exercises[name][count] = Math.max(one[count] ?? 0, two[count] ?? 0);
    }
    return { bnbook: 1, exercises, predictions: { ...other.predictions, ...mine.predictions } };
  }

  const bring = (text) => write(merge(read(), parse(text)));
  const exported = () => JSON.stringify(read(), null, 1);
  const clear = () => write(empty());
  function forget(kind, names) {
    const journal = read();
    names.forEach((name) => delete journal[kind][name]);
    write(journal);
  }
  const listen = (tell) => told.push(tell);
  addEventListener("storage", (event) => {
    if (event.key === KEY) told.forEach((tell) => tell());
  });

  return { read, note, merge, bring, exported, clear, forget, listen };
})();
