// What the console does beyond plain pages: local times, a refresh, and a hand with selections.
// Every action works without it.
"use strict";

(() => {
  const REFRESH_MILLISECONDS = 30_000;

  const forms = {
    long: new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" }),
    time: new Intl.DateTimeFormat(undefined, { timeStyle: "medium" }),
    brief: new Intl.DateTimeFormat(undefined, {
      month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit",
    }),
    short: new Intl.DateTimeFormat(undefined, { timeStyle: "short" }),
    day: new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" }),
  };

  // Times in the reader's zone; the title keeps UTC.
  function localise(root) {
    for (const shown of root.querySelectorAll("[data-form]")) {
      const moment = new Date(shown.dateTime ?? shown.dataset.moment);
      shown.textContent = forms[shown.dataset.form].format(moment);
      shown.removeAttribute("data-form");
    }
  }

  // A region that refreshes itself asks for nothing while nobody looks, or while the keyboard is
  // in it: its links would vanish under the reader's finger. A click is no keyboard.
  let refreshedAt = Date.now();

  function refresh() {
    const region = document.querySelector("[data-refresh]");
    const isInUse = region?.querySelector(":focus-visible");
    if (!region || document.hidden || isInUse) return;
    if (Date.now() - refreshedAt < REFRESH_MILLISECONDS) return;
    refreshedAt = Date.now();
    htmx.trigger(region, "console:refresh");
  }

  setInterval(refresh, 1_000);
  document.addEventListener("visibilitychange", refresh);

  // Screen readers hear of a refresh only when it changed the verdict.
  function announce() {
    const verdict = document.querySelector("[data-announce]")?.textContent.trim() ?? "";
    const announcer = document.getElementById("announcer");
    if (announcer.dataset.last !== undefined && announcer.dataset.last !== verdict) {
      announcer.textContent = verdict;
    }
    announcer.dataset.last = verdict;
  }

  function say(text) {
    document.getElementById("announcer").textContent = text;
  }

  // "All on this page", and how many are selected.
  function countSelected() {
    const boxes = [...document.querySelectorAll("input[data-select]")];
    const selected = boxes.filter((box) => box.checked).length;
    const all = document.querySelector("input[data-select-all]");
    if (all) {
      all.checked = boxes.length > 0 && selected === boxes.length;
      all.indeterminate = selected > 0 && selected < boxes.length;
    }
    for (const count of document.querySelectorAll("[data-selected-count]")) {
      count.textContent = String(selected);
    }
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("input[data-select-all]")) {
      for (const box of document.querySelectorAll("input[data-select]")) {
        box.checked = event.target.checked;
      }
    }
    if (event.target.matches("input[data-select], input[data-select-all]")) countSelected();
  });

  // Nobody orders the same twice by a double click.
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  // Empty fields stay out of addresses, which people share.
  document.addEventListener("formdata", (event) => {
    if (event.target.method !== "get") return;
    for (const [name, value] of [...event.formData]) {
      if (value === "") event.formData.delete(name);
    }
  });

  // What somebody has opened stays open.
  let opened = [];
  document.addEventListener("htmx:beforeSwap", () => {
    opened = [...document.querySelectorAll("details[id][open]")].map((one) => one.id);
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    localise(document);
    countSelected();
    announce();
    const said = event.detail.target.querySelector?.("[data-say]")?.dataset.say;
    if (said) say(said);
  });

  // Nobody may take an old page for the truth.
  for (const [event, isSilent] of [
    ["htmx:responseError", true],
    ["htmx:sendError", true],
    ["htmx:afterSwap", false],
  ]) {
    document.addEventListener(event, () => {
      document.getElementById("silence").hidden = !isSilent;
    });
  }

  localise(document);
  countSelected();
  announce();
})();
