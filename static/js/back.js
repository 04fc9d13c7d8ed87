// Bring back what was typed when somebody goes back to a page: to a form, and to a search of people, whose words stand
// in no address. It is kept in this tab only, for this user, and until the sign-out.
//
// Kept are the fields that differ from those of the opened form, and its version, so that a change made meanwhile is a
// conflict. No password, no file, and no form with `autocomplete="off"`.
import { $, $$, tab } from "./dom.js";

const PREFIX = "typed ";
const FORMS = "main form[data-dirty-guard]:not([autocomplete=off])";
const SEARCH = "main form[role=search][method=post]";
const FIELDS = ":is(input:not([type=hidden], [type=password], [type=file]), select, textarea)[name], [type=hidden][name=version]";
const user = $(".top")?.dataset.user;
const key = () => PREFIX + location.pathname + location.search;

const fieldsOf = (form) => [...form.elements].filter((field) => field.matches(FIELDS));
const isBox = ({ type }) => type === "checkbox" || type === "radio";
const nameOf = (field) => (isBox(field) ? `${field.name}=${field.value}` : field.name);
const actionOf = (form) => form.getAttribute("action") ?? "";

// Forms that were saved: what they have is no longer only typed.
const saved = new WeakSet();

function openedValue(field) {
  if (isBox(field)) return field.defaultChecked;
  if (field.type === "hidden") return null;
  if (field.options) return ([...field.options].find((option) => option.defaultSelected) ?? field.options[0])?.value;
  return JSON.parse(field.form.dataset.draft ?? "{}")[field.name] ?? field.defaultValue;
}

function typedIn(form) {
  const typed = {};
  for (const field of fieldsOf(form)) {
    const value = isBox(field) ? field.checked : field.value;
    if (value !== openedValue(field)) typed[nameOf(field)] = value;
  }
  return Object.keys(typed).some((name) => name !== "version") ? typed : null;
}

function keep() {
  const kept = { user, forms: {} };
  for (const form of $$(FORMS)) {
    const typed = saved.has(form) ? null : typedIn(form);
    if (typed) kept.forms[actionOf(form)] = typed;
  }
  const search = $(SEARCH);
  const clients = search ? new FormData(search).getAll("client").join() : "";
  if (search && (search.elements.q.value || clients)) kept.search = { q: search.elements.q.value, clients };
  if (kept.search || Object.keys(kept.forms).length) tab.set(key(), kept);
  else tab.drop(key());
}

function take() {
  const kept = tab.get(key());
  tab.drop(key());
  return kept?.user === user ? kept : null;
}

function fill(form, typed) {
  for (const field of fieldsOf(form)) {
    const value = typed[nameOf(field)];
    if (value === undefined) continue;
    if (isBox(field)) field.checked = value;
    else field.value = value;
    for (const box of $$("details")) if (box.contains(field)) box.open = true;
  }
  form.dispatchEvent(new Event("input", { bubbles: true }));
}

function searchAgain({ q, clients }) {
  const form = $(SEARCH);
  if (!form) return;
  form.elements.q.value = q;
  // In the part that the answer replaces: it has the choice itself then.
  if (clients) {
    const chosen = { type: "hidden", name: "client", value: clients };
    const field = Object.assign(document.createElement("input"), chosen);
    field.setAttribute("form", form.id);
    $("#rows").append(field);
  }
  form.requestSubmit();
}

addEventListener("pagehide", () => { if (user) keep(); });

// An answer that leads away has saved the form.
document.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
  const { xhr, requestConfig } = detail;
  if (requestConfig.elt.matches("form") && (xhr.getResponseHeader("HX-Redirect") || xhr.getResponseHeader("HX-Location")))
    saved.add(requestConfig.elt);
});

function bringBack() {
  if ($("main .gate")) tab.keys(PREFIX).forEach(tab.drop);  // nobody is signed in any more
  const isBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward";
  const kept = take();
  if (!isBack || !kept) return;
  for (const form of $$(FORMS)) if (kept.forms[actionOf(form)]) fill(form, kept.forms[actionOf(form)]);
  if (kept.search) searchAgain(kept.search);
}

// Run after HTMX has started, so that it handles the search.
if (document.readyState === "complete") bringBack();
else addEventListener("load", bringBack);
