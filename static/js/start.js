// Put the focus where the page begins, and ask for the outcome of a save that somebody has left.
import { $, placeOfFocus, storage, tab } from "./dom.js";

placeOfFocus($("main"))?.focus();

if (storage.get("left save")) import("./steps.js").then(({ tell }) => tell());

// The places of Ctrl K, in the dialog and on their page.
htmx.onLoad(() => {
  if ($("#go")) import("./go.js");
});

// The list has nothing to bring back, so its first load does without this. Where something is kept, any page may be the one
// that drops it: somebody else has signed in.
if (tab.keys("typed ").length || $("main :is(form[data-dirty-guard], form[role=search][method=post], .gate)")) import("./back.js");
