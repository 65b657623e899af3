// Inputs for exercises, questions before the measurement, and the summary at a chapter's end.
(() => {
  "use strict";
  const SIGNS = { passed: "✓", failed: "✗", open: "○" };
  let count = 0;

  // An element: make("p", { class: "x" }, "text", another).
  function make(name, attributes = {}, ...content) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes))
      if (value !== false && value !== null) element.setAttribute(key, value === true ? "" : value);
    element.append(...content.filter((each) => each !== null));
    return element;
  }
  const button = (text, act, attributes = {}) => {
    const made = make("button", { type: "button", class: "bn-button", ...attributes }, text);
    if (act) made.addEventListener("click", act);
    return made;
  };
  const numbered = (id) =>
    document.querySelector(`[id="${id}"] .admonition-title, [id="${id}"] > .title`)
      ?.textContent.trim().match(/^\S+\s[\d.]+/)?.[0] ?? id;

  // --- exercises ------------------------------------------------------------------------------

  // Where an answer is given: its elements, and functions that read and write what was given.
  const INPUTS = {
    numbers(answer, label, described) {
      const names = answer.right.length > 1 ? answer.names : ["Your answer"];
      const fields = names.map((name) => make("input", {
        type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "off",
        "aria-label": `${name}, ${label}`, "aria-describedby": described,
      }));
      const unit = answer.unit && fields.length === 1 ? ` ${answer.unit}${/^(step|layer)$/.test(answer.unit) ? "s" : ""}` : "";
      return {
        parts: names.map((name, i) => make("label", {}, `${name} `, fields[i], unit)),
        read: () => fields.map((field) => field.value),
        write: (given) => fields.forEach((field, i) => { field.value = given[i] ?? ""; }),
      };
    },
    choice(answer, label, described) {
      const boxes = answer.options.map((option) => make("input", {
        type: "checkbox", value: option, "aria-describedby": described,
      }));
      return {
        parts: boxes.map((box) => make("label", { class: "bn-option" }, box, ` ${box.value}`)),
        read: () => boxes.filter((box) => box.checked).map((box) => box.value),
        write: (given) => boxes.forEach((box) => { box.checked = given.includes(box.value); }),
      };
    },
    matching(answer, label, described) {
      const things = Object.keys(answer.right);
      const lists = things.map((thing) => make("select", {
        "aria-label": `${thing}, ${label}`, "aria-describedby": described,
      }, make("option", { value: "" }, "…"), ...answer.options.map((each) => make("option", {}, each))));
      return {
        parts: things.map((thing, i) => make("label", {}, `${thing} `, lists[i])),
        read: () => Object.fromEntries(things.map((thing, i) => [thing, lists[i].value])),
        write: (given) => lists.forEach((list, i) => { list.value = given[things[i]] ?? ""; }),
      };
    },
    // Checked by Python only: the reader says whether it is solved.
    python(answer, label, described) {
      const box = make("input", { type: "checkbox", "aria-describedby": described });
      return { parts: [make("label", { class: "bn-option" }, box, " solved in the notebook")], box };
    },
  };

  const EXPECTED = {
    numbers: (expects) => `Expected: ${expects}. Expressions such as 3/sqrt(2) and exp(-4) are understood.`,
    choice: () => "Tick all that apply.",
    matching: () => "Choose one for each.",
    python: () => "A notebook checks this one: open the page by the rocket above, or download it.",
  };

  function exercise(place) {
    const id = place.dataset.exercise;
    const data = bnCheck.unveil(place.dataset.veiled, id);
    const { answer, hints } = data;
    const label = numbered(id);
    const expected = make("p", { class: "bn-expects", id: `bn-expects-${++count}` });
    const input = INPUTS[answer?.kind ?? "python"](answer, label, expected.id);
    expected.textContent = EXPECTED[answer?.kind ?? "python"](data.expects);
    const said = make("div", { class: "bn-said", role: "status" });
    const opened = make("ol", { class: "bn-hints", "aria-label": `Hints, ${label}` });
    const hint = button("", () => open(known().hints + 1));
    const form = make("form", { class: "bn-form", novalidate: true },
      make("fieldset", {},
        make("legend", { class: "bn-unseen" }, `Your answer, ${label}`),
        ...input.parts,
        answer ? make("button", { type: "submit", class: "bn-button bn-main" }, "Check") : null,
        hint));
    place.append(form, expected, said, opened);

    const known = () => ({ attempts: 0, hints: 0, ...bnJournal.read().exercises[id] });
    const open = (upTo) => {
      bnJournal.note("exercises", id, { hints: Math.min(upTo, hints.length) });
    };

    function say({ state, message }, spent = false) {
      const more = spent ? " There are no more hints; the solution is below the exercise." : "";
      const end = /[.?!]$/.test(message) ? "" : ".";
      said.replaceChildren(make("p", { class: `bn-feedback bn-feedback-${state}` },
        make("span", { "aria-hidden": "true" }, `${SIGNS[state]} `),
        message.charAt(0).toUpperCase() + message.slice(1) + end + more));
    }

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!answer) return;
      const given = input.read();
      const result = bnCheck.check(answer, given);
      const { attempts, hints: seen } = known();
      if (result.state === "passed") bnJournal.note("exercises", id, { passed: true, answer: given });
      if (result.state === "failed") {
        bnJournal.note("exercises", id, {
          attempts: attempts + 1, answer: given,
          hints: Math.max(seen, Math.min(attempts + 1, hints.length)),
        });
      }
      say(result, result.state === "failed" && attempts >= hints.length);
    });
    input.box?.addEventListener("change", () => {
      bnJournal.note("exercises", id, { passed: input.box.checked });
    });

    // What is shown follows from what is kept.
    function show() {
      const { passed, hints: seen } = known();
      place.classList.toggle("bn-solved", Boolean(passed));
      if (input.box) input.box.checked = Boolean(passed);
      const more = hints.slice(opened.children.length, seen);
      if (opened.children.length > seen) opened.replaceChildren();
      opened.append(...more.map((text) => make("li", {}, text)));
      hint.textContent = seen < hints.length ? `Hint ${seen + 1} of ${hints.length}` : "No more hints";
      hint.disabled = seen >= hints.length;
    }
    function restore() {
      const { passed, answer: given, attempts } = known();
      input.write?.(given ?? (answer?.kind === "matching" ? {} : []));
      said.replaceChildren();
      if (passed && answer) say({ state: "passed", message: "right." });
      show();
    }
    restore();
    bnJournal.listen(show);
    document.addEventListener("bn-restore", restore);
  }

  // --- predictions ----------------------------------------------------------------------------

  const number = (value) => Number(Number(value).toPrecision(3)).toString().replace("-", "−");

  // The verdict and the effect that the page itself shows.
  function measured(claim) {
    const box = document.getElementById(`claim-${claim}`);
    const verdict = [...box?.classList ?? []].map((name) => name.match(/^bn-verdict-(\w+)$/)?.[1]).find(Boolean);
    return { box, verdict, effect: Number(box?.dataset.effect) };
  }

  // What a guess is worth: true, false, or null where the measurement does not decide.
  function right(question, guess) {
    const { verdict, effect } = measured(question.claim);
    if (question.options) {
      const decided = question.options.some(([, verdicts]) => verdicts.includes(verdict));
      const mine = question.options.find(([text]) => text === guess);
      return decided && mine ? mine[1].includes(verdict) : null;
    }
    const guessed = Number(guess);
    if (!Number.isFinite(effect)) return null;
    if (question.unit !== "times") return Math.abs(guessed - effect) <= question.within;
    return guessed > 0 && Math.max(guessed / effect, effect / guessed) <= question.within;
  }

  // What the measurement says in the words of the question.
  function answered(question) {
    const { verdict, effect } = measured(question.claim);
    if (!question.options) return Number.isFinite(effect) ? `${number(effect)} ${question.unit}` : "not decided";
    const found = question.options.find(([, verdicts]) => verdicts.includes(verdict));
    return found ? found[0] : "not decided";
  }

  const OUTCOMES = new Map([[true, "✓ as you predicted"], [false, "✗ not as you predicted"],
    [null, "○ the measurement leaves it open"]]);
  const shown = (question, guess) => (question.options ? guess : `${number(guess)} ${question.unit}`);

  function predict(place) {
    const questions = JSON.parse(place.dataset.questions);
    questions.forEach((question, i) => ask(place, question, i, questions.length));
  }

  function ask(place, question, i, all) {
    const name = `bn-${question.id}`;
    const fields = question.options
      ? question.options.map(([text]) => make("input", { type: "radio", name, value: text }))
      : [make("input", { type: "text", inputmode: "decimal", autocomplete: "off", "aria-label": `${question.question} (${question.unit})` })];
    const parts = question.options
      ? fields.map((field) => make("label", { class: "bn-option" }, field, ` ${field.value}`))
      : [make("label", {}, fields[0], ` ${question.unit}`)];
    const said = make("p", { class: "bn-expects", role: "status" });
    const commit = make("button", { type: "submit", class: "bn-button bn-main" }, "Commit");
    const form = make("form", { class: "bn-form", novalidate: true },
      make("fieldset", {}, make("legend", {}, question.question), ...parts, commit), said);
    const beside = make("p", { class: "bn-beside", hidden: true });
    measured(question.claim).box?.after(beside);
    place.append(form);

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const given = question.options ? fields.find((field) => field.checked)?.value : fields[0].value.trim();
      const odd = !question.options && !Number.isFinite(bnCheck.number(given));
      if (!given || odd) {
        said.textContent = question.options ? "Choose one first." : "Give a number first, with a decimal point.";
        return;
      }
      const guess = question.options ? given : String(bnCheck.number(given));
      bnJournal.note("predictions", question.id, { guess });
    });

    function show() {
      const guess = bnJournal.read().predictions[question.id]?.guess;
      const made = guess !== undefined;
      fields.forEach((field) => {
        if (made && question.options) field.checked = field.value === guess;
        if (made && !question.options) field.value = guess;
        if (!made && field.dataset.made) { field.checked = false; if (!question.options) field.value = ""; }
        field.disabled = made;
        field.dataset.made = made ? "1" : "";
      });
      commit.hidden = made;
      said.textContent = made ? "Noted. It will stand beside the measurement." : "";
      beside.hidden = !made;
      if (!made) return;
      beside.className = `bn-beside bn-beside-${right(question, guess)}`;
      beside.replaceChildren(
        make("strong", {}, `${OUTCOMES.get(right(question, guess))}. `),
        `${question.question} You said: ${shown(question, guess)}. Measured: ${answered(question)}.`);
    }
    show();
    bnJournal.listen(show);
  }

  // --- the summary at the chapter's end -------------------------------------------------------

  function summary(place) {
    const listed = JSON.parse(place.dataset.exercises);
    const asked = JSON.parse(document.querySelector(".bn-predict")?.dataset.questions ?? "[]");
    const found = make("div", { role: "status" });
    const file = make("input", { type: "file", accept: ".json,application/json", "aria-label": "Import progress from a file", hidden: true });
    const told = make("p", { class: "bn-expects", role: "status" });
    place.append(found, make("p", { class: "bn-buttons" },
      button("Export", save), button("Import", () => file.click()), file,
      button("Clear this chapter", () => empty(true)), button("Clear everything", () => empty(false))),
    told, make("p", { class: "bn-expects" },
      "Kept in this browser alone. The exported file can be imported on another machine, or in a notebook: ",
      make("code", {}, 'bnbook.journal.bring("bnbook-journal.json")'), "."));

    function save() {
      const link = make("a", {
        download: "bnbook-journal.json",
        href: URL.createObjectURL(new Blob([bnJournal.exported()], { type: "application/json" })),
      });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    }
    file.addEventListener("change", async () => {
      try {
        bnJournal.bring(await file.files[0].text());
        told.textContent = "Imported.";
        document.dispatchEvent(new Event("bn-restore"));
      } catch (error) {
        told.textContent = error.message;
      }
      file.value = "";
    });
    function empty(chapter) {
      const what = chapter ? "of this chapter" : "of the whole book";
      if (!confirm(`Forget your answers and predictions ${what}?`)) return;
      if (chapter) {
        bnJournal.forget("exercises", listed.map((each) => each.id));
        bnJournal.forget("predictions", asked.map((each) => each.id));
      } else bnJournal.clear();
      document.dispatchEvent(new Event("bn-restore"));
      told.textContent = "Cleared.";
    }

    function show() {
      const journal = bnJournal.read();
      const solved = listed.filter((each) => journal.exercises[each.id]?.passed);
      const minutes = listed.filter((each) => !solved.includes(each)).reduce((sum, each) => sum + each.minutes, 0);
      const guesses = asked.map((each) => [each, journal.predictions[each.id]?.guess]).filter(([, guess]) => guess !== undefined);
      const outcomes = guesses.map(([each, guess]) => right(each, guess));
      const good = outcomes.filter((each) => each === true).length, decided = outcomes.filter((each) => each !== null).length;
      const left = solved.length < listed.length ? ` The others take about ${minutes} minutes.` : "";
      const marks = listed.map((each) => {
        const { passed, attempts } = journal.exercises[each.id] ?? {};
        const state = passed ? "passed" : attempts ? "failed" : "open";
        const words = { passed: "solved", failed: "tried", open: "not tried" }[state];
        return make("li", {}, make("a", { href: `#${each.id}` }, numbered(each.id)),
          ` ${SIGNS[state]} ${words} · ${each.difficulty}, ${each.minutes} min`);
      });
      found.replaceChildren(
        make("p", {}, make("strong", {}, `Solved ${solved.length} of ${listed.length}.`), left),
        asked.length ? make("p", {}, make("strong", {},
          !guesses.length ? "No prediction made." : decided ? `Predicted ${good} of ${decided} as measured.`
            : `Predictions made: ${guesses.length}.`),
          guesses.length > decided ? ` The measurement leaves ${guesses.length - decided} open.` : "",
          guesses.length < asked.length ? ` Not made: ${asked.length - guesses.length}.` : "") : "",
        make("ul", { class: "bn-marks" }, ...marks));
    }
    show();
    bnJournal.listen(show);
  }

  document.querySelectorAll(".bn-study").forEach(exercise);
  document.querySelectorAll(".bn-predict").forEach(predict);
  document.querySelectorAll(".bn-done").forEach(summary);
})();
