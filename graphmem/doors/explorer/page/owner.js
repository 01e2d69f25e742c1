// What owners look after: keys, members, usage, the audit log; and how the store is.

import { access, health, may, mayChange, plain, session } from "./api.js";
import { button, confirm, count, date, field, fill, form, guarded, h, toast } from "./dom.js";

const PAGE = 50;

/** The page for owners and administrators. */
export async function ownerPage() {
  const whole = h("div", { class: "wide-page" });
  const head = h("h2", {}, may("administrator") ? "The store" : session.who.organisation);
  const body = h("div", { class: "blocks" });
  fill(whole, head, may("administrator") && await chooser(body), body);
  await show(body, session.who.organisation);
  return whole;
}

/** An administrator chooses whose keys and members are shown. */
async function chooser(body) {
  const names = await organisations();
  const choice = field("Organisation", { list: "organisations", placeholder: "the store itself", autocomplete: "off" });
  choice.row.append(h("datalist", { id: "organisations" }, names.map((name) => h("option", { value: name }))));
  choice.input.addEventListener("change", () => guarded(() => show(body, choice.input.value.trim() || null)));
  return h("div", { class: "narrow-field" }, choice.row);
}

async function organisations() {
  const used = await access("GET", "usage");
  const found = await plain("projects", { limit: 1000 });
  const named = [...used.map((one) => one.organisation), ...found.items.map((one) => one.id.split("/")).filter((one) => one.length > 1).map((one) => one[0])];
  return [...new Set(named.filter(Boolean))].sort();
}

async function show(body, organisation) {
  body.dataset.shown = organisation || "";
  const ours = may("administrator") && organisation ? `?organisation=${encodeURIComponent(organisation)}` : "";
  const again = () => show(body, organisation);
  const parts = [
    may("administrator") && !organisation && healthBlock(),
    keysBlock(ours, again),
    organisation && membersBlock(ours, again),
    usageBlock(ours),
    auditBlock(ours),
  ];
  const made = await Promise.all(parts.filter(Boolean));
  if (body.dataset.shown === (organisation || "")) fill(body, made); // else another was chosen meanwhile
}

function block(title, ...children) {
  return h("section", { class: "block", "aria-label": title }, h("h3", { class: "title" }, title), children);
}

function table(columns, rows, label) {
  if (!rows.length) return h("p", { class: "quiet" }, "None.");
  return h("div", { class: "scrolled", tabindex: "0", role: "region", "aria-label": label }, h("table", {},
    h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value) => h("td", {}, value)))))));
}

async function healthBlock() {
  const found = await health();
  const parts = Object.entries(found.parts);
  const behind = Object.entries(found.lag).filter(([, lag]) => lag)
    .map(([name, lag]) => `${name}: ${count(lag, "change")} to take in, before the next read`);
  return block("Health",
    h("p", {}, h("span", { class: found.ok ? "state good" : "state bad" }, found.ok ? "well" : "not well"), " ",
      found.set_aside.length > 0 && `${count(found.set_aside.length, "thing")} set aside`),
    table(["part", "state"], parts, "Health"),
    h("p", { class: "meta" }, behind.join(" · ") || "Graph and vectors have taken in all changes."));
}

async function keysBlock(ours, again) {
  const keys = await access("GET", `keys${ours}`);
  const name = field("Name", { required: true, autocomplete: "off" });
  const roles = ours || session.who.organisation ? ["reader", "writer", "owner"] : ["administrator"];
  const role = field("Role", {}, "select", roles.map((one) => h("option", { value: one }, one)));
  const made = h("div", { role: "status" });
  const rows = keys.map((key) => [
    key.name, key.member || key.role, key.read_only ? "reads" : "", date(key.created_at), key.last_used_at ? date(key.last_used_at) : "never",
    key.revoked_at ? h("span", { class: "quiet" }, "revoked") : key.id === session.who.key.id ? h("span", { class: "quiet" }, "yours")
      : mayChange("owner") && button("Revoke", async () => {
        if (!await confirm(`Revoke ${key.name}?`, "Whoever has it is let in no more, from the next call on.", "Revoke")) return;
        await access("DELETE", `keys/${encodeURIComponent(key.id)}${ours}`);
        toast("Revoked.");
        await again();
      }, { class: "link", "aria-label": `Revoke ${key.name}` }),
  ]);
  return block("Keys", table(["name", "may", "", "made", "last used", ""], rows, "Keys"),
    mayChange("owner") && h("details", {}, h("summary", {}, "Make a key"), form({ class: "inline" }, async () => {
      const given = { name: name.input.value.trim(), role: role.input.value };
      const found = await access("POST", `keys${ours}`, given);
      fill(made, h("p", {}, "The key, which is shown this once: "), h("code", { class: "secret" }, found.key),
        button("Copy", () => navigator.clipboard.writeText(found.key).then(() => toast("Copied."))));
    }, name.row, role.row, h("button", {}, "Make")), made));
}

async function membersBlock(ours, again) {
  const members = await access("GET", `members${ours}`);
  const name = field("Name", { required: true, autocomplete: "off" });
  const role = field("Role", {}, "select", ["reader", "writer", "owner"].map((one) => h("option", { value: one }, one)));
  const rows = members.map((member) => {
    const choice = h("select", { "aria-label": `Role of ${member.name}` },
      ["reader", "writer", "owner"].map((one) => h("option", { value: one }, one)));
    choice.value = member.role;
    choice.addEventListener("change", () => guarded(async () => {
      const { value } = choice;
      choice.value = member.role; // until it is so
      await access("PUT", `members/${encodeURIComponent(member.name)}${ours}`, { role: value });
      choice.value = member.role = value;
      toast(`${member.name} is ${value} now.`);
    }));
    choice.disabled = !mayChange("owner");
    return [member.name, choice, mayChange("owner") && button("Remove", async () => {
      if (!await confirm(`Remove ${member.name}?`, "Their keys are revoked.", "Remove")) return;
      await access("DELETE", `members/${encodeURIComponent(member.name)}${ours}`);
      await again();
    }, { class: "link", "aria-label": `Remove ${member.name}` })];
  });
  return block("Members", table(["name", "role", ""], rows, "Members"),
    mayChange("owner") && h("details", {}, h("summary", {}, "Take somebody in"), form({ class: "inline" }, async () => {
      await access("POST", `members${ours}`, { name: name.input.value.trim(), role: role.input.value });
      await again();
    }, name.row, role.row, h("button", {}, "Add"))));
}

async function usageBlock(ours) {
  const used = await access("GET", `usage${ours}`);
  const days = new Map();
  for (const one of used) {
    const day = days.get(one.day) || { calls: 0, refused: 0, tokens: 0 };
    day.calls += one.calls;
    day.refused += one.refused;
    day.tokens += one.tokens_in + one.tokens_out;
    days.set(one.day, day);
  }
  const rows = [...days].sort().reverse().slice(0, 31);
  const most = Math.max(1, ...rows.map(([, day]) => day.calls));
  return block("Usage", table(["day", "calls", "", "refused", "tokens"], rows.map(([name, day]) => {
    const bar = h("span", { class: "bar", "aria-hidden": "true" });
    bar.style.width = `${Math.max(2, (100 * day.calls) / most)}%`;
    return [name, day.calls.toLocaleString("en"), h("span", { class: "track wide" }, bar), day.refused.toLocaleString("en"), day.tokens.toLocaleString("en")];
  }), "Usage"));
}

async function auditBlock(ours) {
  const list = h("div", {});
  const only = h("input", { type: "checkbox", id: "audit-changes", checked: true, onchange: () => guarded(() => load(null)) });
  const load = async (before) => {
    const query = new URLSearchParams(ours.slice(1));
    query.set("limit", String(PAGE));
    if (only.checked) query.set("changes", "true");
    if (before) query.set("before", before);
    const found = await access("GET", `audit?${query}`);
    const rows = found.map((one) => [
      new Date(one.at).toISOString().slice(0, 16).replace("T", " "), one.method, one.outcome, one.target || "", one.key_id, one.address,
    ]);
    fill(list, table(["when (UTC)", "what", "how", "about", "key", "from"], rows, "Audit log"), h("div", { class: "row-actions" },
      before && button("Newest", () => load(null)), found.length === PAGE && button("Older", () => load(found.at(-1).n))));
  };
  await load(null);
  return block("Audit log", h("label", { for: "audit-changes", class: "small" }, only, " only what changed something"), list);
}
