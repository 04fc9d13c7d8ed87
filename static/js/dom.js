// Helpers for the document that several modules share.

export const page = document.documentElement;

export const $ = (selector, root = document) => root.querySelector(selector);

export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// True for a click that opens a link in this tab, not in a new tab or window.
export const isPlain = (event) => !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);

// A browser may have no storage: then a choice lasts for this page only, and nothing typed is kept.
function attempt(use) {
  try { return use(); } catch { return null; }
}

// The keys under which this browser keeps the address of a save, and of a job, whose outcome nobody has seen yet.
export const LEFT = "left";
export const LEFT_JOB = "left job";

// Choices kept in this browser.
export const storage = {
  get: (key) => attempt(() => localStorage.getItem(key)),
  set: (key, value) => attempt(() => localStorage.setItem(key, value)),
};

// The time is kept too: a save may be left before it is written down.
export const leave = (key, url) => storage.set(key, `${Date.now()} ${url}`);

// Keep typed texts in this tab.
export const tab = {
  keys: (prefix) => attempt(() => Object.keys(sessionStorage).filter((key) => key.startsWith(prefix))) ?? [],
  get: (key) => attempt(() => JSON.parse(sessionStorage.getItem(key))),
  set: (key, value) => attempt(() => sessionStorage.setItem(key, JSON.stringify(value))),
  drop: (key) => attempt(() => sessionStorage.removeItem(key)),
};

// Choose clients again that were chosen in a search, as one field of its form. It stands in the part that the answer replaces,
// which has the choice itself then.
export function chooseAgain(form, clients) {
  const field = Object.assign(document.createElement("input"), { type: "hidden", name: "client", value: clients });
  field.setAttribute("form", form.id);
  $("#rows").append(field);
}

// Fetch an address into the place of an element. A request that another one replaces, or that the page leaves behind,
// rejects its promise without an error; every failure of another kind is an event of HTMX, which says it on the page.
export async function fetchInto(target, address, { verb = "GET", ...context } = {}) {
  try {
    await htmx.ajax(verb, address, { target, ...context });
  } catch (error) {
    if (error) throw error;
  }
}

export function announce(text) {
  const live = $("#live");
  live.textContent = "";
  setTimeout(() => { live.textContent = text; }, 50);
}

// Focus an error before the heading of its page.
export const placeOfFocus = (root) => $("[role=alert][data-focus]", root) ?? $("[data-focus]", root);
