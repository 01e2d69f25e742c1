// A colour for each kind of entity, in light and in dark; kinds that are not known share the rest.

const KNOWN = {
  person: ["#2f6fb3", "#7db4ee"],
  place: ["#2e8560", "#6fcaa0"],
  organization: ["#b9601b", "#f0a868"],
  event: ["#a8437a", "#e88fbd"],
  product: ["#7456b8", "#b49df0"],
  work: ["#8a6d1d", "#dcc067"],
  animal: ["#8c5a3c", "#d3a584"],
  activity: ["#1f8391", "#72cbd8"],
  topic: ["#5b6b86", "#a6b5cf"],
  thing: ["#69707d", "#a9b0bd"],
};
const REST = [["#95405a", "#e899ae"], ["#4a7a2b", "#a3d07f"], ["#3f57b5", "#9aabf5"], ["#7d7423", "#cfc66d"]];

/** The colour of a kind. */
export function colour(kind, dark) {
  const pair = Object.hasOwn(KNOWN, kind) ? KNOWN[kind] : REST[[...kind].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % REST.length];
  return pair[dark ? 1 : 0];
}
