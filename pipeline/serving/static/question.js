// "Was it right?": asked once a picture rests and is kept; a correction goes to a person, not to the model.

const element = (id) => document.getElementById(id);
const NONE = "None of these";

let asked = null; // the prediction that is asked about
let classes = [];

export function offerClasses(names) {
  classes = names;
}

export function ask(prediction) {
  asked = prediction;
  show("Was it right?", [
    ["Yes", () => send(prediction.label)],
    ["No", correct],
  ]);
}

export function stopAsking() {
  asked = null;
  element("question").hidden = true;
}

function correct() {
  const others = classes.filter((name) => name !== asked.label);
  show("What is it?", [...others.map((name) => [name, () => send(name)]), [NONE, () => send(null)]]);
  element("asked").focus();
}

async function send(label) {
  const about = asked;
  const body = JSON.stringify({ prediction_id: about.prediction_id, label });
  let sentence = "The server does not answer. Is it still running?";
  try {
    const reply = await fetch("/feedback", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    sentence = (await reply.json()).detail;
  } catch {
    // the sentence says it
  }
  if (about !== asked) return; // another picture by now
  show(sentence, []);
  element("asked").focus();
}

function show(sentence, choices) {
  element("asked").textContent = sentence;
  element("choices").replaceChildren(...choices.map(button));
  element("question").hidden = false;
}

function button([text, act]) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}
