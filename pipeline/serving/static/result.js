// The answer: the label, a bar for each class, what the model sees, why it says so, and whether to doubt it.

const LEAST_FALL = 0.05; // where nothing falls by more than this, the answer rests on no single part, as in the reports
const STRONGEST = 0.75; // how much orange covers the picture where the answer rests on it most
const element = (id) => document.getElementById(id);
let stated = ""; // the probability of the answer, in words

function percent(share) {
  if (share > 0 && share < 0.001) return "<\u00a00.1\u00a0%";
  if (share < 1 && share > 0.999) return ">\u00a099.9\u00a0%";
  return `${(100 * share).toFixed(1)}\u00a0%`;
}

export function showClasses(classes, [height, width]) {
  element("bars").replaceChildren(...classes.map(bar));
  for (const id of ["seen", "why"]) Object.assign(element(id), { height, width });
  element("size").textContent = `${width} × ${height} pixels`;
  showNothing();
}

export function showPrediction(prediction, note) {
  const { label, probability, probabilities, seen, doubt } = prediction;
  element("refusal").hidden = true;
  element("label").textContent = label;
  element("label").classList.toggle("word", label.length > 2);
  stated = `probability ${percent(probability)}${note}`;
  showDoubt(doubt);
  for (const row of element("bars").children) fill(row, probabilities[row.dataset.name], row.dataset.name === label);
  paint("seen", seen);
  element("seen").setAttribute("aria-label", "What the model sees: the picture, centred and scaled");
  return `${label}, ${doubt ? "not sure, " : ""}probability ${Math.round(100 * probability)} percent`;
}

// Only the server doubts an answer: what a probability is worth differs from model to model.
function showDoubt(doubt) {
  element("doubt").textContent = doubt ?? "";
  element("doubt").hidden = !doubt;
  element("label").classList.toggle("unsure", Boolean(doubt));
  element("sure").textContent = `${doubt ? "not sure: " : ""}${stated}`;
}

// What is known once a picture rests: the parts that the answer rests on, and why to doubt it.
export function showReasons({ label, probability, seen, why, doubt }) {
  const strongest = Math.max(...why.flat());
  const parts = strongest > LEAST_FALL ? "it rests on the orange parts" : "no part alone decides";
  paint("why", marked(seen, why, Math.max(strongest, LEAST_FALL)));
  element("reason").textContent = parts;
  element("why").setAttribute("aria-label", `Why: ${parts}`);
  showDoubt(doubt);
  return doubt ? `${label}, probability ${Math.round(100 * probability)} percent. ${doubt}` : null;
}

export function hideReasons() {
  clear("why");
  element("reason").textContent = "";
  element("why").setAttribute("aria-label", "Why: nothing yet");
}

export function showNothing() {
  hideReasons();
  element("doubt").hidden = true;
  element("refusal").hidden = true;
  element("label").textContent = "?";
  element("label").className = "label unsure";
  element("sure").textContent = "No picture yet";
  clear("seen");
  element("seen").setAttribute("aria-label", "What the model sees: nothing yet");
  for (const row of element("bars").children) fill(row, null, false);
}

export function showRefusal(sentence) {
  showNothing();
  element("sure").textContent = "No answer";
  element("refusal").textContent = sentence;
  element("refusal").hidden = false;
}

function bar(name) {
  const row = document.createElement("li");
  row.dataset.name = name;
  row.innerHTML = '<span class="name"></span><span class="track"><span class="fill"></span></span><span class="percent"></span>';
  row.querySelector(".name").textContent = name;
  return row;
}

function fill(row, share, best) {
  row.classList.toggle("best", best);
  row.querySelector(".fill").style.setProperty("--share", share ?? 0);
  row.querySelector(".percent").textContent = share === null ? "–" : percent(share);
}

function marked(pixels, falls, strongest) {
  const orange = getComputedStyle(element("why")).color.match(/\d+/g).map(Number);
  return pixels.map((row, y) =>
    row.map((pixel, x) => {
      const strength = (STRONGEST * Math.max(falls[y][x], 0)) / strongest;
      return orange.slice(0, 3).map((full, channel) => {
        const own = pixel[pixel.length === 1 ? 0 : channel];
        return own + strength * (full - own);
      });
    }),
  );
}

function clear(id) {
  element(id).getContext("2d").clearRect(0, 0, element(id).width, element(id).height);
}

function paint(id, pixels) {
  const context = element(id).getContext("2d");
  const [height, width, channels] = [pixels.length, pixels[0].length, pixels[0][0].length];
  const image = context.createImageData(width, height);
  pixels.flat().forEach((pixel, index) => {
    for (let channel = 0; channel < 3; channel++) image.data[4 * index + channel] = pixel[channels === 1 ? 0 : channel];
    image.data[4 * index + 3] = 255;
  });
  context.putImageData(image, 0, 0);
}
