// Put Poster's answer into the place of the copy that the page has shown meanwhile. An element that is the same stays, so
// that nothing moves that somebody has typed, chosen, opened or focused.
import { $, announce } from "./dom.js";

// These belong to the person in front of them; a row that was saved here is newer than the answer.
const STAYS = "form, tr:is(.editing, .saved), #notice";

// The words of an element next to those of its children.
const wordsOf = ({ childNodes }) =>
  [...childNodes].map((node) => (node.nodeType === Node.TEXT_NODE ? node.data.trim() : "")).filter(Boolean).join();

// The children by the name that they have in both pages: their number or id, or their place among those of their kind.
function childrenOf({ children }) {
  const named = new Map();
  for (const child of children) {
    const { id, nodeName, classList, dataset } = child;
    let name = dataset.change ?? dataset.group ?? (id || `${nodeName} ${classList[0]}`);
    while (named.has(name)) name += "+";
    named.set(name, child);
  }
  return named;
}

function merge(old, now) {
  if (old.matches(STAYS) || old.isEqualNode(now)) return;
  for (const { name, value } of now.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const before = childrenOf(old);
  const after = childrenOf(now);
  if (!before.size || !after.size || wordsOf(old) !== wordsOf(now)) {
    old.replaceChildren(...now.childNodes);
    return;
  }
  for (const [name, child] of before) if (!after.has(name) && !child.matches(STAYS)) child.remove();
  let place = old.firstElementChild;
  for (const [name, child] of after) {
    const known = before.get(name);
    if (known) merge(known, child);
    if (known && known === place) place = place.nextElementSibling;
    else old.insertBefore(known ?? child, place);
  }
}

export function putInPlace(asking, html) {
  if (!asking.isConnected) return;  // another list is shown by now
  const { title, body } = new DOMParser().parseFromString(html, "text/html");
  const main = $("main");
  const answer = $("main", body);
  // Messages are shown once: those that have come with the answer join those that are here.
  $("#messages").append(...$("#messages", answer).children);
  $("#messages", answer).replaceWith($("#messages", main).cloneNode(true));
  // An open dialog has the place for failures.
  if (!$("#notice", main)) $("#notice", answer).remove();
  document.title = title;
  asking.remove();
  merge(main, answer);
  htmx.process(main);
  htmx.trigger(main, "htmx:load", { elt: main });
  announce(asking.dataset.answered);
}
