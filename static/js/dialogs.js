// Dialogs: show a form or the help from another page over the current page.
import { $, fetchInto, isPlain, placeOfFocus } from "./dom.js";
import { setUnsaved, underWay } from "./forms.js";

const dialog = $("#dialog");
const ENDS = ["htmx:afterRequest", "htmx:afterSettle"];

function empty() {
  $("#form, #help, #go", dialog)?.remove();
}

// Failures are shown and told in the dialog while it is open: what lies behind it is neither seen nor heard.
function show() {
  $("form[method=dialog]", dialog).after($("#live"), $("#notice"));
  if (!dialog.open) dialog.showModal();
  placeOfFocus(dialog)?.focus();
}

function close() {
  if (!underWay()) dialog.close();
}

dialog.addEventListener("close", () => {
  // The form of a row that a question was about was changed; the help and the places say nothing about it.
  if (!$("#help, #go", dialog)) setUnsaved($(".row-form"));
  empty();
  $("#messages").after($("#notice"));
  dialog.after($("#live"));
});

async function openInDialog(link, part) {
  const href = link.getAttribute("href");
  empty();
  dialog.append(Object.assign(document.createElement("div"), { id: part }));
  const end = ({ type, detail }) => {
    // HTMX hears the new fields once they have settled, so the dialog opens then.
    if (detail.pathInfo?.requestPath !== href || (type === "htmx:afterRequest" && detail.successful)) return;
    for (const name of ENDS) document.removeEventListener(name, end);
    if (detail.successful && $("#form form, #form .actions, #keys-on, #go-q", dialog)) {
      show();
    } else if (part !== "help") location.assign(link.href);
  };
  for (const name of ENDS) document.addEventListener(name, end);
  // The page behind keeps its address, though links beside this one change it.
  await fetchInto(`#${part}`, href, { source: link, select: `#${part}`, swap: "ignoreTitle:true", push: "false" });
}

// A question about a row comes into the dialog, over the row that it is about. Any other answer belongs to the row.
document.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
  if (!detail.target?.matches?.(".groups tr") || !dialog.open) return;
  empty();
  if (detail.xhr.getResponseHeader("HX-Retarget") !== "#dialog") dialog.close();
});

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target === dialog) show();
  // The filters have narrowed the list.
  else if (detail.target.id === "rows") dialog.close();
});

document.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest?.(selector);
  if (at("[data-help]") && isPlain(event)) {
    event.preventDefault();
    if (!dialog.open) openInDialog(at("a"), "help");
  } else if (at("[data-go-to]") && isPlain(event)) {
    event.preventDefault();
    if ($("main #go")) $("#go-q").focus();
    // Enter may follow at once, and only that module knows what it means here.
    else if (!dialog.open) import("./go.js").finally(() => openInDialog(at("a"), "go"));
  } else if (at("[data-close]") && dialog.open) {
    event.preventDefault();
    close();
  } else if (at("a[data-dialog]") && isPlain(event) && !$("main #form")) {
    event.preventDefault();
    openInDialog(at("a[data-dialog]"), "form");
  } else if (event.target === dialog) close();
});

// The places of Ctrl K, in the dialog and on their page.
htmx.onLoad(() => {
  if ($("#go")) import("./go.js");
});
