// Paper is white, does not scroll, and waits for nothing: while a page is printed it has the light
// theme, whichever it is read in, all its pictures, and formulas no wider than the sheet.
(() => {
  const page = document.documentElement;
  const COLUMN = 640; // pixels of the column on A4 and on US Letter, with @page's margins
  let read = null; // the theme to go back to, while the page is printed

  // A formula breaks at its relations; what cannot break is set smaller.
  function fit() {
    for (const formula of document.querySelectorAll(".katex-display")) {
      const number = formula.closest(".math")?.querySelector(".eqno")?.offsetWidth ?? 0;
      const widest = Math.max(0, ...[...formula.querySelectorAll(".base")].map((part) => part.offsetWidth));
      formula.style.setProperty("--bn-fit", Math.min(1, (COLUMN - number) / Math.max(1, widest)));
    }
  }

  function print(starts) {
    if (starts && read === null) {
      read = page.dataset.theme ?? "";
      if (read !== "light") page.dataset.theme = "light";
      for (const image of document.querySelectorAll("img[loading=lazy]")) image.loading = "eager";
      fit();
    } else if (!starts && read !== null) {
      if (read !== "light") page.dataset.theme = read;
      read = null;
    }
  }

  window.addEventListener("beforeprint", () => print(true));
  window.addEventListener("afterprint", () => print(false));
  window.matchMedia("print").addEventListener("change", (media) => print(media.matches));
})();
