// Checks an answer as bnbook.check does, from the data that bnbook.exercises.portable gives.
// Nothing here touches a page: tests compare every verdict with the package's.
const bnCheck = (() => {
  "use strict";

  // What `bnbook.exercises` veiled with the exercise's id.
  function unveil(text, key) {
    const turn = new TextEncoder().encode(key);
    const bytes = Uint8Array.from(atob(text), (c, i) => c.charCodeAt(0) ^ turn[i % turn.length]);
    return JSON.parse(new TextDecoder().decode(bytes));
  }

  const FUNCTIONS = {
    sqrt: Math.sqrt, exp: Math.exp, log: Math.log, ln: Math.log, abs: Math.abs,
    sin: Math.sin, cos: Math.cos, tan: Math.tan, atan: Math.atan, arctan: Math.atan,
  };
  const CONSTANTS = { pi: Math.PI, "π": Math.PI, e: Math.E };
  const TOKEN = /\s*(?:(\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)|([a-zπ]+)|(\*\*|[-+*/^()]))/iy;

  // The value of a number, or of an expression such as 3/sqrt(3.5); NaN for anything else.
  function number(text) {
    const tokens = tokensOf(text.trim().replaceAll("−", "-").replace(/[·×]/g, "*"));
    if (!tokens || !tokens.length) return NaN;
    let place = 0;
    const next = (...kinds) => kinds.includes(tokens[place]) && tokens[place++];

    function sum() {
      let value = product(), sign;
      while ((sign = next("+", "-"))) value = sign === "+" ? value + product() : value - product();
      return value;
    }
    function product() {
      let value = signed(), sign;
      while ((sign = next("*", "/"))) value = sign === "*" ? value * signed() : value / signed();
      return value;
    }
    function signed() {
      if (next("-")) return -signed();
      if (next("+")) return signed();
      const base = atom();
      return next("^", "**") ? base ** signed() : base;
    }
    function atom() {
      if (next("(")) return closed();
      const token = tokens[place++];
      if (typeof token === "number") return token;
      const name = String(token).toLowerCase();
      if (Object.hasOwn(FUNCTIONS, name) && next("(")) return FUNCTIONS[name](closed());
      return Object.hasOwn(CONSTANTS, name) ? CONSTANTS[name] : NaN;
    }
    function closed() {
      const value = sum();
      return next(")") ? value : NaN;
    }

    const value = sum();
    return place === tokens.length ? value : NaN;
  }

  function tokensOf(text) {
    const tokens = [];
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.length) {
      const found = TOKEN.exec(text);
      if (!found) return null;
      tokens.push(found[1] === undefined ? found[2] ?? found[3] : Number(found[1]));
    }
    return tokens;
  }

  const passed = () => ({ state: "passed", message: "right." });
  const failed = (message) => ({ state: "failed", message });
  const open = (message) => ({ state: "open", message });

  const KINDS = {
    // `given` is a list of texts, one for each number.
    numbers(answer, given) {
      if (given.every((text) => !text.trim())) return open("not attempted yet.");
      const found = given.map(number);
      const odd = found.findIndex((value) => !Number.isFinite(value));
      if (odd >= 0) {
        const comma = given[odd].includes(",") ? " Write a decimal point, and no comma." : "";
        return open(`“${given[odd].trim()}” is no number.${comma}`);
      }
      const near = (right) => right.every(
        (value, i) => Math.abs(found[i] - value) <= answer.abs + answer.rel * Math.abs(value));
      if (near(answer.right)) return passed();
      const mistake = answer.mistakes.find(([, value]) => near(value));
      if (mistake) return failed(mistake[0]);
      const remark = answer.remarks.find(([, part, low, high]) =>
        (low ?? -Infinity) <= found[part] && found[part] <= (high ?? Infinity));
      return failed(remark ? remark[0] : answer.otherwise);
    },
    // `given` is a list of options.
    choice(answer, given) {
      if (!given.length) return open("not attempted yet.");
      const [, said] = answer.said.find(([chosen]) =>
        chosen.length === given.length && chosen.every((each) => given.includes(each)));
      return said === null ? passed() : failed(said);
    },
    // `given` has an option, or nothing, for each thing.
    matching(answer, given) {
      const things = Object.keys(answer.right);
      if (things.some((each) => !given[each])) return open(`Give one answer for each of ${things.join(", ")}.`);
      const hits = things.filter((each) => given[each] === answer.right[each]).length;
      return hits === things.length ? passed() : failed(`${hits} of ${things.length} are right`);
    },
  };

  // State ("passed", "failed", "open") and what is said of it.
  const check = (answer, given) => KINDS[answer.kind](answer, given);

  return { unveil, number, check };
})();
