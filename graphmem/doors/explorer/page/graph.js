// The part of the graph that is shown: entities and relations as they came, and which of them hold
// on a day. It knows nothing of the page.

const DAY_MS = 86_400_000;

/** Entities (`nodes`, by id) and what joins them (`links`, by id). */
export class Graph {
  constructor() {
    this.nodes = new Map();
    this.links = new Map();
    this.day = null;
    this.changed();
  }

  /** Put entities and relations in; those that are new stand around `from`. */
  add(entities, relations, from = null) {
    const origin = from && this.nodes.get(from);
    let fresh = 0;
    for (const entity of entities) {
      const known = this.nodes.get(entity.id);
      if (known) { Object.assign(known, described(entity)); continue; }
      this.nodes.set(entity.id, { ...described(entity), ...place(origin, this.nodes.size, fresh), grown: false });
      fresh += 1;
    }
    for (const relation of relations) {
      if (!this.nodes.has(relation.subject_id) || !this.nodes.has(relation.object_id)) continue;
      this.links.set(relation.fact_id, {
        ...relation, id: relation.fact_id, source: relation.subject_id, target: relation.object_id,
        since: time(relation.valid_at), until: time(relation.invalid_at),
      });
    }
    this.changed();
    return fresh;
  }

  /** Join entities that a fact speaks of together, where no relation does. */
  addMentions(from, entities) {
    const near = new Set();
    for (const link of this.links.values()) {
      if (link.source === from) near.add(link.target);
      if (link.target === from) near.add(link.source);
    }
    for (const { id } of entities) {
      if (id === from || near.has(id)) continue;
      const key = `mention ${[from, id].sort().join(" ")}`;
      this.links.set(key, { id: key, source: from, target: id, type: null, fact: null, since: null, until: null });
    }
    this.changed();
  }

  /** Show it as of a day (`2025-03-01`), or as it is now. */
  setDay(day) {
    this.day = day;
    this.changed();
  }

  /** Take an entity out, with what joins it. */
  remove(id) {
    this.nodes.delete(id);
    for (const link of [...this.links.values()]) {
      if (link.source === id || link.target === id) this.links.delete(link.id);
    }
    this.changed();
  }

  clear() {
    this.nodes.clear();
    this.links.clear();
    this.changed();
  }

  /** Work out what is to be seen: `shown` nodes (most connected first), `joined` links. */
  changed() {
    const from = this.day ? Date.parse(this.day) : Date.now();
    const to = this.day ? from + DAY_MS : from;
    this.joined = [...this.links.values()].filter((link) =>
      (link.since === null || link.since < to || link.since === from) && (link.until === null || link.until > from));
    for (const node of this.nodes.values()) node.degree = 0;
    for (const link of this.joined) {
      link.a = this.nodes.get(link.source);
      link.b = this.nodes.get(link.target);
      link.a.degree += 1;
      link.b.degree += 1;
    }
    const bound = new Set();
    for (const link of this.links.values()) bound.add(link.source).add(link.target);
    this.shown = [...this.nodes.values()]
      .filter((node) => node.degree > 0 || node.grown || !bound.has(node.id))
      .sort((one, other) => other.degree - one.degree);
    this.nodesShown = new Set(this.shown);
  }

  /** What an entity is joined with, as shown: `[{node, link}]`. */
  around(id) {
    const found = [];
    for (const link of this.joined) {
      if (link.source === id) found.push({ node: link.b, link });
      else if (link.target === id) found.push({ node: link.a, link });
    }
    return found;
  }

  /** The first and the last day of which anything is dated. */
  span() {
    let first = Infinity;
    let last = -Infinity;
    for (const { since, until } of this.links.values()) {
      for (const at of [since, until]) {
        if (at === null) continue;
        first = Math.min(first, at);
        last = Math.max(last, at);
      }
    }
    return first === Infinity ? null : [first, Math.max(last, Date.now())];
  }

  /** How many there are of each kind, the most first. */
  kinds() {
    const found = new Map();
    for (const { kind } of this.shown) found.set(kind, (found.get(kind) || 0) + 1);
    return [...found].sort((one, other) => other[1] - one[1]);
  }
}

function described(entity) {
  return { id: entity.id, name: entity.name, kind: entity.kind || "thing", aliases: entity.aliases || [] };
}

function time(at) {
  return at ? Date.parse(at) : null;
}

/** Where a new entity begins: around the one it was reached from, else on a spiral. */
function place(origin, index, fresh) {
  const turn = (origin ? fresh : index) * 2.399963;
  const far = origin ? 60 + 6 * Math.sqrt(fresh) : 22 * Math.sqrt(index);
  return { x: (origin ? origin.x : 0) + far * Math.cos(turn), y: (origin ? origin.y : 0) + far * Math.sin(turn) };
}
