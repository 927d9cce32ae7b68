// How doubtful a network's answer is: what doubts.py in mnist_aug/analysis does, step by step.

const NEAREST = 3, DOUBTFUL = 0.1, LEAST_CHANCE = 1e-6;

/* Probabilities at a temperature: Float64Array. */
function calibrated(chances, temperature) {
  const logits = Float64Array.from(chances, (one) => Math.log(Math.max(one, 1e-12)) / temperature);
  const most = Math.max(...logits), powers = logits.map((one) => Math.exp(one - most));
  const sum = total(powers);
  return powers.map((one) => one / sum);
}

/* The training images that distances are measured to, as thumbnails by class; null without any. */
function knownImages(stored) {
  if (!stored) return null;
  const { height, width, labels, thumbnails, far } = stored, size = height * width;
  const bytes = bytesOf(thumbnails), byClass = new Map();
  labels.forEach((label, i) => {
    if (!byClass.has(label)) byClass.set(label, []);
    byClass.get(label).push(bytes.subarray(i * size, (i + 1) * size));
  });
  return { height, width, byClass, far };
}

/* The mean distance of an image to the nearest known ones of a class. */
function distanceTo(known, image, label) {
  const whole = plane(HEIGHT, WIDTH);
  whole.data.set(image);
  const small = resized(whole, known.height, known.width, shares).data.map(rounded);
  const distances = (known.byClass.get(label) ?? []).map((one) => {
    let sum = 0;
    for (let i = 0; i < small.length; i++) sum += ((small[i] - one[i]) / 255) ** 2;
    return Math.sqrt(sum);
  });
  const nearest = Float64Array.from(distances).sort().subarray(0, NEAREST);
  return nearest.length ? mean(nearest) : Math.sqrt(small.length);
}

/* A network's answer to an image: {chances, best, reasons}; best is -1 if its training diverged. */
function judged(chances, image, judge, known) {
  const fair = judge ? calibrated(chances, judge.temperature) : chances;
  const best = fair.indexOf(Math.max(...fair)), reasons = [];
  if (best < 0 || !judge) return { chances: fair, best, reasons };
  const wrong = Math.min(Math.max(1 - fair[best], LEAST_CHANCE), 1 - LEAST_CHANCE);
  const distance = distanceTo(known, image, best);
  const [constant, byOdds, , byDistance] = judge.coefficients;  // one run agrees with itself
  const odds = constant + byOdds * Math.log(wrong / (1 - wrong)) + byDistance * distance;
  const doubt = 1 / (1 + Math.exp(-odds));
  if (doubt >= DOUBTFUL) reasons.push(`about ${rounded(100 * doubt)} % of such answers are wrong`);
  if (distance > known.far) {
    reasons.push(`it is unlike all training images of ${DATA.names[best]}, and may be something `
      + "else");
  }
  return { chances: fair, best, doubt, reasons };
}

/* A probability in percent that never claims certainty. */
function percent(chance) {
  const text = (100 * chance).toFixed(1);
  return { "100.0": "> 99.9", "0.0": "< 0.1" }[text] ?? text;
}
