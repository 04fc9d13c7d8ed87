// Keep input for the time after a session has ended. The draft stays in this tab only, until it is restored or another
// user signs in.
//
// `data-draft` holds the initial values of a form's fields. Only these fields are kept: no password, no token,
// and neither the form's version nor its operation.
import { $, tab } from "./dom.js";
import { clearUnsaved, hadEnded, unsavedForm } from "./forms.js";

const PREFIX = "draft ";
const whoIsHere = () => $("[data-user]")?.dataset.user;
const keyHere = () => PREFIX + location.pathname;

// `lost` is false while the form is being sent, and true once the session is known to have ended.
function keepDraft(form, lost) {
  const opened = JSON.parse(form.dataset.draft);
  const values = new FormData(form);
  const typed = {};
  for (const name of Object.keys(opened)) {
    const value = values.get(name) ?? "";
    if (value !== opened[name]) typed[name] = value;
  }
  if (!Object.keys(typed).length) return;
  const clients = values.getAll("client").join();  // those chosen in a search
  tab.set(keyHere(), { user: whoIsHere(), action: form.getAttribute("action"), opened, typed, clients, lost });
}

// --- Keep a draft when a form is sent, and when the answer says that the session has ended ---

document.addEventListener("submit", ({ target }) => {
  if (target.dataset.draft && target.method === "post") keepDraft(target, false);
}, true);

// Use the element of the request, not of the event: after a swap HTMX reports a surrounding element.
const formOf = ({ elt }) => (elt.form ?? elt.closest("form"))?.closest("[data-draft]");

// A part that the page loads on its own can be the first to learn it. It leads to the sign-in too, so the input is kept
// then as well, and the browser need not ask whether to leave it.
document.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
  if (!hadEnded(detail.xhr)) return;
  const form = formOf(detail.requestConfig) ?? unsavedForm();
  if (!form?.dataset.draft) return;
  keepDraft(form, true);
  clearUnsaved();
});

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (formOf(detail.requestConfig) && !hadEnded(detail.xhr)) tab.drop(keyHere());
});

// Run after HTMX has started, so that it handles a restored search.
document.addEventListener("DOMContentLoaded", () => {
  if (tab.keys(PREFIX).length) import("./restore.js").then(({ restoreDrafts }) => restoreDrafts(PREFIX, whoIsHere()));
});

// The list has nothing to bring back, so its first load does without this. Where something is kept, any page may be the one
// that drops it: somebody else has signed in.
if (tab.keys("typed ").length || $("main :is(form[data-dirty-guard], form[role=search][method=post], .gate)")) import("./back.js");
