// Keyboard: Escape closes the open element; shortcuts can be switched off in this browser.
import { openMenu } from "./controls.js";
import { $, storage } from "./dom.js";
import { underWay } from "./forms.js";
import { leaveRow } from "./rows.js";

const SHORTCUTS = {
  "/": "#q",
  n: "[data-key=n]",
  e: "[data-key=e]",
  "?": "[data-help]",
  "[": "[data-key=previous]",
  "]": "[data-key=next]",
  // The row that has the focus, else the one that is pointed at.
  x: ".groups tr:focus-within [name=id], .groups tbody:not(:focus-within) tr:hover [name=id]",
};
// The keys of these by their place: on a Ukrainian layout they type "т", "у", "ч", ".", "х" and "ї".
const PLACES = { KeyN: "n", KeyE: "e", KeyX: "x", KeyK: "k", Slash: "/", BracketLeft: "[", BracketRight: "]" };
// A key typed into a field is no shortcut; a box takes no letters.
const TYPING = "input:not([type=checkbox], [type=radio]), select, textarea, dialog[open], [contenteditable]";

const areOn = () => storage.get("keys") !== "off";

function escape(event) {
  if (underWay()) {
    event.preventDefault();
    return;
  }
  if (event.target.closest(".row-form")) leaveRow();
  const menu = openMenu();
  // A dialog over a menu closes first, and gives the focus back to the entry that has opened it.
  if ($("dialog[open]")) return;
  if (!menu) {
    if (!event.target.closest(TYPING)) $("[data-clear-choice]")?.click();
    return;
  }
  menu.open = false;
  $("summary", menu).focus();
}

// A layout with Latin letters names its keys itself; only for the others the place of a key counts.
function nameOf({ key, code, shiftKey }) {
  if (key in SHORTCUTS || /^[a-z]$/i.test(key)) return key.toLowerCase();
  return code === "Slash" && shiftKey ? "?" : PLACES[code];
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !areOn()) return;
  if (event.target.closest(TYPING)) return;
  const selector = SHORTCUTS[nameOf(event)];
  const element = selector && $(selector);
  if (!element) return;
  event.preventDefault();
  if (element.id === "q") {
    element.focus();
    element.select();
  } else element.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, shiftKey: element.name === "id" && event.shiftKey }));
}

// Ctrl or Command with K works in fields too, and cannot be switched off: it is no key that types.
const goesTo = (event) => (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && nameOf(event) === "k";

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") escape(event);
  else if (goesTo(event) && $("[data-go-to]")) {
    event.preventDefault();
    $("[data-go-to]").click();
  } else press(event);
});

document.addEventListener("change", ({ target }) => {
  if (target.id === "keys-on") storage.set("keys", target.checked ? "on" : "off");
});

htmx.onLoad((content) => {
  const box = $("#keys-on", content);
  if (box) box.checked = areOn();
});
