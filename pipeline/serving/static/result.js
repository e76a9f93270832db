// The answer: the label, a bar for each class, and what the model sees.

const SURE = 0.6;
const element = (id) => document.getElementById(id);

function percent(share) {
  if (share > 0 && share < 0.001) return "<\u00a00.1\u00a0%";
  if (share < 1 && share > 0.999) return ">\u00a099.9\u00a0%";
  return `${(100 * share).toFixed(1)}\u00a0%`;
}

export function showClasses(classes, [height, width]) {
  element("bars").replaceChildren(...classes.map(bar));
  Object.assign(element("seen"), { height, width });
  element("size").textContent = `${width} × ${height} pixels`;
  showNothing();
}

export function showPrediction(prediction, note) {
  const { label, probability, probabilities, seen } = prediction;
  element("refusal").hidden = true;
  element("label").textContent = label;
  element("label").classList.toggle("word", label.length > 2);
  element("label").classList.toggle("unsure", probability < SURE);
  element("sure").textContent = `${probability < SURE ? "not sure" : "sure"} at ${percent(probability)}${note}`;
  for (const row of element("bars").children) fill(row, probabilities[row.dataset.name], row.dataset.name === label);
  paint(seen);
  element("seen").setAttribute("aria-label", "What the model sees: the picture, centred and scaled");
  return `${label}, ${probability < SURE ? "not sure" : "sure"} at ${Math.round(100 * probability)} percent`;
}

export function showNothing() {
  element("refusal").hidden = true;
  element("label").textContent = "?";
  element("label").className = "label unsure";
  element("sure").textContent = "No picture yet";
  element("seen").getContext("2d").clearRect(0, 0, element("seen").width, element("seen").height);
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

function paint(pixels) {
  const context = element("seen").getContext("2d");
  const [height, width, channels] = [pixels.length, pixels[0].length, pixels[0][0].length];
  const image = context.createImageData(width, height);
  pixels.flat().forEach((pixel, index) => {
    for (let channel = 0; channel < 3; channel++) image.data[4 * index + channel] = pixel[channels === 1 ? 0 : channel];
    image.data[4 * index + 3] = 255;
  });
  context.putImageData(image, 0, 0);
}
