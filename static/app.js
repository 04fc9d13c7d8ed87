// What makes the pages quicker to use. Every one of them works without it.
"use strict";

const page = document.documentElement;
const $ = (selector, root = document) => root.querySelector(selector);
const remembered = {
  get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
  set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* Then it is for this page only. */ } },
};

// --- HTMX, before it starts: nothing that the security policy forbids, and every answer is shown ---

Object.assign(htmx.config, {
  includeIndicatorStyles: false,
  allowEval: false,
  allowScriptTags: false,
  selfRequestsOnly: true,
  historyCacheSize: 0,
  refreshOnHistoryMiss: true,
  historyRestoreAsHxRequest: false,
  timeout: 45000,
  defaultSwapStyle: "outerHTML",
  responseHandling: [
    { code: "204", swap: false },
    { code: "[23]..", swap: true },
    { code: "[45]..", swap: true, error: true },
  ],
});

// HTMX hears of a step back once it has started: one that came sooner has changed the address, not the page.
document.addEventListener("DOMContentLoaded", () => {
  const plain = (address) => address.split("#")[0];
  const [loaded] = performance.getEntriesByType("navigation");
  if (history.state?.htmx && loaded && plain(loaded.name) !== plain(location.href)) location.reload();
});

// --- Colours: by the system, or as chosen ---

function showTheme() {
  for (const button of document.querySelectorAll("[data-themes] button"))
    button.setAttribute("aria-pressed", String(button.value === (page.dataset.theme ?? "")));
}

function chooseTheme(theme) {
  if (theme) page.dataset.theme = theme; else delete page.dataset.theme;
  remembered.set("theme", theme);
  showTheme();
}

// --- Waiting: a second click does nothing while the first is under way ---

let waiting = 0;

function wait(change) {
  waiting = Math.max(0, waiting + change);
  page.classList.toggle("busy", waiting > 0);
}

function holdButtons(form, held) {
  for (const button of form.querySelectorAll("button:not([type=button])")) {
    // Not `disabled`: that would take the focus, and the button's own value out of the form.
    button.toggleAttribute("data-held", held);
    if (held) button.setAttribute("aria-disabled", "true"); else button.removeAttribute("aria-disabled");
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "dialog" || form.method === "get") return;
  if (form.hasAttribute("data-sent")) { event.preventDefault(); event.stopImmediatePropagation(); return; }
  form.setAttribute("data-sent", "");
  holdButtons(form, true);
  event.submitter?.setAttribute("data-sending", "");
  dirty = null;
  if (!form.hasAttribute("hx-post")) wait(1);
}, true);

function release(form) {
  form.removeAttribute("data-sent");
  holdButtons(form, false);
  for (const button of form.querySelectorAll("[data-sending]")) button.removeAttribute("data-sending");
}

// A page that comes back from the browser's memory was left with its buttons held.
addEventListener("pageshow", () => {
  waiting = 0;
  wait(0);
  document.querySelectorAll("form[data-sent]").forEach(release);
});

// --- A half-filled form warns before it is left ---

let dirty = null;
const guarded = (element) => element.closest?.("form[data-dirty-guard]");
document.addEventListener("input", (event) => { dirty = guarded(event.target) ?? dirty; });
addEventListener("beforeunload", (event) => { if (dirty?.isConnected) event.preventDefault(); });

// --- HTMX: announce, place the focus, give every failure a home ---

const announce = (text) => {
  $("#live").textContent = "";
  setTimeout(() => { $("#live").textContent = text; }, 50);
};

document.addEventListener("htmx:configRequest", ({ detail }) => {
  // The address of a list leaves out what is empty.
  if (detail.verb === "get") for (const [key, value] of [...detail.formData]) if (value === "") detail.formData.delete(key);
});

// While a change is under way nothing takes its form away, or nobody would be told its outcome.
const underWay = () => $("#dialog form[data-sent], .row-form[data-sent]");

document.addEventListener("htmx:beforeRequest", (event) => {
  const { detail } = event;
  if (underWay() && underWay() !== detail.elt) { event.preventDefault(); return; }
  detail.target?.setAttribute("aria-busy", "true");
  if (!detail.elt.hasAttribute("data-quiet")) { wait(1); detail.requestConfig.waits = true; }
});

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  detail.target?.removeAttribute("aria-busy");
  if (detail.requestConfig.waits) wait(-1);
  // After a redirect the page is still there for a moment: its buttons stay held until it is gone.
  const form = detail.elt.closest?.("form[data-sent]");
  if (form && !detail.xhr.getResponseHeader("HX-Redirect") && !detail.xhr.getResponseHeader("HX-Location")) {
    if (!detail.successful) dirty = guarded(form) ?? dirty;
    release(form);
  }
});

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.xhr.status < 400) { $("#notice").replaceChildren(); return; }
  // A whole page that says what is wrong: its words go into the notice, and the form stays as it is.
  if (/^\s*<!doctype/i.test(detail.serverResponse)) {
    detail.target = $("#notice");
    detail.swapOverride = "innerHTML";
    detail.selectOverride = "[data-notice]";
  }
});

// What went wrong comes before the heading of the page it went wrong on.
const placeOfFocus = (root) => $("[role=alert][data-focus]", root) ?? $("[data-focus]", root);

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  const target = document.getElementById(detail.target.id) ?? $("#outcome") ?? $("#form");
  if (!target) return;
  dirty = $("form[data-dirty]", target) ?? dirty;
  const said = $("[data-announce]", target);
  if (said) announce(said.textContent.trim().replace(/\s+/g, " "));
  const search = $("#q");
  if (search && target.dataset.q !== undefined && document.activeElement !== search) search.value = target.dataset.q;
  const next = placeOfFocus(target) ?? $("[autofocus], .row-form [aria-invalid]", target) ?? $(".row-form input:not([type=hidden])", target);
  if (next) next.focus();
  else if (target.id === "notice") target.scrollIntoView({ block: "nearest" });
});

function cannotReach() {
  $("#notice").replaceChildren($("#no-answer").content.cloneNode(true));
  announce($("#notice").textContent.trim());
  $("#notice").scrollIntoView({ block: "nearest" });
}
document.addEventListener("htmx:sendError", cannotReach);
document.addEventListener("htmx:timeout", cannotReach);

// What belongs to a form by its `form` attribute may lie in the part that is swapped: the form asks for it.
document.addEventListener("change", ({ target }) => {
  if (target.matches("select[form]")) target.form.requestSubmit();
  if (target.id === "keys-on") remembered.set("keys", target.checked ? "on" : "off");
  if (target.matches("[data-choose-all]"))
    for (const box of document.querySelectorAll(`[name="${target.dataset.chooseAll}"]`)) box.checked = target.checked;
});

// --- Dialogs: a part of another page, its form or the help, over the page one is on ---

const dialog = $("#dialog");

const closeDialog = () => { if (!underWay()) dialog.close(); };
dialog.addEventListener("close", () => $("#form, #help", dialog)?.remove());

async function openInDialog(link, part = "form") {
  $("#form, #help", dialog)?.remove();
  dialog.append(Object.assign(document.createElement("div"), { id: part }));
  const opened = ({ detail }) => {
    if (detail.pathInfo.requestPath !== link.getAttribute("href")) return;
    document.removeEventListener("htmx:afterRequest", opened);
    if (detail.successful && $("#form form, #form .actions, #keys-on", dialog)) { dialog.showModal(); placeOfFocus(dialog)?.focus(); }
    else if (part === "form") location.assign(link.href);
  };
  document.addEventListener("htmx:afterRequest", opened);
  await htmx.ajax("GET", link.getAttribute("href"), { source: link, target: `#${part}`, select: `#${part}`, swap: "outerHTML ignoreTitle:true" });
}

// --- A row of the list as a form ---

// By its form: while a row settles HTMX gives it the attributes of the row that was there before.
const rowInputs = ".row-form input:not([type=hidden])";

async function openInRow(link) {
  if ($(".row-form")) return $(rowInputs).focus();
  const row = link.closest("tr");
  row.id = `row-${row.dataset.group}`;
  await htmx.ajax("GET", link.getAttribute("href"), { target: row, swap: "outerHTML" });
}

let left = null;

async function leaveRow() {
  if (underWay()) return;
  const { group } = $(".row-form").closest("tr").dataset;
  dirty = null;
  left = `[data-group="${group}"] .row-edit`;
  await htmx.ajax("GET", location.href, { target: "#rows", swap: "outerHTML" });
}

// Only when the list is settled: until then HTMX places the focus by itself.
document.addEventListener("htmx:afterSettle", () => {
  if (!left || !$(left)) return;
  $(left).focus();
  left = null;
});

// --- Clicks and keys ---

document.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest?.(selector);
  const plainly = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  const theme = at("[data-themes] button");
  const link = at("a[data-dialog]");
  if (theme) chooseTheme(theme.value);
  else if (at("[data-print]")) print();
  else if (at("[data-help]") && plainly) { event.preventDefault(); if (!dialog.open) openInDialog(at("a"), "help"); }
  else if (at("[data-close]") && dialog.open) { event.preventDefault(); closeDialog(); }
  else if (at("a[data-in-row]") && plainly && matchMedia("(min-width: 57rem)").matches) { event.preventDefault(); openInRow(at("a")); }
  else if (at("[data-leave-row]")) leaveRow();
  else if (link && plainly && !$("main #form")) { event.preventDefault(); openInDialog(link); }
  else if (event.target === dialog) closeDialog();
  const menu = $("details.menu[open]");
  if (menu && (at("[data-help]") || !menu.contains(event.target))) menu.open = false;
});

const keysOn = () => remembered.get("keys") !== "off";
const KEYS = {
  "/": () => $("#q"),
  n: () => $("[data-key=n]"),
  e: () => $("[data-key=e]"),
  "?": () => $("[data-help]"),
};

document.addEventListener("keydown", (event) => {
  const menu = $("details.menu[open]");
  if (event.key === "Escape" && underWay()) { event.preventDefault(); return; }
  if (event.key === "Escape" && event.target.closest(".row-form")) leaveRow();
  if (event.key === "Escape" && menu) { menu.open = false; $("summary", menu).focus(); }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !keysOn()) return;
  if (event.target.closest("input, select, textarea, dialog[open], [contenteditable]")) return;
  const element = KEYS[event.key]?.();
  if (!element) return;
  event.preventDefault();
  if (element.id === "q") { element.focus(); element.select(); }
  else element.click();
});

// --- At the start ---

showTheme();
htmx.onLoad((content) => { const box = $("#keys-on", content); if (box) box.checked = keysOn(); });
dirty = $("form[data-dirty]");
placeOfFocus($("main"))?.focus();
