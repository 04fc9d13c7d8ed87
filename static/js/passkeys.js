// Passkeys: fetch what the server asks for, let the browser ask the device, and send its answer with the form.
import { $, $$ } from "./dom.js";

// Browsers offer passkeys over HTTPS and on localhost alone, and bind them to a name, never to an IP address.
const hasName = !/^[\d.]+$|^\[/.test(location.hostname);
const supported = hasName && window.isSecureContext && window.PublicKeyCredential?.parseRequestOptionsFromJSON;

async function optionsFrom(form) {
  const body = new FormData();
  body.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  const response = await fetch(form.dataset.passkey, { method: "POST", body });
  if (!response.ok) throw new Error(`The options were refused with ${response.status}.`);
  return response.json();
}

async function answerOfDevice(form) {
  const options = await optionsFrom(form);
  const credential = form.hasAttribute("data-passkey-new")
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
  return JSON.stringify(credential.toJSON());
}

async function send(form) {
  const failed = $("[data-passkey-failed]", form);
  failed.hidden = true;
  form.setAttribute("aria-busy", "true");
  try {
    form.elements.credential.value = await answerOfDevice(form);
  } catch {
    // The person has cancelled, the time is over, or the device has no passkey for this address.
    failed.hidden = false;
    failed.focus();
    return;
  } finally {
    form.removeAttribute("aria-busy");
  }
  form.requestSubmit();
}

// On the window, so that the form does not yet count as sent while the device is asked.
addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.hasAttribute("data-passkey") || form.elements.credential.value) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (form.ariaBusy !== "true") send(form);
}, true);

// A page restored from the browser's cache still has the answer, which counts once.
addEventListener("pageshow", () => {
  for (const form of $$("form[data-passkey]")) form.elements.credential.value = "";
});

if (supported) {
  for (const form of $$("form[data-passkey]")) form.hidden = false;
  for (const words of $$("[data-no-passkey]")) words.hidden = true;
}
