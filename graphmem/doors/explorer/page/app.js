// The page: who signs in, whose memory it is about, and what is shown beside the graph.

import { redeem, session, signIn, signOut } from "./api.js";
import { announce, button, fill, guarded, h, toast } from "./dom.js";
import { choosePlace, signInForm } from "./sign_in.js";
import { Explorer } from "./explorer.js";

const THEME = "graphmem.theme";
const app = document.getElementById("app");

function applyTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

function turnTheme(explorer) {
  const dark = getComputedStyle(document.documentElement).getPropertyValue("--dark").trim() === "1";
  const theme = dark ? "light" : "dark";
  localStorage.setItem(THEME, theme);
  applyTheme(theme);
  explorer.view.retheme();
  announce(`${theme} colours`);
}

function showSignIn(reason = "") {
  document.title = "Sign in · graphmem";
  fill(app, signInForm(reason, async (key) => {
    await signIn(key);
    await begin();
  }));
  app.querySelector("input")?.focus();
}

async function begin() {
  const place = h("div", { class: "place" });
  const explorer = new Explorer();
  const head = h("header", { class: "head" },
    h("h1", {}, h("span", { class: "dot", "aria-hidden": "true" }), "graphmem"),
    place,
    explorer.tabs,
    h("div", { class: "head-end" },
      button("◐", () => turnTheme(explorer), { class: "plain", "aria-label": "Light or dark", title: "Light or dark" }),
      button("Sign out", () => signOut(), { class: "plain", title: session.who.key.name })));
  fill(app, head, explorer.element);
  document.title = "graphmem";
  await choosePlace(place, () => guarded(() => explorer.begin()));
}

session.signedOut = showSignIn;

async function start() {
  applyTheme(localStorage.getItem(THEME));
  const given = new URLSearchParams(location.hash.slice(1));
  history.replaceState(null, "", location.pathname); // a code is good once, and nobody's to read
  if (given.get("user")) session.wanted = given.get("user");
  if (given.get("project")) session.wantedProject = given.get("project");
  try {
    if (given.get("code")) {
      await signIn(await redeem(given.get("code")));
      await begin();
      return;
    }
    if (session.key) {
      await signIn(session.key);
      await begin();
      return;
    }
  } catch (error) {
    showSignIn(error.message);
    return;
  }
  showSignIn();
}

start().catch((error) => toast(error.message, { error: true }));
