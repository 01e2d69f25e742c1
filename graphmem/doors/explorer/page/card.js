// The card of an entity: what it is called, what is known of it, and since when.

import { edit, forget, merge, separate, undoChange } from "./actions.js";
import { call, mayChange } from "./api.js";
import { button, count, date, disclosure, fill, growing, guarded, h, interval } from "./dom.js";

const MANY = 100;

export class EntityCard {
  constructor(explorer) {
    this.explorer = explorer;
    this.element = h("aside", { class: "card", hidden: true, tabindex: "-1", "aria-label": "Entity" });
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
        this.close();
        this.explorer.view.canvas.focus();
      }
    });
  }

  close() {
    this.element.hidden = true;
    this.id = null;
  }

  /** Show an entity as it is on the chosen day. */
  async show(id) {
    this.id = id;
    const mine = (this.shows = (this.shows || 0) + 1);
    const { moment } = this.explorer;
    const [entity, facts] = await Promise.all([
      call("entity", { name_or_id: id }),
      this.page({ count: true }),
    ]);
    if (mine !== this.shows || this.id !== id) return; // another one was chosen meanwhile
    this.entity = entity;
    this.element.hidden = false;
    this.element.setAttribute("aria-label", entity.name);
    const summary = h("div", { class: "summary quiet" });
    fill(this.element,
      h("div", { class: "card-head" }, h("h2", {}, entity.name),
        button("×", () => { this.close(); this.explorer.view.canvas.focus(); }, { class: "plain", "aria-label": "Close the card" })),
      h("p", { class: "meta" }, entity.kind, ` · known since ${date(entity.recorded_at)}`),
      entity.aliases.length > 0 && h("p", { class: "aliases" }, "Also ", entity.aliases.map((alias) => h("span", { class: "chip" }, alias))),
      mayChange() && this.actions(entity),
      summary,
      this.facts(facts),
      disclosure("Timeline", () => this.timeline(id)),
      disclosure("No longer so", () => this.ended(id)));
    if (!this.explorer.graph.day) guarded(() => this.summary(id, summary)); // it is of now
  }

  actions(entity) {
    const renew = () => this.explorer.renew(entity.id);
    return h("div", { class: "row-actions" },
      button("Merge…", () => merge(entity, renew)),
      button("Unmerge", () => separate(entity, renew), { title: "Separate what was merged into it last" }));
  }

  async summary(id, element) {
    const found = await call("summary", { about: id, max_sentences: 3, ask_model: false });
    if (this.id === id && found.sentences.length > 2) fill(element, found.sentences.map((one) => one.text).join(". "), ".");
  }

  /** A page of the facts about the entity, on the chosen day. */
  page(given) {
    return call("get_all", { where: { about: this.id }, limit: MANY, ...this.explorer.moment, ...given });
  }

  facts(page) {
    return h("section", { "aria-label": "Facts" },
      h("h3", {}, count(page.total, "fact")),
      this.listed(page, (after) => this.page({ after })));
  }

  /** Facts by the page; `load(after)` gives the one that follows. */
  listed(page, load) {
    let { next } = page;
    return growing({ class: "facts", label: "Facts" }, { items: page.items, more: next }, (fact) => this.fact(fact), async () => {
      const following = await load(next);
      ({ next } = following);
      return { items: following.items, more: next };
    });
  }

  fact(fact) {
    return h("li", { class: "fact" }, h("p", { class: "fact-text" }, fact.text),
      h("p", { class: "meta" }, [
        interval(fact), fact.modality !== "stated" && fact.modality, `said ${date(fact.stated_at)}`,
        ...fact.tags.map((tag) => `#${tag}`),
      ].filter(Boolean).join(" · ")),
      disclosure("Where from", () => sources(fact)),
      disclosure("History", () => this.history(fact)),
      mayChange() && !fact.retired_at && h("span", { class: "fact-actions" },
        button("Edit", () => edit(fact, () => this.renew()), { class: "link", "aria-label": `Edit: ${fact.text}` }),
        button("Forget", () => forget(fact, () => this.renew()), { class: "link", "aria-label": `Forget: ${fact.text}` })));
  }

  renew() {
    return this.explorer.renew(this.id);
  }

  async history(fact) {
    const changes = await call("history", { fact_id: fact.id });
    return h("ol", { class: "history" }, changes.map((change) => h("li", {},
      h("p", {}, h("span", { class: "chip" }, change.action), " ", (change.after || change.before)?.text || ""),
      h("p", { class: "meta" }, `${date(change.at)} · ${change.reason} · ${change.actor} `,
        mayChange() && button("Undo", () => undoChange(change, () => this.renew()), { class: "link", "aria-label": `Undo: ${change.reason}` })))));
  }

  async timeline(id) {
    const load = async (offset) => {
      const items = await call("timeline", { entity: id, limit: MANY, offset, ...this.explorer.moment });
      return { items, more: items.length === MANY };
    };
    let passed = MANY;
    return growing({ tag: "ol", class: "timeline", label: "Timeline" }, await load(0), (moment) => h("li", {},
      h("time", { datetime: moment.at }, date(moment.at, moment.precision)), h("span", { class: "chip" }, moment.what),
      h("span", {}, moment.fact.text)), async () => {
      const found = await load(passed);
      passed += MANY;
      return found;
    });
  }

  /** What has ended by the chosen day. */
  async ended(id) {
    const day = this.explorer.graph.day || "now";
    const load = (after) => call("get_all", {
      where: `about = "${id}" and ended_at <= ${day}`, limit: MANY, current: false, include_archived: true, after,
    });
    const page = await load();
    return page.items.length ? this.listed(page, load) : h("p", { class: "quiet" }, "Nothing.");
  }
}

async function sources(fact) {
  const found = await call("explain", { cited: fact.id });
  return h("ul", { class: "quotes" }, found.quotes.map((quote) => h("li", {}, h("blockquote", {}, quote.text),
    h("p", { class: "meta" }, [quote.speaker, date(quote.occurred_at), quote.source_id].filter(Boolean).join(" · ")))));
}
