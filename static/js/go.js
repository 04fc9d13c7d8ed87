// Go to a place by its name: arrows walk through the places found, Enter goes to the first.
import { $, $$, fetchInto } from "./dom.js";

const PLACES = "#found :is(a, button)";
const normalized = (text) => text.trim().replace(/\s+/g, " ");

// Enter was pressed before the places of the last letters were there.
let goesOn = false;

export const askForPlaces = (form) => fetchInto("#found", form.getAttribute("action"), { verb: "POST", source: form });

function goToFirst() {
  $(PLACES)?.click();
}

// Enter came before the places: go to the first one once they are here.
export function goOn(form) {
  goesOn = true;
  // Before the page of the search has come, only its field is there.
  if ($("#found")) askForPlaces(form);
}

// This runs before any other module hears of the form: it is sent again and again, and never left behind as sent.
addEventListener("submit", (event) => {
  if (!event.target.matches("[data-go]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if ($("#found")?.dataset.text === normalized($("#go-q").value)) {
    goToFirst();
  } else goOn(event.target);
}, true);

document.addEventListener("input", ({ target }) => {
  if (target.id === "go-q") goesOn = false;
});

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (goesOn && detail.target.id === "found") goToFirst();
});

document.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !event.target.closest?.("#go")) return;
  event.preventDefault();
  const places = [$("#go-q"), ...$$(PLACES)];
  places[(places.indexOf(event.target) + step + places.length) % places.length].focus();
});
