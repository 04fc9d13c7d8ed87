// Dialogs: show a form or the help from another page over the current page.
import { $, fetchInto, isPlain, placeOfFocus } from "./dom.js";
import { setUnsaved, underWay } from "./forms.js";

const dialog = $("#dialog");
const ENDS = ["htmx:afterRequest", "htmx:afterSettle"];

function empty() {
  $("#form, #help, #go", dialog)?.remove();
}

// Failures are shown in the dialog while it is open: what lies behind it is neither seen nor heard.
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
    if (part === "go" && !dialog.open) return;
    if (detail.successful && $("#form form, #form .actions, #keys-on, #go-q", dialog)) {
      show();
      // Letters that were typed before have requested nothing yet.
      if ($("#go-q", dialog)?.value) import("./go.js").then((go) => go.askForPlaces($("#go form", dialog)));
    } else if (part !== "help") location.assign(link.href);
  };
  for (const name of ENDS) document.addEventListener(name, end);
  // The page behind keeps its address, though links next to this one change it.
  await fetchInto(`#${part}`, href, { source: link, select: `#${part}`, swap: "ignoreTitle:true", push: "false" });
}

// The field is there at once: no letter is lost while the places are requested.
function openSearch(link) {
  import("./go.js");
  openInDialog(link, "go");
  $("#go", dialog).append(document.importNode($("#go-begins").content, true));
  $("#go h1", dialog).id = "dialog-title";
  $("#go input", dialog).id = "go-q";
  show();
}

// Enter may come before the script of the search, which keeps the form to itself from then on.
dialog.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-go]")) return;
  event.preventDefault();
  import("./go.js").then((go) => go.goOn($("[data-go]", dialog)));
});

// A question about a row comes into the dialog, over the row that it is about. Any other answer belongs to the row.
document.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
  if (!detail.target?.matches?.(".groups tr") || !dialog.open) return;
  if (detail.xhr.getResponseHeader("HX-Retarget") === "#dialog") return;
  empty();
  dialog.close();
});

// HTMX has looked for the dialog from the form that was sent: that goes only now.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.target === dialog) empty();
});

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target === dialog) show();
  else if (detail.target.id === "go" && dialog.open) $("#go-q", dialog).value = $("input", detail.target).value;
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
    else if (!dialog.open) openSearch(at("a"));
  } else if (at("[data-close]") && dialog.open) {
    event.preventDefault();
    close();
  } else if (at("a[data-dialog]") && isPlain(event) && !$("main #form")) {
    event.preventDefault();
    openInDialog(at("a[data-dialog]"), "form");
  } else if (event.target === dialog) close();
});

// The places of Ctrl K on their page.
htmx.onLoad(() => {
  if ($("main #go")) import("./go.js");
});
