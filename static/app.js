// What makes the pages quicker to use. Every one of them works without it.
//
// The order counts: HTMX is set up before it starts, a form that was sent already is stopped before its draft is
// kept, and a draft is put back behind everything else. All are named here, so that a browser fetches them at once.
import "./js/unsaved.js";
import "./js/waiting.js";
import "./js/htmx.js";
import "./js/colours.js";
import "./js/controls.js";
import "./js/dialogs.js";
import "./js/rows.js";
import "./js/keyboard.js";
import "./js/drafts.js";
import { $, placeOfFocus } from "./js/dom.js";

placeOfFocus($("main"))?.focus();
