// Cypher, read-only and inside the memory that was chosen, with the queries of the tour.

import { call, session } from "./api.js";
import { announce, count, field, fill, form, h } from "./dom.js";

const WORDS = /(\/\/[^\n]*)|('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(\$\w+)|\b(MATCH|OPTIONAL|WHERE|RETURN|ORDER|BY|LIMIT|SKIP|WITH|AS|AND|OR|NOT|IN|IS|NULL|DISTINCT|DESC|ASC|UNWIND|CASE|WHEN|THEN|ELSE|END|CONTAINS|STARTS|ENDS|UNION|EXISTS|count|collect|size|coalesce|left)\b/g;
const CLASSES = ["comment", "text", "parameter", "word"];
const BEGIN = "MATCH (a:Entity)-[r:RELATES]->(b:Entity)\nRETURN a.name AS subject, r.type AS relation, b.name AS object\nLIMIT 25";

/** The page with the console. */
export function consolePage(explorer) {
  const given = h("div", { class: "columns" });
  const meaning = h("p", { class: "quiet" });
  const result = h("div", { class: "table-place" });
  const { element: editor, text } = editorOf();
  let parameters = new Map();
  const choose = (query) => {
    text.value = query ? query.text : BEGIN;
    text.dispatchEvent(new Event("input"));
    parameters = new Map((query?.parameters || []).map((one) => [one.name, parameterField(one)]));
    fill(given, [...parameters.values()].map((one) => one.row));
    fill(meaning, query?.description || "");
  };
  const tour = field("The tour", {}, "select", h("option", { value: "" }, "a query of your own"),
    session.known.tour.map((query) => h("option", { value: query.name }, query.name.replaceAll("_", " "))));
  tour.input.addEventListener("change", () => choose(session.known.tour.find((one) => one.name === tour.input.value)));
  const run = async () => {
    fill(result, h("p", { class: "quiet" }, "…"));
    const values = {};
    for (const [name, { input, kind }] of parameters) values[name] = kind === "time" ? moment(input.value) : input.value;
    try {
      const table = await call("cypher", { query: text.value, parameters: values });
      fill(result, tableOf(table, explorer));
      announce(count(table.rows.length, "row"));
    } catch (error) {
      fill(result, h("p", { class: "wrong", role: "alert" }, error.message));
    }
  };
  const whole = form({ class: "stack", "aria-label": "Query" }, run, tour.row, meaning, given, editor,
    h("div", { class: "row-actions" }, h("button", { class: "primary" }, "Run"),
      h("span", { class: "quiet small" }, h("kbd", {}, "Ctrl"), " ", h("kbd", {}, "Enter"), " runs it. It reads, and changes nothing.")));
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) whole.requestSubmit();
  });
  choose(null);
  return h("div", { class: "wide-page" }, h("h2", {}, "Cypher"), whole, result);
}

/** A text area over the same text in colours. */
function editorOf() {
  const colours = h("pre", { class: "code colours", "aria-hidden": "true" });
  const text = h("textarea", { class: "code", rows: 9, spellcheck: "false", autocapitalize: "off", "aria-label": "Cypher query" });
  text.addEventListener("input", () => { fill(colours, coloured(text.value)); text.rows = Math.min(22, Math.max(6, text.value.split("\n").length + 1)); });
  text.addEventListener("scroll", () => { colours.scrollTop = text.scrollTop; colours.scrollLeft = text.scrollLeft; });
  return { element: h("div", { class: "editor" }, colours, text), text };
}

function coloured(source) {
  const parts = [];
  let end = 0;
  for (const match of source.matchAll(WORDS)) {
    parts.push(source.slice(end, match.index));
    const kind = CLASSES[match.slice(1).findIndex((part) => part !== undefined)];
    parts.push(h("span", { class: kind }, match[0]));
    end = match.index + match[0].length;
  }
  return [...parts, source.slice(end), "\n"];
}

function parameterField(parameter) {
  const made = field(`$${parameter.name}: ${parameter.meaning.replace(/\.$/, "")}`, {
    value: parameter.default || "", required: true, placeholder: parameter.kind === "time" ? "2025-03-01" : "",
  });
  return { ...made, kind: parameter.kind };
}

/** A time as it is stored; `now`, `7 days ago` and a day may be given. */
function moment(given) {
  const ago = /^(\d+) days? ago$/.exec(given.trim());
  const at = given.trim() === "now" ? new Date() : ago ? new Date(Date.now() - ago[1] * 86_400_000) : new Date(given.trim());
  if (Number.isNaN(at.getTime())) throw new Error(`“${given}” is no time: give a day, as 2025-03-01`);
  return at.toISOString().replace("Z", "000Z");
}

function tableOf(table, explorer) {
  if (!table.rows.length) return h("p", { class: "quiet" }, "No rows.");
  return [
    h("p", { class: "meta" }, count(table.rows.length, "row"), table.truncated && " (there are more)"),
    h("div", { class: "scrolled", tabindex: "0", role: "region", "aria-label": "Result" }, h("table", {},
      h("thead", {}, h("tr", {}, table.columns.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, table.rows.map((row) => h("tr", {}, row.map((value) => h("td", {}, cell(value, explorer)))))))),
  ];
}

function cell(value, explorer) {
  if (value === null) return h("span", { class: "quiet" }, "—");
  if (typeof value !== "object") return String(value);
  if (value.label === "Entity") {
    return h("button", { type: "button", class: "link", onclick: () => explorer.turnTo("Explore").then(() => explorer.open(value.id)) }, value.name);
  }
  return h("code", {}, JSON.stringify(value));
}
