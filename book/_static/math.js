// Formulas are set by KaTeX, which travels with the book. The macros are those of `mathjax3_config`
// in _config.yml, which a notebook reads as well; Sphinx hands them to the page.
(() => {
  const given = window.MathJax?.tex?.macros ?? {};
  const macros = Object.fromEntries(
    Object.entries(given).map(([name, says]) => [`\\${name}`, Array.isArray(says) ? says[0] : says]),
  );
  const SLICE = 40; // milliseconds of setting formulas between two looks at the reader
  const known = new Map(); // what has been set, by its source: most symbols occur many times
  let waiting = [];

  function set(formula) {
    const source = [...formula.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
    const tex = source.map((node) => node.data).join("").trim();
    const kind = tex.slice(0, 2);
    if (kind !== "\\(" && kind !== "\\[") return;
    if (!known.has(tex)) known.set(tex, rendered(tex.slice(2, -2), kind === "\\["));
    source[0].before(known.get(tex).cloneNode(true));
    source.forEach((node) => node.remove());
  }

  function rendered(tex, displayMode) {
    const place = document.createElement("span");
    const options = { displayMode, macros: { ...macros }, throwOnError: false, strict: "ignore" };
    katex.render(tex, place, options);
    return place;
  }

  function done() {
    document.documentElement.dataset.math = "set";
    reach();
  }

  function all() {
    waiting.splice(0).forEach(set);
    done();
  }

  // Those in sight first, the others when there is time.
  function begin() {
    if (!window.katex) return later(reach);
    const formulas = [...document.querySelectorAll(".math.notranslate")];
    const near = formulas.map((formula) => {
      const box = formula.getBoundingClientRect();
      return box.bottom > -200 && box.top < innerHeight + 400;
    });
    waiting = formulas.filter((_, place) => !near[place]);
    formulas.filter((_, place) => near[place]).forEach(set);
    document.documentElement.dataset.math = "in sight";
    later(go);
  }

  function go() {
    const end = performance.now() + SLICE;
    while (waiting.length && performance.now() < end) set(waiting.shift());
    if (waiting.length) later(go);
    else done();
  }

  function later(task) {
    if (window.requestIdleCallback) requestIdleCallback(task, { timeout: 300 });
    else setTimeout(task, 20);
  }

  // What is wider than its column scrolls, so the keyboard must reach it; nothing else is a stop.
  function reach() {
    const boxes = ".bd-article :is(.katex-display, pre, .text_html, .bn-strata, .bn-decisions, .bn-scrolls)";
    for (const box of document.querySelectorAll(`${boxes}, .pst-scrollable-table-container`)) {
      if (box.closest("details:not([open])")) continue; // asked for its width, it would be laid out
      if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  }

  let resized = 0;
  window.addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(reach, 200);
  });
  document.addEventListener("toggle", reach, true);
  window.addEventListener("beforeprint", all);
  document.addEventListener("DOMContentLoaded", begin);
})();
