// Edit a group in its row of the list. The row is swapped where it stands, and keeps the focus.
import { $, $$, fetchInto, isPlain } from "./dom.js";
import { clearUnsaved, nameUndo, underWay } from "./forms.js";

// Select by the form: while a row settles, HTMX gives it the attributes of the previous row.
const PERCENT = ".row-form [name=percent]";

const rowOf = (group) => $(`.groups [data-group="${group}"]`);

// The group of the row that was saved last.
let saved = null;

// The page has the name of a row once. Show a name that is cut off as a tooltip, and name what is in a row by its group.
function nameRows() {
  for (const name of $$(".groups tbody th a")) {
    name.title = name.textContent;
    const row = name.closest("tr");
    const [box, edit] = [$("[name=id]", row), $(".row-edit", row)];
    box.ariaLabel = `${box.title} ${name.textContent}`;
    if (edit) edit.ariaLabel = `${edit.title} ${name.textContent}, ${edit.textContent}`;
  }
}

document.addEventListener("htmx:load", nameRows);

// The module that keeps the chosen groups is fetched with the first choice.
for (const event of ["change", "htmx:load"])
  document.addEventListener(event, () => {
    if ($("[form=chosen]:checked")) import("./choice.js");
  });

export async function openInRow(link) {
  if ($(".row-form")) {
    $(PERCENT).focus();
    return;
  }
  const row = link.closest("tr");
  row.id = `row-${row.dataset.group}`;
  await fetchInto(row, link.getAttribute("href"));
}

export async function leaveRow() {
  if (underWay()) return;
  const row = $(".row-form").closest("tr");
  saved = null;
  clearUnsaved();
  await fetchInto(row, location.href);
}

// A change that a message takes back in the list comes back in its row. This runs before any other module hears of the form.
addEventListener("submit", (event) => {
  const row = rowOf(event.target.dataset.undo ?? 0);
  if (!row || row.matches(".editing")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  row.id = `row-${row.dataset.group}`;
  if (nameUndo(event.target)) import("./steps.js").then(({ follow }) => follow(event.target));
  fetchInto(row, event.target.getAttribute("action"), { verb: "POST", source: event.target });
}, true);

// The answer to a saved row is the address of the row; HTMX fetches it next.
document.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
  if (detail.xhr.getResponseHeader("HX-Location")) saved = detail.target.dataset.group;
});

// Wait until the row is settled: until then HTMX sets the focus itself.
document.addEventListener("htmx:afterSettle", ({ detail }) => {
  const { group } = detail.target.dataset;
  const row = group && rowOf(group);
  if (!row || row.matches(".editing")) return;
  ($(".row-edit", row) ?? $("th a", row)).focus({ preventScroll: true });
  if (saved === group) row.classList.add("saved");
});

// A number is opened by a double click.
document.addEventListener("dblclick", ({ target }) => {
  const link = target.closest?.(".groups td:nth-child(n + 3):not(:last-child)") && $(".row-edit", target.closest("tr"));
  if (link) link.click();
});

document.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest?.(selector);
  const link = at(".groups .row-edit");
  if (link && isPlain(event)) {
    event.preventDefault();
    openInRow(link);
  } else if (at("[data-leave-row]")) {
    event.preventDefault();
    leaveRow();
  }
});
