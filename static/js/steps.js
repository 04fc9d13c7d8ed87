// Say the steps of a save while it is under way. Who leaves it is told its outcome on whatever page is open then.
import { $, announce, storage } from "./dom.js";

const LEFT = "left save";
const EVERY = 1000;
const words = $(".loading-words");
const { history } = words.dataset;
const usual = words.textContent;

// The status, and the part of the page of a change that takes the place of the element with this id.
async function ask(operation, element) {
  try {
    const answer = await fetch(`${history}${operation}/`, { headers: { "HX-Request": "true", "HX-Target": element } });
    return [answer.status, await answer.text()];
  } catch {
    return [0, ""];
  }
}

export function follow(form) {
  const operation = form.elements.operation.value;
  let timer = 0;
  let step = "";
  const leave = () => storage.set(LEFT, operation);
  function end({ detail }) {
    if (detail.requestConfig.elt !== form) return;
    clearInterval(timer);
    timer = 0;
    words.textContent = usual;
    document.removeEventListener("htmx:beforeOnLoad", end);
    document.removeEventListener("htmx:sendError", end);
    removeEventListener("pagehide", leave);
  }
  async function look() {
    const [status, text] = await ask(operation, "step");
    if (!timer || status !== 200 || text === step) return;
    step = text;
    words.textContent = step;
    announce(step);
  }
  timer = setInterval(look, EVERY);
  document.addEventListener("htmx:beforeOnLoad", end);
  document.addEventListener("htmx:sendError", end);
  addEventListener("pagehide", leave);
}

export async function tell() {
  const operation = storage.get(LEFT);
  if (!operation) return;
  const [status, html] = await ask(operation, "messages");
  if (!status || status === 204 || status >= 500) {
    setTimeout(tell, EVERY);
    return;
  }
  storage.set(LEFT, "");
  // The page may have come with the message already.
  if (status !== 200 || $(`#messages [data-of="${operation}"]`)) return;
  const messages = $("#messages");
  messages.insertAdjacentHTML("beforeend", html);
  htmx.process(messages);
  htmx.trigger(messages, "htmx:load", { elt: messages });
}
