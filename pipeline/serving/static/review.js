// Shows one image after another that waits for review; one key or tap decides. One request at a time.

const element = (id) => document.getElementById(id);
const NAME = "reviewer"; // where this browser keeps the reviewer's name
const ACTIONS = { s: "skip", x: "discard" };
const state = { busy: false, question: null, keys: {}, classes: "" };

function reviewer() {
  return localStorage.getItem(NAME) ?? "";
}

async function ask(path, body) {
  if (state.busy) return;
  setBusy(true);
  try {
    const headers = { "Content-Type": "application/json" };
    const sent = body && { method: "POST", headers, body: JSON.stringify({ reviewer: reviewer(), ...body }) };
    const reply = await fetch(path, sent);
    const answer = await reply.json();
    if (reply.status === 401) return location.reload(); // the server asks for its token
    if (!reply.ok) return await refuse(answer.detail, reply.status);
    refuse("");
    show(answer);
  } catch {
    refuse("The server does not answer. Is it still running?");
  } finally {
    setBusy(false);
  }
}

function next() {
  return ask(`/review/next?reviewer=${encodeURIComponent(reviewer())}`);
}

function setBusy(busy) {
  state.busy = busy;
  element("ask").setAttribute("aria-busy", busy);
}

function refuse(sentence, status) {
  element("refusal").textContent = sentence;
  element("refusal").hidden = !sentence;
  if (status !== 409) return;
  state.busy = false; // someone else was faster: what is next?
  return next().then(() => refuse(sentence));
}

function decide(action, label) {
  if (!state.question || state.busy) return;
  announce(label === undefined ? action : `Labelled ${label}`);
  ask("/review/decisions", { digest: state.question.digest, action, ...(label !== undefined && { label }) });
}

function announce(sentence) {
  element("announcement").textContent = sentence;
}

function show({ dataset, classes, progress, question, sentences }) {
  document.title = element("title").textContent = `Review ${dataset}`;
  element("who").hidden = true;
  element("decide").hidden = false;
  element("rename").textContent = reviewer();
  element("by").hidden = false;
  showClasses(classes);
  showProgress(progress);
  showQuestion(question, progress.skipped);
  element("done").replaceChildren(...(sentences ?? []).map((sentence) => paragraph(sentence)));
}

function showProgress({ left, decided, skipped }) {
  const parts = [`${left.toLocaleString("en")} left`, `${decided.toLocaleString("en")} decided`];
  if (skipped) parts.push(`${skipped.toLocaleString("en")} skipped`);
  element("count").textContent = parts.join(", ");
  element("store").lastChild.textContent = decided ? `Store ${decided.toLocaleString("en")}` : "Store";
  element("store").disabled = decided + skipped === 0;
  element("undo").disabled = decided + skipped === 0;
}

function showClasses(classes) {
  const known = JSON.stringify(classes);
  if (known === state.classes) return;
  state.classes = known;
  state.keys = Object.fromEntries(classes.filter(({ key }) => key).map(({ name, key }) => [key, name]));
  element("classes").replaceChildren(...classes.map(classButton));
}

function classButton({ name, key }) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.name = name;
  button.append(name);
  if (key && key !== name) {
    const hint = document.createElement("kbd");
    hint.textContent = key;
    button.append(hint);
  }
  button.addEventListener("click", () => decide("label", name));
  return button;
}

function showQuestion(question, skipped) {
  state.question = question;
  for (const id of ["ask", "classes", "skip", "discard"]) element(id).hidden = !question;
  const empty = skipped ? "Only skipped images are left. Press Store to see them again." : "Nothing is left to review.";
  element("question").textContent = question ? "What does it show?" : empty;
  element("question").classList.toggle("empty", !question);
  if (!question) return announce(empty);
  const { picture, twin, blind, label, reason, opinions } = question;
  element("picture").src = picture;
  element("likeness").hidden = !twin;
  if (twin) element("twin").src = twin;
  element("blind").hidden = !blind;
  element("label").hidden = blind;
  element("label").textContent = label === null ? "It has no label." : `Labelled ${label}`;
  element("reason").textContent = reason;
  element("opinions").replaceChildren(...opinions.map(opinion));
  for (const button of element("classes").children) button.classList.toggle("label", button.dataset.name === label);
}

function opinion({ version, classes, probabilities }) {
  const part = document.createElement("div");
  const bars = document.createElement("ol");
  bars.className = "bars";
  bars.setAttribute("aria-label", `Probabilities by ${version}`);
  classes.slice(0, 3).forEach((name, index) => bars.append(bar(name, probabilities[index], index === 0)));
  part.append(paragraph(version, "hint"), bars);
  return part;
}

function bar(name, share, best) {
  const row = document.createElement("li");
  row.classList.toggle("best", best);
  row.innerHTML = '<span class="name"></span><span class="track"><span class="fill"></span></span><span class="percent"></span>';
  row.querySelector(".name").textContent = name;
  row.querySelector(".fill").style.setProperty("--share", share);
  row.querySelector(".percent").textContent = `${(100 * share).toFixed(1)}\u00a0%`;
  return row;
}

function paragraph(text, style = "") {
  const made = document.createElement("p");
  made.className = style;
  made.textContent = text;
  return made;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.matches("input")) return;
  const { key } = event;
  if (key in state.keys) decide("label", state.keys[key]);
  else if (key in ACTIONS) decide(ACTIONS[key]);
  else if (key === "u") ask("/review/undo", {});
  else return;
  event.preventDefault();
}

function askName() {
  element("name").value = reviewer();
  for (const id of ["ask", "decide", "by"]) element(id).hidden = true;
  element("who").hidden = false;
  element("count").textContent = "";
  element("name").focus();
}

element("who").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = element("name").value.trim();
  if (!name) return;
  localStorage.setItem(NAME, name);
  next();
});
element("rename").addEventListener("click", askName);
element("skip").addEventListener("click", () => decide("skip"));
element("discard").addEventListener("click", () => decide("discard"));
element("undo").addEventListener("click", () => ask("/review/undo", {}));
element("store").addEventListener("click", () => ask("/review/store", {}));
document.addEventListener("keydown", onKey);
if (location.hash) history.replaceState(null, "", location.pathname); // a link with the token was opened again

if (reviewer()) next();
else askName();
