// The canvas: what is seen of the graph, moved by pointer, touch and keys.

import { h, announce } from "./dom.js";
import { Painter, radius } from "./painter.js";
import { handlePointer } from "./pointer.js";

const policy = window.trustedTypes?.createPolicy("graphmem", { createScriptURL: (url) => url });
const WORKER = "/explorer/layout.js";
const NEAREST = 0.05;
const LARGEST = 4;

export class View {
  /** `open(id)` is called when an entity is chosen, `grow(id)` when it is to show what is around. */
  constructor(graph, { open, grow }) {
    this.graph = graph;
    this.open = open;
    this.grow = grow;
    this.state = { focus: null, near: null, chosen: null, found: null };
    this.canvas = h("canvas", {
      id: "graph", tabindex: "0", role: "application", "aria-roledescription": "graph",
      "aria-label": "Graph. Arrow keys go from entity to entity, Enter opens one and shows what is around it, plus and minus zoom, 0 shows all.",
      onkeydown: (event) => this.key(event),
      onfocus: () => this.paint(), onblur: () => this.paint(),
    });
    this.painter = new Painter(this.canvas, graph);
    this.worker = new Worker(policy ? policy.createScriptURL(WORKER) : WORKER);
    this.worker.onmessage = ({ data }) => this.settle(data);
    this.round = 0;
    this.placed = [];
    this.followed = true;
    this.covers = [];
    handlePointer(this);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.canvas);
  }

  /** These lie over the canvas: no name is written under them. */
  coveredBy(...elements) {
    this.covers = elements;
    elements.forEach((element) => this.observer.observe(element));
  }

  /** Nobody looks at it any more. */
  end() {
    this.worker.terminate();
    this.observer.disconnect();
    cancelAnimationFrame(this.due);
  }

  retheme() {
    this.painter.theme();
    this.paint();
  }

  resize() {
    const { canvas } = this;
    const { left, top } = canvas.getBoundingClientRect();
    this.painter.covered = this.covers.map((one) => one.getBoundingClientRect()).filter((box) => box.width)
      .map((box) => [box.left - left, box.top - top, box.right - left, box.bottom - top]);
    this.paint();
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (!width || !height || (canvas.width === width && canvas.height === height)) return;
    canvas.width = width;
    canvas.height = height;
    this.painter.picture = null;
    this.painter.stale();
    if (this.followed) this.fit();
    this.paint();
  }

  /** The page shows the graph again: it may have changed meanwhile. */
  shownAgain() {
    this.resize();
    if (this.followed) this.fit();
    this.refresh();
  }

  /** Draw in the next frame. */
  paint() {
    if (this.due) return;
    this.due = requestAnimationFrame((now) => {
      this.due = null;
      const took = this.last && this.going ? now - this.last : 0;
      this.last = now;
      this.painter.busy = this.dragging;
      this.going = this.painter.frame(this.state, took);
      if (this.glide()) this.going = true;
      if (this.going) this.paint();
    });
  }

  /** The graph has changed: find places for what is new. `alpha` is how much may move. */
  arrange(alpha = 0.6) {
    const { graph } = this;
    const nodes = [...graph.nodes.values()];
    const index = new Map(nodes.map((node, i) => [node.id, i]));
    this.placed = nodes;
    this.round += 1;
    this.worker.postMessage({
      nodes: nodes.map((node) => [node.x, node.y, Boolean(node.fixed)]),
      links: [...graph.links.values()].map((link) => [index.get(link.source), index.get(link.target)]),
      alpha, round: this.round,
    });
    this.refresh();
  }

  /** What is shown has changed, places have not. */
  refresh() {
    this.focusOn(this.state.focus);
    this.painter.stale();
    this.paint();
  }

  settle({ places, round }) {
    if (round !== this.round) return;
    this.goal = places;
    this.paint();
  }

  /** Move entities towards where they belong; true while any is under way. */
  glide() {
    if (!this.goal || this.dragging) return Boolean(this.goal);
    const large = this.painter.large;
    if (large && this.painter.job) return true;
    const part = large ? 1 : 0.25;
    let far = 0;
    this.placed.forEach((node, i) => {
      if (node.fixed) return;
      const [x, y] = [this.goal[2 * i] - node.x, this.goal[2 * i + 1] - node.y];
      far = Math.max(far, Math.abs(x), Math.abs(y));
      node.x += x * part;
      node.y += y * part;
    });
    this.painter.old = true;
    if (this.followed) this.fit(true);
    if (large || far < 0.3) this.goal = null;
    return true;
  }

  /** Show all of it. */
  fit(softly = false) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const nodes = this.graph.shown;
    if (!nodes.length || !width) return;
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const { x, y } of nodes) {
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
    const most = nodes.length < 4 ? 1.1 : 1.5;
    const free = height - (height > 400 ? 170 : 90); // the tools above, the slider below
    const k = Math.max(NEAREST, Math.min(most, (width - 120) / (right - left + 40), free / (bottom - top + 40)));
    const middle = height / 2 - (height > 400 ? 15 : 0);
    const goal = { k, x: width / 2 - (k * (left + right)) / 2, y: middle - (k * (top + bottom)) / 2 };
    const { view } = this.painter;
    const part = softly && !this.painter.large && view.k !== 1 ? 0.2 : 1;
    for (const name of ["k", "x", "y"]) view[name] += (goal[name] - view[name]) * part;
    this.followed = true;
    this.paint();
  }

  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const { view } = this.painter;
    const k = Math.max(NEAREST, Math.min(LARGEST, view.k * factor));
    view.x = x - ((x - view.x) * k) / view.k;
    view.y = y - ((y - view.y) * k) / view.k;
    view.k = k;
    this.followed = false;
    this.paint();
  }

  pan(x, y) {
    this.painter.view.x += x;
    this.painter.view.y += y;
    this.followed = false;
    this.paint();
  }

  /** The entity at a place of the canvas. */
  at(x, y) {
    const { view } = this.painter;
    const [px, py] = [(x - view.x) / view.k, (y - view.y) / view.k];
    let best = null;
    let least = Infinity;
    for (const node of this.graph.shown) {
      const far = Math.hypot(node.x - px, node.y - py) - Math.max(radius(node), 8 / view.k);
      if (far < Math.min(least, 0)) [best, least] = [node, far];
    }
    return best;
  }

  /** Point at an entity: its links stand out. */
  focusOn(id) {
    const node = id && this.graph.nodes.get(id);
    this.state.focus = node ? id : null;
    this.state.near = node ? new Map(this.graph.around(id).map((each) => [each.node.id, each])) : null;
    this.paint();
  }

  choose(id) {
    this.state.chosen = id;
    this.focusOn(id);
  }

  /** Ring the entities that a search found. */
  show(ids) {
    this.state.found = ids.filter((id) => this.graph.nodes.has(id));
    this.paint();
  }

  /** Move the view so that an entity is in the middle, where it is out of sight. */
  reveal(id) {
    const node = this.graph.nodes.get(id);
    if (!node) return;
    const { view } = this.painter;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const [x, y] = [node.x * view.k + view.x, node.y * view.k + view.y];
    if (x > 40 && y > 40 && x < width - 40 && y < height - 40) return;
    this.pan(width / 2 - x, height / 2 - y);
  }

  key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const { focus } = this.state;
    if (steps[event.key]) this.walk(...steps[event.key]);
    else if ((event.key === "Enter" || event.key === " ") && focus) {
      this.open(focus);
      this.grow(focus);
    } else if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.fit();
    else if (event.key === "Escape") this.choose(null);
    else return;
    event.preventDefault();
  }

  /** To the entity that is nearest in a direction. */
  walk(dx, dy) {
    const from = this.graph.nodes.get(this.state.focus);
    let best = from ? null : this.graph.shown[0];
    let least = Infinity;
    for (const node of from ? this.graph.shown : []) {
      const [x, y] = [node.x - from.x, node.y - from.y];
      const along = x * dx + y * dy;
      if (node === from || along <= 1) continue;
      const cost = along + 2.5 * Math.abs(x * dy) + 2.5 * Math.abs(y * dx);
      if (cost < least) [best, least] = [node, cost];
    }
    if (!best) return;
    this.focusOn(best.id);
    this.reveal(best.id);
    announce(`${best.name}, ${best.kind}, ${this.state.near.size} joined`);
  }
}
