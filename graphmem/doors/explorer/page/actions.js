// What can be done to an entity or a fact: merge, separate, edit, undo, forget. Each says what it
// did, and offers to undo it.

import { call } from "./api.js";
import { button, confirm, date, field, form, guarded, h, toast } from "./dom.js";

/** A dialog with fields; `done(values)` may fail, which is shown in it. */
function ask(title, fields, label, done, note = null) {
  const dialog = h("dialog", { "aria-labelledby": "ask-title" });
  const wrong = h("p", { class: "wrong", role: "alert" });
  const content = form({}, async () => {
    wrong.textContent = "";
    try {
      await done();
      dialog.close();
    } catch (error) {
      wrong.textContent = error.message;
    }
  },
  h("h2", { id: "ask-title" }, title), note && h("p", { class: "quiet small" }, note),
  fields.map((one) => one.row), wrong,
  h("div", { class: "actions" }, button("Cancel", () => dialog.close()), h("button", { class: "primary" }, label)));
  dialog.append(content);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** Undo by the `seq` of the last thing that was done by hand to a fact. */
async function undoLast(factId, renew) {
  const changes = await call("history", { fact_id: factId });
  const last = changes.at(-1);
  await call("undo", { id: String(last.seq) });
  toast("Undone.");
  await renew();
}

/** Join another entity to this one. */
export function merge(entity, renew) {
  const found = h("datalist", { id: "merge-names" });
  const other = field(`Which one is the same as ${entity.name}?`, { list: "merge-names", required: true, autocomplete: "off" });
  other.row.append(found);
  let known = [];
  other.input.addEventListener("input", () => guarded(async () => {
    const name = other.input.value.trim();
    const alike = name ? await call("entities", { name, limit: 8 }) : [];
    if (name !== other.input.value.trim()) return; // more was typed meanwhile
    known = alike.filter((one) => one.id !== entity.id);
    found.replaceChildren(...known.map((one) => h("option", { value: one.name }, one.kind)));
  }));
  ask(`Merge into ${entity.name}`, [other], "Merge", async () => {
    const name = other.input.value.trim();
    const gone = known.find((one) => one.name === name) || await call("entity", { name_or_id: name });
    await call("merge", { entity: entity.id, other: gone.id });
    toast(`${gone.name} is one with ${entity.name} now.`, {
      action: { label: "Undo", run: () => separate(gone, renew) },
    });
    await renew();
  }, "What is known of both becomes known of one. It can be separated again.");
}

/** Part what was merged last. */
export async function separate(entity, renew) {
  const again = await call("unmerge", { entity_id: entity.id });
  toast(`${again.name} stands by itself again.`);
  await renew();
}

/** Change what a fact says, since when, and how much it matters. */
export function edit(fact, renew) {
  const text = field("What is so", { required: true, rows: 3 }, "textarea");
  text.input.value = fact.text;
  const since = field("Since", { placeholder: "2024, 2024-05 or 2024-05-17", value: exact(fact.valid_at, fact.valid_precision) });
  const until = field("Until", { placeholder: "still so", value: exact(fact.invalid_at, fact.invalid_precision) });
  const tags = field("Tags", { placeholder: "with commas between them", value: fact.tags.join(", ") });
  const weight = field("Importance", { type: "number", min: "0", max: "1", step: "0.05", value: String(fact.importance) });
  ask("Edit", [text, since, until, tags, weight], "Save", async () => {
    const given = { fact_id: fact.id };
    const set = (name, value, before) => { if (value !== before) given[name] = value; };
    set("text", text.input.value.trim(), fact.text);
    set("valid_at", since.input.value.trim() || null, exact(fact.valid_at, fact.valid_precision) || null);
    set("invalid_at", until.input.value.trim() || null, exact(fact.invalid_at, fact.invalid_precision) || null);
    const named = tags.input.value.split(",").map((one) => one.trim()).filter(Boolean);
    if (named.join(", ") !== fact.tags.join(", ")) given.tags = named.length ? named : null;
    set("importance", Number(weight.input.value), fact.importance);
    if (Object.keys(given).length === 1) return;
    await call("update", given);
    toast("Saved.", { action: { label: "Undo", run: () => undoLast(fact.id, renew) } });
    await renew();
  }, "The version before stays in the history.");
}

/** A date as it would be given. */
function exact(at, precision) {
  if (!at) return "";
  const long = { year: 4, month: 7, week: 10, day: 10 };
  return long[precision] ? at.slice(0, long[precision]) : at;
}

/** Take a fact back, or erase it for good. */
export function forget(fact, renew) {
  const kind = field("How", {}, "select",
    h("option", { value: "retire" }, "Believe it no more; history keeps it"),
    h("option", { value: "erase" }, "Erase it for good, with the sentences that say it"));
  ask("Forget this?", [kind], "Forget", async () => {
    const erase = kind.input.value === "erase";
    if (erase && !await confirm("Erase it for good?", `“${fact.text}” goes from history, too. Nothing brings it back.`, "Erase")) return;
    await call("delete", { id: fact.id, erase });
    toast(erase ? "Erased." : "Forgotten.", erase ? {} : { action: { label: "Undo", run: () => undoLast(fact.id, renew) } });
    await renew();
  }, fact.text);
}

/** Undo one entry of a history: the episode that brought it, or the edit. */
export async function undoChange(change, renew) {
  const what = change.episode_id
    ? `Everything that was told with it on ${date(change.at)} counts no more, unless it was said elsewhere too.`
    : "What was changed by hand then is as it was before.";
  if (!await confirm("Undo this?", what, "Undo")) return;
  const found = await call("undo", { id: change.episode_id || String(change.seq) });
  toast(change.episode_id ? `Undone: ${found.facts} facts are believed no longer.` : "Undone.");
  await renew();
}
