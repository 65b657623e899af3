// Paper is white: while a page is printed it has the light theme, whichever it is read in.
(() => {
  const page = document.documentElement;
  let read = null; // the theme to go back to, while the page is printed

  function print(starts) {
    if (starts && read === null && page.dataset.theme !== "light") {
      read = page.dataset.theme ?? "";
      page.dataset.theme = "light";
    } else if (!starts && read !== null) {
      page.dataset.theme = read;
      read = null;
    }
  }

  window.addEventListener("beforeprint", () => print(true));
  window.addEventListener("afterprint", () => print(false));
  window.matchMedia("print").addEventListener("change", (media) => print(media.matches));
})();
