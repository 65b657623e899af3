/**
 * The one script that a page names. Where a playground comes near the window, the rest is loaded,
 * from beside this file; until then it weighs nothing. Classic scripts: they work from a disk.
 */
"use strict";

/** Load a script; rejects where there is none. */
function bnLoad(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, { src: address, async: false, onload: resolve, onerror: reject });
    document.head.append(script);
  });
}

(() => {
  const folder = document.currentScript.src.replace(/[^/]*$/, "");
  const parts = ["engine", "data", "trainer", "worker", "presets", "views", "page"];

  async function open(root) {
    if (root.dataset.open) return;
    root.dataset.open = "true";
    await (open.loaded ??= Promise.all(parts.map((name) => bnLoad(`${folder}${name}.js`))));
    root.playground = new BnPlayground(root, folder);
  }

  /** Open it when the window comes near, or an address asks for settings, wherever that leads. */
  function near(root) {
    const seen = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) open(root);
    }, { rootMargin: "400px" });
    seen.observe(root);
    if ("small" in root.dataset) return;
    if (location.hash) open(root);
    addEventListener("hashchange", () => open(root));
  }

  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: `${folder}playground.css` });
  document.head.append(style);
  const ready = () => document.querySelectorAll(".bn-playground").forEach(near);
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", ready);
  else ready();
})();
