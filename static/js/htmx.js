// Configure HTMX, focus the beginning of a page, announce and focus the result of a swap, and show every failure.
import { $, announce, fetchInto, placeOfFocus } from "./dom.js";
import { setUnsaved } from "./forms.js";

// Avoid features that the content security policy forbids, and show every response: it takes the place of its target.
Object.assign(htmx.config, {
  includeIndicatorStyles: false,
  allowEval: false,
  allowScriptTags: false,
  selfRequestsOnly: true,
  historyCacheSize: 0,
  refreshOnHistoryMiss: true,
  historyRestoreAsHxRequest: false,
  timeout: 45000,
  defaultSwapStyle: "outerHTML",
  responseHandling: [
    { code: "204", swap: false },
    { code: "[23]..", swap: true },
    { code: "[45]..", swap: true, error: true },
  ],
});

const withoutFragment = (address) => address.split("#")[0];

// A step back before HTMX has started changes the address but not the page, so reload then.
document.addEventListener("DOMContentLoaded", () => {
  const [loaded] = performance.getEntriesByType("navigation");
  if (!history.state?.htmx || !loaded) return;
  if (withoutFragment(loaded.name) !== withoutFragment(location.href)) location.reload();
});

// Leave empty parameters out of the address of a list.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.verb !== "get") return;
  for (const [key, value] of Array.from(detail.formData)) if (value === "") detail.formData.delete(key);
});

const AGAIN = 5000;

// A part that the page loads on its own: nobody would ask for it again.
const loadsItself = (element) => element.matches("[hx-trigger^=load]");

function cannotReach({ detail }) {
  const { elt, target } = detail.requestConfig;
  const asksAgain = loadsItself(elt);
  if (asksAgain)
    setTimeout(() => {
      if (elt.isConnected) fetchInto(target, detail.pathInfo.requestPath, { source: elt });
    }, AGAIN);
  const notice = $("#notice");
  // A failure that nobody has caused is shown once, and does not take the place of that of a form.
  if (asksAgain && notice.childElementCount) return;
  const words = $(asksAgain ? "#no-answer-yet" : "#no-answer").content;
  notice.replaceChildren(words.cloneNode(true));
  announce(notice.textContent.trim());
  notice.scrollIntoView({ block: "nearest" });
}

document.addEventListener("htmx:sendError", cannotReach);
document.addEventListener("htmx:timeout", cannotReach);

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { requestConfig, serverResponse, xhr } = detail;
  if (requestConfig.elt.matches(".asking") && serverResponse.includes("id=\"main\"")) {
    detail.shouldSwap = false;
    import("./answer.js").then(({ putInPlace }) => putInPlace(requestConfig.elt, serverResponse));
    return;
  }
  if (xhr.status < 400) {
    const notice = $("#notice");
    // A part that loads itself takes back its own failure, not that of a form.
    const isOwn = notice.textContent === $("#no-answer-yet").content.textContent;
    if (isOwn || !loadsItself(requestConfig.elt)) notice.replaceChildren();
    return;
  }
  const isPage = /^\s*<!doctype/i.test(serverResponse);
  // Every error of the dashboard has a notice; that of a proxy has none, and must not take the place of a form.
  const isForeign = (isPage || xhr.status >= 500) && !serverResponse.includes("data-notice");
  if (isForeign || (isPage && xhr.status === 503 && loadsItself(requestConfig.elt))) {
    detail.shouldSwap = false;
    cannotReach({ detail });
  } else if (isPage) {
    // Show the text of a whole error page in the notice, and leave the form as it is.
    detail.target = $("#notice");
    detail.swapOverride = "innerHTML";
    detail.selectOverride = "[data-notice]";
  }
});

// A field to type into at once is focused for a keyboard alone: on a phone that of the screen would cover the page. It is
// where the form has it, so the page stays at its top.
function focusBeginning() {
  const place = placeOfFocus($("main"));
  if (place) place.focus();
  else if (matchMedia("(pointer: fine)").matches) {
    const field = $("main [data-type-at-once]");
    field?.focus({ preventScroll: true });
    field?.select();
  }
}

focusBeginning();

// Focus the first of these in the new content: an error, the element with autofocus, the form in a row.
const focusAfterSwap = (target) =>
  placeOfFocus(target)
  ?? $("[autofocus], .row-form [aria-invalid]", target)
  ?? $(".row-form [name=percent]", target);

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  const target = document.getElementById(detail.target.id) ?? $("#outcome") ?? $("#form");
  if (!target) return;
  setUnsaved($("form[data-dirty]", target));
  const said = $("[data-announce]", target);
  if (said) announce(said.textContent.trim().replace(/\s+/g, " "));
  const search = $("#q");
  if (search && target.dataset.q !== undefined && document.activeElement !== search) search.value = target.dataset.q;
  const next = focusAfterSwap(target);
  if (next) {
    next.focus();
    if (next.closest(".row-form")) next.select?.();
  }
  else if (target.id === "notice") target.scrollIntoView({ block: "nearest" });
});
