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
    await (open.loaded ??= Promise.all(parts.map((name) => bnLoad(`${folder}${name}.js`))));
    root.playground = new BnPlayground(root, folder);
  }

  function near(root) {
    const seen = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      seen.disconnect();
      open(root);
    }, { rootMargin: "400px" });
    seen.observe(root);
  }

  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: `${folder}playground.css` });
  document.head.append(style);
  const ready = () => document.querySelectorAll(".bn-playground").forEach(near);
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", ready);
  else ready();
})();
