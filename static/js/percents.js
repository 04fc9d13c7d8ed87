// The numbers of many groups: walk through a column by keys, and mark and count what was changed while one types.
// Their page alone loads this.
import { $, $$, page } from "./dom.js";
import { clearUnsaved } from "./forms.js";

const PLURALS = { one: 0, two: 1, few: 1, many: 2, other: 2 };

function count(form) {
  const opened = JSON.parse(form.dataset.draft);
  const output = $("[data-changes]", form);
  let changes = Number(output.dataset.elsewhere);
  for (const [name, was] of Object.entries(opened)) {
    const input = form.elements[name];
    const changed = input.value.trim().replace(",", ".") !== was.replace(",", ".");
    input.parentElement.classList.toggle("changed", changed);
    changes += changed;
  }
  const words = output.dataset.changes.split("|")[PLURALS[new Intl.PluralRules(page.lang).select(changes)]];
  const number = changes.toLocaleString(page.lang, { useGrouping: true });
  output.textContent = words.replace(/\d+/, number);
  return changes;
}

document.addEventListener("input", ({ target }) => {
  const form = target.closest("form");
  // A number that has its former value again is nothing to lose.
  if (form && $("[data-changes]", form) && !count(form)) clearUnsaved();
});

// Enter and the arrows lead through a column, as in a spreadsheet: between the percents lie other fields. After the last
// one comes the button, which Ctrl Enter presses from any of them.
function stepOf({ key, shiftKey }) {
  if (key === "ArrowUp" || (key === "Enter" && shiftKey)) return -1;
  return key === "ArrowDown" || key === "Enter" ? 1 : 0;
}

// Enter in the number of a calculation calculates: the first button of the form would lead on.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || !event.target.closest?.(".calculation input")) return;
  event.preventDefault();
  $(event.ctrlKey || event.metaKey ? ".actions .button" : "[name=calculate]", event.target.form).click();
});

document.addEventListener("keydown", (event) => {
  const cell = event.target.closest?.(".percents :is(.cell-percent, .cell-choose)");
  const step = cell && !event.isComposing && stepOf(event);
  if (!step) return;
  event.preventDefault();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    $(".actions .button", event.target.form).click();
    return;
  }
  const column = $$(`.percents td:nth-child(${cell.cellIndex + 1}) input`);
  const next = column[column.indexOf(event.target) + step];
  next?.focus();
  next?.select();
  if (!next && event.key === "Enter" && step > 0) $(".actions .button", event.target.form).focus();
});

// With a keyboard one types at once. On a phone it would cover the page.
if (matchMedia("(pointer: fine)").matches && !$("main [data-focus]")) $(".percents .cell-percent input")?.select();
