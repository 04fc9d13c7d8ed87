// Go to a place by its name: arrows walk through the places found, Enter goes to the first.
import { $, $$ } from "./dom.js";

const PLACES = "#found :is(a, button)";
const normalized = (text) => text.trim().replace(/\s+/g, " ");

// Enter was pressed before the places of the last letters were there.
let goesOn = false;

function goToFirst() {
  $(PLACES)?.click();
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-go]")) return;
  event.preventDefault();
  if ($("#found").dataset.text === normalized($("#go-q").value)) {
    goToFirst();
    return;
  }
  goesOn = true;
  // What was typed before HTMX heard the field has asked for nothing yet.
  const form = event.target;
  const query = new URLSearchParams(new FormData(form));
  const url = `${form.getAttribute("action")}?${query}`;
  htmx.ajax("GET", url, { source: form, target: "#found", swap: "outerHTML" });
});

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
