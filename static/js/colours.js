// Switch the colour theme: the system's, or one chosen in this browser. `theme.js` sets it before the first paint.
import { $$, page, storage } from "./dom.js";

function showChoice() {
  for (const button of $$("[data-themes] button"))
    button.setAttribute("aria-pressed", String(button.value === (page.dataset.theme ?? "")));
}

document.addEventListener("click", ({ target }) => {
  const choice = target.closest?.("[data-themes] button");
  if (!choice) return;
  if (choice.value) page.dataset.theme = choice.value;
  else delete page.dataset.theme;
  storage.set("theme", choice.value);
  showChoice();
});

showChoice();
