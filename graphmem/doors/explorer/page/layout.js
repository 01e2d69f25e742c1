// Where entities stand, worked out beside the page: a worker that moves them by forces (d3-force).
// It is told {nodes: [[x, y, fixed]], links: [[i, j]], alpha} and gives back places as they settle.

let trusted = (url) => url;
if (self.trustedTypes) {
  const policy = self.trustedTypes.createPolicy("graphmem", { createScriptURL: (url) => url });
  trusted = (url) => policy.createScriptURL(url);
}
for (const part of ["dispatch", "quadtree", "timer", "force"]) {
  importScripts(trusted(`/explorer/vendor/d3-${part}.min.js`));
}

const d3 = self.d3;
let simulation = null;
let run = 0;

self.onmessage = ({ data }) => {
  if (data.nodes) begin(data);
  else if (data.fixed && simulation) fix(data);
};

function begin({ nodes, links, alpha, round }) {
  const made = nodes.map(([x, y, fixed]) => (fixed ? { x, y, fx: x, fy: y } : { x, y }));
  const joined = links.map(([source, target]) => ({ source, target }));
  const many = made.length > 1500;
  simulation = d3.forceSimulation(made)
    .force("charge", d3.forceManyBody().strength(many ? -60 : -420).distanceMax(many ? 4000 : 1200)
      .theta(many ? 1.2 : 0.9))
    .force("link", d3.forceLink(joined).distance(many ? 46 : 110))
    .force("x", d3.forceX().strength(many ? 0.04 : 0.05))
    .force("y", d3.forceY().strength(many ? 0.04 : 0.05))
    .alpha(alpha)
    .alphaDecay(many ? 0.045 : 0.03)
    .stop();
  if (!many) simulation.force("apart", d3.forceCollide(26));
  const mine = (run += 1);
  step(mine, round, many ? 1 : 4);
}

function fix({ index, x, y }) {
  const node = simulation.nodes()[index];
  if (!node) return;
  node.fx = node.x = x;
  node.fy = node.y = y;
}

function step(mine, round, ticks) {
  if (mine !== run) return;
  const began = performance.now();
  do simulation.tick(ticks); while (performance.now() - began < 30 && simulation.alpha() > 0.005);
  const nodes = simulation.nodes();
  const places = new Float32Array(nodes.length * 2);
  nodes.forEach((node, i) => { places[2 * i] = node.x; places[2 * i + 1] = node.y; });
  const done = simulation.alpha() <= 0.005;
  self.postMessage({ places, done, round }, [places.buffer]);
  if (!done) setTimeout(step, 0, mine, round, ticks);
}
