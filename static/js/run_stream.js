/* Follows one run: the numbered events of its stream, by WebSocket or SSE, until it is over.

   The text of the page and `data-after` are what the server knew when it drew the page. From
   there on every number is applied once and in order, so the pane's text is always a prefix of
   the stored output. Text is appended to one text node and is never read as HTML. */

const HIDDEN_MS = 5 * 60 * 1000;
const SILENT_MS = 45 * 1000; // then the connection may be half-open: ask again
const LONGEST_WAIT_S = 30;
const NEAR_END_PX = 32;
const MARKS = { live: "Live", catching: "Catching up", offline: "Offline" };
const STATUS_BY_CLOSE_CODE = { 4401: 401, 4404: 404 };

class RunStream {
  constructor(root) {
    this.root = root;
    this.last = Number(root.dataset.after);
    this.bySocket = true;
    this.failures = 0;
    this.leave = null; // ends the connection there is
    this.runningSince = Date.parse(root.dataset.startedAt) || 0;
    this.pane = root.querySelector("[data-stream-text]");
    this.text = new Text(this.pane.textContent); // a parser may have made several nodes
    this.pane.replaceChildren(this.text);
    this.isAtEnd = true;
    this.pane.addEventListener("scroll", () => this.onScroll(), { passive: true });
    document.addEventListener("visibilitychange", () => this.onVisibility());
    addEventListener("offline", () => this.leave?.());
    addEventListener("online", () => this.connect());
    this.clock = setInterval(() => this.tick(), 1000);
    this.follow();
    this.connect();
    this.tick();
  }

  // --- connection ---
  connect() {
    clearTimeout(this.timer);
    if (this.isOver || this.isAsleep || this.leave) return;
    this.mark(this.failures > 1 ? "offline" : "catching");
    this.heardAt = Date.now();
    if (this.bySocket) this.openSocket(); else this.openEvents();
  }

  /* Calls `onClosed` once, whoever ends the connection, and without waiting for the other side. */
  leaving(end) {
    return (this.leave = (status) => {
      if (!end) return;
      const once = end;
      end = null;
      once();
      this.onClosed(status);
    });
  }

  openSocket() {
    const address = new URL(`${this.root.dataset.socket}?after=${this.last}`, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    const leave = this.leaving(() => {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    });
    this.bySocket = false; // unless this one opens, the next try is by SSE
    socket.onopen = () => { this.bySocket = true; this.mark("live"); };
    socket.onmessage = (message) => this.receive(JSON.parse(message.data));
    socket.onclose = (event) => leave(STATUS_BY_CLOSE_CODE[event.code]);
  }

  async openEvents() {
    const abort = new AbortController();
    const leave = this.leaving(() => abort.abort());
    this.bySocket = true;
    let status;
    try {
      const response = await fetch(`${this.root.dataset.events}?after=${this.last}`, {
        headers: { Accept: "text/event-stream" }, signal: abort.signal,
      });
      status = response.status;
      if (response.ok) await this.readEvents(response.body, abort.signal);
    } catch { /* a broken connection ends like any other */ }
    leave(status);
  }

  async readEvents(body, signal) {
    this.mark("live");
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const data = block.split("\n").find((line) => line.startsWith("data:"));
        if (data && !signal.aborted) this.receive(JSON.parse(data.slice(5)));
      }
    }
  }

  onClosed(status) {
    this.leave = null;
    if (this.isOver || this.isAsleep) return;
    if (status === 401) {
      location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
    } else if (status === 404) {
      this.finish();
      this.mark("offline");
    } else {
      const wait = Math.min(2 ** this.failures, LONGEST_WAIT_S);
      this.failures += 1;
      this.mark(navigator.onLine && this.failures < 2 ? "catching" : "offline");
      this.timer = setTimeout(() => this.connect(), wait * 1000 * (0.5 + Math.random() / 2));
    }
  }

  onVisibility() {
    clearTimeout(this.sleepTimer);
    if (document.hidden) {
      this.sleepTimer = setTimeout(() => { this.isAsleep = true; this.leave?.(); }, HIDDEN_MS);
    } else {
      this.isAsleep = false;
      this.connect();
    }
  }

  // --- events ---
  receive({ seq, type, data }) {
    this.heardAt = Date.now();
    if (this.isOver || seq <= this.last) return;
    if (seq !== this.last + 1 && type !== "reset" && type !== "done") return this.onGap();
    this.last = seq;
    this.failures = 0;
    if (type === "delta") this.text.appendData(data.text);
    else if (type === "reset") this.text.data = data.text;
    else if (type === "status") this.showStatus(data);
    else if (type === "usage") this.showUsage(data);
    else if (type === "tool") this.set("tool", data.name ? `Using ${data.name}` : "");
    else if (type === "done") this.complete();
    this.follow();
  }

  /* Ask again from the last good number. When the same gap comes back the stream was lost: then
     a `reset` with all of the text follows, and what comes before it cannot be applied. */
  onGap() {
    if (this.gapAt === this.last) return;
    this.gapAt = this.last;
    this.leave?.();
  }

  async complete() {
    this.finish();
    const { id, dataset } = this.root;
    const hadFocus = this.root.contains(document.activeElement);
    await window.htmx?.ajax("GET", dataset.output, { target: this.root, swap: "outerHTML" });
    const body = document.getElementById(id);
    if (body === this.root) return location.reload();
    document.getElementById("announcements").textContent = body.dataset.announcement;
    if (hadFocus) body.querySelector("[data-outcome]")?.focus();
  }

  finish() {
    this.isOver = true;
    clearInterval(this.clock);
    clearTimeout(this.timer);
    this.leave?.();
  }

  // --- what is shown ---
  showStatus({ status, attempt }) {
    const pill = document.getElementById(`pill-${status}`);
    if (pill) this.root.querySelector("[data-pill]").replaceChildren(pill.content.cloneNode(true));
    for (const part of this.root.querySelectorAll("[data-only]")) {
      part.hidden = part.dataset.only !== status;
    }
    if (attempt) this.set("attempt", attempt);
    if (status === "running") this.runningSince ||= Date.now();
  }

  showUsage(usage) {
    for (const name of ["input_tokens", "cache_read_tokens", "output_tokens"]) {
      if (name in usage) this.set(name, short(usage[name]));
    }
  }

  set(name, text) {
    for (const place of this.root.querySelectorAll(`[data-figure="${name}"]`)) {
      place.textContent = text;
    }
  }

  mark(state) {
    const place = this.root.querySelector("[data-live-mark]");
    Object.assign(place, { textContent: MARKS[state], hidden: false });
    place.dataset.state = state;
  }

  onScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.pane;
    this.isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  follow() {
    if (!this.isAtEnd || this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.pane.scrollTop = this.pane.scrollHeight;
    });
  }

  tick() {
    if (Date.now() - this.heardAt > SILENT_MS) this.leave?.();
    if (!this.runningSince) return;
    const seconds = Math.max(0, Math.floor((Date.now() - this.runningSince) / 1000));
    const minutes = Math.floor(seconds / 60);
    this.set("duration", minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`);
  }
}

/* 1234 as 1.2K, as the server writes it. */
function short(count) {
  if (count < 1000) return String(count);
  return count < 1e6 ? `${(count / 1e3).toFixed(1)}K` : `${(count / 1e6).toFixed(1)}M`;
}

const root = document.querySelector("[data-run-stream]");
if (root) new RunStream(root);
