// While something is under way: it is shown, and a second click does nothing.
import { $, $$, page } from "./dom.js";
import { clearUnsaved, guarded, setUnsaved } from "./unsaved.js";

let waiting = 0;

function wait(change) {
  waiting = Math.max(0, waiting + change);
  page.classList.toggle("busy", waiting > 0);
}

// While a change is under way nothing takes its form away, or nobody would be told its outcome.
export const underWay = () => $("#dialog form[data-sent], .row-form[data-sent]");

function holdButtons(form, held) {
  for (const button of $$("button:not([type=button])", form)) {
    // Not `disabled`: that would take the focus, and the button's own value out of the form.
    button.toggleAttribute("data-held", held);
    if (held) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
  }
}

function release(form) {
  form.removeAttribute("data-sent");
  holdButtons(form, false);
  for (const button of $$("[data-sending]", form)) button.removeAttribute("data-sending");
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "dialog" || form.method === "get") return;
  if (form.hasAttribute("data-sent")) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  form.setAttribute("data-sent", "");
  holdButtons(form, true);
  event.submitter?.setAttribute("data-sending", "");
  clearUnsaved();
  if (!form.hasAttribute("hx-post")) wait(1);
}, true);

// A page that comes back from the browser's memory was left with its buttons held.
addEventListener("pageshow", () => {
  waiting = 0;
  wait(0);
  $$("form[data-sent]").forEach(release);
});

document.addEventListener("htmx:beforeRequest", (event) => {
  const { detail } = event;
  if (underWay() && underWay() !== detail.elt) {
    event.preventDefault();
    return;
  }
  detail.target?.setAttribute("aria-busy", "true");
  if (!detail.elt.hasAttribute("data-quiet")) {
    wait(1);
    detail.requestConfig.waits = true;
  }
});

// After a redirect the page is still there for a moment: its buttons stay held until it is gone.
const leaves = (xhr) => xhr.getResponseHeader("HX-Redirect") || xhr.getResponseHeader("HX-Location");

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  detail.target?.removeAttribute("aria-busy");
  if (detail.requestConfig.waits) wait(-1);
  const form = detail.elt.closest?.("form[data-sent]");
  if (!form || leaves(detail.xhr)) return;
  if (!detail.successful) setUnsaved(guarded(form));
  release(form);
});
