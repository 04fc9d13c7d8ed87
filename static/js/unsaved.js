// Warn before the user leaves a form with unsaved input.
import { $ } from "./dom.js";

let unsaved = $("form[data-dirty]");

export const guarded = (element) => element.closest?.("form[data-dirty-guard]");

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
