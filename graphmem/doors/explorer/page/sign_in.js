// Who signs in, and whose memory is looked at.

import { access, may, plain, session, setPlace } from "./api.js";
import { count, field, fill, form, guarded, h } from "./dom.js";

/** The form that takes a key; `enter(key)` may fail, which is shown in it. */
export function signInForm(reason, enter) {
  const { row, input } = field("Key", {
    type: "password", autocomplete: "off", spellcheck: "false", required: true, placeholder: "gm_…",
    "aria-describedby": "sign-in-help",
  });
  const wrong = h("p", { class: "wrong", role: "alert" }, reason);
  const go = h("button", { class: "primary" }, "Sign in");
  return h("main", { class: "sign-in" },
    form({ "aria-label": "Sign in" }, async () => {
      go.disabled = true;
      fill(wrong);
      try {
        await enter(input.value.trim());
      } catch (error) {
        fill(wrong, error.status === 401 ? "This key is not good: it is unknown, has expired or was revoked." : error.message);
        input.select();
      } finally {
        go.disabled = false;
      }
    },
    h("h1", {}, h("span", { class: "dot", "aria-hidden": "true" }), "graphmem"),
    h("p", { class: "quiet" }, "What is remembered, how it hangs together, and why."),
    row, go, wrong,
    h("p", { class: "quiet small", id: "sign-in-help" },
      "An owner makes keys: ", h("code", {}, "graphmem keys add"),
      ". For a folder of your own ", h("code", {}, "graphmem explore"), " signs you in.")));
}

/** Fill in whose memory can be chosen; `changed` is called when one was. */
export async function choosePlace(element, changed) {
  const { who } = session;
  const projects = who.project ? [who.project] : await projectNames();
  const wanted = session.place.project_id || session.wantedProject;
  const project = h("select", { "aria-label": "Project" }, projects.map((name) => h("option", { value: name }, name)));
  if (wanted && projects.includes(wanted)) project.value = wanted;
  const owner = h("select", { "aria-label": "Whose memory" });
  const choose = async () => {
    const [kind, id] = splitOnce(owner.value);
    setPlace({ project_id: project.value, [kind]: id });
    return changed();
  };
  const load = async () => {
    await fillOwners(owner, project.value);
    await choose();
  };
  project.addEventListener("change", () => guarded(load));
  owner.addEventListener("change", () => guarded(choose));
  fill(element, projects.length > 1 && project, owner);
  await load();
}

async function projectNames() {
  if (may("administrator")) {
    const found = await plain("projects", { limit: 1000 });
    return found.items.map((item) => item.id).concat(found.items.length ? [] : ["default"]);
  }
  return (await access("GET", "projects")).map((one) => one.name);
}

async function fillOwners(select, project) {
  const options = [];
  const { who } = session;
  if (who.user_id) options.push(["user_id", who.user_id, who.user_id]);
  else {
    const [users, agents] = await Promise.all([
      plain("users", { project_id: project, limit: 1000 }), plain("agents", { project_id: project, limit: 1000 }),
    ]);
    for (const user of users.items) options.push(["user_id", user.id, `${user.id} · ${count(user.facts, "fact")}`]);
    for (const agent of agents.items) options.push(["agent_id", agent.id, `agent ${agent.id}`]);
  }
  const known = options.map(([kind, id]) => `${kind} ${id}`);
  const wanted = session.place.user_id || session.place.agent_id || session.wanted;
  if (wanted && !options.some(([, id]) => id === wanted)) options.unshift(["user_id", wanted, wanted]);
  if (!options.length) options.push(["user_id", "me", "me"]);
  fill(select, options.map(([kind, id, label]) => h("option", { value: `${kind} ${id}` }, label)));
  const fit = [`user_id ${wanted}`, `agent_id ${wanted}`].find((value) => known.includes(value));
  select.value = fit || `${options[0][0]} ${options[0][1]}`;
}

function splitOnce(text) {
  const at = text.indexOf(" ");
  return [text.slice(0, at), text.slice(at + 1)];
}

