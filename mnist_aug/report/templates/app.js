"use strict";
// Reads a drawn or chosen picture with both networks. prepare(), painted() and middleOf() do what
// preprocessing.py in mnist_aug/data does, step by step and in the same order; the tests hold the
// two to each other.

const DATA = JSON.parse(document.getElementById("try-data").textContent);
const HEIGHT = DATA.height, WIDTH = DATA.width, FILL = DATA.background ?? 0, KIND = DATA.kind;
const DRAWS = KIND !== "image";  // else a picture is only brought to size
const PAPER = DRAWS ? 255 : DATA.background ?? 255;  // below what is transparent
const FAR = DATA.light ? 0 : 255;  // the grey level that ink has

const SIDE = 28, BOX = 20, WORKING = 256, GROUND = 0.14, LEAST_CONTRAST = 24;
const THIN = 2.2, THICK = 3.6, MAX_PIXELS = 50e6, BOX_TOLERANCE = 0.08;

/* A plane is {height, width, data: Float64Array}, row by row. */
const plane = (height, width) => ({ height, width, data: new Float64Array(height * width) });

const mapped = (one, change) => ({ ...one, data: one.data.map(change) });

function decoded(id) {
  const text = atob(document.getElementById(id).textContent.trim());
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

/* ---- the networks ---- */

function network(sizes, weights) {
  const layers = [];
  let at = 0;
  for (let i = 0; i + 1 < sizes.length; i++) {
    const [inputs, outputs] = [sizes[i], sizes[i + 1]];
    layers.push({
      outputs, kernel: weights.subarray(at, at + inputs * outputs),
      bias: weights.subarray(at + inputs * outputs, at + (inputs + 1) * outputs),
    });
    at += (inputs + 1) * outputs;
  }
  return (pixels) => {
    let values = Float64Array.from(pixels, (pixel) => pixel / 255);
    layers.forEach(({ outputs, kernel, bias }, place) => {
      const sums = Float64Array.from(bias);
      values.forEach((value, i) => {
        if (value) for (let j = 0; j < outputs; j++) sums[j] += value * kernel[i * outputs + j];
      });
      values = place < layers.length - 1 ? sums.map((sum) => Math.max(0, sum)) : sums;
    });
    const most = Math.max(...values);
    const exponents = values.map((value) => Math.exp(value - most));
    const total = exponents.reduce((a, b) => a + b);
    return exponents.map((value) => value / total);
  };
}

/* ---- preparation ---- */

/* How much of each input place every output place covers, as OpenCV's INTER_AREA. */
function shares(from, to) {
  const scale = from / to;
  return Array.from({ length: to }, (_, i) => {
    const start = i * scale, end = Math.min((i + 1) * scale, from), parts = [];
    for (let k = Math.floor(start); k < Math.min(Math.ceil(end - 1e-9), from); k++) {
      const part = Math.min(k + 1, end) - Math.max(k, start);
      if (part > 1e-9) parts.push([k, part / (end - start)]);
    }
    return parts;
  });
}

/* The two input places around every output place, as OpenCV's INTER_LINEAR. */
function neighbours(from, to) {
  return Array.from({ length: to }, (_, i) => {
    const at = Math.min(Math.max((i + 0.5) * from / to - 0.5, 0), from - 1), k = Math.floor(at);
    return [[k, 1 - (at - k)], [Math.min(k + 1, from - 1), at - k]];
  });
}

function resized(one, height, width, how) {
  const across = how(one.width, width), down = how(one.height, height);
  const half = plane(one.height, width), whole = plane(height, width);
  for (let y = 0; y < one.height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (const [k, part] of across[x]) sum += part * one.data[y * one.width + k];
      half.data[y * width + x] = sum;
    }
  }
  for (let y = 0; y < height; y++) {
    for (const [k, part] of down[y]) {
      for (let x = 0; x < width; x++) {
        whole.data[y * width + x] += part * half.data[k * width + x];
      }
    }
  }
  return whole;
}

/* Python rounds halves to the even number. */
function rounded(value) {
  const low = Math.floor(value), rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
}

function reduced(one) {
  const scale = WORKING / Math.max(one.height, one.width);
  if (scale >= 1) return one;
  return resized(one, Math.max(1, rounded(one.height * scale)),
    Math.max(1, rounded(one.width * scale)), shares);
}

/* The largest (sign 1) or least (sign -1) value within r along one line of `from`. */
function along(from, to, offset, stride, length, r, sign, queue) {
  let first = 0, last = 0;  // places that may still be the best, the best first
  for (let i = 0; i < length + r; i++) {
    if (i < length) {
      const value = sign * from[offset + i * stride];
      while (last > first && sign * from[offset + queue[last - 1] * stride] <= value) last--;
      queue[last++] = i;
    }
    if (queue[first] < i - 2 * r) first++;
    if (i >= r) to[offset + (i - r) * stride] = from[offset + queue[first] * stride];
  }
}

/* The same within a square of 2 r + 1; beyond the edge there is nothing. */
function extreme(one, r, sign) {
  const { height, width, data } = one, queue = new Int32Array(2 * Math.max(height, width));
  const half = plane(height, width), whole = plane(height, width);
  for (let y = 0; y < height; y++) along(data, half.data, y * width, 1, width, r, sign, queue);
  for (let x = 0; x < width; x++) along(half.data, whole.data, x, width, height, r, sign, queue);
  return whole;
}

const least = (one, r) => extreme(one, r, -1);
const most = (one, r) => extreme(one, r, 1);

/* The mean over squares of 3 by 3; beyond the edge are its own values. */
function blurred(one) {
  const { height, width, data } = one, half = plane(height, width), smooth = plane(height, width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      half.data[at] = data[x ? at - 1 : at] + data[at] + data[x < width - 1 ? at + 1 : at];
    }
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x, { data: sums } = half;
      smooth.data[at] = (sums[y ? at - width : at] + sums[at]
        + sums[y < height - 1 ? at + width : at]) / 9;
    }
  }
  return smooth;
}

/* The mean of the `few` largest of values in [0, 255]. */
function peakOf(data, few) {
  const bins = new Int32Array(1024);
  for (const value of data) bins[Math.floor(4 * value)]++;
  let bin = 1023;
  for (let found = bins[bin]; found < few && bin > 0; found += bins[bin]) bin--;
  const top = data.filter((value) => value >= bin / 4).sort().slice(-few);
  return top.reduce((a, b) => a + b) / top.length;
}

function range(data) {
  let low = Infinity, high = -Infinity;
  for (const value of data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/* The values along the four edges, those of the corners twice. */
function edgeOf({ height, width, data }) {
  const edge = [];
  for (let x = 0; x < width; x++) edge.push(data[x], data[(height - 1) * width + x]);
  for (let y = 0; y < height; y++) edge.push(data[y * width], data[(y + 1) * width - 1]);
  return edge;
}

/* Of an even number of values. */
function median(values) {
  const ordered = values.sort((a, b) => a - b), half = ordered.length / 2;
  return (ordered[half - 1] + ordered[half]) / 2;
}

function inkOf(grey) {
  const { height, width } = grey, middle = median(edgeOf(grey));
  let smooth = blurred(grey);
  const [low, high] = range(smooth.data);
  if (middle > (low + high) / 2) {
    grey = mapped(grey, (value) => 255 - value);
    smooth = mapped(smooth, (value) => 255 - value);
  }
  const r = rounded(GROUND * Math.max(height, width));
  const ground = most(least(smooth, r), r);
  return mapped(grey, (value, i) => Math.max(0, value - ground.data[i]));
}

/* Marks of touching places, corners included: [{left, top, right, bottom, weight, places}]. */
function marks(ink, limit) {
  const { height, width, data } = ink, seen = new Uint8Array(data.length), found = [];
  for (let start = 0; start < data.length; start++) {
    if (seen[start] || !(data[start] > limit)) continue;
    const mark = { left: width, top: height, right: 0, bottom: 0, weight: 0, places: [start] };
    seen[start] = 1;
    for (let next = 0; next < mark.places.length; next++) {
      const place = mark.places[next], x = place % width, y = (place - x) / width;
      mark.weight += data[place];
      mark.left = Math.min(mark.left, x);
      mark.right = Math.max(mark.right, x + 1);
      mark.top = Math.min(mark.top, y);
      mark.bottom = Math.max(mark.bottom, y + 1);
      for (let j = Math.max(y - 1, 0); j <= Math.min(y + 1, height - 1); j++) {
        for (let i = Math.max(x - 1, 0); i <= Math.min(x + 1, width - 1); i++) {
          const neighbour = j * width + i;
          if (!seen[neighbour] && data[neighbour] > limit) {
            seen[neighbour] = 1;
            mark.places.push(neighbour);
          }
        }
      }
    }
    mark.inside = mark.left > 0 && mark.top > 0 && mark.right < width && mark.bottom < height;
    found.push(mark);
  }
  return found;
}

function oneDigit(ink, limit, doubts) {
  const found = marks(ink, limit);
  const rank = (mark) => (mark.inside ? mark.weight : 0.1 * mark.weight);
  const main = found.reduce((best, mark) => (rank(mark) > rank(best) ? mark : best));
  const reach = 0.35 * Math.max(main.right - main.left, main.bottom - main.top);
  const gap = (mark) => Math.max(main.left - mark.right, mark.left - main.right,
    main.top - mark.bottom, mark.top - main.bottom);
  const belongs = (mark) => mark === main || (mark.weight >= 0.05 * main.weight
    && gap(mark) <= reach && (mark.inside || !main.inside));
  const others = found.filter((mark) => mark.weight >= 0.3 * main.weight && !belongs(mark)
    && mark.inside);
  if (others.length) {
    doubts.push(`there are ${others.length + 1} marks, and the largest is read`);
  }
  if (!main.inside) doubts.push("it runs out of the picture");
  const kept = plane(ink.height, ink.width);
  for (const mark of found.filter(belongs)) for (const place of mark.places) kept.data[place] = 1;
  return kept;
}

function cropped(one) {
  const { height, width, data } = one;
  let [left, top, right, bottom] = [width, height, 0, 0];
  data.forEach((value, place) => {
    if (!value) return;
    const x = place % width, y = (place - x) / width;
    [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
  });
  const inner = plane(bottom - top, right - left);
  for (let y = top; y < bottom; y++) {
    inner.data.set(data.subarray(y * width + left, y * width + right), (y - top) * inner.width);
  }
  return inner;
}

function padded(one, r) {
  const wide = plane(one.height + 2 * r, one.width + 2 * r);
  for (let y = 0; y < one.height; y++) {
    wide.data.set(one.data.subarray(y * one.width, (y + 1) * one.width),
      (y + r) * wide.width + r);
  }
  return wide;
}

const count = (one, test) => one.data.reduce((sum, value) => sum + (test(value) ? 1 : 0), 0);

function mended(strokes, doubts) {
  const dark = (value) => value > 0.5, area = count(strokes, dark), wide = padded(strokes, 1);
  const w = wide.width, full = (place) => wide.data[place] > 0.5;
  let inner = 0;
  wide.data.forEach((_, at) => {
    if (full(at) && full(at - 1) && full(at + 1) && full(at - w) && full(at + w)) inner++;
  });
  const stroke = 2 * area / Math.max(1, area - inner);
  const [short, long] = [Math.min(strokes.height, strokes.width),
    Math.max(strokes.height, strokes.width)];
  if (area > 0.8 * strokes.data.length && short > 0.5 * long) {
    doubts.push("it is a blot rather than strokes");
  }
  const scale = BOX / long;
  if (stroke * scale < THIN - 0.4) {
    const r = Math.max(1, rounded((THIN / scale - stroke) / 2));
    return most(padded(strokes, r), r);
  }
  if (stroke * scale > THICK + 0.9) {
    const r = rounded((stroke - THICK / scale) / 2), narrow = least(padded(strokes, r), r);
    if (count(narrow, dark) > 0.1 * area) return narrow;
  }
  return strokes;
}

/* Strokes in a square box, the longer side as long as the box; brightest 1. */
function fitted(strokes, box) {
  const scale = box / Math.max(strokes.height, strokes.width);
  const fit = resized(strokes, Math.max(1, rounded(strokes.height * scale)),
    Math.max(1, rounded(strokes.width * scale)), scale < 1 ? shares : neighbours);
  const brightest = range(fit.data)[1];
  return mapped(fit, (value) => value / brightest);
}

/* A square plane, 0 to 255, with the centre of mass of the strokes in the middle. */
function centred(strokes, side) {
  const { height, width, data } = strokes, field = plane(side, side);
  let [mass, down, across] = [0, 0, 0];
  data.forEach((value, place) => {
    mass += value;
    across += value * (place % width);
    down += value * Math.floor(place / width);
  });
  const place = (middle, length) => Math.min(Math.max(rounded(side / 2 - middle / mass), 0),
    side - length);
  const top = place(down, height), left = place(across, width);
  data.forEach((value, at) => {
    field.data[(top + Math.floor(at / width)) * side + left + at % width] = rounded(value * 255);
  });
  return field;
}

/* A grey plane, 0 to 255, as MNIST would have it: {field, 28 by 28, doubts}, or {error}. */
function prepare(grey) {
  const ink = inkOf(reduced(grey));
  const few = Math.max(9, Math.floor(ink.data.length / 1000));
  const peak = peakOf(ink.data, few);
  if (peak < LEAST_CONTRAST) return { error: `There is no ${KIND} in the picture.` };
  const doubts = [];
  const near = most(oneDigit(ink, 0.4 * peak, doubts), 2);
  let strokes = mapped(ink, (value, i) => (near.data[i]
    ? Math.min(Math.max(value / peak - 0.25, 0), 0.5) * 2 : 0));
  strokes = cropped(mended(cropped(strokes), doubts));
  if (strokes.width > 1.6 * strokes.height) doubts.push(`it is wider than a ${KIND}`);
  return { field: centred(fitted(strokes, BOX), SIDE), doubts };
}

/* Bright ink on black, 28 by 28, in the size and colours of the data: Uint8Array. */
function painted(field) {
  const side = Math.min(HEIGHT, WIDTH), image = new Uint8Array(HEIGHT * WIDTH).fill(FILL);
  if (Math.abs(DATA.box - BOX / SIDE) > BOX_TOLERANCE) {
    const strokes = cropped(mapped(field, (value) => value / 255));
    field = centred(fitted(strokes, Math.max(1, rounded(DATA.box * side))), side);
  } else if (side !== SIDE) {
    field = mapped(resized(field, side, side, side < SIDE ? shares : neighbours), rounded);
  }
  const top = Math.floor((HEIGHT - side) / 2), left = Math.floor((WIDTH - side) / 2);
  field.data.forEach((value, at) => {
    const place = (top + Math.floor(at / side)) * WIDTH + left + at % side;
    image[place] = rounded(FILL + (FAR - FILL) * value / 255);
  });
  return image;
}

/* The middle of a grey plane, as much as fits the data's shape, in the data's size. */
function middleOf(grey) {
  const scale = Math.min(grey.height / HEIGHT, grey.width / WIDTH);
  const middle = plane(Math.max(1, rounded(HEIGHT * scale)), Math.max(1, rounded(WIDTH * scale)));
  const top = Math.floor((grey.height - middle.height) / 2);
  const left = Math.floor((grey.width - middle.width) / 2);
  for (let y = 0; y < middle.height; y++) {
    const start = (top + y) * grey.width + left;
    middle.data.set(grey.data.subarray(start, start + middle.width), y * middle.width);
  }
  const sized = resized(middle, HEIGHT, WIDTH, scale > 1 ? shares : neighbours);
  const own = median(edgeOf(sized)), doubts = [];
  if (DATA.background !== null && Math.abs(own - FILL) > 127.5) {
    const [is, was] = own > FILL ? ["light", "dark"] : ["dark", "light"];
    doubts.push(`its background is ${is}, and that of the images that the networks were `
      + `trained on is ${was}`);
  }
  return { image: Uint8Array.from(sized.data, rounded), doubts };
}

/* A grey plane, 0 to 255, as the networks read it: {image: Uint8Array, doubts}, or {error}. */
function brought(grey) {
  if (!DRAWS) return middleOf(grey);
  const { field, doubts, error } = prepare(grey);
  return error ? { error } : { image: painted(field), doubts };
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
    name: one.name, read: network(one.sizes, decoded(`try-weights-${one.name}`)),
  }));
  const pad = part("pad"), pen = pad.getContext("2d", { willReadFrequently: true });
  const sliders = ["turn", "right", "down", "size", "noise"];
  const verb = DRAWS ? "reads" : "predicts";
  let strokes = [], image = null, doubts = [], drawing = false, due = false;

  const settings = () => Object.fromEntries(sliders.map((name) => [name, Number(part(name).value)]));
  const say = (text) => { part("answer").textContent = text; };

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
      const chances = one.read(seen), best = chances.indexOf(Math.max(...chances));
      if (best < 0) {
        show(one.name, []);
        return `${one.name} ${verb} nothing, as its training diverged`;
      }
      show(one.name, chances);
      return `${one.name} ${verb} ${DATA.names[best]} (${(100 * chances[best]).toFixed(1)} %)`;
    });
    say(`${said.join("; ")}.${doubts.length ? ` Doubtful: ${doubts.join("; ")}.` : ""}`);
  }

  function show(name, chances) {
    const best = chances.length ? Math.max(...chances) : -1;
    document.querySelectorAll(`[data-network="${name}"]`).forEach((cell, place) => {
      const chance = chances[place] ?? 0;
      cell.querySelector("meter").value = chance;
      cell.querySelector("span").textContent = chances.length
        ? (100 * chance).toFixed(1) : "\u2013";
      cell.classList.toggle("best", chances.length > 0 && chance === best);
    });
  }

  function take(grey) {
    const result = brought(grey);
    image = result.image ?? null;
    doubts = result.doubts ?? [];
    if (result.error) say(`${result.error} Draw one, or choose a picture or an example.`);
    answer();
  }

  function redraw() {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, pad.width, pad.height);
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
    if (strokes.length) return take(greyOf(pen.getImageData(0, 0, pad.width, pad.height)));
    image = null;
    doubts = [];
    say("Nothing is drawn yet.");
    return answer();
  }

  function greyOf({ width, height, data }) {
    const grey = plane(height, width);
    for (let i = 0; i < grey.data.length; i++) {
      const alpha = data[4 * i + 3] / 255;
      grey.data[i] = [0.299, 0.587, 0.114].reduce((sum, weight, k) =>
        sum + weight * (data[4 * i + k] * alpha + PAPER * (1 - alpha)), 0);
    }
    return grey;
  }

  function lay(picture) {
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
      const grey = greyOf(context.getImageData(0, 0, picture.width, picture.height));
      strokes = [];
      redraw();
      lay(picture);
      take(grey);
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
  const bytes = Uint8Array.from(atob(DATA.examples), (letter) => letter.charCodeAt(0));
  document.querySelectorAll(".try-example").forEach((button, i) => {
    const own = bytes.slice(i * HEIGHT * WIDTH, (i + 1) * HEIGHT * WIDTH);
    paint(button.querySelector("canvas"), own);
    button.addEventListener("click", () => {
      [image, doubts, strokes] = [own, [], []];
      redraw();
      if (!DRAWS) lay(button.querySelector("canvas"));
      answer();
    });
  });
  redraw();
  document.querySelector(".try-example").click();
}

start();
