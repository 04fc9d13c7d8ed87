// Bring back what was typed when somebody goes back to a page: to a form, and to a search of people, whose words stand
// in no address. A form comes back too after a password that was requested when it was sent. It is kept in this tab only,
// for this user, and until the sign-out.
//
// Kept are the fields that differ from those of the opened form, and its version or what each field was opened with, so
// that a change made meanwhile is a conflict. Of a form with rows their number, of a move its clients, too. No password
// and no file.
import { $, $$, chooseAgain, fetchInto, tab } from "./dom.js";
import { clearUnsaved, hadEnded, unsavedForm } from "./forms.js";

const PREFIX = "typed ";
const FORMS = "main form[data-dirty-guard]";
const SEARCH = "main form[role=search][method=post]";
const FIELDS = ":is(input:not([type=hidden], [type=password], [type=file]), select, textarea)[name], [type=hidden]:is([name=version], [name=clients], [name^=initial-], [name$=TOTAL_FORMS])";
const user = $(".top")?.dataset.user;
const key = () => PREFIX + location.pathname + location.search;

const fieldsOf = (form) => [...form.elements].filter((field) => field.matches(FIELDS));
const isBox = ({ type }) => type === "checkbox" || type === "radio";
const nameOf = (field) => (isBox(field) ? `${field.name}=${field.value}` : field.name);
const actionOf = (form) => form.getAttribute("action") ?? "";

// Forms that were saved: what they have is no longer only typed.
const saved = new WeakSet();

// The session has ended under this page.
let lost = false;

// Somebody goes back from a check page to its form, which HTMX loads again.
let stepsBack = false;

function openedValue(field) {
  // All of it is kept: of rows that were reordered (js/criteria.js), and of a form that comes with what was typed and sent.
  if ("reordered" in field.form.dataset || "typed" in field.form.dataset) return null;
  if (isBox(field)) return field.defaultChecked;
  if (field.type === "hidden") return null;
  if (field.options) {
    const first = field.size > 1 ? null : field.options[0];  // none of a list that shows several
    return ([...field.options].find((option) => option.defaultSelected) ?? first)?.value ?? "";
  }
  return JSON.parse(field.form.dataset.draft ?? "{}")[field.name] ?? field.defaultValue;
}

function typedIn(form) {
  const typed = {};
  let isTyped = false;
  for (const field of fieldsOf(form)) {
    const value = isBox(field) ? field.checked : field.value;
    if (value === openedValue(field)) continue;
    typed[nameOf(field)] = value;
    isTyped ||= field.type !== "hidden";
  }
  return isTyped ? typed : null;
}

function keep() {
  const kept = { user, lost, stepsBack, forms: {} };
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

// Nothing of another user stays, and what was sent comes back on the page that comes next, or not at all.
function dropTheRest() {
  for (const name of tab.keys(PREFIX)) {
    const kept = tab.get(name);
    if (kept?.user !== user || (kept.lost && name !== key())) tab.drop(name);
  }
}

function take() {
  const kept = tab.get(key());
  tab.drop(key());
  return kept;
}

function fill(form, typed) {
  form.dispatchEvent(new CustomEvent("bring-back", { detail: typed }));
  for (const field of fieldsOf(form)) {
    const value = typed[nameOf(field)];
    if (value === undefined) continue;
    if (isBox(field)) field.checked = value;
    else field.value = value;
    if (field.options) field.dispatchEvent(new Event("change", { bubbles: true }));  // for what the page shows of the choice
    for (const box of $$("details")) if (box.contains(field)) box.open = true;
  }
  form.dispatchEvent(new Event("input", { bubbles: true }));
}

function searchAgain({ q, clients }) {
  const form = $(SEARCH);
  if (!form) return;
  form.elements.q.value = q;
  if (clients) chooseAgain(form, clients);
  form.requestSubmit();
}

const sayItIsBack = (form) => import("./restore.js").then((restore) => restore.sayItIsBack(form));

// A page whose address has no room for what it is about has an empty form, which is sent to show it again.
async function showAgain(empty) {
  await fetchInto("#form", actionOf(empty), { verb: "POST", source: empty, values: { preview: "1" } });
  const form = $(FORMS);
  if (form && !form.hidden) sayItIsBack(form);
}

addEventListener("pagehide", () => { if (user) keep(); });

// Heard before HTMX hears it: the form comes back with what was typed, so the browser need not ask whether to leave.
addEventListener("popstate", ({ state }) => {
  if (!state?.htmx || !$("main .correction")) return;
  stepsBack = true;
  clearUnsaved();
}, true);

// An answer that leads away has saved the form, unless the session had ended. Then it comes back, so the browser need not
// ask whether to leave it.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { xhr, requestConfig } = event.detail;
  if (hadEnded(xhr)) {
    // The sign-in that the form leads to says that nothing was saved; a part of the page that comes later leads past that.
    if (lost && !requestConfig.elt.matches("form")) event.preventDefault();
    lost = true;
    if (unsavedForm()?.matches(FORMS)) clearUnsaved();
  } else if (requestConfig.elt.matches("form") && (xhr.getResponseHeader("HX-Redirect") || xhr.getResponseHeader("HX-Location"))) {
    // A check page has two forms of what was saved.
    for (const form of $$(FORMS)) if (actionOf(form) === actionOf(requestConfig.elt)) saved.add(form);
  }
});

// Where a password is requested, only the form of the page that comes next is kept, if it was sent and not taken.
function keepForTheNextPage() {
  const field = $("main [name=next]");
  if (!field) return;  // a page between, as that of a passkey which was not accepted
  const next = PREFIX + field.value;
  for (const name of tab.keys(PREFIX)) {
    const kept = tab.get(name);
    if (name === next && (kept.lost || $("[data-unsaved]"))) tab.set(name, { ...kept, lost: true, isSaid: Boolean(user) });
    else tab.drop(name);
  }
  if (Object.keys(tab.get(next)?.forms ?? {}).length) for (const words of $$("[data-kept]")) words.hidden = false;
}

function bringBack() {
  if ($("main .gate")) {
    keepForTheNextPage();
    return;
  }
  dropTheRest();
  const kept = take();
  const isBack = kept?.stepsBack || performance.getEntriesByType("navigation")[0]?.type === "back_forward";
  if (!kept || !(isBack || kept.lost)) return;
  for (const form of $$(FORMS)) {
    const typed = kept.forms[actionOf(form)];
    // After a sign-in a form with a draft comes back by js/drafts.js, with what somebody changed meanwhile.
    if (!typed || (kept.lost && form.dataset.draft)) continue;
    fill(form, typed);
    if (form.hidden) showAgain(form);
    else if (kept.lost && !kept.isSaid) sayItIsBack(form);
  }
  if (kept.search && !kept.lost) searchAgain(kept.search);
}

// A page that answers another form has only the path of its own; the form's address tells what it is about.
const answer = $("main form[data-typed]");
if (answer && new URL(answer.action).pathname === location.pathname) history.replaceState(history.state, "", answer.action);

// Run after HTMX has started, so that it handles the search.
if (document.readyState === "complete") bringBack();
else addEventListener("load", bringBack);
