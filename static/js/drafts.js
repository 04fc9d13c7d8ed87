// Restore input after a session has ended. The draft is kept in this tab only, until it is restored or another
// user signs in.
//
// `data-draft` holds the initial values of a form's fields. Only these fields are kept: no password, no token,
// and neither the form's version nor its operation.
import { $, $$ } from "./dom.js";
import { openInRow } from "./rows.js";
import { clearUnsaved, unsavedForm } from "./unsaved.js";

const PREFIX = "draft ";
const whoIsHere = () => $("[data-user]")?.dataset.user;

// `lost` is false while the form is being sent, and true once the session is known to have ended.
const drafts = {
  all() {
    try { return Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX)); } catch { return []; }
  },
  get(key) {
    try { return JSON.parse(sessionStorage.getItem(key)); } catch { return null; }
  },
  set(key, draft) {
    try { sessionStorage.setItem(key, JSON.stringify(draft)); } catch { /* Storage is not available. */ }
  },
  drop(key) {
    try { sessionStorage.removeItem(key); } catch { /* Storage is not available. */ }
  },
};
const keyHere = () => PREFIX + location.pathname;

function keepDraft(form, lost) {
  const opened = JSON.parse(form.dataset.draft);
  const values = new FormData(form);
  const typed = {};
  for (const name of Object.keys(opened)) {
    const value = values.get(name) ?? "";
    if (value !== opened[name]) typed[name] = value;
  }
  if (!Object.keys(typed).length) return;
  drafts.set(keyHere(), { user: whoIsHere(), action: form.getAttribute("action"), opened, typed, lost });
}

// --- Keep a draft when a form is sent, and when the answer says that the session has ended ---

document.addEventListener("submit", ({ target }) => {
  if (target.dataset.draft && target.method === "post") keepDraft(target, false);
}, true);

// Use the element of the request, not of the event: after a swap HTMX reports a surrounding element.
const formOf = ({ elt }) => (elt.form ?? elt.closest("form"))?.closest("[data-draft]");
const hadEnded = (xhr) => xhr.status === 401 || xhr.getResponseHeader("HX-Refresh") === "true";

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
  if (formOf(detail.requestConfig) && !hadEnded(detail.xhr)) drafts.drop(keyHere());
});

// --- Restore drafts when a page is loaded ---

// Compare numbers regardless of the decimal separator.
const same = (one, other) => one.replace(",", ".") === other.replace(",", ".");

function labelOf(control) {
  const label = control instanceof RadioNodeList ? $("legend", control[0].closest("fieldset")) : control.labels[0];
  return label.textContent;
}

function shown(control, value) {
  const chosen = control instanceof RadioNodeList && [...control].find((radio) => radio.value === value);
  return chosen ? $("b", chosen.labels[0]).textContent : value || "–";
}

function compare(table, form, draft, now) {
  const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  for (const [name, before] of Object.entries(draft.opened)) {
    const control = form.elements[name];
    if (!control || control.type === "hidden" || same(before, now[name])) continue;
    const row = table.tBodies[0].insertRow();
    row.append(Object.assign(document.createElement("th"), { scope: "row", textContent: labelOf(control) }));
    for (const value of [before, now[name], draft.typed[name] ?? now[name]]) {
      const cell = row.insertCell();
      cell.dataset.label = heads[cell.cellIndex];
      cell.textContent = shown(control, value);
    }
  }
  return table.tBodies[0].rows.length > 0;
}

const formFor = (draft) => $$("form[data-draft]").find((form) => form.getAttribute("action") === draft.action);

// The help has the words: hardly anybody needs them, so the other pages do without.
async function makeNote() {
  const answer = await fetch($("[data-help]").href);
  const help = new DOMParser().parseFromString(await answer.text(), "text/html");
  return document.importNode($("#draft", help).content, true);
}

async function restore(key, draft) {
  const row = $(`.groups .row-edit[href="${CSS.escape(draft.action)}"]`);
  if (!formFor(draft) && row) await openInRow(row);
  const form = formFor(draft);
  if (!form) return;
  drafts.drop(key);
  const now = JSON.parse(form.dataset.draft);
  for (const [name, value] of Object.entries(draft.typed))
    if (form.elements[name]) form.elements[name].value = value;
  for (const box of $$("details")) if (box.contains(form)) box.open = true;
  const searches = form.method === "get" || form.getAttribute("role") === "search";
  if (!searches) form.dispatchEvent(new Event("input", { bubbles: true }));
  const note = await makeNote();
  $("[data-meanwhile]", note).hidden = !compare($("table", note), form, draft, now);
  const said = $("[role=alert]", note);
  form.before(note);
  if (searches) form.requestSubmit();
  said.focus();
}

// Run after HTMX has started, so that it handles a restored search.
document.addEventListener("DOMContentLoaded", () => {
  const user = whoIsHere();
  const unsaved = $("[data-unsaved]");
  for (const key of drafts.all()) {
    const draft = drafts.get(key);
    if (unsaved && (!user || user === draft.user)) drafts.set(key, { ...draft, lost: true });
    else if (user && (user !== draft.user || !draft.lost)) drafts.drop(key);
    else if (user && [key.slice(PREFIX.length), draft.action].includes(location.pathname)) restore(key, draft);
  }
  if (unsaved && drafts.all().length) for (const words of $$("[data-kept]", unsaved)) words.hidden = false;
});
