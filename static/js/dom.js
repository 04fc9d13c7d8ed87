// What several of the modules need of a page.

export const page = document.documentElement;

export const $ = (selector, root = document) => root.querySelector(selector);

export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// A click that opens a link here, and not in a new tab or window.
export const isPlain = (event) => !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);

// What is kept in this browser. Without its storage a choice is for this page only.
export const storage = {
  get(key) {
    try { return localStorage.getItem(key); } catch { return null; }
  },
  set(key, value) {
    try { localStorage.setItem(key, value); } catch { /* Nothing is kept. */ }
  },
};

export function announce(text) {
  const live = $("#live");
  live.textContent = "";
  setTimeout(() => { live.textContent = text; }, 50);
}

// What went wrong comes before the heading of the page it went wrong on.
export const placeOfFocus = (root) => $("[role=alert][data-focus]", root) ?? $("[data-focus]", root);
