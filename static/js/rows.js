// Edit a group in its row of the list.
import { $, isPlain } from "./dom.js";
import { clearUnsaved } from "./unsaved.js";
import { underWay } from "./waiting.js";

// Select by the form: while a row settles, HTMX gives it the attributes of the previous row.
const INPUTS = ".row-form input:not([type=hidden])";
// On narrower screens the rows are cards, without room for a form.
const WIDE = "(min-width: 57rem)";

let left = null;

export async function openInRow(link) {
  if ($(".row-form")) {
    $(INPUTS).focus();
    return;
  }
  const row = link.closest("tr");
  row.id = `row-${row.dataset.group}`;
  await htmx.ajax("GET", link.getAttribute("href"), { target: row, swap: "outerHTML" });
}

export async function leaveRow() {
  if (underWay()) return;
  const { group } = $(".row-form").closest("tr").dataset;
  clearUnsaved();
  left = `[data-group="${group}"] .row-edit`;
  await htmx.ajax("GET", location.href, { target: "#rows", swap: "outerHTML" });
}

// Wait until the list is settled: until then HTMX sets the focus itself.
document.addEventListener("htmx:afterSettle", () => {
  if (!left || !$(left)) return;
  $(left).focus();
  left = null;
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.(".groups .row-edit");
  if (link && isPlain(event) && matchMedia(WIDE).matches) {
    event.preventDefault();
    openInRow(link);
  } else if (event.target.closest?.("[data-leave-row]")) leaveRow();
});
