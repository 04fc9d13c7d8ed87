// Search in the options of a select: `data-options-of` is the id of the select.
import { $$ } from "./dom.js";

const all = new WeakMap();

document.addEventListener("input", ({ target }) => {
  const select = document.getElementById(target.dataset?.optionsOf ?? "");
  if (!select) return;
  if (!all.has(select)) all.set(select, $$("option", select));
  const words = target.value.toLocaleLowerCase().split(/\s+/);
  const fits = ({ value, text }) => !value || words.every((word) => text.toLocaleLowerCase().includes(word));
  const chosen = select.value;
  // Not `hidden`: Safari shows hidden options.
  select.replaceChildren(...all.get(select).filter((option) => fits(option) || option.value === chosen));
});
