// Wires pad, buttons, photos and keys to the API. One request at a time: the next one carries the latest drawing.

import { Pad } from "./pad.js";
import { ask, offerClasses, stopAsking } from "./question.js";
import { hideReasons, showClasses, showNothing, showPrediction, showReasons, showRefusal } from "./result.js";

const LARGEST_SIDE = 1280; // a photo of a telephone is made smaller before it is sent
const REST = 1500; // milliseconds without a change, after which a picture counts as finished and is kept
const PAUSE = 400; // milliseconds without a change, after which an answer is explained
const ANNOUNCE_AFTER = 500; // milliseconds without a change, so that a screen reader is not flooded
const element = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const state = { photo: null, busy: false, again: false, version: null, examples: {}, next: 0, playing: 0, timer: 0, log: null, rest: 0, pause: 0 };
const pad = new Pad(element("canvas"), drawn);

function drawn() {
  if (!pad.empty && state.photo) forgetPhoto();
  refresh();
}

function refresh() {
  stopAsking();
  hideReasons();
  clearTimeout(state.rest);
  clearTimeout(state.pause);
  const nothing = pad.empty && !state.photo;
  element("placeholder").hidden = !nothing;
  element("clear").disabled = nothing;
  element("undo").disabled = pad.empty;
  element("canvas").setAttribute("aria-label", nothing ? "Drawing pad, empty" : "Drawing pad, with your picture");
  if (nothing) return showNothing();
  predict();
  state.pause = setTimeout(explain, PAUSE);
  if (state.log) state.rest = setTimeout(keep, REST);
}

async function picture() {
  const form = new FormData();
  form.append("files", state.photo ?? (await pad.toBlob()), "picture");
  return form;
}

// What is half drawn is never kept; what rests is sent once more.
async function keep() {
  const rest = state.rest;
  try {
    const reply = await fetch("/predict", { method: "POST", body: await picture() });
    const answer = await reply.json();
    const [prediction] = answer.predictions ?? [];
    if (rest === state.rest && state.log.feedback && prediction?.prediction_id) ask(prediction);
  } catch {
    // the picture was predicted before; only the question is missing
  }
}

// While one draws, nothing is explained: it takes the server dozens of predictions.
async function explain() {
  const pause = state.pause;
  if (state.busy) {
    state.pause = setTimeout(explain, PAUSE);
    return;
  }
  try {
    const reply = await fetch("/predict?seen=true&explain=true&keep=false", { method: "POST", body: await picture() });
    const answer = await reply.json();
    if (!reply.ok || pause !== state.pause || answer.version !== state.version) return;
    const sentence = showReasons(answer.predictions[0]);
    if (sentence) announce(sentence);
  } catch {
    // the picture was predicted before; only the reasons are missing
  }
}

async function predict() {
  if (state.busy) {
    state.again = true;
    return;
  }
  setBusy(true);
  do {
    state.again = false;
    await askOnce();
  } while (state.again && !(pad.empty && !state.photo));
  setBusy(false);
}

function setBusy(busy) {
  state.busy = busy;
  element("result").setAttribute("aria-busy", busy);
}

async function askOnce() {
  const form = await picture();
  try {
    const started = performance.now();
    const reply = await fetch("/predict?seen=true&keep=false", { method: "POST", body: form });
    const answer = await reply.json();
    if (pad.empty && !state.photo) return;
    if (!reply.ok) return showRefusal(answer.detail);
    if (answer.version !== state.version) await meetChampion();
    const spent = Math.max(1, Math.round(performance.now() - started));
    announce(showPrediction(answer.predictions[0], `, in ${spent}\u00a0ms`));
  } catch {
    showRefusal("The server does not answer. Is it still running?");
  }
}

function announce(sentence) {
  clearTimeout(state.timer);
  state.timer = setTimeout(() => (element("announcement").textContent = sentence), ANNOUNCE_AFTER);
}

async function meetChampion() {
  const reply = await fetch("/production");
  const champion = await reply.json();
  if (!reply.ok) return showRefusal(champion.detail);
  if (state.version) announce(`New champion: ${champion.id}`);
  state.version = champion.id;
  state.log = champion.log;
  showClasses(champion.classes, champion.shape);
  offerClasses(champion.classes);
  describe(champion);
  const drawable = champion.shape[2] === 1;
  if (drawable !== (document.querySelector("main").dataset.drawable === "yes")) return location.reload(); // another page
  element("example").hidden = !drawable || !champion.classes.some((name) => name in state.examples);
}

function describe(champion) {
  const { value, low, high } = champion.accuracy;
  const share = (number) => (100 * number).toFixed(1);
  const accuracy = value === undefined ? "" : `, ${share(value)} % right on its benchmark (95 % interval ${share(low)} to ${share(high)} %)`;
  const name = document.createElement(champion.report ? "a" : "span");
  if (champion.report) name.href = champion.report;
  name.textContent = champion.id;
  element("champion").replaceChildren(`In production for ${champion.dataset}: `, name, accuracy, ".");
  element("kept").textContent = champion.log
    ? `Pictures are kept on this server for up to ${age(champion.log.days)}, to check and improve the model.`
    : "Pictures are predicted on this server and not kept.";
}

function age(days) {
  const [number, unit] = days < 1 ? [Math.ceil(24 * days), "hour"] : [Math.ceil(days), "day"];
  return `${number} ${unit}${number === 1 ? "" : "s"}`;
}

async function usePhoto(file) {
  stopExample();
  pad.clear();
  forgetPhoto();
  state.photo = await reduced(file);
  element("photo").src = URL.createObjectURL(state.photo);
  element("photo").hidden = false;
  refresh();
}

async function reduced(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file; // the server says what is wrong with it
  }
  const scale = LARGEST_SIDE / Math.max(bitmap.width, bitmap.height);
  if (scale >= 1) return file;
  const sheet = document.createElement("canvas");
  sheet.width = Math.max(1, Math.round(bitmap.width * scale));
  sheet.height = Math.max(1, Math.round(bitmap.height * scale));
  sheet.getContext("2d").drawImage(bitmap, 0, 0, sheet.width, sheet.height);
  return new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
}

// A file that no browser can show has a sentence of the server's instead.
element("photo").addEventListener("error", () => (element("photo").hidden = true));

function forgetPhoto() {
  if (state.photo) URL.revokeObjectURL(element("photo").src);
  state.photo = null;
  element("photo").hidden = true;
  element("file").value = "";
}

function clearAll() {
  stopExample();
  forgetPhoto();
  pad.clear();
  element("announcement").textContent = "Cleared";
}

function undo() {
  stopExample();
  pad.undo();
}

function stopExample() {
  state.playing++;
}

async function drawExample(name) {
  clearAll();
  const run = state.playing;
  for (const stroke of state.examples[name]) {
    const points = stroke.map(([x, y]) => [x / 100, y / 100]);
    if (calm.matches) {
      pad.add(points);
      continue;
    }
    pad.add([points[0]]);
    for (const point of points.slice(1)) {
      await new Promise((resolve) => setTimeout(resolve, 28));
      if (run !== state.playing) return;
      pad.strokes.at(-1).push(point);
      pad.redraw();
      refresh();
    }
  }
}

function nextExample() {
  const names = Object.keys(state.examples);
  const first = state.next === 0 ? 7 : state.next; // a seven is easy to recognise
  state.next = first + 3;
  drawExample(names[first % names.length]);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    if (event.key.toLowerCase() === "z" && !event.altKey) undo();
    return;
  }
  if (event.key in state.examples) drawExample(event.key);
  else if (event.key === "Backspace") undo();
  else if (event.key === "Delete" || event.key === "Escape") clearAll();
  else return;
  event.preventDefault();
}

function pictureIn(transfer) {
  return [...(transfer?.files ?? [])][0];
}

element("undo").addEventListener("click", undo);
element("clear").addEventListener("click", clearAll);
element("example").addEventListener("click", nextExample);
element("canvas").addEventListener("pointerdown", stopExample);
element("canvas").addEventListener("keydown", onKey);
element("file").addEventListener("change", (event) => event.target.files[0] && usePhoto(event.target.files[0]));
document.addEventListener("paste", (event) => pictureIn(event.clipboardData) && usePhoto(pictureIn(event.clipboardData)));
for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
document.addEventListener("dragover", () => element("pad").classList.add("over"));
document.addEventListener("dragleave", () => element("pad").classList.remove("over"));
document.addEventListener("drop", (event) => {
  element("pad").classList.remove("over");
  if (pictureIn(event.dataTransfer)) usePhoto(pictureIn(event.dataTransfer));
});

state.examples = await (await fetch("/static/strokes.json")).json();
await meetChampion();
refresh();
