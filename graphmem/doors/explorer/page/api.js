// The methods of the API over HTTP, as whoever signed in. The key is kept for this tab alone.

const KEY = "graphmem.key";
const PLACE = "graphmem.place";

/** What the server answered instead of a result. */
export class Problem extends Error {
  constructor(status, detail, name) {
    super(detail);
    this.name = name || "Problem";
    this.status = status;
  }
}

let placed = null;
let chosen = new Promise((resolve) => { placed = resolve; });

export const session = {
  key: sessionStorage.getItem(KEY),
  who: null,
  place: JSON.parse(sessionStorage.getItem(PLACE) || "{}"),
  known: { version: "", tour: [], signals: {} },
  signedOut: () => {},
};

/** Sign in with a key: whose it is. */
export async function signIn(key) {
  const before = session.key;
  session.key = key;
  try {
    session.who = await access("GET", "whoami");
  } catch (error) {
    session.key = before;
    throw error;
  }
  sessionStorage.setItem(KEY, key);
  session.known = await (await fetch("/explorer/known.json")).json();
  return session.who;
}

/** Forget the key, here. */
export function signOut(reason = "") {
  session.key = session.who = null;
  session.place = {};
  chosen = new Promise((resolve) => { placed = resolve; });
  sessionStorage.removeItem(KEY);
  sessionStorage.removeItem(PLACE);
  session.signedOut(reason);
}

/** The key that a one-time code stands for. */
export async function redeem(code) {
  return (await asked("POST", "/explorer/key", { code }, false)).key;
}

/** Say whose memory calls are about: `{project_id, user_id, agent_id}`. */
export function setPlace(place) {
  session.place = place;
  sessionStorage.setItem(PLACE, JSON.stringify(place));
  placed();
}

/** A method of the API, about the chosen memory, once one was chosen. */
export async function call(method, given = {}) {
  await chosen;
  return asked("POST", `/v1/${method}`, { ...session.place, ...given });
}

/** A method about the whole, without the chosen memory. */
export function plain(method, given = {}) {
  return asked("POST", `/v1/${method}`, given);
}

/** What owners look after: keys, members, usage, the audit log. */
export function access(verb, path, given) {
  return asked(verb, `/v1/access/${path}`, given);
}

/** How the store is; what is wrong with it is no error of the question. */
export async function health() {
  return asked("GET", "/v1/health", undefined, true, 503);
}

/** Whether who signed in may read what a role may. */
export function may(role) {
  const order = ["reader", "writer", "owner", "administrator"];
  return Boolean(session.who) && order.indexOf(session.who.role) >= order.indexOf(role);
}

/** Whether they may change it, too. */
export function mayChange(role = "writer") {
  return may(role) && !session.who.read_only;
}

/** An answer as JSON. `also` is a status that is none of an error; else a `Problem` is thrown. */
async function asked(verb, path, given, withKey = true, also = 200) {
  const headers = { "content-type": "application/json" };
  if (withKey) headers.authorization = `Bearer ${session.key}`;
  let response;
  try {
    const body = given === undefined ? undefined : JSON.stringify(given);
    response = await fetch(path, { method: verb, headers, body });
  } catch {
    throw new Problem(0, "The server cannot be reached. Is it still running?");
  }
  if (response.ok || response.status === also) {
    return response.headers.get("content-type")?.startsWith("application/json") ? response.json() : response.text();
  }
  const problem = await response.json().catch(() => ({}));
  const error = new Problem(response.status, problem.detail || `The server answered ${response.status}.`, problem.error);
  if (response.status === 401 && withKey && session.who) signOut("Your key is good no more.");
  throw error;
}
