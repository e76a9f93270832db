// The drawing pad: strokes of points between 0 and 1, drawn in the page's ink, exported black on white.

const INK_WIDTH = 0.075; // of the side: as thick as the strokes of MNIST once the digit fills its box
const EXPORT_SIDE = 280;

export class Pad {
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.strokes = [];
    this.active = null;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#extend(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.#end(event));
    new ResizeObserver(() => this.redraw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  get empty() {
    return this.strokes.length === 0;
  }

  add(stroke) {
    this.strokes.push(stroke);
    this.#update(true);
  }

  undo() {
    this.strokes.pop();
    this.#update(true);
  }

  clear() {
    this.strokes = [];
    this.active = null;
    this.#update(true);
  }

  redraw() {
    const side = Math.round(this.canvas.clientWidth * (window.devicePixelRatio || 1));
    if (side === 0) return;
    if (this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, side, side);
    drawStrokes(context, this.strokes, side, getComputedStyle(this.canvas).color);
  }

  toBlob() {
    const sheet = document.createElement("canvas");
    sheet.width = sheet.height = EXPORT_SIDE;
    const context = sheet.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, EXPORT_SIDE, EXPORT_SIDE);
    drawStrokes(context, this.strokes, EXPORT_SIDE, "black");
    return new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
  }

  #begin(event) {
    if (event.button !== 0 || this.active !== null) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.active = event.pointerId;
    this.strokes.push([this.#place(event)]);
    this.#update(false);
  }

  #extend(event) {
    if (event.pointerId !== this.active) return;
    const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [event];
    this.strokes.at(-1)?.push(...(events.length ? events : [event]).map((one) => this.#place(one)));
    this.#update(false);
  }

  #end(event) {
    if (event.pointerId !== this.active) return;
    this.active = null;
    this.#update(true);
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  #update(finished) {
    this.redraw();
    this.changed(finished);
  }
}

function drawStrokes(context, strokes, side, colour) {
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = side * INK_WIDTH;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) drawStroke(context, stroke.map(([x, y]) => [x * side, y * side]), context.lineWidth / 2);
}

function drawStroke(context, points, radius) {
  context.beginPath();
  if (points.length === 1) {
    context.arc(...points[0], radius, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  context.moveTo(...points[0]);
  for (let index = 1; index < points.length - 1; index++) {
    const [[x, y], [nextX, nextY]] = [points[index], points[index + 1]];
    context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  }
  context.lineTo(...points.at(-1));
  context.stroke();
}
