// A half-filled form warns before it is left.
import { $ } from "./dom.js";

let unsaved = $("form[data-dirty]");

export const guarded = (element) => element.closest?.("form[data-dirty-guard]");

// Without a form the one that is unsaved stays so.
export function setUnsaved(form) {
  unsaved = form ?? unsaved;
}

export function clearUnsaved() {
  unsaved = null;
}

document.addEventListener("input", (event) => setUnsaved(guarded(event.target)));

addEventListener("beforeunload", (event) => {
  if (unsaved?.isConnected) event.preventDefault();
});
