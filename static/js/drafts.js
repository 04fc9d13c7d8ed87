// What was typed comes back where a session had ended. It waits in this tab alone, until it is put back or
// somebody else signs in.
//
// A form says in `data-draft` what its fields showed when it was opened: only these are kept, so no password,
// no token, and neither the form's version nor its operation.
import { $, $$ } from "./dom.js";
import { openInRow } from "./rows.js";
import { setUnsaved } from "./unsaved.js";

const PREFIX = "draft ";
const whoIsHere = () => $("[data-user]")?.dataset.user;

// A draft is "sent" until it is known what became of it, and "lost" where the session had ended.
const drafts = {
  all() {
    try { return Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX)); } catch { return []; }
  },
  get(key) {
    try { return JSON.parse(sessionStorage.getItem(key)); } catch { return null; }
  },
  set(key, draft) {
    try { sessionStorage.setItem(key, JSON.stringify(draft)); } catch { /* Then it cannot wait. */ }
  },
  drop(key) {
    try { sessionStorage.removeItem(key); } catch { /* Nothing was kept. */ }
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

// --- When a form is sent, and when the answer is that nobody is signed in any more ---

document.addEventListener("submit", ({ target }) => {
  if (target.dataset.draft && target.method === "post") keepDraft(target, false);
}, true);

// By the request, not the event: once a form is swapped, HTMX tells of an element around it.
const formOf = ({ elt }) => (elt.form ?? elt.closest("form"))?.closest("[data-draft]");
const hadEnded = (xhr) => xhr.status === 401 || xhr.getResponseHeader("HX-Refresh") === "true";

document.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
  const form = formOf(detail.requestConfig);
  if (form && hadEnded(detail.xhr)) keepDraft(form, true);
});

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (formOf(detail.requestConfig) && !hadEnded(detail.xhr)) drafts.drop(keyHere());
});

// --- When a page is there ---

// By the number, in whichever language it is written.
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

async function restore(key, draft) {
  const row = $(`a[data-in-row][href="${CSS.escape(draft.action)}"]`);
  if (!formFor(draft) && row) await openInRow(row);
  const form = formFor(draft);
  if (!form) return;
  drafts.drop(key);
  const now = JSON.parse(form.dataset.draft);
  for (const [name, value] of Object.entries(draft.typed))
    if (form.elements[name]) form.elements[name].value = value;
  const note = $("#draft").content.cloneNode(true);
  $("[data-meanwhile]", note).hidden = !compare($("table", note), form, draft, now);
  const said = $("[role=alert]", note);
  form.before(note);
  for (const box of $$("details")) if (box.contains(form)) box.open = true;
  if (form.method === "get" || form.getAttribute("role") === "search") form.requestSubmit();
  else setUnsaved(form);
  said.focus();
}

// Behind HTMX, so that a search that is sent goes to it.
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
