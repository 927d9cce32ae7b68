"use strict";
// Preparation: a grey picture brought to the form of the images that the networks read. This does
// what preprocessing.py and isolation.py in mnist_aug/data do, with their names and numbers, step
// by step and in the same order; the tests hold the two to each other.

const SIDE = 28, BOX = 20, BOX_TOLERANCE = 0.08, WORKING = 256;
const GROUND = 0.14, FINE = 0.05, STROKE_GAP = 0.012, FAINT = 0.25, MARK = 0.4, NO_TIE = 0.003;
const PANELS = 4, ONE_GROUND = 0.8, LEAST_CONTRAST = 24, THIN = 2.2, THICK = 3.6, DARK_SHARE = 0.01;
const LEAST_PANEL_SIDE = 25, PANEL = 0.12, RIM = 0.025, THREAD = 0.01, INSET = 0.2, FILLED = 0.83;
const STRAIGHT = 0.92, LEAST_FRAME = 0.15, STRIP = 0.1, LEAST_INSIDE = 0.15, LEAST_SIDE = 40;
const PASSES = 3, TILT = 0.17, LINE = 0.6, WHOLE = 0.9, FREE = 0.5, GAP = 0.04, THICK_LINE = 0.12;
const BEYOND = 0.08, THINNER = 0.6, MANY_LINES = 3;
const TEXTURE_SHARE = 0.17, TEXTURE_WIDTH = 3.5, TEXTURE_PIECES = 12, BLOT = 0.85;

/* ---- planes ---- */

/* A plane is {height, width, data}, row by row: Float32Array, as in Python, or, of a mask,
   Uint8Array of 0 and 1. A box is {top, bottom, left, right}, bottom and right beyond it. */
const plane = (height, width, Values = Float32Array) =>
  ({ height, width, data: new Values(height * width) });

function mapped(one, change) {
  const other = plane(one.height, one.width);
  for (let i = 0; i < other.data.length; i++) other.data[i] = change(one.data[i], i);
  return other;
}

function inverted(one) {
  const other = plane(one.height, one.width);
  for (let i = 0; i < other.data.length; i++) other.data[i] = 255 - one.data[i];
  return other;
}

function masked(one, test) {
  const mask = plane(one.height, one.width, Uint8Array);
  for (let i = 0; i < mask.data.length; i++) mask.data[i] = test(one.data[i], i) ? 1 : 0;
  return mask;
}

function above(one, level) {
  const mask = plane(one.height, one.width, Uint8Array);
  for (let i = 0; i < mask.data.length; i++) if (one.data[i] > level) mask.data[i] = 1;
  return mask;
}

function cut({ height, width, data }, { top, bottom, left, right }) {
  const inner = plane(bottom - top, right - left, data.constructor);
  for (let y = top; y < bottom; y++) {
    inner.data.set(data.subarray(y * width + left, y * width + right), (y - top) * inner.width);
  }
  return inner;
}

function padded({ height, width, data }, r) {
  const wide = plane(height + 2 * r, width + 2 * r, data.constructor);
  for (let y = 0; y < height; y++) {
    wide.data.set(data.subarray(y * width, (y + 1) * width), (y + r) * wide.width + r);
  }
  return wide;
}

/* Rows as columns. */
function turned({ height, width, data }) {
  const other = plane(width, height, data.constructor);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) other.data[x * height + y] = data[at];
  }
  return other;
}

/* The box of all that is not 0. */
function bounds({ height, width, data }) {
  const box = { top: height, bottom: 0, left: width, right: 0 };
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (!data[at]) continue;
      if (y < box.top) box.top = y;
      if (x < box.left) box.left = x;
      if (x >= box.right) box.right = x + 1;
      box.bottom = y + 1;
    }
  }
  return box;
}

const cropped = (one) => cut(one, bounds(one));

function total(data) {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i];
  return sum;
}

const mean = (data) => total(data) / data.length;

function range(data) {
  let low = Infinity, high = -Infinity;
  for (let i = 0; i < data.length; i++) {
    if (data[i] < low) low = data[i];
    if (data[i] > high) high = data[i];
  }
  return [low, high];
}

/* Of Float32Array in ascending order, the mean of the values from one place up to another. */
function meanOfOrdered(values, from, to) {
  const [low, high] = range(values);
  if (low === high) return low;
  // The bins that hold these places are a shorter task of the same kind.
  const scale = 1023 / (high - low), bins = new Int32Array(1024);
  for (let i = 0; i < values.length; i++) bins[scale * (values[i] - low) | 0]++;
  let first = 0, before = 0;
  while (before + bins[first] <= from) before += bins[first++];
  let last = first, within = bins[first];
  while (before + within < to) within += bins[++last];
  const kept = new Float32Array(within);
  for (let i = 0, count = 0; i < values.length; i++) {
    const bin = scale * (values[i] - low) | 0;
    if (bin >= first && bin <= last) kept[count++] = values[i];
  }
  if (within > 1000 && within < values.length) {
    return meanOfOrdered(kept, from - before, to - before);
  }
  return Math.fround(mean(kept.sort().subarray(from - before, to - before)));
}

/* Of the first `count` values in ascending order. */
const median = (values, count = values.length) =>
  meanOfOrdered(values, (count - 1) >> 1, (count >> 1) + 1);

/* The values along the four edges, each from its start, those of the corners twice. */
function edgesOf({ height, width, data }) {
  const column = (x) => Float32Array.from({ length: height }, (_, y) => data[y * width + x]);
  return [data.slice(0, width), data.slice(-width), column(0), column(width - 1)];
}

const edgeOf = (one) => Float32Array.from(edgesOf(one).flatMap((edge) => [...edge]));

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

/* The largest (sign 1) or least (sign -1) values within squares of 2 r + 1; beyond the edge there
   is nothing. In each line those from the start of every block of 2 r + 1 places, and those up to
   its end, are found first: two of them make a square's side (van Herk 1992). */
function extreme({ height, width, data }, r, sign) {
  const sweep = (from, to, lines, step, length, stride) => {
    const size = length + 2 * r, line = new Float32Array(size).fill(-Infinity);
    const starts = new Float32Array(size), ends = new Float32Array(size);
    for (let i = 0; i < lines; i++) {
      for (let k = 0, at = i * step; k < length; k++, at += stride) line[k + r] = sign * from[at];
      for (let first = 0; first < size; first += 2 * r + 1) {
        const last = Math.min(first + 2 * r, size - 1);
        for (let k = first, best = -Infinity; k <= last; k++) {
          starts[k] = best = line[k] > best ? line[k] : best;
        }
        for (let k = last, best = -Infinity; k >= first; k--) {
          ends[k] = best = line[k] > best ? line[k] : best;
        }
      }
      for (let k = 0, at = i * step; k < length; k++, at += stride) {
        to[at] = sign * (ends[k] > starts[k + 2 * r] ? ends[k] : starts[k + 2 * r]);
      }
    }
  };
  const half = plane(height, width), whole = plane(height, width);
  sweep(data, half.data, height, width, width, 1);
  sweep(half.data, whole.data, width, 1, height, width);
  return whole;
}

const least = (one, r) => extreme(one, r, -1);
const most = (one, r) => extreme(one, r, 1);

/* The places where runs of a mask's places of a value start and end, row by row. */
function runsOf({ height, width, data }, value = 1) {
  const runs = [];
  for (let row = 0; row < height * width; row += width) {
    const line = data.subarray(row, row + width);
    for (let at = line.indexOf(value); at >= 0; at = line.indexOf(value, at)) {
      runs.push(row + at);
      at = line.indexOf(1 - value, at);
      if (at < 0) at = width;
      runs.push(row + at);
    }
  }
  return runs;
}

/* Where one of a mask's places of a value is within r, across, down and aslant. */
function near(mask, r, value = 1) {
  const { height, width } = mask, found = plane(height, width, Uint8Array);
  const runs = runsOf(mask, value);
  for (let i = 0; i < runs.length; i += 2) {
    const y = Math.floor(runs[i] / width), from = runs[i] - y * width, to = runs[i + 1] - y * width;
    const left = Math.max(from - r, 0), right = Math.min(to + r, width);
    for (let row = Math.max(y - r, 0); row <= Math.min(y + r, height - 1); row++) {
      found.data.fill(1, row * width + left, row * width + right);
    }
  }
  return found;
}

/* The mean over squares of 3 by 3; beyond the edge are its own values. */
function blurred({ height, width, data }) {
  const half = new Float64Array(data.length), smooth = plane(height, width);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      half[at] = data[x ? at - 1 : at] + data[at] + data[x < width - 1 ? at + 1 : at];
    }
  }
  for (let y = 0, at = 0; y < height; y++) {
    const up = y ? width : 0, down = y < height - 1 ? width : 0;
    for (let x = 0; x < width; x++, at++) {
      smooth.data[at] = (half[at - up] + half[at] + half[at + down]) / 9;
    }
  }
  return smooth;
}

/* The pieces that a mask's places of a value make, [{top, bottom, left, right, area, runs}]. With
   connectivity 8, not 4, corners that touch connect. */
function piecesOf(mask, connectivity, value = 1) {
  const { width } = mask, runs = runsOf(mask, value), corner = connectivity === 8 ? 1 : 0;
  const parents = new Int32Array(runs.length).map((_, i) => i);  // of each run's start in `runs`
  const root = (i) => {
    while (parents[i] !== i) i = parents[i] = parents[parents[i]];
    return i;
  };
  for (let i = 0, first = 0; i < runs.length; i += 2) {
    const row = Math.floor(runs[i] / width) * width;
    const from = Math.max(runs[i] - corner, row) - width;  // where it is touched from above
    const to = Math.min(runs[i + 1] + corner, row + width) - width;
    while (runs[first + 1] <= from) first += 2;
    for (let above = first; runs[above] < to; above += 2) {
      const one = root(above), other = root(i);
      parents[Math.max(one, other)] = Math.min(one, other);
    }
  }
  const pieces = new Map();
  for (let i = 0; i < runs.length; i += 2) {
    const own = root(i), top = Math.floor(runs[i] / width);
    const left = runs[i] - top * width, right = runs[i + 1] - top * width;
    if (own === i) pieces.set(own, { top, bottom: top, left, right, area: 0, runs: [] });
    const piece = pieces.get(own);
    piece.bottom = top + 1;
    piece.left = Math.min(piece.left, left);
    piece.right = Math.max(piece.right, right);
    piece.area += right - left;
    piece.runs.push(runs[i], runs[i + 1]);
  }
  return [...pieces.values()];
}

/* Pieces of a plane or mask alone, as a mask. */
function only({ height, width }, pieces) {
  const mask = plane(height, width, Uint8Array);
  for (const { runs } of pieces) {
    for (let i = 0; i < runs.length; i += 2) mask.data.fill(1, runs[i], runs[i + 1]);
  }
  return mask;
}

/* ---- isolation ---- */

/* The grey level that parts dark from light best. */
function threshold({ data }) {
  const counts = new Int32Array(256);
  for (let i = 0; i < data.length; i++) counts[rounded(data[i])]++;
  let below = 0, sums = 0, best = -1, level = counts.findIndex((count) => count);
  const all = data.length, sum = counts.reduce((kept, count, i) => kept + count * i, 0);
  counts.forEach((count, i) => {
    below += count;
    sums += count * i;
    const between = (sum * below - all * sums) ** 2 / (below * (all - below));
    if (between > best) [best, level] = [between, i];
  });
  return level + 0.5;
}

/* The largest rectangle of one colour, within the picture, that something stands in; or null. */
function panel(mask) {
  const { height, width } = mask;
  if (Math.max(height, width) < LEAST_PANEL_SIDE) return null;
  let best = [];
  for (const own of [1, 0]) {
    const marks = piecesOf(mask, 8, 1 - own).filter(({ top, bottom, left, right }) =>
      top > 0 && bottom < height && left > 0 && right < width);
    if (!marks.length) continue;
    const panels = piecesOf(opened(mask, own), 4).filter(({ top, bottom, left, right, area }) => {
      const across = right - left, down = bottom - top;
      return area >= 0.5 * across * down && across * down >= PANEL * height * width
        && (across < width || down < height);
    });
    for (const piece of panels) {
      const mark = standsIn(marks, piece);
      const inner = mark && straightened(only(mask, [piece]), piece, mark);
      if (!inner) continue;
      const found = [mark.area, inner.top, inner.bottom, inner.left, inner.right];
      const differs = found.findIndex((value, place) => value !== best[place]);
      if (!best.length || found[differs] > best[differs]) best = found;
    }
  }
  const [, top, bottom, left, right] = best;
  return best.length ? { top, bottom, left, right } : null;
}

/* A mask's places of a value without what is thinner than `THREAD`, as a table's streaks are. */
function opened(mask, value) {
  const r = rounded(THREAD * Math.max(mask.height, mask.width));
  return near(near(mask, r, 1 - value), r, 0);
}

/* The part of a box along whose sides all is the panel's own, if it is about a rectangle; or
   null. */
function straightened(own, box, mark) {
  const { height, width, data } = own, names = ["top", "bottom", "left", "right"];
  const size = (one) => (one.bottom - one.top) * (one.right - one.left);
  let spans = 0;
  for (let y = box.top; y < box.bottom; y++) {
    const row = data.subarray(y * width + box.left, y * width + box.right);
    const first = row.indexOf(1);
    spans += first < 0 ? row.length : row.lastIndexOf(1) + 1 - first;
  }
  if (spans < FILLED * size(box)) return null;  // round, as a thick 0 around its inside
  const inwards = { top: 1, bottom: -1, left: 1, right: -1 };
  const last = { top: height, bottom: height, left: width, right: width };
  const within = names.filter((name) => box[name] !== 0 && box[name] !== last[name]);
  const length = (name) => (name === "top" || name === "bottom"
    ? box.bottom - box.top : box.right - box.left);
  const most = Object.fromEntries(names.map((name) => [name,
    Math.min(Math.abs(mark[name] - box[name]), Math.max(2, rounded(INSET * length(name))))]));
  const sides = { ...box };
  const row = (y) => mean(data.subarray(y * width + sides.left, y * width + sides.right));
  const column = (x) => {
    let sum = 0;
    for (let y = sides.top; y < sides.bottom; y++) sum += data[y * width + x];
    return sum / (sides.bottom - sides.top);
  };
  const share = { top: () => row(sides.top), bottom: () => row(sides.bottom - 1),
    left: () => column(sides.left), right: () => column(sides.right - 1) };
  for (;;) {
    const shares = within.map((name) => share[name]()), least = Math.min(...shares);
    if (least >= STRAIGHT) break;
    const name = within[shares.indexOf(least)];
    if (Math.abs(sides[name] - box[name]) >= most[name]) return null;
    sides[name] += inwards[name];
  }
  if (size(sides) < 0.5 * size(box)) return null;
  // The blurred edge of what surrounds it goes, too.
  const rim = Math.max(2, rounded(RIM * Math.max(sides.bottom - sides.top,
    sides.right - sides.left)));
  for (const name of within) {
    sides[name] += inwards[name] * Math.min(rim, Math.abs(mark[name] - sides[name]));
  }
  return sides;
}

/* The largest mark strictly within a box, if any. */
function standsIn(marks, { top, bottom, left, right }) {
  const long = LEAST_INSIDE * Math.max(bottom - top, right - left);
  return marks.reduce((best, mark) => {
    const across = mark.right - mark.left, down = mark.bottom - mark.top;
    const fits = mark.left > left && mark.top > top && mark.right < right && mark.bottom < bottom
      && Math.max(across, down) >= long;
    const filled = mark.area > 0.7 * across * down  // as the inside of a 0
      && Math.min(across, down) > 0.4 * Math.max(across, down);
    return fits && !filled && mark.area > (best?.area ?? 0) ? mark : best;
  }, null);
}

/* The marks in a mask, [{top, bottom, left, right, places}]; pieces with small gaps are one, as a
   dry pen's. */
function joined(mask) {
  const { height, width, data } = mask, gap = rounded(STROKE_GAP * Math.max(height, width));
  return piecesOf(near(mask, gap), 8).map(({ runs }) => {
    const mark = { left: width, top: height, right: 0, bottom: 0, places: [] };
    for (let i = 0; i < runs.length; i += 2) {
      const y = Math.floor(runs[i] / width);
      for (let place = runs[i], x = place - y * width; place < runs[i + 1]; place++, x++) {
        if (!data[place]) continue;
        mark.places.push(place);
        mark.left = Math.min(mark.left, x);
        mark.right = Math.max(mark.right, x + 1);
        mark.top = Math.min(mark.top, y);
        mark.bottom = y + 1;
      }
    }
    return mark;
  });
}

/* Some marks alone, as a mask of a size. */
function marksAlone({ height, width }, marks) {
  const mask = plane(height, width, Uint8Array);
  for (const { places } of marks) for (const place of places) mask.data[place] = 1;
  return mask;
}

/* Marks without the frames around something, touched by it or not: {bare, count}. */
function withoutFrames(mask) {
  const bare = { ...mask, data: mask.data.slice() };
  const long = Math.max(LEAST_SIDE / 2, LEAST_FRAME * Math.max(mask.height, mask.width));
  let count = 0;
  for (const box of joined(mask)) {
    if (Math.min(box.bottom - box.top, box.right - box.left) < long) continue;
    const own = cut(marksAlone(mask, [box]), box);
    if (leastSide(own) < 0.9 || leastSide(turned(own)) < 0.9) continue;
    const around = cut(mask, box), rest = cleared(own, linesBothWays(own, isAtEdge));
    const inside = masked(around, (mark, at) => rest.data[at] || (mark && !own.data[at]));
    const sides = piecesOf(inside, 8).map(({ top, bottom, left, right }) =>
      Math.max(bottom - top, right - left));
    if (Math.max(0, ...sides) < 0.4 * own.height) continue;
    count++;
    inside.data.forEach((mark, at) => {
      const y = Math.floor(at / own.width), x = at % own.width;
      if (!mark) bare.data[(box.top + y) * mask.width + box.left + x] = 0;
    });
  }
  return { bare, count };
}

/* How much of the upper or lower side of a mask, whichever is less, has marks near it. */
function leastSide({ height, width, data }) {
  const strip = Math.max(2, rounded(STRIP * height));
  const share = (from) => {
    const there = new Uint8Array(width);
    for (let at = from * width; at < (from + strip) * width; at++) there[at % width] |= data[at];
    return mean(there);
  };
  return Math.min(share(0), share(height - strip));
}

/* Marks without the lines across the picture, {bare, count}: a line is straight, about level or
   upright, and goes on beyond the digit at both ends. It is thinner than the digit's strokes, or
   one of several, or the digit is clear of the picture's edges. Of a line some may be faint. */
function withoutLines(mask, faint) {
  if (Math.max(mask.height, mask.width) < LEAST_SIDE) return { bare: mask, count: 0 };
  let lines = [];
  for (let i = 0; i < PASSES; i++) {  // as lines in perspective differ in slope
    const found = linesBothWays(cleared(faint, lines));
    if (!found.length) break;
    lines.push(...found);
  }
  if (!lines.length) return { bare: mask, count: 0 };
  const rest = largest(cleared(mask, lines)), count = lines.length;
  if (rest) {
    const stroke = strokeWidth(rest);
    lines = lines.filter((line) => isNoStroke(line, rest, stroke, count));
  } else if (count < MANY_LINES) {
    lines = [];
  }
  return { bare: cleared(mask, lines), count: lines.length };
}

function linesBothWays(mask, test = () => true) {
  const other = turned(mask);
  return [
    ...linesOf(mask, other).filter((line) => test(line, mask)),
    ...linesOf(other, mask).filter((line) => test(line, other))
      .map((line) => ({ ...line, isUpright: true })),
  ];
}

/* Without lines, first the level, then the upright ones; where strokes cross them they stay. */
function cleared(mask, lines) {
  const level = struck(mask, lines.filter((line) => !line.isUpright));
  const upright = lines.filter((line) => line.isUpright);
  return upright.length ? turned(struck(turned(level), upright)) : level;
}

function struck(mask, lines) {
  const { height, width, data } = mask, bare = { height, width, data: data.slice() };
  for (const line of lines) {
    const free = isFree(line, bare);
    for (let x = 0; x < width; x++) {
      if (!free[x]) continue;
      const row = firstRow(line, x), last = Math.min(row + line.thickness, height - 1);
      for (let y = Math.max(row - 1, 0); y <= last; y++) bare.data[y * width + x] = 0;
    }
  }
  return bare;
}

/* A line is {row, slope, start, end, thickness, isUpright}: it goes from column `start` to `end`,
   and its first row is about `row + slope * column`; rows are columns if it is upright. */
const firstRow = ({ row, slope }, x) => Math.floor(row + slope * x + 0.5);

/* Where no mark crosses or touches a line: Uint8Array. */
function isFree(line, { height, width, data }) {
  const free = new Uint8Array(width);
  for (let x = 0; x < width; x++) {
    const before = firstRow(line, x) - 2, after = before + line.thickness + 3;
    free[x] = (before < 0 || before >= height || !data[before * width + x])
      && (after < 0 || after >= height || !data[after * width + x]) ? 1 : 0;
  }
  return free;
}

/* Whether a line is one of the level sides of a frame. */
function isAtEdge({ row, slope, thickness }, { height, width }) {
  const middle = row + slope * (width - 1) / 2 + (thickness - 1) / 2;
  return Math.min(middle, height - 1 - middle) <= Math.max(2, STRIP * height);
}

/* Whether a line is none of the strokes, so wide, of the digit without any lines. */
function isNoStroke(line, rest, stroke, count) {
  const { height, width } = line.isUpright ? { height: rest.width, width: rest.height } : rest;
  const { top, bottom, left, right } = bounds(line.isUpright ? turned(rest) : rest);
  const beyond = Math.min(left - line.start, line.end - right);
  const isThin = line.thickness <= THINNER * stroke;
  const isWhole = line.end - line.start >= WHOLE * width;
  const isClear = Math.min(top, left, height - bottom, width - right) > 0;
  if (count >= MANY_LINES && isThin && isWhole) return true;
  const isOther = isThin || (isWhole && (count >= MANY_LINES || isClear));
  return beyond >= BEYOND * width && isOther;
}

/* The lines from left to right in a mask, given with its columns as rows, too. */
function linesOf(mask, columns) {
  const { height, width } = mask, side = Math.max(height, width);
  const need = LINE * width, gap = Math.max(1, rounded(GAP * side));
  const reach = Math.max(1, rounded(TILT * width / 2));
  // Marks start a row higher and end a row lower here; there is a row more at the top and bottom.
  const thicker = plane(width, height + 2, Uint8Array), marks = runsOf(columns);
  let filled = 0;
  for (let i = 0, last = -1; i < marks.length; i += 2) {
    const x = Math.floor(marks[i] / height);
    thicker.data.fill(1, marks[i] + 2 * x, marks[i + 1] + 2 * x + 2);
    if (x !== last) filled++;
    last = x;
  }
  if (filled < need) return [];
  const stretches = runsOf(thicker);
  let best = 0, runs = [], slope = 0;
  // Slopes by steps of two pixels over the whole width, the level one first.
  const rises = [0];
  for (let rise = 2; rise <= 2 * reach; rise += 2) rises.push(-rise, rise);
  for (const rise of rises) {
    const tried = rise / Math.max(1, width - 1), changes = new Int32Array(height + 1);
    const shift = new Int32Array(width);
    for (let x = 0; x < width; x++) shift[x] = Math.floor(tried * (x - (width - 1) / 2) + 0.5);
    for (let i = 0; i < stretches.length; i += 2) {
      const x = Math.floor(stretches[i] / (height + 2)), above = x * (height + 2) + 1 + shift[x];
      changes[Math.min(Math.max(stretches[i] - above, 0), height)]++;
      changes[Math.min(Math.max(stretches[i + 1] - above, 0), height)]--;
    }
    const long = [];
    for (let row = 0, covered = 0; row < height; row++) {
      covered += changes[row];
      if (covered < need) continue;
      const [start, end] = longest(width, gap, (x) => {
        const y = row + 1 + shift[x];
        return y >= 0 && y < height + 2 && thicker.data[x * (height + 2) + y];
      });
      if (end - start >= need) long.push({ row, start, end });
    }
    const sum = long.reduce((kept, { start, end }) => kept + end - start, 0);
    if (sum > best) [best, runs, slope] = [sum, long, tried];
  }
  const found = [];
  for (let from = 0, to = 1; from < runs.length; from = to++) {
    while (to < runs.length && runs[to].row === runs[to - 1].row + 1) to++;
    const group = runs.slice(from, to), half = group.length >> 1;
    const thickness = Math.max(1, group.length - 2);
    if (thickness > THICK_LINE * side) continue;
    const { start, end } = group[half], first = group[0].row + (group.length > 2 ? 1 : half);
    const line = { row: first - slope * (width - 1) / 2, slope, start, end, thickness };
    if (mean(isFree(line, mask).subarray(start, end)) >= FREE) found.push(line);
  }
  return found;
}

/* Start and end of the longest stretch of places whose gaps are no longer than `gap`. */
function longest(length, gap, test) {
  let best = [0, 0], start = 0, last = -Infinity;
  for (let place = 0; place < length; place++) {
    if (!test(place)) continue;
    if (place - last > gap + 1) start = place;
    last = place;
    if (place + 1 - start > best[1] - best[0]) best = [start, place + 1];
  }
  return best;
}

/* Whether marks fill a picture as noise, rough paper or a printed page do. */
function isTexture(mask) {
  if (mean(mask.data) < TEXTURE_SHARE || strokeWidth(mask) > TEXTURE_WIDTH) return false;
  const holes = piecesOf(padded(mask, 1), 4, 0).length - 1;
  return piecesOf(mask, 8).length + holes > TEXTURE_PIECES;
}

/* Whether a prepared digit has no form: no strokes, no holes; a narrow one may be a thick 1. */
function isBlot(field) {
  const { top, bottom, left, right } = bounds(above(field, 100));
  const down = bottom - top, across = right - left;
  return total(field.data) > 255 * BLOT * down * across
    && Math.min(down, across) > 0.5 * Math.max(down, across);
}

/* How many pieces a mask's places of a value make, without specks. */
const pieces = (mask, value) =>
  piecesOf(mask, 8, value).filter(({ area }) => area >= mask.data.length / 300).length;

function largest(mask) {
  const found = piecesOf(mask, 8);
  if (!found.length) return null;
  return only(mask, [found.reduce((best, piece) => (piece.area > best.area ? piece : best))]);
}

/* The mean width of strokes: of width w and length l the area is w l, and about 2 l are edge. */
function strokeWidth(mask) {
  const { width, data } = padded(mask, 1);
  let area = 0, inner = 0;
  for (let at = width; at < data.length - width; at++) {
    if (!data[at]) continue;
    area++;
    if (data[at - 1] && data[at + 1] && data[at - width] && data[at + width]) inner++;
  }
  return 2 * area / Math.max(1, area - inner);
}

/* ---- preprocessing ---- */

/* What a transparent picture lies on, of its RGBA bytes: white, or black where it is light ink. */
function paperOf(bytes) {
  let clear = 0, shows = 0, dark = 0;
  for (let at = 0; at < bytes.length; at += 4) {
    const alpha = bytes[at + 3];
    if (alpha < 127.5) clear++;
    shows += alpha;
    if (luminance(bytes[at], bytes[at + 1], bytes[at + 2]) < 127.5) dark += alpha;
  }
  return clear > 0 && dark <= DARK_SHARE * shows ? 0 : 255;
}

const luminance = (red, green, blue) => 0.299 * red + 0.587 * green + 0.114 * blue;

/* The grey plane of the RGBA bytes of a picture on paper. */
function greyOf({ height, width, data }, paper) {
  const grey = plane(height, width);
  for (let i = 0, at = 0; i < grey.data.length; i++, at += 4) {
    const alpha = data[at + 3] / 255;
    grey.data[i] = luminance(data[at], data[at + 1], data[at + 2]) * alpha + paper * (1 - alpha);
  }
  return grey;
}

/* A grey plane, 0 to 255, as MNIST would have it: {field, 28 by 28, notes}, or {error}. */
function prepare(grey, what) {
  const notes = [];
  let { ink, peak } = withinItsPanel(reduced(grey), notes);
  if (peak < LEAST_CONTRAST) {
    return { error: `there is no ${what} in the picture, or it is too faint` };
  }
  const marks = above(ink, Math.fround(MARK * peak + NO_TIE));
  if (isTexture(marks)) {
    return {
      error: `this is not a ${what}: noise, rough paper or many small marks fill the picture`,
    };
  }
  const unframed = withoutFrames(marks), weak = above(ink, Math.fround(FAINT * peak + NO_TIE));
  const faint = masked(weak, (mark, at) => mark && (!marks.data[at] || unframed.bare.data[at]));
  const { bare, count } = withoutLines(unframed.bare, faint);
  for (const [name, number] of [["frame", unframed.count], ["line", count]]) {
    if (number) {
      notes.push(number === 1 ? `a ${name} was removed` : `${number} ${name}s were removed`);
    }
  }
  if (!bare.data.includes(1)) return { error: `there is no ${what} in the picture but lines` };
  if (unframed.count || count) {
    const gone = masked(marks, (mark, at) => mark && !bare.data[at]);
    const around = near(gone, 2), kept = near(bare, 1);
    ink = mapped(ink, (value, at) =>
      (gone.data[at] || (around.data[at] && !kept.data[at]) ? 0 : value));
  }
  const digit = near(oneDigit(bare, ink, notes), 2);
  let strokes = mapped(ink, (value, at) => (digit.data[at]
    ? Math.min(Math.max(Math.fround(value / peak) - 0.25, 0), 0.5) * 2 : 0));
  strokes = cropped(mended(cropped(strokes)));
  const field = centred(fitted(strokes));
  if (isBlot(field)) {
    return { error: `this is not a ${what}: it is a blot rather than strokes` };
  }
  return { field, notes };
}

/* The ink of what stands in the innermost panel, and its strength: {ink, peak}. */
function withinItsPanel(grey, notes) {
  let found;
  for (let i = 0; i < PANELS; i++) {
    const smooth = blurred(grey), { ink, peak } = found = inkOf(grey, smooth);
    let box = panel(above(smooth, threshold(smooth)));
    for (const share of peak >= LEAST_CONTRAST ? [MARK, FAINT] : []) {
      box ??= panel(above(ink, Math.fround(share * peak + NO_TIE)));
    }
    if (!box) break;
    if (!notes.length) notes.push("what surrounds it was removed");
    grey = cut(grey, box);
  }
  return found;
}

function reduced(grey) {
  const scale = WORKING / Math.max(grey.height, grey.width);
  if (scale >= 1) return grey;
  return resized(grey, Math.max(1, rounded(grey.height * scale)),
    Math.max(1, rounded(grey.width * scale)), shares);
}

/* Of a plane and its blurred form the bright ink on a ground of 0, however the light falls, and
   its strength: {ink, peak}. */
function inkOf(grey, smooth) {
  const [low, high] = range(smooth.data);
  const asLight = () => aboveGround(grey, smooth);
  const asDark = () => aboveGround(inverted(grey), inverted(smooth));
  const edge = edgeOf(smooth), middle = Math.fround(low + high) / 2;
  const share = edge.filter((value) => value > middle).length / edge.length;
  if (Math.max(share, 1 - share) >= ONE_GROUND) return share > 0.5 ? asDark() : asLight();
  if (isSmooth(smooth)) {
    const lights = fine(smooth), darks = fine(inverted(smooth));
    // What is weaker may be gradients and noise.
    const level = Math.fround(Math.max(range(lights.data)[1], range(darks.data)[1]) / 2);
    return total(above(darks, level).data) > total(above(lights, level).data)
      ? asDark() : asLight();
  }
  return isCutByDark(smooth) ? asDark() : asLight();
}

/* How much lighter what is narrow is than what is around it. */
function fine(smooth) {
  const r = rounded(FINE * Math.max(smooth.height, smooth.width));
  const opened = most(least(smooth, r), r);
  return mapped(smooth, (value, at) => value - opened.data[at]);
}

function aboveGround(grey, smooth) {
  // An opening keeps what is wider than any stroke: the ground, with the edges of its shadows.
  // Beyond the picture its ground goes on, so that strokes at the very edge are narrow, too.
  const { height, width } = grey, reach = rounded(GROUND * Math.max(height, width));
  const bright = total(above(smooth, threshold(smooth)).data);
  const usual = median(smooth.data, smooth.data.length - bright);
  const ground = plane(height, width), ink = plane(height, width);
  for (let i = 0; i < ink.data.length; i++) ground.data[i] = Math.min(smooth.data[i], usual);
  const pad = reach + 1, wide = plane(height + 2 * pad, width + 2 * pad);
  for (let y = 0; y < wide.height; y++) {
    const row = Math.min(Math.max(y - pad, 0), height - 1) * width, at = y * wide.width;
    const inner = row === (y - pad) * width ? smooth : ground;
    wide.data.fill(ground.data[row], at, at + pad);
    wide.data.set(inner.data.subarray(row, row + width), at + pad);
    wide.data.fill(ground.data[row + width - 1], at + pad + width, at + wide.width);
  }
  const narrow = least(wide, reach), [low, high] = range(narrow.data);
  const opened = cut(low < high ? most(narrow, reach) : narrow,
    { top: pad, bottom: pad + height, left: pad, right: pad + width });
  for (let i = 0; i < ink.data.length; i++) {
    ink.data[i] = Math.max(0, grey.data[i] - opened.data[i]);
  }
  const size = ink.data.length, few = Math.min(size, Math.max(9, Math.floor(size / 1000)));
  return { ink, peak: meanOfOrdered(ink.data, size - few, size) };
}

/* Whether the ink is dark in a picture cropped to it: strokes cut the ground into pieces. */
function isCutByDark(smooth) {
  const light = above(smooth, threshold(smooth));
  const lights = pieces(light, 1), darks = pieces(light, 0);
  if (lights !== darks) return lights > darks;
  const corners = edgesOf(light).slice(0, 2).flatMap((edge) => [edge[0], edge.at(-1)]);
  return mean(corners) + mean(edgeOf(light)) > 1;
}

/* Whether the picture's edge changes gradually, as light does, and is not crossed by ink. */
function isSmooth(smooth) {
  const lag = Math.max(1, rounded(0.02 * Math.max(smooth.height, smooth.width)));
  const [low, high] = range(smooth.data);
  return edgesOf(smooth).every((edge) => edge.subarray(lag).every((value, place) =>
    Math.abs(value - edge[place]) < 0.25 * (high - low)));
}

/* The largest mark with the pieces that belong to it, and notes on the others. */
function oneDigit(mask, ink, notes) {
  const { height, width } = mask;
  const found = joined(mask).map((mark) =>
    ({ ...mark, weight: mark.places.reduce((sum, place) => sum + ink.data[place], 0) }));
  const isInside = ({ left, top, right, bottom }) =>
    left > 0 && top > 0 && right < width && bottom < height;
  // A shadow or the table's edge runs out of the picture; the digit does so only if all does.
  const rank = (mark) => (isInside(mark) ? mark.weight : 0.1 * mark.weight);
  const main = found.reduce((best, mark) => (rank(mark) > rank(best) ? mark : best));
  const reach = 0.35 * Math.max(main.right - main.left, main.bottom - main.top);
  const apart = (mark) => Math.max(main.left - mark.right, mark.left - main.right,
    main.top - mark.bottom, mark.top - main.bottom);
  const belongs = (mark) => mark === main || (mark.weight >= 0.05 * main.weight
    && apart(mark) <= reach && (isInside(mark) || !isInside(main)));
  const others = found.filter((mark) => mark.weight >= 0.3 * main.weight && !belongs(mark)
    && isInside(mark));
  if (others.length) notes.push(`there are ${others.length + 1} marks, and the largest is read`);
  // A picture that is cropped to its digit is touched at opposite sides.
  const isCropped = (main.left === 0 && main.right === width)
    || (main.top === 0 && main.bottom === height);
  if (!isInside(main) && !isCropped) notes.push("it runs out of the picture");
  return marksAlone(mask, found.filter(belongs));
}

/* Strokes made wider or narrower where MNIST's would be. */
function mended(strokes) {
  const dark = above(strokes, 0.5), stroke = strokeWidth(dark);
  const scale = BOX / Math.max(strokes.height, strokes.width);
  if (stroke * scale < THIN - 0.4) {
    const r = Math.max(1, rounded((THIN / scale - stroke) / 2));
    return most(padded(strokes, r), r);
  }
  if (stroke * scale > THICK + 0.9) {
    const r = rounded((stroke - THICK / scale) / 2), narrow = least(padded(strokes, r), r);
    if (total(above(narrow, 0.5).data) > 0.1 * total(dark.data)) return narrow;
  }
  return strokes;
}

/* Strokes in a square box, the longer side as long as the box; brightest 1. */
function fitted(strokes, box = BOX) {
  const scale = box / Math.max(strokes.height, strokes.width);
  const fit = resized(strokes, Math.max(1, rounded(strokes.height * scale)),
    Math.max(1, rounded(strokes.width * scale)), scale < 1 ? shares : neighbours);
  const brightest = range(fit.data)[1];
  return mapped(fit, (value) => value / brightest);
}

/* A square plane, 0 to 255, with the centre of mass of the strokes in the middle. */
function centred(strokes, side = SIDE) {
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

/* Bright ink on black, 28 by 28, in the size and colours of a form: Uint8Array. */
function painted(field, { height, width, background, light, box }) {
  const side = Math.min(height, width), ground = background ?? 0, bright = light ? 0 : 255;
  const image = new Uint8Array(height * width).fill(ground);
  if (Math.abs(box - BOX / SIDE) > BOX_TOLERANCE) {
    const strokes = cropped(mapped(field, (value) => value / 255));
    field = centred(fitted(strokes, Math.max(1, rounded(box * side))), side);
  } else if (side !== SIDE) {
    field = mapped(resized(field, side, side, side < SIDE ? shares : neighbours), rounded);
  }
  const top = Math.floor((height - side) / 2), left = Math.floor((width - side) / 2);
  field.data.forEach((value, at) => {
    const place = (top + Math.floor(at / side)) * width + left + at % side;
    image[place] = rounded(ground + (bright - ground) * value / 255);
  });
  return image;
}

/* The middle of a grey plane, as much as fits a form's shape, in its size. */
function middleOf(grey, { height, width, background }) {
  const scale = Math.min(grey.height / height, grey.width / width);
  const rows = Math.max(1, rounded(height * scale));
  const columns = Math.max(1, rounded(width * scale));
  const top = Math.floor((grey.height - rows) / 2), left = Math.floor((grey.width - columns) / 2);
  const middle = cut(grey, { top, bottom: top + rows, left, right: left + columns });
  const sized = mapped(resized(middle, height, width, scale > 1 ? shares : neighbours), rounded);
  const own = median(edgeOf(sized)), notes = [];
  if (background !== null && Math.abs(own - background) > 127.5) {
    const [is, was] = own > background ? ["light", "dark"] : ["dark", "light"];
    notes.push(`its background is ${is}, and that of the images that the networks were `
      + `trained on is ${was}`);
  }
  return { image: Uint8Array.from(sized.data), notes };
}

/* A grey plane, 0 to 255, as networks read it, whose images have a form:
   {image: Uint8Array, notes}, or {error}. */
function brought(grey, form) {
  if (form.kind === "image") return middleOf(grey, form);
  const { field, notes, error } = prepare(grey, form.kind);
  return error ? { error } : { image: painted(field, form), notes };
}
