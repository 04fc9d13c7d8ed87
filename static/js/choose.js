// Search in the options of a select: `data-options-of` is the id of the select.
import { $$ } from "./dom.js";

const all = new WeakMap();
// As in the search of the list: letters that Ukrainian and Russian write differently are one, apostrophes are none.
const ONE_LETTER = { ё: "е", є: "е", э: "е", і: "и", ї: "и", ы: "и", ґ: "г" };

function searchable(text) {
  const letters = text.normalize("NFC").toLowerCase().replace(/['’ʼ`‘′]/g, "");
  return letters.replace(/[ёєэіїыґ]/g, (letter) => ONE_LETTER[letter]);
}

document.addEventListener("input", ({ target }) => {
  const select = document.getElementById(target.dataset?.optionsOf ?? "");
  if (!select) return;
  if (!all.has(select)) all.set(select, $$("option", select));
  const words = searchable(target.value).split(/\s+/);
  const fits = ({ value, text }) => !value || words.every((word) => searchable(text).includes(word));
  const chosen = select.value;
  // Not `hidden`: Safari shows hidden options.
  select.replaceChildren(...all.get(select).filter((option) => fits(option) || option.value === chosen));
});

// Enter in the search would send its form, which belongs to the select.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.dataset?.optionsOf) event.preventDefault();
});
