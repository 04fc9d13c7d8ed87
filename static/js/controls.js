// Controls that act at once, and the menu of the user.
import { $, $$ } from "./dom.js";

document.addEventListener("change", ({ target }) => {
  // What belongs to a form by its `form` attribute may lie in the part that is swapped: the form asks for it.
  if (target.matches("select[form]")) target.form.requestSubmit();
  if (target.matches("[data-choose-all]"))
    for (const box of $$(`[name="${target.dataset.chooseAll}"]`)) box.checked = target.checked;
});

document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-print]")) print();
});

export const openMenu = () => $("details.menu[open]");

document.addEventListener("click", ({ target }) => {
  const menu = openMenu();
  if (menu && (target.closest?.("[data-help]") || !menu.contains(target))) menu.open = false;
});
