// Controls that act immediately, and the user menu with its choice of colours.
import { $, $$, page, storage } from "./dom.js";

document.addEventListener("change", ({ target }) => {
  // Controls with a `form` attribute may lie in the fragment that is swapped, so the form finds them on its own.
  if (target.matches("select[form]")) target.form.requestSubmit();
  if (target.matches("[data-choose-all]"))
    for (const box of $$(`[name="${target.dataset.chooseAll}"]`)) box.checked = target.checked;
});

document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-print]")) print();
  const copies = target.closest?.("[data-copy]");
  if (copies) {
    // The clipboard needs HTTPS, so copy what is selected.
    getSelection().selectAllChildren($(copies.dataset.copy));
    if (document.execCommand("copy")) copies.textContent = copies.dataset.copied;
  }
  target.closest?.("[data-close-toast]")?.parentElement.remove();
});

// A good message goes on its own, but not while somebody reads it with the pointer or the keyboard, or takes its change
// back. Errors stay, and the history has every undo.
const TOAST_TIME = 15000;

function goLater(toast) {
  setTimeout(() => {
    if (toast.matches(":hover, :focus-within, :has([data-sent])")) goLater(toast);
    else toast.remove();
  }, TOAST_TIME);
}

htmx.onLoad((content) => {
  for (const toast of [content, ...$$(".toast", content)]) if (toast.matches(".toast")) goLater(toast);
});

// Browsers offer what was typed into such fields before, over the page. Without scripts they restore it on Back.
htmx.onLoad((content) => {
  for (const field of $$("form[data-dirty-guard] :is([type=text], [type=email]):not([autocomplete])", content)) field.autocomplete = "off";
});

export const openMenu = () => $("details:is(.menu, .more-menu)[open]");

document.addEventListener("click", ({ target }) => {
  const menu = openMenu();
  if (menu && (target.closest?.("[data-help], [data-go-to]") || !(target.closest?.("dialog") || menu.contains(target)))) menu.open = false;
});

// The colours: the system's, or those chosen in this browser. The server writes the choice into each page, so that
// no script has to run before the first paint. Django's admin reads it from the storage.
const YEAR = 365 * 24 * 3600;

// Any other value is the system's: Django's admin keeps "auto" for it.
const known = (colours) => (["light", "dark"].includes(colours) ? colours : "");

function showChoice() {
  for (const button of $$("[data-themes] button"))
    button.setAttribute("aria-pressed", String(button.value === known(page.dataset.theme)));
}

function choose(colours) {
  page.dataset.theme = colours;
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `theme=${colours}; path=/; max-age=${YEAR}; samesite=lax${secure}`;
  storage.set("theme", colours);
}

document.addEventListener("click", ({ target }) => {
  const choice = target.closest?.("[data-themes] button");
  if (!choice) return;
  choose(choice.value);
  showChoice();
});

// Safari drops a cookie that a script has set after seven days. The storage outlives it.
const chosen = known(storage.get("theme"));
if (chosen && !known(page.dataset.theme)) choose(chosen);
showChoice();
