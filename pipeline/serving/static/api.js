// The API's own description, operation by operation, each with a form and an example to send. No library.

const element = (id) => document.getElementById(id);
const JSON_BODY = "application/json";
const FORM_BODY = "multipart/form-data";
const LONGEST = 20_000; // characters of an answer that are shown

function made(tag, attributes = {}, ...children) {
  const node = Object.assign(document.createElement(tag), attributes);
  node.append(...children);
  return node;
}

function field(name, about, input) {
  return made("label", {}, name, input, made("small", { textContent: about ?? "" }));
}

function parameterInput(parameter) {
  const { type, default: usual } = parameter.schema ?? {};
  if (type === "boolean") {
    const choose = made("select", {}, ...["true", "false"].map((value) => made("option", { value, textContent: value })));
    choose.value = String(usual ?? false);
    return choose;
  }
  return made("input", { value: parameter.example ?? usual ?? "", required: parameter.required ?? false, autocomplete: "off" });
}

function exampleOf(content) {
  const [named] = Object.values(content.examples ?? {});
  return named?.value ?? content.example ?? content.schema?.examples?.[0] ?? {};
}

function bodyFields(content) {
  const kinds = Object.keys(content);
  const text = made("textarea", { spellcheck: false, value: JSON.stringify(exampleOf(content[JSON_BODY] ?? {})) });
  const files = made("input", { type: "file", multiple: true });
  const choice = made("select", {}, ...kinds.map((value) => made("option", { value, textContent: value })));
  const fields = [field("Body", "", choice)];
  if (kinds.includes(JSON_BODY)) fields.push(field("JSON", content[JSON_BODY].schema?.properties?.images?.description, text));
  if (kinds.includes(FORM_BODY)) fields.push(field("files", content[FORM_BODY].schema?.properties?.files?.description, files));
  const shown = () => {
    for (const [kind, label] of [[JSON_BODY, text.parentElement], [FORM_BODY, files.parentElement]]) if (label) label.hidden = choice.value !== kind;
  };
  choice.addEventListener("change", shown);
  shown();
  const options = () => {
    if (choice.value === JSON_BODY) return { body: text.value, headers: { "Content-Type": JSON_BODY } };
    const form = new FormData();
    for (const file of files.files) form.append("files", file);
    return { body: form, headers: {} };
  };
  return { fields, options };
}

function operationForm(method, path, operation) {
  const inputs = (operation.parameters ?? []).map((parameter) => [parameter, parameterInput(parameter)]);
  for (const [parameter, input] of inputs) input.dataset.name = parameter.name;
  const body = operation.requestBody ? bodyFields(operation.requestBody.content) : { fields: [], options: () => ({ headers: {} }) };
  const answer = made("output", { hidden: true });
  // An empty field is pointed out below the button, in words.
  const form = made(
    "form",
    { noValidate: true },
    made("p", { textContent: operation.description ?? "" }),
    ...(namesPrediction(operation) ? [made("p", { className: "first", textContent: "Send POST /predict first: its prediction's id is then filled in here." })] : []),
    ...inputs.map(([parameter, input]) => field(parameter.name, parameter.description ?? parameter.schema?.description, input)),
    ...body.fields,
    made("button", { textContent: "Send" }),
    answer,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const empty = inputs.filter(([, input]) => input.required && !input.value.trim()).map(([{ name }]) => name);
    if (empty.length) {
      answer.replaceChildren(made("span", { className: "status", textContent: `Fill in ${empty.join(" and ")} first.` }));
      answer.hidden = false;
      return;
    }
    await send(answer, method, addressOf(path, inputs), body.options());
  });
  return form;
}

function namesPrediction(operation) {
  const example = exampleOf(operation.requestBody?.content[JSON_BODY] ?? {});
  return "prediction_id" in example || (operation.parameters ?? []).some(({ name }) => name === "prediction_id");
}

function addressOf(path, inputs) {
  const query = new URLSearchParams();
  let address = path;
  for (const [{ name, in: place }, { value }] of inputs) {
    if (place === "path") address = address.replace(`{${name}}`, encodeURIComponent(value));
    else if (value !== "") query.set(name, value);
  }
  return address + (query.size ? `?${query}` : "");
}

async function send(answer, method, address, { body, headers }) {
  const token = element("token").value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  let status, text;
  try {
    const started = performance.now();
    const reply = await fetch(address, { method: method.toUpperCase(), headers, body });
    text = await reply.text();
    status = `${reply.status} ${reply.statusText}, in ${Math.max(1, Math.round(performance.now() - started))} ms`;
  } catch {
    [status, text] = ["No answer", "The server does not answer. Is it still running?"];
  }
  const shown = readable(text);
  const request = made("pre", { textContent: `${method.toUpperCase()} ${address}` });
  answer.replaceChildren(request, made("span", { className: "status", textContent: status }), made("pre", { textContent: shown }));
  answer.hidden = false;
}

function readable(text) {
  let whole = text;
  try {
    const content = JSON.parse(text);
    rememberPrediction(content);
    whole = JSON.stringify(content, null, 2);
  } catch {
    // an answer that is no JSON is shown as it is
  }
  return whole.length > LONGEST ? `${whole.slice(0, LONGEST)}\n… ${(whole.length - LONGEST).toLocaleString("en")} more characters` : whole;
}

// What was just predicted is what can be corrected or deleted.
function rememberPrediction(content) {
  const [prediction] = content.predictions ?? [];
  if (!prediction?.prediction_id) return;
  for (const hint of document.querySelectorAll(".first")) hint.hidden = true;
  for (const input of document.querySelectorAll("[data-name=prediction_id]")) input.value = prediction.prediction_id;
  for (const text of document.querySelectorAll("textarea")) {
    if (text.value.includes("prediction_id")) text.value = JSON.stringify({ prediction_id: prediction.prediction_id, label: prediction.label });
  }
}

function shownOperation(method, path, operation) {
  const summary = made(
    "summary",
    {},
    made("span", { className: "method", textContent: method.toUpperCase() }),
    made("span", { className: "path", textContent: path }),
    ...(operation.security?.length ? [made("span", { className: "needs", textContent: "token" })] : []),
  );
  return made("details", { className: "card" }, summary, operationForm(method, path, operation));
}

async function show() {
  const reply = await fetch("/openapi.json");
  const description = await reply.json();
  if (!reply.ok) throw new Error(description.detail);
  element("lead").textContent = description.info.description.replaceAll("`", "");
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => shownOperation(method, path, operation)),
  );
  element("operations").replaceChildren(...operations);
  element("access").hidden = !document.querySelector(".needs");
}

try {
  await show();
} catch (error) {
  element("refusal").textContent = error.message || "The server does not answer. Is it still running?";
  element("refusal").hidden = false;
}
