// What was told in which conversation.

import { call, mayChange } from "./api.js";
import { button, confirm, count, date, failed, fill, growing, h, toast } from "./dom.js";

const MANY = 100;

/** The page with the list of conversations, and the one that was chosen. */
export async function conversationsPage(explorer) {
  const one = h("section", { class: "conversation", "aria-live": "polite" }, h("p", { class: "quiet" }, "Choose a conversation."));
  const list = h("div", {});
  let chosen = null;
  const show = async (run, row) => {
    chosen = run.id;
    for (const other of list.querySelectorAll("[aria-current]")) other.removeAttribute("aria-current");
    row.setAttribute("aria-current", "true");
    fill(one, h("p", { class: "quiet" }, "…"));
    let found;
    try {
      found = await conversation(run, explorer, () => load());
    } catch (error) {
      found = failed(error, () => show(run, row));
    }
    if (chosen === run.id) fill(one, found); // else another was chosen meanwhile
  };
  const row = (run) => {
    const made = button([h("span", { class: "name" }, run.title), h("span", { class: "meta" }, [
      count(run.turns, "turn"), count(run.facts, "fact"), date(run.last_at), run.closed_at && "closed",
    ].filter(Boolean).join(" · "))], () => show(run, made), { class: "row", "aria-current": run.id === chosen ? "true" : null });
    return h("li", {}, made);
  };
  const load = async () => {
    let passed = 0;
    const following = async () => {
      const { items, total } = await call("runs", { limit: MANY, offset: passed });
      passed += items.length;
      return { items, more: passed < total };
    };
    const first = await following();
    fill(list, first.items.length ? growing({ class: "runs", label: "Conversations" }, first, row, following)
      : h("p", { class: "quiet" }, "Nothing was told in a conversation yet. Name one when you add something."));
  };
  await load();
  return h("div", {}, h("h2", {}, "Conversations"), h("div", { class: "two" }, list, one));
}

async function conversation(run, explorer, renew) {
  const found = await call("cypher", {
    query: "MATCH (e:Episode) WHERE e.run_id = $run RETURN e.id AS id, e.occurred_at AS told ORDER BY told, id LIMIT 50",
    parameters: { run: run.id },
  });
  const [episodes, summary] = await Promise.all([
    Promise.all(found.rows.map(([id]) => call("episode", { episode_id: id }))),
    call("summary", { run_id: run.id, max_sentences: 4, ask_model: false }),
  ]);
  return [
    h("h3", { class: "title" }, run.title), mayChange() && actions(run, explorer, renew),
    summary.sentences.length > 0 && h("p", { class: "quiet" }, summary.sentences.map((each) => each.text).join(". "), "."),
    episodes.map((episode) => h("article", {}, h("p", { class: "meta" }, date(episode.occurred_at)),
      h("ul", { class: "turns" }, episode.turns.map((turn) => h("li", { class: "turn" },
        turn.speaker && h("strong", {}, `${turn.speaker}: `), turn.text))))),
    run.episodes > episodes.length && h("p", { class: "quiet" }, `The first ${episodes.length} of ${count(run.episodes, "episode")}.`),
  ];
}

function actions(run, explorer, renew) {
  const title = h("input", { "aria-label": "Title", value: run.title });
  return h("div", { class: "row-actions" }, title,
    button("Rename", async () => { await call("update_run", { run: run.id, title: title.value }); toast("Renamed."); await renew(); }),
    button(run.closed_at ? "Open again" : "Close", async () => {
      const after = await call("update_run", { run: run.id, closed: !run.closed_at });
      run.closed_at = after.closed_at;
      toast(after.closed_at ? "Closed." : "Open again.");
      await renew();
    }),
    button("Erase…", async () => {
      const sure = await confirm("Erase this conversation?", `${count(run.episodes, "episode")} and what only they support go for good.`, "Erase");
      if (!sure) return;
      await call("delete_all", { run_id: run.id });
      toast("Erased.");
      await explorer.renew();
      await explorer.turnTo("Conversations", conversationsPage);
    }, { class: "danger" }));
}
