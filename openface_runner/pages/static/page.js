// Keeps a jobs page up to date: asks for the same page again, and takes over what changed. Without it the page works, too.
"use strict";
(() => {
  const FAILED_WAIT = 10;
  const shown = new Map();
  const main = document.querySelector("main");
  const updated = document.getElementById("updated");
  let timer = 0;

  // In the reader's own time; the source stays UTC.
  function localTimes(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      time.title = time.textContent;
      time.textContent = new Date(time.dateTime).toLocaleString();
    }
  }

  class Elsewhere extends Error {}

  async function page(address) {
    const answer = await fetch(address, { credentials: "same-origin", cache: "no-store", redirect: "manual" });
    // Signed out, or gone: asked for as a whole, it says so itself.
    if (answer.type === "opaqueredirect" || answer.status === 403 || answer.status === 404) throw new Elsewhere();
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  }

  // What the keyboard is on has another twin in the new content.
  function keepingFocus(place, change) {
    const active = document.activeElement;
    const at = place.contains(active) && active.getAttribute("href");
    change();
    if (at) place.querySelector(`[href="${CSS.escape(at)}"]`)?.focus({ preventScroll: true });
  }

  const toSay = () => document.querySelector("[data-say]")?.textContent.trim() ?? "";

  function take(parsed) {
    const before = toSay();
    for (const place of document.querySelectorAll("[data-live]")) {
      const next = parsed.getElementById(place.id);
      if (!next || next.innerHTML === shown.get(place.id)) continue;
      shown.set(place.id, next.innerHTML);
      const open = place.querySelector("details[open]");
      keepingFocus(place, () => place.replaceChildren(...next.childNodes));
      place.className = next.className;
      if (open) place.querySelectorAll("details").forEach((details) => (details.open = true));
      localTimes(place);
    }
    if (toSay() !== before) document.getElementById("say").textContent = toSay();
    document.title = parsed.title;
    const refresh = parsed.querySelector("main").dataset.refresh;
    if (refresh) main.dataset.refresh = refresh;
    else delete main.dataset.refresh;
    loadPlots();
  }

  async function look() {
    try {
      const parsed = await page(location.href);
      if ("reload" in main.dataset) return location.reload();
      take(parsed);
      updated.textContent = `Up to date at ${new Date().toLocaleTimeString()}.`;
      plan(Number(main.dataset.refresh));
    } catch (error) {
      if (error instanceof Elsewhere) return location.reload();
      updated.textContent = "The page can't be reached; it is tried again.";
      plan(FAILED_WAIT);
    }
  }

  function plan(seconds) {
    clearTimeout(timer);
    if (seconds && !document.hidden) timer = setTimeout(look, seconds * 1000);
  }

  async function loadPlots() {
    const place = document.querySelector("#plots[data-from]");
    if (!place) return;
    const from = place.dataset.from;
    delete place.dataset.from;
    place.setAttribute("aria-busy", "true");
    place.firstElementChild.textContent = "Drawing the plots …";
    try {
      const drawn = (await page(from)).getElementById("plots");
      place.replaceChildren(...drawn.childNodes);
      window.drawPlots?.();
    } catch {
      const link = document.createElement("a");
      link.href = from;
      link.textContent = "The plots didn't come; try again";
      place.firstElementChild.replaceChildren(link);
    }
    place.removeAttribute("aria-busy");
  }

  for (const place of document.querySelectorAll("[data-live]")) shown.set(place.id, place.innerHTML);
  localTimes(document);
  loadPlots();
  plan(Number(main.dataset.refresh));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else if (main.dataset.refresh) look();
  });
})();
