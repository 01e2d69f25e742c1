// The day that the graph is shown of: a slider over all that is dated, the present at its end.

import { button, date, fill, guarded, h } from "./dom.js";

const DAY_MS = 86_400_000;
const BARS = 60;
const BEFORE = 30; // days before the first date: what was so then
const STEP_MS = 60;

export class TimeSlider {
  /** `moved()` is called while it moves, `rested()` when it has stopped. */
  constructor(graph, moved, rested) {
    this.graph = graph;
    this.moved = moved;
    this.rested = rested;
    this.input = h("input", {
      type: "range", min: "0", max: "1", value: "1", "aria-label": "As of",
      oninput: () => { this.stop(); this.turn(); }, onkeydown: (event) => this.jump(event),
    });
    this.label = h("output", { class: "slider-day" });
    this.bars = h("div", { class: "slider-bars", "aria-hidden": "true" });
    this.player = button("▶", () => (this.timer ? this.stop() : this.play()), { class: "plain", "aria-label": "Play" });
    this.present = button("Now", () => { this.stop(); this.input.value = this.today; this.turn(); }, { class: "plain" });
    this.element = h("div", { class: "slider", role: "group", "aria-label": "Time", hidden: true },
      this.player, h("div", { class: "slider-track" }, this.bars, this.input), this.label, this.present);
  }

  /** Take in what is dated now in the graph. */
  renew() {
    const span = this.graph.span();
    this.element.hidden = !span;
    if (!span) return;
    this.first = Math.floor(span[0] / DAY_MS) - BEFORE;
    this.today = String(Math.floor(Date.now() / DAY_MS) - this.first);
    const before = this.graph.day;
    this.input.max = String(Math.floor(span[1] / DAY_MS) - this.first); // what is to come, too
    this.input.value = before ? String(Math.floor(Date.parse(before) / DAY_MS) - this.first) : this.today;
    this.drawBars();
    this.show();
  }

  drawBars() {
    const many = new Array(BARS).fill(0);
    const width = Number(this.input.max) || 1;
    for (const { since, until } of this.graph.links.values()) {
      for (const at of [since, until]) {
        if (at === null) continue;
        const bar = Math.min(BARS - 1, Math.floor(((at / DAY_MS - this.first) / width) * BARS));
        if (bar >= 0) many[bar] += 1;
      }
    }
    const most = Math.max(...many, 1);
    fill(this.bars, many.map((number) => {
      const bar = h("span", {});
      bar.style.height = number ? `${12 + (88 * number) / most}%` : "0";
      return bar;
    }));
  }

  get now() {
    return this.input.value === this.today;
  }

  show() {
    const { day } = this.graph;
    fill(this.label, day ? date(day) : "now");
    this.input.setAttribute("aria-valuetext", day ? date(day) : "now");
    this.present.disabled = !day;
  }

  turn() {
    const day = this.now ? null : new Date((this.first + Number(this.input.value)) * DAY_MS).toISOString().slice(0, 10);
    if (day === this.graph.day) return;
    this.graph.setDay(day);
    this.show();
    this.moved();
    clearTimeout(this.rest);
    this.rest = setTimeout(() => guarded(this.rested), 250);
  }

  /** A month at a time with the page keys. */
  jump(event) {
    const steps = { PageUp: 30, PageDown: -30 };
    if (!steps[event.key]) return;
    event.preventDefault();
    this.input.value = String(Number(this.input.value) + steps[event.key]);
    this.turn();
  }

  play() {
    if (this.now || this.input.value === this.input.max) this.input.value = "0";
    this.player.setAttribute("aria-label", "Pause");
    fill(this.player, "⏸");
    const step = Math.max(1, Math.round(Number(this.input.max) / 160));
    this.timer = setInterval(() => {
      const [at, next] = [Number(this.input.value), Number(this.input.value) + step];
      const passed = at < Number(this.today) && next >= Number(this.today);
      this.input.value = passed ? this.today : String(next);
      this.turn();
      if (this.now) this.stop();
    }, STEP_MS);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.player.setAttribute("aria-label", "Play");
    fill(this.player, "▶");
  }
}
