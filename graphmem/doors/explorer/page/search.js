// The search: what was found and why, and why something else was not.

import { call, session } from "./api.js";
import { announce, button, count, date, disclosure, failed, field, fill, form, h, interval } from "./dom.js";

const HITS = 10;
const MOST = 50;

export class SearchPanel {
  constructor(explorer, signal) {
    this.explorer = explorer;
    const { row, input } = field("Search", { type: "search", id: "search", placeholder: "Ask, or name somebody…", autocomplete: "off" });
    this.input = input;
    this.found = h("div", { class: "found" });
    this.element = h("aside", { class: "panel", id: "panel", tabindex: "-1", "aria-label": "Search and results" },
      form({ role: "search", class: "search" }, () => this.run(), row,
        h("button", { class: "primary", "aria-label": "Search now" }, "Search")),
      this.found);
    this.reset();
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && !event.target.closest("input, textarea, select")) {
        event.preventDefault();
        this.input.focus();
      }
    }, { signal });
  }

  reset() {
    this.input.value = "";
    fill(this.found, h("p", { class: "quiet hint" }, "Press ", h("kbd", {}, "/"),
      " to search. Click an entity to see what is known of it and what is around it."));
  }

  /** Search for what is in the field, and show what was found in its place. */
  async run(limit = HITS) {
    const query = this.input.value.trim();
    if (!query) { this.reset(); this.explorer.view.show([]); return; }
    const { explorer } = this;
    const mine = (this.runs = (this.runs || 0) + 1);
    this.found.setAttribute("aria-busy", "true");
    try {
      const [named, result] = await Promise.all([
        call("entities", { name: query, limit: 6, ...explorer.moment }),
        call("search", { query, limit, ...explorer.moment }),
      ]);
      if (mine === this.runs) await this.show(query, named, result, limit); // else something else was asked meanwhile
    } catch (error) {
      if (mine === this.runs) fill(this.found, failed(error, () => this.run(limit)));
    } finally {
      if (mine === this.runs) this.found.removeAttribute("aria-busy");
    }
  }

  async show(query, named, result, limit) {
    const { explorer } = this;
    this.query = query;
    const seeds = result.seeds.filter((seed) => !named.some((one) => one.id === seed.id));
    const entities = [...named, ...seeds];
    fill(this.found,
      entities.length > 0 && h("ul", { class: "entities", "aria-label": "Entities" }, entities.map((one) => this.entity(one))),
      h("h2", {}, count(result.hits.length, "result"),
        result.hits.length > 0 && h("span", { class: "quiet" }, ` · ${percent(result.answerable)} likely to answer`)),
      result.reason && h("p", { class: "quiet small" }, result.reason),
      h("ol", { class: "hits" }, result.hits.map((hit) => this.hit(hit))),
      result.hits.length >= limit && limit < MOST && button("Show more", () => this.run(limit + 20), { class: "more" }),
      this.whyNot());
    const about = result.hits.flatMap((hit) => hit.fact?.entity_ids || []);
    explorer.view.show([...new Set([...entities.map((one) => one.id), ...about])].slice(0, 12));
    announce(count(result.hits.length, "result"));
    if (explorer.graph.nodes.size === 0 && entities.length) await explorer.grow(entities[0].id);
  }

  entity(one) {
    return h("li", {}, button([h("span", { class: "name" }, one.name), " ", h("span", { class: "quiet" }, one.kind)],
      () => this.explorer.open(one.id), { class: "row" }));
  }

  hit(hit) {
    const to = hit.fact?.subject_id || hit.fact?.entity_ids[0];
    const when = hit.fact ? interval(hit.fact) || date(hit.occurred_at) : date(hit.occurred_at);
    const text = h("span", { class: "hit-text" }, hit.text);
    return h("li", { class: "hit" },
      to ? button(text, () => this.explorer.open(to), { class: "row" }) : h("div", { class: "row" }, text),
      h("p", { class: "meta" }, hit.kind === "turn" ? `said${hit.speaker ? ` by ${hit.speaker}` : ""}` : "fact",
        when && ` · ${when}`, ` · ${percent(hit.score)}`, hit.outdated && ` · outdated: ${hit.outdated}`),
      h("details", { class: "why" }, h("summary", {}, "Why this?"), reasons(hit)),
      hit.kind === "turn" && disclosure("In its place", () => around(hit)));
  }

  whyNot() {
    const { row, input } = field("Something is missing? Say what, to learn why.", { placeholder: "a sentence, or an id", required: true });
    const answer = h("div", { role: "status" });
    return h("details", { class: "why-not" }, h("summary", {}, "Why not something else?"),
      form({}, async () => {
        const found = await call("why_not", { query: this.query, missing: input.value.trim(), ...this.explorer.moment });
        fill(answer, h("p", { class: "cause" }, h("strong", {}, found.cause.replaceAll("_", " ")), ` — ${found.explanation}`),
          found.sentence && h("blockquote", {}, found.sentence),
          h("p", { class: "meta" }, [
            found.rank && `rank ${found.rank}`, found.arms.length > 0 && `found by ${found.arms.join(", ")}`,
            found.held_down_by && `held down by ${found.held_down_by}`,
          ].filter(Boolean).join(" · ")));
      }, row, h("button", {}, "Why not?"), answer));
  }
}

/** The signals that put a hit where it is, the strongest first. */
function reasons(hit) {
  const strongest = [...hit.signals].sort((one, other) => Math.abs(other.share) - Math.abs(one.share)).slice(0, 8);
  const most = Math.abs(strongest[0]?.share || 1);
  return [
    hit.path && h("p", { class: "path" }, hit.path),
    h("ul", { class: "signals" }, strongest.map((signal) => {
      const bar = h("span", { class: signal.share < 0 ? "bar against" : "bar", "aria-hidden": "true" });
      bar.style.width = `${Math.max(2, (100 * Math.abs(signal.share)) / most)}%`;
      return h("li", {}, h("span", { class: "signal" }, signal.name.replaceAll("_", " ")),
        h("span", { class: "number" }, `${signal.share < 0 ? "−" : "+"}${Math.abs(signal.share).toFixed(2)}`),
        h("span", { class: "track", "aria-hidden": "true" }, bar),
        h("span", { class: "quiet small means" }, session.known.signals[signal.name] || ""));
    })),
  ];
}

async function around(hit) {
  const episode = await call("episode", { episode_id: hit.episode_id });
  return h("ul", { class: "turns" }, episode.turns.map((turn) => h("li", { class: turn.id === hit.turn_id ? "turn this" : "turn" },
    turn.speaker && h("strong", {}, `${turn.speaker}: `), turn.text)));
}

function percent(share) {
  return `${Math.round(100 * share)} %`;
}
