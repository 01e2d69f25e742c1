// Mouse, pen and fingers on the canvas: drag the page or an entity, pinch, turn the wheel, click.

/** Let pointers move a view. */
export function handlePointer(view) {
  const { canvas } = view;
  const down = new Map();
  let held = null;
  let moved = 0;

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  canvas.addEventListener("pointerdown", (event) => {
    const [x, y] = place(event);
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, [x, y]);
    held = down.size === 1 ? view.at(x, y) : null;
    moved = 0;
    view.dragging = true;
  });

  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    const before = down.get(event.pointerId);
    if (!before) {
      hover(view, x, y);
      return;
    }
    moved += Math.abs(x - before[0]) + Math.abs(y - before[1]);
    down.set(event.pointerId, [x, y]);
    if (down.size === 2) pinch(view, down, event.pointerId, before);
    else if (held && moved > 4) drag(view, held, x - before[0], y - before[1]);
    else if (!held) view.pan(x - before[0], y - before[1]);
  });

  const up = (event) => {
    if (!down.delete(event.pointerId) || down.size) return;
    view.dragging = false;
    if (event.type === "pointerup" && moved <= 4) {
      view.choose(held ? held.id : null);
      if (held) { view.open(held.id); view.grow(held.id); }
    } else if (held) {
      view.painter.stale();
    }
    held = null;
    view.paint();
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    view.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), ...place(event));
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => {
    if (!view.at(...place(event))) view.fit();
  });
}

function hover(view, x, y) {
  const node = view.at(x, y);
  view.canvas.style.cursor = node ? "pointer" : "grab";
  const id = node ? node.id : view.state.chosen;
  if (id !== view.state.focus) view.focusOn(id);
}

function drag(view, node, x, y) {
  const { k } = view.painter.view;
  node.x += x / k;
  node.y += y / k;
  node.fixed = true;
  view.worker.postMessage({ fixed: true, index: view.placed.indexOf(node), x: node.x, y: node.y });
  if (view.state.focus !== node.id) view.focusOn(node.id);
  view.paint();
}

function pinch(view, down, moving, before) {
  const other = [...down].find(([id]) => id !== moving)[1];
  const now = down.get(moving);
  const was = Math.hypot(before[0] - other[0], before[1] - other[1]);
  const is = Math.hypot(now[0] - other[0], now[1] - other[1]);
  if (was > 0) view.zoom(is / was, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  view.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
}
