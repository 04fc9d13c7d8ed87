// Say the steps of a save while it is under way. Who leaves it, or a job, sees its outcome on whatever page is open then.
import { $, announce, fetchInto, leave, LEFT, LEFT_JOB, storage } from "./dom.js";

const EVERY = 1000;
const LONGEST = 10_000;
// The time after which a save that is not in the history was not recorded.
const UNRECORDED = 45_000;
const words = $(".loading-words");
const { history } = words.dataset;
const usual = words.textContent;

// The status, and the part of the page of a change or a job that takes the place of the element with this id.
async function ask(url, element) {
  try {
    const answer = await fetch(url, { headers: { "HX-Request": "true", "HX-Target": element } });
    return [answer.status, await answer.text()];
  } catch {
    return [0, ""];
  }
}

export function follow(form) {
  const url = `${history}${form.elements.operation.value}/`;
  let timer = 0;
  let step = "";
  function stop() {
    clearInterval(timer);
    timer = 0;
    words.textContent = usual;
    document.removeEventListener("htmx:beforeOnLoad", end);
    document.removeEventListener("htmx:sendError", end);
    removeEventListener("pagehide", hide);
  }
  function end({ detail }) {
    if (detail.requestConfig.elt === form) stop();
  }
  function hide() {
    leave(LEFT, url);
    stop();
  }
  async function look() {
    const [status, text] = await ask(url, "step");
    if (!timer || status !== 200 || text === step) return;
    step = text;
    words.textContent = step;
    announce(step);
  }
  timer = setInterval(look, EVERY);
  document.addEventListener("htmx:beforeOnLoad", end);
  document.addEventListener("htmx:sendError", end);
  addEventListener("pagehide", hide);
}

// The longer it takes, the less often it is requested: a job may take an hour.
export async function report(key, pause = EVERY) {
  const left = storage.get(key);
  if (!left) return;
  const [at, url] = left.split(" ");
  // Another tab may have left something else meanwhile.
  const forget = () => storage.get(key) === left && storage.set(key, "");
  // The page may have come with it already, or with its form again: then nothing was sent.
  const id = url.split("/").at(-2);
  const isTold = () => $(`[data-of="${id}"], [name="operation"][value="${id}"]`);
  if (isTold()) {
    forget();
    return;
  }
  const [status, html] = await ask(url, "messages");
  const isYetToCome = status === 404 && Date.now() - at < UNRECORDED;
  if (!status || status === 204 || status >= 500 || isYetToCome) {
    setTimeout(report, pause, key, Math.min(1.1 * pause, LONGEST));
    return;
  }
  forget();
  if (status !== 200 || isTold()) return;
  const messages = $("#messages");
  messages.insertAdjacentHTML("beforeend", html);
  htmx.process(messages);
  htmx.trigger(messages, "htmx:load", { elt: messages });
  // The list has counts of the middle of the job. It stays where somebody edits a row of it or has chosen some.
  if (key === LEFT_JOB && $("#rows[data-q]") && !$("#rows :is(.editing, input:checked)")) fetchInto("#rows", location.href);
}
