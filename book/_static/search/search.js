// The search page: sections of the book that hold the words of a query, the best first.
(() => {
  const SHOWN = 40;
  const AROUND = 90; // characters of a section that stand on each side of the word found

  function index() {
    const engine = new MiniSearch({
      fields: ["title", "chapter", "symbols", "text"],
      idField: "place",
    });
    engine.addAll(SECTIONS.map((section, place) => ({ ...section, place })));
    return engine;
  }

  function find(engine, query) {
    const options = {
      boost: { title: 6, symbols: 2, chapter: 2 },
      prefix: (term) => term.length > 2,
      fuzzy: (term) => (term.length > 5 ? 0.15 : false),
    };
    const all = engine.search(query, { ...options, combineWith: "AND" });
    return all.length ? all : engine.search(query, options);
  }

  // The stretch of a text that holds one of the words, in parts: those at odd places are the words.
  function stretch(text, words) {
    const found = new RegExp(`(${words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`, "iu");
    const at = Math.max(0, text.search(found));
    const from = Math.max(0, at - AROUND);
    const part = text.slice(from, at + 2 * AROUND);
    return [`${from ? "…" : ""}${part}${at + 2 * AROUND < text.length ? "…" : ""}`, new RegExp(found.source, "giu")];
  }

  function shown(result) {
    const section = SECTIONS[result.id];
    const item = document.createElement("li");
    const link = item.appendChild(document.createElement("a"));
    link.href = `${section.page}.html#${section.anchor}`;
    link.textContent = section.title;
    if (section.chapter !== section.title) {
      item.appendChild(document.createElement("span")).textContent = ` ${section.chapter}`;
    }
    const words = item.appendChild(document.createElement("p"));
    const [text, pattern] = stretch(section.text, result.terms);
    text.split(pattern).forEach((part, place) => {
      words.append(place % 2 ? Object.assign(document.createElement("mark"), { textContent: part }) : part);
    });
    return item;
  }

  document.addEventListener("DOMContentLoaded", () => {
    const place = document.querySelector("#search-results");
    const query = new URLSearchParams(location.search).get("q")?.trim();
    if (!place || !query) return;
    for (const field of document.querySelectorAll("input[name=q]")) field.value = query;
    const results = find(index(), query);
    const told = place.appendChild(document.createElement("p"));
    told.setAttribute("role", "status");
    told.textContent = results.length
      ? `${results.length} section${results.length === 1 ? "" : "s"} with “${query}”.`
      : `No section has “${query}”. Try fewer or other words.`;
    const list = document.createElement("ol");
    list.append(...results.slice(0, SHOWN).map(shown));
    if (results.length) place.append(list);
  });
})();
