// The rows of the criteria: add, remove and move them without asking the server. Their page alone loads this.
import { $, $$ } from "./dom.js";
import { setUnsaved } from "./forms.js";

const form = $("#table");
const rows = $("[data-rows]", form);
const MOST = Number(rows.dataset.most);

// Name all fields by the place of their row: the server reads the rows in that order. The fields of the form are no longer
// those that it was opened with.
function renumber() {
  form.dataset.reordered = "";
  const all = $$("[data-row]", rows);
  all.forEach((row, index) => {
    for (const each of $$("[name], [id], [for], [aria-describedby]", row)) {
      for (const name of ["name", "id", "for", "aria-describedby"]) {
        const text = each.getAttribute(name);
        if (text) each.setAttribute(name, text.replaceAll(/rows-(\d+|__prefix__)-/g, `rows-${index}-`));
      }
    }
    form.elements[`rows-${index}-ORDER`].value = index + 1;
    $("[data-number]", row).textContent = index + 1;
    const title = $("[data-row-title]", row);
    title.textContent = title.textContent.replace(/\d+/, index + 1);
  });
  for (const name of ["TOTAL", "INITIAL"]) form.elements[`rows-${name}_FORMS`].value = all.length;
}

const steps = {
  add() {
    if ($$("[data-row]", rows).length >= MOST) return null;
    rows.append($("[data-empty-row]", form).content.cloneNode(true));
    htmx.process(rows.lastElementChild);
    return $("select", rows.lastElementChild);
  },
  remove(row, button) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    return next ? $("[data-step=remove]", next) : button;
  },
  up(row, button) {
    row.previousElementSibling?.before(row);
    return button;
  },
  down(row, button) {
    row.nextElementSibling?.after(row);
    return button;
  },
};

form.addEventListener("click", (event) => {
  const button = event.target.closest("[data-step]");
  if (!button) return;
  event.preventDefault();
  const focused = steps[button.dataset.step](button.closest("[data-row]"), button);
  renumber();
  setUnsaved(form);
  focused?.focus();
});

// What was typed into rows that were added, removed or moved comes back into as many rows.
form.addEventListener("bring-back", ({ detail }) => {
  const count = Number(detail["rows-TOTAL_FORMS"]);
  if ($$("[data-row]", rows).length === count) return;
  while ($$("[data-row]", rows).length > count) rows.lastElementChild.remove();
  while ($$("[data-row]", rows).length < count) steps.add();
  renumber();
});

// A pin that was made or removed has drawn its section again, and with it the button that had the focus.
document.addEventListener("htmx:afterSettle", ({ detail }) => {
  if (detail.target.id === "pins" && !$("#pins").contains(document.activeElement)) $("#pins h2").focus();
});
