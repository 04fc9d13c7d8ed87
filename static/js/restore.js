// Restore drafts when a page is loaded. Hardly any page has one, so the others do without this. Their prefix is given to
// it: two modules that need each other have no names by their contents.
import { $, $$, chooseAgain, tab } from "./dom.js";
import { openInRow } from "./rows.js";

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

// Say above a form that what was typed into it is here again; `compared` may fill the table of what was changed meanwhile.
export async function sayItIsBack(form, compared = () => false) {
  const note = await makeNote();
  $("[data-meanwhile]", note).hidden = !compared($("table", note));
  const said = $("[role=alert]", note);
  form.before(note);
  said.focus();
}

async function restore(key, draft) {
  const row = $(`.groups .row-edit[href="${CSS.escape(draft.action)}"]`);
  if (!formFor(draft) && row) await openInRow(row);
  const form = formFor(draft);
  if (!form) return;
  tab.drop(key);
  const now = JSON.parse(form.dataset.draft);
  for (const [name, value] of Object.entries(draft.typed))
    if (form.elements[name]) {
      form.elements[name].value = value;
      form.elements[name].closest?.("details")?.setAttribute("open", "");
    }
  for (const box of $$("details")) if (box.contains(form)) box.open = true;
  const searches = form.method === "get" || form.getAttribute("role") === "search";
  if (!searches) form.dispatchEvent(new Event("input", { bubbles: true }));
  await sayItIsBack(form, (table) => compare(table, form, draft, now));
  if (draft.clients) chooseAgain(form, draft.clients);
  if (searches) form.requestSubmit();
}

export function restoreDrafts(prefix, user) {
  const unsaved = $("[data-unsaved]");
  for (const key of tab.keys(prefix)) {
    const draft = tab.get(key);
    if (unsaved && (!user || user === draft.user)) tab.set(key, { ...draft, lost: true });
    else if (user && (user !== draft.user || !draft.lost)) tab.drop(key);
    else if (user && [key.slice(prefix.length), draft.action].includes(location.pathname)) restore(key, draft);
  }
  if (unsaved) for (const words of $$("[data-kept]", unsaved)) words.hidden = false;
}
