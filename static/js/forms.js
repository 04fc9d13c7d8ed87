// Forms: warn before one with unsaved input is left, show that it is under way, and ignore a second click.
import { $, $$, announce, isPlain, leave, LEFT, LEFT_JOB, page, storage } from "./dom.js";

// --- Unsaved input ---

let unsaved = $("form[data-dirty]");

const guarded = (element) => element.closest?.("form[data-dirty-guard]");

// Without a form, keep the current one.
export function setUnsaved(form) {
  unsaved = form ?? unsaved;
}

export const unsavedForm = () => (unsaved?.isConnected ? unsaved : null);

export function clearUnsaved() {
  unsaved = null;
}

document.addEventListener("input", (event) => setUnsaved(guarded(event.target)));

addEventListener("beforeunload", (event) => {
  if (unsavedForm()) event.preventDefault();
});

// Say what a limit will do to the percent before it is sent: the words stand below the field, for those without scripts too.
document.addEventListener("input", ({ target }) => {
  const note = target.name === "percent" && $("[data-above]", target.form);
  if (!note) return;
  const isBeyond = parseFloat(target.value.replace(",", ".").replaceAll(/\s/g, "")) > Number(note.dataset.above);
  if (isBeyond && !note.matches(".beyond")) {
    announce(note.textContent.trim());
    $("details:has([name=note])", target.form)?.setAttribute("open", "");
  }
  note.classList.toggle("beyond", isBeyond);
});

// --- A request under way ---

let waiting = 0;

function wait(change) {
  waiting = Math.max(0, waiting + change);
  page.classList.toggle("busy", waiting > 0);
}

// Keep the form while its change is under way: otherwise its outcome could not be shown.
export const underWay = () => $("#dialog form[data-sent], .row-form[data-sent]");

// Not `disabled`: that would remove the focus, and the button's value from the form.
function holdButtons(form, held) {
  for (const button of $$("button:not([type=button])", form)) button.ariaDisabled = held ? "true" : null;
}

function release(form) {
  form.removeAttribute("data-sent");
  holdButtons(form, false);
  for (const button of $$("[data-sending]", form)) button.removeAttribute("data-sending");
}

// Give each undo of a change an operation, by which it is followed as a save is; a browser without HTTPS makes none.
export function nameUndo(form) {
  if (!/\/history\/[^/]+\/undo\/$/.test(form.action) || !crypto.randomUUID) return false;
  const field = form.elements.operation ?? document.createElement("input");
  form.append(Object.assign(field, { type: "hidden", name: "operation", value: crypto.randomUUID() }));
  return true;
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "dialog" || form.method === "get" || form.hasAttribute("data-download")) return;
  if (form.hasAttribute("data-sent")) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  form.setAttribute("data-sent", "");
  holdButtons(form, true);
  event.submitter?.setAttribute("data-sending", "");
  // Another form of the page keeps what is typed in this one.
  if (!form.hasAttribute("hx-post") || unsavedForm() === form) clearUnsaved();
  const isPage = !form.hasAttribute("hx-post");
  if (isPage) wait(1);
  if (isPage ? nameUndo(form) : form.elements.operation) import("./steps.js").then(({ follow }) => follow(form));
}, true);

// This page stays until the one behind a link is here. The window hears a click last, so it knows which ones are taken; with
// something unsaved the browser asks whether to go at all. A link to a file has `data-download`: it leaves the page as it is,
// unless a page comes instead, as the sign-in or an error. `download` would save that one as the file.
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || !isPlain(event)) return;
  // A file is no reason to leave what is typed: a page that comes instead has a tab of its own then.
  if (link.hasAttribute("data-download")) link.target = unsavedForm() ? "_blank" : "";
  else if (link.origin === location.origin && !link.hash && !link.target && !unsavedForm()) wait(1);
});

// A page restored from the browser's cache still has its buttons held.
addEventListener("pageshow", () => {
  waiting = 0;
  wait(0);
  $$("form[data-sent]").forEach(release);
});

document.addEventListener("htmx:beforeRequest", (event) => {
  const { detail } = event;
  const isQuiet = detail.elt.hasAttribute("data-quiet");
  const sent = underWay();
  // A part that loads on its own replaces no form. The row of a saved form may be fetched: it takes the place of the form.
  if (sent && !isQuiet && sent !== detail.elt && sent.closest("tr") !== detail.target) {
    event.preventDefault();
    return;
  }
  detail.target?.setAttribute("aria-busy", "true");
  if (!isQuiet) {
    wait(1);
    detail.requestConfig.waits = true;
  }
});

// The session had ended.
export const hadEnded = (xhr) => xhr.status === 401 || xhr.getResponseHeader("HX-Refresh") === "true";

// During a redirect the page stays visible for a moment: hold its buttons until it is gone.
const leaves = (xhr) => xhr.getResponseHeader("HX-Redirect") || xhr.getResponseHeader("HX-Location");

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  // An error is shown in the notice, which is the target of the event then.
  const { target, waits } = detail.requestConfig;
  target?.removeAttribute("aria-busy");
  if (waits) wait(-1);
  if (!detail.successful) $$(".row-form[data-sent]", target ?? page).forEach(release);
  const form = detail.elt.closest?.("form[data-sent]");
  if (!form || leaves(detail.xhr)) return;
  if (!detail.successful) setUnsaved(guarded(form));
  release(form);
});

// Show the outcome of a save, or of a job, that somebody has left. The page of a job shows it itself.
const jobUnderWay = () => $("[data-left]")?.dataset.left;

addEventListener("pagehide", () => {
  if (jobUnderWay()) leave(LEFT_JOB, jobUnderWay());
});

if (storage.get(LEFT_JOB)?.endsWith(` ${jobUnderWay()}`)) storage.set(LEFT_JOB, "");
for (const key of [LEFT, LEFT_JOB])
  if (storage.get(key)) import("./steps.js").then(({ report }) => report(key));
