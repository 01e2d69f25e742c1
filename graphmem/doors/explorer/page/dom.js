// Elements made of plain values. Text only ever becomes a text node: what a memory holds is shown
// as it is, whatever it looks like.

/** An element: attributes by name, `on…` listeners, then children (elements, text, or nothing). */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** Put these in place of what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/** Tell a screen reader what has changed elsewhere on the page. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** A notice in the corner, with what can be done about it. It goes after a while; one that has an
 * action stays longer, and none goes while the pointer or the focus is on it. */
export function toast(text, { action = null, error = false } = {}) {
  const place = document.getElementById("toasts");
  const close = () => note.remove();
  const note = h("div", { class: error ? "toast bad" : "toast", role: error ? "alert" : "status" },
    h("span", {}, text),
    action && button(action.label, () => { close(); action.run(); }, { class: "link" }),
    button("×", close, { class: "plain", "aria-label": "Close this notice" }));
  place.append(note);
  const later = () => {
    if (note.matches(":hover, :focus-within")) setTimeout(later, 2000);
    else close();
  };
  setTimeout(later, action || error ? 12000 : 5000);
  while (place.children.length > 3) place.firstChild.remove();
}

/** A button that does something; what goes wrong in it is shown. */
export function button(label, run, attributes = {}) {
  return h("button", { type: "button", ...attributes, onclick: (event) => guarded(run, event) }, label);
}

/** Run what may fail, and show how it failed. */
export async function guarded(run, ...given) {
  try {
    return await run(...given);
  } catch (error) {
    toast(error.message || String(error), { error: true });
    return undefined;
  }
}

/** What stands in the place of what could not be had, with a way to try again. */
export function failed(error, again) {
  return h("div", { class: "failed", role: "alert" }, h("p", { class: "wrong" }, error.message || String(error)),
    button("Try again", again));
}

/** A list that grows by a button. `load(last)` gives `{items, more}` of what follows its last item. */
export function growing(attributes, first, show, load) {
  const list = h(attributes.tag || "ul", { class: attributes.class, tabindex: "-1", "aria-label": attributes.label });
  let last = null;
  const put = ({ items, more }) => {
    append(list, items.map(show));
    last = items.at(-1);
    next.hidden = !more;
  };
  const next = button("Show more", async () => {
    put(await load(last));
    if (next.hidden) list.focus();
  }, { class: "more" });
  put(first);
  return [list, next];
}

let fields = 0;

/** An input with its label: `{row, input}`. */
export function field(label, attributes = {}, tag = "input", ...children) {
  const id = attributes.id || `field-${(fields += 1)}`;
  const input = h(tag, { ...attributes, id }, ...children);
  return { row: h("div", { class: "field" }, h("label", { for: id }, label), input), input };
}

/** A form: `submit` is called with its event, and what goes wrong in it is shown. */
export function form(attributes, submit, ...children) {
  return h("form", {
    ...attributes,
    onsubmit: (event) => { event.preventDefault(); guarded(submit, event); },
  }, ...children);
}

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const MONTH = new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric", timeZone: "UTC" });

/** A moment as exact as it is known: `2025`, `Mar 2025`, `4 Mar 2025`. */
export function date(at, precision = "day") {
  if (!at) return "";
  const moment = new Date(at);
  if (precision === "year") return String(moment.getUTCFullYear());
  if (precision === "month") return MONTH.format(moment);
  return DAY.format(moment);
}

/** From when to when something held, in words; empty where neither is known. */
export function interval(thing) {
  const from = date(thing.valid_at, thing.valid_precision);
  const until = date(thing.invalid_at, thing.invalid_precision);
  if (from && until) return `${from} – ${until}`;
  if (from) return `since ${from}`;
  return until ? `until ${until}` : "";
}

/** `1 fact`, `1,204 facts`. */
export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** A part that shows more when it is opened, filled at the first time. */
export function disclosure(label, load, attributes = {}) {
  const body = h("div", { class: "disclosed" });
  let loaded = false;
  return h("details", {
    ...attributes,
    ontoggle: async (event) => {
      if (!event.target.open || loaded) return;
      loaded = true;
      fill(body, h("p", { class: "quiet" }, "…"));
      const found = await guarded(load);
      if (found === undefined) { loaded = false; event.target.open = false; return; }
      fill(body, found);
    },
  }, h("summary", {}, label), body);
}

/** Ask before something happens; true where it may. `detail` says what it means. */
export function confirm(title, detail, label, danger = true) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { "aria-labelledby": "confirm-title" },
      h("h2", { id: "confirm-title" }, title), h("p", {}, detail),
      h("div", { class: "actions" },
        button("Cancel", () => dialog.close("no")),
        button(label, () => dialog.close("yes"), { class: danger ? "danger" : "primary" })));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue === "yes"); });
    document.body.append(dialog);
    dialog.showModal();
  });
}
