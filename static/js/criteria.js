// The rows of the criteria: add, remove and move them without asking the server. Their page alone loads this.
import { $, $$, page } from "./dom.js";
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
    const title = $("[data-row-title]", row);
    title.textContent = title.textContent.replace(/\d+/, index + 1);
  });
  for (const name of ["TOTAL", "INITIAL"]) form.elements[`rows-${name}_FORMS`].value = all.length;
  if ($("#spread")) htmx.trigger("#spread", "redraw");
}

form.addEventListener("input", () => { form.dataset.typed = ""; });

const steps = {
  add() {
    if ($$("[data-row]", rows).length >= MOST) return null;
    rows.append($("[data-empty-row]", form).content.cloneNode(true));
    return $("select", rows.lastElementChild);
  },
  remove(row) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    return next ? $("[data-handle] > summary", next) : $("[data-step=add]", form);
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

const middle = (each) => each.getBoundingClientRect().top + each.offsetHeight / 2;

// A row is dragged by its handle; a press without a move opens the menu of the handle, which moves the row by keyboard too.
form.addEventListener("pointerdown", (event) => {
  const handle = event.target.closest("[data-handle] > summary");
  const row = handle?.closest("[data-row]");
  if (!row || event.button) return;
  const from = event.clientY;
  const drag = new AbortController();
  handle.setPointerCapture(event.pointerId);
  handle.addEventListener("pointermove", ({ clientY }) => {
    if (Math.abs(clientY - from) > 6) row.classList.add("dragged");
    if (!row.matches(".dragged")) return;
    const [before, after] = [row.previousElementSibling, row.nextElementSibling];
    if (before && clientY < middle(before)) before.before(row);
    else if (after && clientY > middle(after)) after.after(row);
  }, { signal: drag.signal });
  handle.addEventListener("lostpointercapture", () => {
    drag.abort();
    if (!row.matches(".dragged")) return;
    row.classList.remove("dragged");
    handle.addEventListener("click", (click) => click.preventDefault(), { once: true });
    renumber();
    setUnsaved(form);
  }, { signal: drag.signal });
});

// A bound is moved in the picture too: its field takes the value of the nearest step. Typing it is the way by keyboard.
document.addEventListener("pointerdown", (event) => {
  const flag = event.target.closest("#spread [data-threshold]");
  const field = flag && form.elements[flag.dataset.threshold];
  if (!field || event.button) return;
  event.preventDefault();
  const { stepOf, bars } = flag.closest("figure").dataset;
  const box = flag.ownerSVGElement.getBoundingClientRect();
  const drag = new AbortController();
  flag.setPointerCapture(event.pointerId);
  flag.addEventListener("pointermove", ({ clientX }) => {
    const step = Math.round(Math.min(Math.max((clientX - box.left) / box.width, 0), 1) * (bars - 1));
    flag.setAttribute("x", `${(100 * step) / bars}%`);
    field.value = step * stepOf;
    $("text", flag).textContent = (step * stepOf).toLocaleString(page.lang);
  }, { signal: drag.signal });
  flag.addEventListener("lostpointercapture", () => {
    drag.abort();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }, { signal: drag.signal });
});

// Texts typed into rows that were added, removed or moved come back into as many rows.
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
