// Show how many clients are chosen, and keep the choice over the pages of a group's clients.
import { $, $$ } from "./dom.js";

const BOXES = "input[type=checkbox][name=client]";
const KEPT = "form[data-keeps-choice]";
const chosen = new Set();

function count() {
  const output = $("[data-choice] output");
  if (!output) return;
  // A hidden field may name several clients.
  const values = $$(`${BOXES}:checked, input[type=hidden][name=client]`).flatMap(({ value }) => value.split(","));
  output.textContent = values.length;
}

function note() {
  if ($(KEPT))
    for (const box of $$(BOXES)) {
      if (box.checked) chosen.add(box.value);
      else chosen.delete(box.value);
    }
  count();
}

// The clients of other pages are one hidden field, sent with those of this one: a form has room for few fields.
function restore() {
  const form = $(KEPT);
  if (form) {
    $("input[type=hidden][name=client]", form)?.remove();
    const boxes = new Map($$(BOXES).map((box) => [box.value, box]));
    for (const value of chosen) if (boxes.has(value)) boxes.get(value).checked = true;
    const value = [...chosen].filter((each) => !boxes.has(each)).join();
    if (value) form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "client", value }));
  }
  count();
}

// Choosing all sets the boxes without an event of their own; it is heard by the module of controls before.
document.addEventListener("change", ({ target }) => {
  if (target.matches(`${BOXES}, [data-choose-all=client]`)) note();
});
document.addEventListener("htmx:afterSettle", restore);
note();
