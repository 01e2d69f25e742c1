// What stands around the graph: the search, the card of what is chosen, the other pages.

import { call, may, mayChange } from "./api.js";
import { addPage } from "./add.js";
import { announce, button, count, failed, fill, guarded, h, toast } from "./dom.js";
import { colour } from "./colours.js";
import { EntityCard } from "./card.js";
import { conversationsPage } from "./conversations.js";
import { consolePage } from "./console.js";
import { Graph } from "./graph.js";
import { ownerPage } from "./owner.js";
import { SearchPanel } from "./search.js";
import { TimeSlider } from "./slider.js";
import { View } from "./view.js";

const WHOLE = 20_000; // up to so many entities are shown at the beginning
const AT_ONCE = 2000;
const AROUND = 60;

export class Explorer {
  constructor() {
    this.graph = new Graph();
    this.view = new View(this.graph, {
      open: (id) => guarded(() => this.open(id)),
      grow: (id) => guarded(() => this.grow(id)),
    });
    this.life = new AbortController(); // what listens beyond this page ends with it
    this.search = new SearchPanel(this, this.life.signal);
    this.card = new EntityCard(this);
    this.slider = new TimeSlider(this.graph, () => this.changed(), () => this.settled());
    this.legend = h("ul", { class: "legend", "aria-label": "Kinds" });
    this.counted = h("p", { class: "counted quiet" });
    this.empty = h("div", { class: "empty", hidden: true });
    this.tabs = h("nav", { "aria-label": "Pages" });
    this.page = h("section", { class: "page", hidden: true, tabindex: "-1" });
    this.stage = h("section", { class: "stage", "aria-label": "Graph" },
      this.view.canvas, this.empty, this.legend, this.tools(), this.slider.element, this.counted);
    this.explore = h("div", { class: "explore" }, this.search.element, this.stage, this.card.element);
    this.element = h("main", {}, this.explore, this.page);
    this.pages = [
      ...(mayChange() ? [{ name: "Add", make: addPage }] : []),
      { name: "Conversations", make: conversationsPage },
      { name: "Cypher", make: consolePage },
      ...(may("owner") ? [{ name: "Admin", make: ownerPage }] : []),
    ];
    this.view.coveredBy(this.legend, this.viewTools, this.slider.element);
    this.showTabs();
  }

  /** Somebody else signs in, or nobody: nothing goes on in the background. */
  end() {
    this.life.abort();
    this.slider.stop();
    this.view.end();
  }

  tools() {
    return this.viewTools = h("div", { class: "tools", role: "group", "aria-label": "View" },
      button("+", () => this.view.zoom(1.3), { "aria-label": "Nearer" }),
      button("−", () => this.view.zoom(1 / 1.3), { "aria-label": "Further" }),
      button("⤢", () => this.view.fit(), { "aria-label": "Show all", title: "Show all" }),
      button("Everything", () => this.showAll(), { class: "wide", title: "Show the whole graph" }),
      button("Clear", () => this.clear(), { class: "wide", title: "Take everything off the picture" }));
  }

  showTabs() {
    const all = [{ name: "Explore" }, ...this.pages];
    fill(this.tabs, all.map(({ name, make }) => button(name, () => this.turnTo(name, make), {
      class: "tab", "aria-current": name === (this.current || "Explore") ? "page" : null,
    })));
  }

  /** Show one of the pages in place of the graph, or the graph again. */
  async turnTo(name, make) {
    const mine = (this.turns = (this.turns || 0) + 1);
    this.current = name;
    this.slider.stop();
    this.showTabs();
    this.page.hidden = !make;
    this.explore.hidden = Boolean(make);
    if (!make) { this.view.shownAgain(); return; }
    fill(this.page, h("p", { class: "quiet" }, "…"));
    const made = await attempted(() => make(this), () => this.turnTo(name, make));
    if (mine !== this.turns) return; // somebody turned on meanwhile
    fill(this.page, made);
    this.tabs.querySelector("[aria-current]")?.focus();
  }

  /** Show the memory that was chosen from its beginning. */
  async begin() {
    if (this.begun) { // of another memory: whoever was quick at the first may go on
      this.card.close();
      this.search.reset();
      if (this.current && this.current !== "Explore") await this.turnTo("Explore");
    }
    this.begun = true;
    this.graph.clear();
    this.graph.day = null;
    this.view.choose(null);
    this.empty.hidden = false;
    fill(this.empty, "…");
    try {
      this.stats = await call("stats");
      if (this.stats.entities <= WHOLE) await this.showAll();
      else this.changed(0);
    } catch (error) {
      fill(this.empty, failed(error, () => this.begin()));
    }
  }

  /** Show the whole graph; of a large one some at once, and the rest as it comes. */
  async showAll() {
    this.view.followed = true;
    if (this.stats.entities > AT_ONCE && this.graph.nodes.size < AT_ONCE) {
      const [some, relations] = await Promise.all([
        call("entities", { limit: 1000 }), call("relations", { limit: 1000, current: false }),
      ]);
      this.graph.add([...relations.flatMap(ends), ...some], relations);
      this.changed(1);
      this.view.fit();
    }
    const { nodes, edges } = await call("to_networkx", { current: false });
    const entities = nodes.map(([id, data]) => ({ id, ...data }));
    const relations = edges.map(([subject_id, object_id, fact_id, data]) => ({ subject_id, object_id, fact_id, ...data }));
    this.graph.add(entities, relations);
    this.changed(1);
    this.view.fit();
    announce(`${count(entities.length, "entity", "entities")}, ${count(relations.length, "relation")}`);
  }

  clear() {
    this.graph.clear();
    this.view.choose(null);
    this.changed(0);
  }

  /** Show what is around an entity, beside what is shown already. */
  async grow(id) {
    const node = this.graph.nodes.get(id);
    if (node?.grown) return;
    const found = await call("neighbours", { entity: id, current: false, limit: AROUND });
    const first = this.graph.nodes.size === 0;
    const fresh = this.graph.add(found.entities, found.relations, id);
    this.graph.nodes.get(id).grown = true;
    this.graph.addMentions(id, found.entities);
    if (first) this.view.followed = true;
    this.changed(fresh > 0 ? 0.5 : 0);
    announce(fresh ? `${count(fresh, "entity", "entities")} more` : "nothing more around it");
  }

  /** Show the card of an entity, and where it is in the graph. */
  async open(id) {
    if (!this.graph.nodes.has(id)) {
      await this.grow(id);
      this.view.reveal(id);
    }
    this.view.choose(id);
    this.view.reveal(id);
    await this.card.show(id);
    announce(`${this.card.entity.name} is shown beside the graph`);
  }

  /** The graph has changed: draw it, count it, explain its colours. */
  changed(alpha = 0) {
    const { graph } = this;
    if (alpha > 0) this.view.arrange(alpha);
    else this.view.refresh();
    if (this.graph.links.size !== this.dated) {
      this.dated = this.graph.links.size;
      this.slider.renew();
    }
    const dark = this.view.painter.dark;
    fill(this.legend, graph.kinds().slice(0, 9).map(([kind, many]) => {
      const dot = h("span", { class: "swatch", "aria-hidden": "true" });
      dot.style.background = colour(kind, dark);
      return h("li", {}, dot, kind, h("span", { class: "quiet" }, ` ${many.toLocaleString("en")}`));
    }));
    fill(this.counted, graph.shown.length
      ? `${count(graph.shown.length, "entity", "entities")} · ${count(graph.joined.length, "relation")}` : "");
    this.empty.hidden = graph.shown.length > 0;
    fill(this.empty, graph.nodes.size ? "Nothing of this holds on this day." : this.stats?.entities
      ? ["Nothing is shown. Search for somebody or something, or ", button("show everything", () => this.showAll(), { class: "link" }), "."]
      : "Nothing is remembered here yet.");
  }

  /** Something was written: what is shown may be so no more. */
  async renew(opened = null) {
    const shown = [...this.graph.nodes.values()].filter((node) => node.grown).map((node) => node.id);
    this.stats = await call("stats");
    const whole = this.stats.entities <= AT_ONCE;
    const places = new Map([...this.graph.nodes].map(([id, { x, y }]) => [id, { x, y }]));
    this.graph.clear();
    this.dated = -1;
    if (whole) await this.showAll();
    else for (const id of shown.slice(-12)) await this.grow(id).catch(gone);
    for (const [id, place] of places) Object.assign(this.graph.nodes.get(id) || {}, place);
    this.changed(0.3);
    const there = opened && (this.graph.nodes.has(opened) || !whole);
    if (there) await this.open(opened);
    else this.card.close();
  }

  /** The slider rests: what stands beside the graph is of that day, too. */
  async settled() {
    announce(`${this.slider.label.textContent}: ${this.counted.textContent}`);
    if (this.card.id) await this.card.show(this.card.id);
  }

  /** The arguments with which reads are of the chosen day. */
  get moment() {
    return this.graph.day ? { valid_at: this.graph.day } : {};
  }
}

async function attempted(make, again) {
  try {
    return await make();
  } catch (error) {
    return failed(error, again);
  }
}

/** An entity that was shown is there no more; anything else is an error. */
function gone(error) {
  if (error.status !== 404) throw error;
  toast("An entity is there no more.");
}

/** The entities that a relation joins, as far as it tells of them. */
function ends(relation) {
  return [{ id: relation.subject_id, name: relation.subject }, { id: relation.object_id, name: relation.object }];
}
