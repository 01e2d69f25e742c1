// Telling the memory something.

import { call } from "./api.js";
import { field, fill, form, h } from "./dom.js";

const VERBS = { ADD: "new", UPDATE: "changed", DELETE: "no longer so", NONE: "known already" };

/** The page that takes a text, and says what was made of it. */
export function addPage(explorer) {
  const text = field("What should be remembered?", { rows: 6, required: true, placeholder: "I moved to Lisbon in March 2025." }, "textarea");
  const when = field("When was it said?", { placeholder: "now; or 2025-03-01", autocomplete: "off" });
  const run = field("Conversation", { placeholder: "none", autocomplete: "off" });
  const tags = field("Tags", { placeholder: "with commas between them", autocomplete: "off" });
  const result = h("div", { role: "status", class: "receipt" });
  const go = h("button", { class: "primary" }, "Remember");
  return h("div", { class: "narrow" }, h("h2", {}, "Add"),
    form({ class: "stack" }, async () => {
      go.disabled = true;
      fill(result, h("p", { class: "quiet" }, "…"));
      try {
        const given = { content: text.input.value };
        if (when.input.value.trim()) given.occurred_at = when.input.value.trim();
        if (run.input.value.trim()) given.run_id = run.input.value.trim();
        const named = tags.input.value.split(",").map((one) => one.trim()).filter(Boolean);
        if (named.length) given.tags = named;
        fill(result, receipt(await call("add", given), explorer));
        text.input.value = "";
        await explorer.renew();
      } catch (error) {
        fill(result, h("p", { class: "wrong" }, error.message));
      } finally {
        go.disabled = false;
      }
    }, text.row, h("div", { class: "columns" }, when.row, run.row, tags.row), h("div", {}, go)),
    result);
}

function receipt(found, explorer) {
  if (found.status === "duplicate") return h("p", {}, "This was remembered already.");
  const decided = found.decisions.map((decision) => {
    const fact = decision.after || decision.before;
    const to = fact?.entity_ids?.[0];
    return h("li", {}, h("span", { class: "chip" }, VERBS[decision.action] || decision.action), " ",
      to ? h("button", { type: "button", class: "link", onclick: () => explorer.turnTo("Explore").then(() => explorer.open(to)) }, fact.text)
        : fact?.text || decision.reason,
      h("span", { class: "meta" }, ` ${decision.reason}`));
  });
  return [
    h("h3", {}, found.status === "pending" ? `Stored; ${found.reason || "what it says is still to be read"}` : "Remembered"),
    decided.length ? h("ul", { class: "decisions" }, decided)
      : h("p", { class: "quiet" }, "No facts were found in it; the text itself is searched."),
    found.ungrounded > 0 && h("p", { class: "quiet small" }, `${found.ungrounded} left out: the text does not say it.`),
  ];
}
