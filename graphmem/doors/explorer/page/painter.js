// Drawing a graph on a canvas. What does not move is drawn once into a picture of its own, a part in
// each frame, and moved as a whole meanwhile: a frame costs the same however much is shown.

import { colour } from "./colours.js";

const AT_ONCE = 1200; // so many are drawn within a frame, directly
const GENTLE_MS = 22;
const WIDEST = 190; // of a name, in pixels: a longer one hides its neighbours, and half of a phone

/** How large an entity is drawn. */
export function radius(node) {
  return 5 + Math.min(13, 2.1 * Math.sqrt(node.degree || 0));
}

/** As much of a name as there is room for, and how wide that is. */
function fitting(context, name) {
  let label = name;
  let wide = context.measureText(label.slice(0, 200)).width;
  for (let letters = [...name].slice(0, 40); wide > WIDEST && letters.length > 1; letters.pop()) {
    label = `${letters.join("").trimEnd()}…`;
    wide = context.measureText(label).width;
  }
  return { label, wide };
}

export class Painter {
  constructor(canvas, graph) {
    this.canvas = canvas;
    this.graph = graph;
    this.context = canvas.getContext("2d");
    this.view = { k: 1, x: 0, y: 0 };
    this.picture = null;
    this.job = null;
    this.covered = []; // boxes in which no name is written
    this.portion = 1500;
    this.theme();
  }

  /** Read the colours of the page, which may be light or dark. */
  theme() {
    const style = getComputedStyle(document.documentElement);
    const get = (name) => style.getPropertyValue(name).trim();
    this.dark = get("--dark") === "1";
    this.ink = get("--ink");
    this.paper = get("--paper");
    this.line = get("--line");
    this.accent = get("--accent");
    this.font = getComputedStyle(document.body).fontFamily;
    this.picture = null;
  }

  /** What is shown has changed: the picture is drawn anew. */
  stale() {
    this.old = true;
    this.job = null;
  }

  get large() {
    return this.graph.shown.length + this.graph.joined.length > AT_ONCE;
  }

  /** Draw a frame. True when there is more to draw in the next. */
  frame(state, tookMs) {
    const { context, canvas } = this;
    const ratio = canvas.width / canvas.clientWidth || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    let more = false;
    if (this.large) more = this.drawPicture(ratio, tookMs);
    else {
      this.move(context, this.view, ratio);
      for (const part of this.parts(context, this.view, state)) part();
    }
    this.move(context, this.view, ratio);
    this.drawFocus(context, state);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.drawLabels(context, state);
    return more;
  }

  move(context, { k, x, y }, ratio) {
    context.setTransform(ratio * k, 0, 0, ratio * k, ratio * x, ratio * y);
  }

  drawPicture(ratio, tookMs) {
    const { view, context } = this;
    const kept = this.picture;
    const far = !kept || kept.view.k !== view.k || kept.view.x !== view.x || kept.view.y !== view.y;
    if (!this.job && (this.old || far) && !this.busy) this.beginJob(ratio);
    if (this.job) {
      if (tookMs > GENTLE_MS) this.portion = Math.max(200, this.portion * 0.6);
      else this.portion = Math.min(6000, this.portion * 1.25);
      this.runJob();
    }
    if (this.picture) {
      const k = view.k / this.picture.view.k;
      const x = view.x - this.picture.view.x * k;
      const y = view.y - this.picture.view.y * k;
      context.setTransform(k, 0, 0, k, x * ratio, y * ratio);
      context.drawImage(this.picture.canvas, 0, 0);
    }
    return Boolean(this.job) || (far && !this.busy);
  }

  beginJob(ratio) {
    const spare = document.createElement("canvas");
    spare.width = this.canvas.width;
    spare.height = this.canvas.height;
    const context = spare.getContext("2d");
    const view = { ...this.view };
    this.move(context, view, ratio);
    this.old = false;
    this.job = { canvas: spare, view, parts: this.parts(context, view, {}), ratio };
  }

  runJob() {
    let left = this.portion;
    while (left > 0) {
      const { value, done } = this.job.parts.next();
      if (done) {
        this.picture = { canvas: this.job.canvas, view: this.job.view };
        this.job = null;
        return;
      }
      left -= value();
    }
  }

  /** The steps of a whole picture, each a function that draws some and says how many. */
  *parts(context, view, state) {
    const seen = this.window(view);
    const some = 150; // a long path costs more than its parts
    const links = this.graph.joined;
    const faint = state.focus ? 0.25 : 1;
    for (let i = 0; i < links.length; i += some) {
      yield () => this.drawLinks(context, view, links.slice(i, i + some), seen, faint);
    }
    const kinds = new Map();
    for (const node of this.graph.shown) {
      if (!kinds.has(node.kind)) kinds.set(node.kind, []);
      kinds.get(node.kind).push(node);
    }
    for (const [kind, nodes] of kinds) {
      for (let i = 0; i < nodes.length; i += some) {
        yield () => this.drawNodes(context, view, nodes.slice(i, i + some), kind, seen, state);
      }
    }
  }

  /** What part of the plane is seen, with a margin. */
  window({ k, x, y }) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    return { left: (-x - 40) / k, top: (-y - 40) / k, right: (width + 40 - x) / k, bottom: (height + 40 - y) / k };
  }

  drawLinks(context, { k }, links, seen, faint) {
    context.globalAlpha = (this.large ? 0.45 : 0.9) * faint;
    context.strokeStyle = this.line;
    context.lineWidth = (this.large ? 0.8 : 1.2) / k;
    let drawn = 0;
    for (const dashed of [false, true]) {
      context.setLineDash(dashed ? [4 / k, 4 / k] : []);
      context.beginPath();
      for (const { a, b, type } of links) {
        if ((type === null) !== dashed) continue;
        if (Math.max(a.x, b.x) < seen.left || Math.min(a.x, b.x) > seen.right) continue;
        if (Math.max(a.y, b.y) < seen.top || Math.min(a.y, b.y) > seen.bottom) continue;
        context.moveTo(a.x, a.y);
        context.lineTo(b.x, b.y);
        drawn += 1;
      }
      context.stroke();
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
    if (!this.large && k > 0.45) links.forEach((link) => this.drawArrow(context, k, link));
    return 20 + drawn;
  }

  drawArrow(context, k, { a, b, type }) {
    if (type === null) return;
    const turn = Math.atan2(b.y - a.y, b.x - a.x);
    const gap = radius(b) + 2 / k;
    const [x, y] = [b.x - gap * Math.cos(turn), b.y - gap * Math.sin(turn)];
    context.fillStyle = this.line;
    context.beginPath();
    context.moveTo(x, y);
    for (const side of [0.42, -0.42]) {
      context.lineTo(x - (8 / Math.sqrt(k)) * Math.cos(turn + side), y - (8 / Math.sqrt(k)) * Math.sin(turn + side));
    }
    context.fill();
  }

  drawNodes(context, { k }, nodes, kind, seen, state) {
    context.fillStyle = colour(kind, this.dark);
    let drawn = 0;
    for (const node of nodes) {
      if (node.x < seen.left || node.x > seen.right || node.y < seen.top || node.y > seen.bottom) continue;
      const size = radius(node);
      drawn += 1;
      if (size * k < 2.2) { // a dot: round or square cannot be told
        const side = Math.max(size * 1.8, 1.6 / k);
        context.fillRect(node.x - side / 2, node.y - side / 2, side, side);
        continue;
      }
      context.globalAlpha = state.focus && !state.near?.has(node.id) ? 0.3 : 1;
      context.beginPath();
      context.arc(node.x, node.y, size, 0, 7);
      context.fill();
    }
    context.globalAlpha = 1;
    return 20 + drawn;
  }

  /** What is chosen or pointed at, above all else: its links with their types, and a ring. */
  drawFocus(context, { focus, near, chosen, found }) {
    const k = this.view.k;
    for (const id of found || []) this.ring(context, this.graph.nodes.get(id), this.accent, 2, 6);
    const node = focus && this.graph.nodes.get(focus);
    if (node && this.graph.nodesShown.has(node)) {
      context.strokeStyle = this.accent;
      context.lineWidth = 1.6 / k;
      context.beginPath();
      for (const { node: other } of near.values()) {
        context.moveTo(node.x, node.y);
        context.lineTo(other.x, other.y);
      }
      context.stroke();
      for (const one of [node, ...[...near.values()].map((each) => each.node)]) {
        context.fillStyle = colour(one.kind, this.dark);
        context.beginPath();
        context.arc(one.x, one.y, Math.max(radius(one), 3 / k), 0, 7);
        context.fill();
      }
    }
    if (chosen) this.ring(context, this.graph.nodes.get(chosen), this.ink, 2.5, 3);
  }

  ring(context, node, style, width, gap) {
    if (!node || !this.graph.nodesShown.has(node)) return;
    const k = this.view.k;
    context.strokeStyle = style;
    context.lineWidth = width / k;
    context.beginPath();
    context.arc(node.x, node.y, Math.max(radius(node), 3 / k) + gap / k, 0, 7);
    context.stroke();
  }

  /** Names, always upright and of one size, none over another; what matters most goes first. */
  drawLabels(context, { focus, near, chosen, found }) {
    const { view, graph } = this;
    const taken = [...this.covered];
    const first = [chosen, focus, ...(found || []), ...(near ? [...near.keys()].slice(0, 30) : [])]
      .map((id) => id && graph.nodes.get(id)).filter((node) => node && graph.nodesShown.has(node));
    const seen = this.window(view);
    let left = this.large ? 45 : 160;
    context.textAlign = "center";
    context.lineJoin = "round";
    const done = new Set();
    const draw = (node, strong) => {
      if (done.has(node)) return;
      done.add(node);
      if (this.label(context, node, strong, taken)) left -= 1;
    };
    first.forEach((node) => draw(node, true));
    const most = Math.min(graph.shown.length, this.large ? 1500 : 400);
    for (let i = 0; i < most && left > 0; i += 1) {
      const node = graph.shown[i];
      if (node.x < seen.left || node.x > seen.right || node.y < seen.top || node.y > seen.bottom) continue;
      draw(node, false);
    }
    if (focus && near && near.size <= 40 && view.k > 0.35) this.linkLabels(context, graph.nodes.get(focus), near, taken);
  }

  /** Write a name beside its entity: below, else above, else at a side, wherever there is room. */
  label(context, node, strong, taken) {
    const { k, x, y } = this.view;
    context.font = `${strong ? 600 : 500} 12.5px ${this.font}`;
    if (node.labelled !== node.name) Object.assign(node, { labelled: node.name, ...fitting(context, node.name) });
    const text = node.label;
    const wide = node.wide * (strong ? 1.06 : 1);
    const size = Math.max(3, radius(node) * k) + (strong ? 5 : 0);
    const [px, py] = [node.x * k + x, node.y * k + y];
    const places = [[px, py + size + 13], [px, py - size - 6], [px + size + wide / 2 + 5, py + 4], [px - size - wide / 2 - 5, py + 4]];
    return (strong ? places : places.slice(0, 2)).some((at) => this.write(context, text, at, wide, taken, this.ink));
  }

  linkLabels(context, node, near, taken) {
    if (!node) return;
    const { k, x, y } = this.view;
    context.font = `500 11px ${this.font}`;
    for (const { node: other, link } of near.values()) {
      if (!link.type) continue;
      const text = link.type.replaceAll("_", " ");
      const at = [((node.x + other.x) / 2) * k + x, ((node.y + other.y) / 2) * k + y + 4];
      this.write(context, text, at, context.measureText(text).width, taken, this.accent);
    }
  }

  write(context, text, [middle, y], wide, taken, style) {
    const most = this.canvas.clientWidth;
    const inside = middle > 0 && middle < most && wide < most; // at the edge it moves to where it can be read
    const x = inside ? Math.max(wide / 2 + 4, Math.min(most - wide / 2 - 4, middle)) : middle;
    const box = [x - wide / 2 - 4, y - 12, x + wide / 2 + 4, y + 5];
    const over = (other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1];
    if (taken.some(over)) return false;
    taken.push(box);
    context.lineWidth = 4;
    context.strokeStyle = this.paper;
    context.strokeText(text, x, y);
    context.fillStyle = style;
    context.fillText(text, x, y);
    return true;
  }
}
