"use strict";
const at = id => document.getElementById(id);
const SIDE = 140, MARGIN = 14, PEN = 0.075, MOST_BARS = 12;  // pixels sent, paper around, of the side
const canvas = at("canvas"), strokes = [];
let model = null, stroke = null, busy = false, next = null, asked = 0, words = "";

// --- drawing: strokes are kept as points, 0 to 1, so that they can be taken back and drawn again

function draw(pen, side, offset, ink) {
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = pen.fillStyle = ink;
  pen.lineWidth = PEN * side;
  for (const points of strokes) {
    pen.beginPath();
    for (const [x, y] of points) pen.lineTo(offset + x * side, offset + y * side);
    if (points.length === 1) pen.lineTo(offset + points[0][0] * side + .01, offset + points[0][1] * side);
    pen.stroke();
  }
}

function paint() {
  const pixels = Math.round(canvas.clientWidth * devicePixelRatio);
  if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, pixels, pixels);
  draw(pen, pixels, 0, getComputedStyle(canvas).getPropertyValue("--ink"));
  at("undo").disabled = at("clear").disabled = !strokes.length;
}

function picture() {  // dark on white with paper around it, whatever the page's colours are
  const sheet = document.createElement("canvas");
  sheet.width = sheet.height = SIDE;
  const pen = sheet.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, SIDE, SIDE);
  draw(pen, SIDE - 2 * MARGIN, MARGIN, "#000");
  return new Promise(done => sheet.toBlob(done, "image/png"));
}

function point(event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
    .map(value => Math.min(Math.max(value, 0), 1));
}

function changed() {
  paint();
  if (strokes.length) return ask(picture);
  next = null;
  blank();
  say();
}

canvas.addEventListener("pointerdown", event => {
  if (stroke || event.button) return;
  canvas.setPointerCapture(event.pointerId);
  stroke = { id: event.pointerId, points: [point(event)] };
  strokes.push(stroke.points);
  canvas.focus({ preventScroll: true });
  event.preventDefault();
  changed();
});
canvas.addEventListener("pointermove", event => {
  if (event.pointerId !== stroke?.id) return;
  const events = event.getCoalescedEvents?.() ?? [];
  stroke.points.push(...(events.length ? events : [event]).map(point));
  changed();
});
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, event => {
  if (event.pointerId !== stroke?.id) return;
  stroke = null;
  changed();
});

function undo() { if (!stroke) { strokes.pop(); changed(); } }
function clear() { if (!stroke) { strokes.length = 0; changed(); } }
at("undo").addEventListener("click", undo);
at("clear").addEventListener("click", clear);
document.addEventListener("keydown", event => {
  if (at("drawing").hidden || event.altKey || event.target === at("file")) return;
  const key = event.key.toLowerCase(), command = event.ctrlKey || event.metaKey;
  if (command ? key === "z" : key === "u" || key === "backspace") undo();
  else if (!command && ["c", "delete", "escape"].includes(key)) clear();
  else return;
  event.preventDefault();
});
new ResizeObserver(paint).observe(canvas);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

// --- a file instead

function take(file) {
  if (!file) return;
  strokes.length = 0;
  paint();
  if (at("drawing").hidden) {
    URL.revokeObjectURL(at("shown").src);
    at("shown").src = URL.createObjectURL(file);
    at("shown").hidden = false;
    at("drop").hidden = true;
  }
  ask(async () => file);
}
at("file").addEventListener("change", event => { take(event.target.files[0]); event.target.value = ""; });
for (const name of ["dragover", "dragleave", "drop"]) document.addEventListener(name, event => {
  event.preventDefault();
  at("input").classList.toggle("over", name === "dragover");
  if (name === "drop") take(event.dataTransfer.files[0]);
});

// --- asking: one request at a time; of what is drawn meanwhile, the latest

async function ask(wanted) {
  next = wanted;
  if (busy) return;
  busy = true;
  while (next) {
    const make = next, current = ++asked;
    next = null;
    const body = await make();
    try {
      const kind = body.type.startsWith("image/") ? body.type : "image/unknown";
      const answer = await fetch("predict?show=1", { method: "POST", body, headers: { "content-type": kind } });
      const told = await answer.json();
      if (current === asked) answer.ok ? show(told.pictures[0]) : refuse(told.error);
    } catch {
      refuse("The server does not answer.");
    }
  }
  busy = false;
  if (!stroke) say();
}

// --- answers

const percent = value => (100 * value).toFixed(1) + " %";

function element(name, attributes, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

function show(told) {
  const [first, ...others] = told.classes;
  at("answer").className = "";
  at("answer").textContent = `${first.class} (${percent(first.probability)}${told.sure ? "" : ", unsure"})`;
  at("answer").dataset.class = first.class;
  at("rest").textContent = "then " + others.slice(0, 2).map(one => `${one.class} (${percent(one.probability)})`).join(", ");
  words = `${at("answer").textContent}; ${at("rest").textContent}`;
  bars(told.classes);
  at("seen").src = "data:image/png;base64," + told.seen;
  at("seen").hidden = false;
  at("known").hidden = !told.nearest.length;
  at("nearest").replaceChildren(...told.nearest.map(one => element("li", {},
    element("img", { src: "data:image/png;base64," + one.image, alt: "" }),
    element("b", { textContent: one.class }), `#${one.index}`)));
}

function refuse(reason) {
  blank();
  if (stroke) return;  // the first dot of a digit is none
  at("answer").className = "refused";
  at("answer").textContent = words = reason.replace(/^picture 1: /, "");
}

function blank() {
  words = "";
  asked++;
  at("answer").textContent = at("rest").textContent = "";
  at("answer").className = "";
  delete at("answer").dataset.class;
  bars([]);
  at("seen").hidden = at("known").hidden = true;
  at("nearest").replaceChildren();
}

function say() {  // once a stroke has ended: a screen reader is not to be told every point
  at("said").textContent = words;
}

function bars(told) {
  const of = new Map(told.map(one => [one.class, one.probability]));
  const few = model.classes.length <= MOST_BARS;
  const names = few ? model.classes : told.slice(0, MOST_BARS).map(one => one.class);
  at("bars").replaceChildren(...names.map(name => {
    const value = of.get(name) ?? 0, fill = element("span", { className: "fill" });
    fill.style.width = 100 * value + "%";
    return element("li", { className: name === told[0]?.class ? "first" : "" },
      element("span", { className: "name", textContent: name, title: name }),
      element("span", { className: "track" }, fill),
      element("span", { className: "value", textContent: told.length ? percent(value) : "" }));
  }));
}

async function begin() {
  model = await (await fetch("model")).json();
  const [height, width, channels] = model.shape, test = model.test;
  const ink = model.photo === "ink";
  at("drawing").hidden = !ink;
  at("dropping").hidden = ink;
  at("title").textContent = document.title = ink ? "Draw a digit" : `Show ${model.name} a picture`;
  at("size").textContent = `What it sees: ${height} x ${width}${channels === 3 ? ", in colour" : ""}`;
  at("facts").textContent = `Model ${model.md5.slice(0, 8)}` + (test
    ? `, right on ${percent(test.accuracy)} of ${test.images} test images (${percent(test.accuracy_low)} to ${percent(test.accuracy_high)})`
    : ", whose accuracy is not known here");
  bars([]);
  paint();
}
begin();
