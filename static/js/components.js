// Small state of pages. Attributes hold names only: Alpine's CSP build evaluates no code.
"use strict";

document.addEventListener("alpine:init", () => {
  // A <details> that closes on Escape and on a click elsewhere.
  Alpine.data("menu", () => ({
    close() {
      if (!this.$root.open) return;
      this.$root.open = false;
      if (this.$root.contains(document.activeElement)) {
        this.$root.querySelector("summary").focus();
      }
    },
  }));

  // Copies the text of the element that data-copy names; hidden without script.
  Alpine.data("copyButton", () => ({
    label: "Copy",
    init() {
      this.label = this.$root.dataset.label || "Copy";
      this.$root.hidden = !navigator.clipboard;
    },
    async copy() {
      const source = document.getElementById(this.$root.dataset.copy);
      await navigator.clipboard.writeText(source.textContent);
      this.label = "Copied";
      setTimeout(() => { this.label = this.$root.dataset.label || "Copy"; }, 2000);
    },
  }));

  // Shows and hides the password of the same control group.
  Alpine.data("password", () => ({
    isShown: false,
    init() { this.$refs.toggle.hidden = false; },
    get pressed() { return String(this.isShown); },
    toggle() {
      this.isShown = !this.isShown;
      this.$refs.input.type = this.isShown ? "text" : "password";
    },
  }));

  // A <select> that sends its form; the form's button serves those without script.
  Alpine.data("autoSubmit", () => ({
    send() { this.$root.requestSubmit(); },
  }));
});

// Moments arrive in UTC and are shown in the reader's zone; the title keeps UTC.
const showLocalMoments = (root) => {
  const format = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
  for (const element of root.querySelectorAll("time[data-moment]")) {
    element.textContent = format.format(new Date(element.dateTime));
  }
};

document.addEventListener("DOMContentLoaded", () => {
  showLocalMoments(document);
  const summary = document.querySelector("[data-error-summary]");
  if (summary) summary.focus();
});

document.addEventListener("htmx:afterSettle", (event) => showLocalMoments(event.target));

// A link of the list replaces the list; the focus it had goes to the new heading.
document.addEventListener("htmx:afterSettle", () => {
  const heading = document.getElementById("results-heading");
  if (heading && document.activeElement === document.body) heading.focus();
});

// One press is enough; Back from the cache must find the button alive.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.target.matches("form[data-once]") && button) button.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("form[data-once] [aria-busy]")) {
    button.removeAttribute("aria-busy");
  }
});

// "/" goes to the search box, never out of a field.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const box = document.getElementById("q");
  if (!box) return;
  event.preventDefault();
  box.focus();
});
