// Browsers draw fields for dates and files in a language of their own. Say next to them in that of the page what is chosen.
// The button of a file is drawn here, with the words that its field brings along; without scripts it is the browser's.
import { $, $$, page } from "./dom.js";

const DATES = "input:is([type=date], [type=datetime-local])";
const FILES = "input[type=file][data-choose]";

function dateWords({ type, value }) {
  if (!value) return "";
  const style = type === "date" ? { dateStyle: "medium" } : { dateStyle: "full", timeStyle: "short" };
  return new Date(type === "date" ? `${value}T00:00` : value).toLocaleString(page.lang, style);
}

const fileWords = ({ files, dataset }) => [...files].map(({ name }) => name).join(", ") || dataset.none;

// Something may be typed before the page is ready, so this is done at the first of both.
function prepare(field) {
  if ($("[data-chosen]", field.parentElement)) return;
  const output = document.createElement("output");
  output.dataset.chosen = "";
  output.className = "chosen muted small";
  field.after(output);
  if (field.type === "file") {
    field.classList.add("file-native");
    const button = { className: "button quiet", htmlFor: field.id, textContent: field.dataset.choose };
    field.after(Object.assign(document.createElement("label"), button));
  }
}

function show(field) {
  prepare(field);
  $("[data-chosen]", field.parentElement).textContent = field.type === "file" ? fileWords(field) : dateWords(field);
}

// A button that fills in times: it has a value for each of the fields that it names.
document.addEventListener("click", ({ target }) => {
  const chip = target.closest?.(".chips button");
  if (!chip) return;
  for (const [name, value] of Object.entries(chip.dataset)) {
    const field = chip.form.elements[name];
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
});

htmx.onLoad((content) => $$(`${DATES}, ${FILES}`, content).forEach(show));

for (const event of ["input", "change"])
  document.addEventListener(event, ({ target }) => {
    if (target.matches?.(`${DATES}, ${FILES}`)) show(target);
  });
