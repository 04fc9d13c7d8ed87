// Helpers for the document that several modules share.

export const page = document.documentElement;

export const $ = (selector, root = document) => root.querySelector(selector);

export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// True for a click that opens a link in this tab, not in a new tab or window.
export const isPlain = (event) => !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);

// Choices kept in this browser. Without its storage a choice lasts for this page only.
export const storage = {
  get(key) {
    try { return localStorage.getItem(key); } catch { return null; }
  },
  set(key, value) {
    try { localStorage.setItem(key, value); } catch { /* Storage is not available. */ }
  },
};

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
