// Scripts that make the pages quicker to use. Every page works without them.
//
// The order matters: HTMX is configured before it starts, a form that is sent twice is stopped before its draft is
// kept, and drafts are restored last. All modules are named here, so that a browser fetches them at once; those of
// few pages stand in the block `scripts` of these pages, and run after these.
import "./js/unsaved.js";
import "./js/waiting.js";
import "./js/htmx.js";
import "./js/controls.js";
import "./js/dialogs.js";
import "./js/rows.js";
import "./js/keyboard.js";
import "./js/drafts.js";
import { $, placeOfFocus, storage } from "./js/dom.js";

placeOfFocus($("main"))?.focus();

// A save that somebody has left.
if (storage.get("left save")) import("./js/steps.js").then(({ tell }) => tell());

// The places of Ctrl K, in the dialog and on their page.
htmx.onLoad(() => {
  if ($("#go")) import("./js/go.js");
});

// The list has nothing to bring back, so its first load does without this.
if ($("main :is(form[data-dirty-guard], form[role=search][method=post], .gate)")) import("./js/back.js");
