// Moves the state of the machine step by step. All that it shows is in the element "execution".
"use strict";
(() => {
  const { start, tables, changes, said } = JSON.parse(document.getElementById("execution").textContent);
  const last = said.length - 1;
  const [slider, now, moment, controls] = ["slider", "now", "moment", "controls"].map((id) => document.getElementById(id));
  const bodies = [...document.querySelectorAll("#tables tbody")];
  const links = [...document.querySelectorAll("a.step")];
  let shown = -1;

  // The rows of each table after so many steps, by number.
  function state(step) {
    const rows = tables.map(() => new Map());
    for (const changed of changes.slice(0, step + 1)) {
      for (const [table, row, cells] of changed) {
        if (cells) rows[table].set(row, cells);
        else rows[table].delete(row);
      }
    }
    return rows;
  }

  function rowOf(cells, before, after, marked) {
    const row = document.createElement("tr");
    if (marked) row.className = !after ? "gone" : !before ? "new" : String(before) === String(after) ? "" : "changed";
    cells.forEach((cell, at) => {
      const made = row.appendChild(document.createElement(at ? "td" : "th"));
      if (!at) made.scope = "row";
      made.textContent = cell;
      made.classList.toggle("bad", Array.isArray(cell));
      made.classList.toggle("changed", marked && before && after ? String(before[at]) !== String(cell) : false);
    });
    return row;
  }

  function show(step) {
    step = Math.max(0, Math.min(last, step));
    if (step === shown) return;
    if (shown >= 0) history.replaceState(null, "", `#step-${step}`); // not at first: the reader begins at the top
    shown = step;
    const after = state(step);
    const before = step ? state(step - 1) : after;
    bodies.forEach((body, at) => {
      const numbers = [...new Set([...before[at].keys(), ...after[at].keys()])].sort((a, b) => a - b);
      const [old, fresh] = [before[at], after[at]];
      body.replaceChildren(...numbers.map((n) => rowOf(fresh.get(n) || old.get(n), old.get(n), fresh.get(n), step > 0)));
    });
    slider.value = step;
    slider.setAttribute("aria-valuetext", `${step} of ${last}`);
    now.textContent = `${step} of ${last}: ${said[step]}`;
    moment.textContent = step ? `after step ${step} of ${last}; what that step has changed is marked` : "before the first step";
    links.forEach((link, at) => {
      if (at + 1 === step) link.setAttribute("aria-current", "step");
      else link.removeAttribute("aria-current");
      link.tabIndex = at + 1 === Math.max(step, 1) ? 0 : -1; // one stop for Tab, arrows go on from there
    });
  }

  function reveal() {
    links[shown - 1]?.scrollIntoView({ block: "nearest" });
  }

  function go(step) {
    show(step);
    reveal();
  }

  function asked() {
    return /^#step-(\d+)$/.exec(location.hash);
  }

  slider.addEventListener("input", () => go(Number(slider.value)));
  for (const [id, to] of [["first", () => 0], ["back", () => shown - 1], ["on", () => shown + 1], ["start", () => start]]) {
    document.getElementById(id).addEventListener("click", () => go(to()));
  }
  links.forEach((link, at) => link.addEventListener("click", (event) => {
    event.preventDefault();
    show(at + 1);
  }));
  window.addEventListener("hashchange", () => {
    const found = asked();
    if (found) go(Number(found[1]));
  });
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.target === slider) return;
    const at = links.indexOf(event.target);
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: at < 0 ? 0 : -1, ArrowDown: at < 0 ? 0 : 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    let step = shown + by;
    while (at >= 0 && links[step - 1] && !links[step - 1].offsetParent) step += by; // those that are not displayed
    if (at >= 0 && !links[step - 1]) return;
    go(step);
    if (at >= 0) links[shown - 1].focus();
  });
  for (const button of document.querySelectorAll("button.copy")) {
    const code = button.previousElementSibling;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code); // then Ctrl-C does it
      }
    });
  }
  const found = asked();
  controls.hidden = false;
  show(found ? Number(found[1]) : start);
  const measure = () => document.documentElement.style.setProperty("--controls", `${controls.offsetHeight}px`);
  measure(); // what is scrolled to must not lie behind them
  new ResizeObserver(measure).observe(controls);
  if (found) reveal();
})();
