// Show how many clients or groups are chosen, choose a range with Shift, and keep the choice over the pages of a list.
import { $, $$ } from "./dom.js";

// The bar says what its boxes are called; the one that keeps the choice is a form.
const bar = () => $("[data-choice]");
const nameOf = () => bar()?.dataset.choice;
const keeps = () => bar()?.matches("[data-keeps-choice]");
const boxes = () => $$(`input[type=checkbox][name="${nameOf()}"]`);
const hidden = () => $$(`input[type=hidden][name="${nameOf()}"]`, keeps() ? bar() : document);
const chosen = new Set();
let last = boxes().find(({ checked }) => checked);

function count() {
  if (!bar()) return;
  // A hidden field may name several.
  const values = [...boxes().filter(({ checked }) => checked), ...hidden()].flatMap(({ value }) => value.split(","));
  $("output", bar()).textContent = values.length;
}

function note() {
  if (keeps())
    for (const box of boxes()) {
      if (box.checked) chosen.add(box.value);
      else chosen.delete(box.value);
    }
  count();
}

// Those of other pages are one hidden field, sent with those of this one: a form has room for few fields.
function restore() {
  if (keeps()) {
    for (const field of hidden()) field.remove();
    const shown = new Map(boxes().map((box) => [box.value, box]));
    for (const value of chosen) if (shown.has(value)) shown.get(value).checked = true;
    const value = [...chosen].filter((each) => !shown.has(each)).join();
    if (value) bar().append(Object.assign(document.createElement("input"), { type: "hidden", name: nameOf(), value }));
  }
  count();
}

function clear() {
  // The button goes with the bar.
  if (bar().contains(document.activeElement)) (last?.isConnected ? last : $("[data-choose-all]")).focus();
  for (const box of $$(`[name="${nameOf()}"], [data-choose-all]`)) box.checked = false;
  chosen.clear();
  restore();
}

// With Shift all from the last box to this one become as this one is. The change is heard after the click.
document.addEventListener("click", ({ target, shiftKey }) => {
  if (target.closest?.("[data-clear-choice]")) clear();
  const all = boxes();
  const here = all.indexOf(target);
  if (here < 0) return;
  const there = all.indexOf(last);
  if (shiftKey && there >= 0)
    for (const box of all.slice(Math.min(here, there), Math.max(here, there) + 1)) box.checked = target.checked;
  last = target;
});

// Choosing all sets the boxes without an event of their own; it is heard by the module of controls before.
document.addEventListener("change", ({ target }) => {
  if (target.name === nameOf() || target.dataset.chooseAll) note();
});
document.addEventListener("htmx:afterSettle", restore);
note();
