// Reads a drawn or chosen picture with both networks.

const DATA = JSON.parse(document.getElementById("try-data").textContent);  // a form, and more
const HEIGHT = DATA.height, WIDTH = DATA.width, FILL = DATA.background ?? 0;
const DRAWS = DATA.kind !== "image";  // else a picture is only brought to size
const MAX_PIXELS = 50e6;

const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

function decoded(id) {
  return new Float32Array(bytesOf(document.getElementById(id).textContent.trim()).buffer);
}

/* ---- changing what the networks see ---- */

function normal(next) {  // Box and Muller
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

function seeded(state) {  // xorshift; the same noise at every strength
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4294967296;
  };
}

function changed(image, { turn, right, down, size, noise }) {
  const angle = turn * Math.PI / 180, next = seeded(1);
  const acrossMiddle = (WIDTH - 1) / 2, downMiddle = (HEIGHT - 1) / 2;
  const [cosine, sine] = [Math.cos(angle) / size, Math.sin(angle) / size];
  const at = (x, y) => (x < 0 || y < 0 || x >= WIDTH || y >= HEIGHT ? FILL : image[y * WIDTH + x]);
  return Uint8Array.from(image, (_, place) => {
    const x = place % WIDTH - acrossMiddle - right;
    const y = Math.floor(place / WIDTH) - downMiddle - down;
    const u = cosine * x + sine * y + acrossMiddle, v = cosine * y - sine * x + downMiddle;
    const [i, j] = [Math.floor(u), Math.floor(v)], [p, q] = [u - i, v - j];
    const value = (1 - q) * ((1 - p) * at(i, j) + p * at(i + 1, j))
      + q * ((1 - p) * at(i, j + 1) + p * at(i + 1, j + 1));
    return Math.min(Math.max(Math.round(value + 255 * noise * normal(next)), 0), 255);
  });
}

/* ---- the page ---- */

function start() {
  const part = (id) => document.getElementById(`try-${id}`);
  const networks = DATA.networks.map((one) => ({
    ...one, read: network(one.layers, decoded(`try-weights-${one.name}`)),
  }));
  const known = knownImages(DATA.known);
  const pad = part("pad"), pen = pad.getContext("2d", { willReadFrequently: true });
  const sliders = ["turn", "right", "down", "size", "noise"];
  const verb = DRAWS ? "reads" : "predicts";
  let strokes = [], image = null, notes = [], drawing = false, due = false;

  const settings = () =>
    Object.fromEntries(sliders.map((name) => [name, Number(part(name).value)]));
  const say = (text) => { part("answer").textContent = text; };
  const credit = (source) => { part("source").textContent = source && `: ${source}`; };
  const invite = (isBlank) => { if (DRAWS) part("invitation").hidden = !isBlank; };

  function paint(canvas, pixels) {
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const picture = context.createImageData(WIDTH, HEIGHT);
    pixels.forEach((value, i) => picture.data.set([value, value, value, 255], 4 * i));
    context.putImageData(picture, 0, 0);
  }

  function answer() {
    for (const name of sliders) part(`${name}-value`).textContent = part(name).value;
    if (!image) {
      paint(part("seen"), new Uint8Array(HEIGHT * WIDTH).fill(FILL));
      networks.forEach((one) => show(one.name, []));
      return;
    }
    const seen = changed(image, settings());
    paint(part("seen"), seen);
    const said = networks.map((one) => {
      const { chances, best, reasons } = judged(one.read(seen), seen, one.judge, known);
      if (best < 0) {
        show(one.name, []);
        return `${one.name} ${verb} nothing, as its training diverged`;
      }
      show(one.name, chances);
      const doubtful = reasons.length ? `; doubtful: ${reasons.join(", and ")}` : "";
      return `${one.name} ${verb} ${DATA.names[best]} (${percent(chances[best])} %${doubtful})`;
    });
    say(`${said.join("; ")}.${notes.length ? ` Note: ${notes.join("; ")}.` : ""}`);
  }

  function show(name, chances) {
    const best = chances.length ? Math.max(...chances) : -1;
    document.querySelectorAll(`[data-network="${name}"]`).forEach((cell, place) => {
      const chance = chances[place] ?? 0;
      cell.querySelector("meter").value = chance;
      cell.querySelector("span").textContent = chances.length ? percent(chance) : "\u2013";
      cell.classList.toggle("best", chances.length > 0 && chance === best);
    });
  }

  function take(grey) {
    const { error, ...result } = brought(grey, DATA);
    credit("");
    image = result.image ?? null;
    notes = result.notes ?? [];
    if (error) {
      const sentence = `${error[0].toUpperCase()}${error.slice(1)}.`;
      say(`${sentence} Draw one, or choose a picture or an example.`);
    }
    answer();
  }

  function redraw() {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, pad.width, pad.height);
    invite(!strokes.length);
    Object.assign(pen, { lineWidth: 18, lineCap: "round", lineJoin: "round", strokeStyle: "#000" });
    for (const points of strokes) {
      pen.beginPath();
      pen.moveTo(...points[0]);
      pen.lineTo(points[0][0] + 0.01, points[0][1]);  // a line of no length leaves no dot
      for (const point of points.slice(1)) pen.lineTo(...point);
      pen.stroke();
    }
  }

  function readPad() {
    if (strokes.length) return take(greyOf(pen.getImageData(0, 0, pad.width, pad.height), 255));
    image = null;
    notes = [];
    credit("");
    say("Nothing is drawn yet.");
    return answer();
  }

  function lay(picture, paper = 255) {
    invite(false);
    pen.fillStyle = `rgb(${paper} ${paper} ${paper})`;
    pen.fillRect(0, 0, pad.width, pad.height);
    const scale = Math.min(pad.width / picture.width, pad.height / picture.height);
    pen.imageSmoothingEnabled = picture.width > WIDTH;  // an example keeps its pixels
    pen.drawImage(picture, (pad.width - scale * picture.width) / 2,
      (pad.height - scale * picture.height) / 2, scale * picture.width, scale * picture.height);
  }

  async function open(file) {
    if (!file) return;
    try {
      const picture = await createImageBitmap(file);
      if (picture.width * picture.height > MAX_PIXELS) {
        say(`The picture has ${picture.width} by ${picture.height} pixels: choose one of `
          + "50 million or fewer.");
        return;
      }
      const canvas = new OffscreenCanvas(picture.width, picture.height);
      const context = canvas.getContext("2d");
      context.drawImage(picture, 0, 0);
      const pixels = context.getImageData(0, 0, picture.width, picture.height);
      const paper = DRAWS ? paperOf(pixels.data) : DATA.background ?? 255;
      strokes = [];
      lay(picture, paper);
      take(greyOf(pixels, paper));
    } catch {
      say(`${file.name} can't be read as a picture: choose a PNG or JPEG.`);
    }
  }

  const place = (event) => {
    const edge = pad.getBoundingClientRect();
    return [(event.clientX - edge.left) * pad.width / edge.width,
      (event.clientY - edge.top) * pad.height / edge.height];
  };
  if (DRAWS) {
    pad.addEventListener("pointerdown", (event) => {
      pad.setPointerCapture(event.pointerId);
      drawing = true;
      strokes.push([place(event)]);
      redraw();
    });
    pad.addEventListener("pointermove", (event) => {
      if (!drawing) return;
      strokes[strokes.length - 1].push(place(event));
      if (!due) requestAnimationFrame(() => {  // at most one reading a frame
        due = false;
        redraw();
        if (drawing) readPad();
      });
      due = true;
    });
    for (const end of ["pointerup", "pointercancel"]) {
      pad.addEventListener(end, () => {
        if (!drawing) return;
        drawing = false;
        redraw();
        readPad();
      });
    }
    part("undo").addEventListener("click", () => {
      strokes.pop();
      redraw();
      readPad();
    });
    part("clear").addEventListener("click", () => {
      strokes = [];
      redraw();
      readPad();
    });
  }
  part("file").addEventListener("change", (event) => open(event.target.files[0]));
  for (const kind of ["dragover", "drop"]) {
    pad.addEventListener(kind, (event) => {
      event.preventDefault();
      if (kind === "drop") open(event.dataTransfer.files[0]);
    });
  }
  for (const name of sliders) part(name).addEventListener("input", answer);
  part("reset").addEventListener("click", () => {
    for (const name of sliders) part(name).value = part(name).defaultValue;
    answer();
  });
  const bytes = bytesOf(DATA.examples);
  document.querySelectorAll(".try-example").forEach((button, i) => {
    const own = bytes.slice(i * HEIGHT * WIDTH, (i + 1) * HEIGHT * WIDTH);
    paint(button.querySelector("canvas"), own);
    button.addEventListener("click", () => {
      [image, notes, strokes] = [own, [], []];
      redraw();
      if (!DRAWS) lay(button.querySelector("canvas"));
      credit(button.title);
      answer();
    });
  });
  redraw();
  document.querySelector(".try-example").click();
}

start();
