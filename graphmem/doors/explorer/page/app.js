// The page: who signs in, whose memory it is about, and what is shown beside the graph.

import { redeem, session, signIn, signOut } from "./api.js";
import { announce, button, fill, guarded, h, toast } from "./dom.js";
import { choosePlace, signInForm } from "./sign_in.js";
import { Explorer } from "./explorer.js";

const THEME = "graphmem.theme";
const app = document.getElementById("app");

const darkness = matchMedia("(prefers-color-scheme: dark)");
let explorer = null;

/** The colours that were chosen here, else those of the machine. */
function applyTheme() {
  document.documentElement.dataset.theme = localStorage.getItem(THEME) || (darkness.matches ? "dark" : "light");
  explorer?.view.retheme();
}

function turnTheme() {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem(THEME, theme);
  applyTheme();
  announce(`${theme} colours`);
}

function showSignIn(reason = "") {
  explorer?.end();
  explorer = null;
  document.title = "Sign in · graphmem";
  fill(app, signInForm(reason, async (key) => {
    await signIn(key);
    await begin();
  }));
  app.querySelector("input")?.focus();
}

async function begin() {
  const place = h("div", { class: "place" });
  explorer?.end();
  const mine = explorer = new Explorer();
  const head = h("header", { class: "head" },
    h("h1", {}, h("span", { class: "dot", "aria-hidden": "true" }), "graphmem"),
    place,
    mine.tabs,
    h("div", { class: "head-end" },
      button("◐", turnTheme, { class: "plain", "aria-label": "Light or dark", title: "Light or dark" }),
      button("Sign out", () => signOut(), { class: "plain", title: session.who.key.name })));
  fill(app, head, mine.element);
  document.title = "graphmem";
  await choosePlace(place, () => guarded(() => mine.begin()));
}

session.signedOut = showSignIn;

async function start() {
  applyTheme();
  darkness.addEventListener("change", applyTheme);
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
