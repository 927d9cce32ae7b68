// Runs a network on an image; mnist_aug/evaluate/page_network.py says what its layers are.

/* One place of a linear layer: the first `count` of `values` times the rows of the kernel that start
   at `rows`, four outputs at a time. */
function linear(sums, at, values, rows, count, kernel, bias) {
  const outputs = bias.length;
  let k = 0;
  for (; k + 3 < outputs; k += 4) {
    let one = bias[k], two = bias[k + 1], three = bias[k + 2], four = bias[k + 3];
    for (let i = 0; i < count; i++) {
      const value = values[i], from = rows[i] + k;
      one += value * kernel[from];
      two += value * kernel[from + 1];
      three += value * kernel[from + 2];
      four += value * kernel[from + 3];
    }
    sums[at + k] = one;
    sums[at + k + 1] = two;
    sums[at + k + 2] = three;
    sums[at + k + 3] = four;
  }
  for (; k < outputs; k++) {
    let sum = bias[k];
    for (let i = 0; i < count; i++) sum += values[i] * kernel[rows[i] + k];
    sums[at + k] = sum;
  }
}

function dense(values, { rows, inputs, outputs }, kernel, bias) {
  const sums = new Float64Array(rows * outputs);
  const kept = new Float64Array(inputs), from = new Int32Array(inputs);
  for (let row = 0; row < rows; row++) {
    let count = 0;
    for (let i = 0; i < inputs; i++) {
      const value = values[row * inputs + i];
      if (value === 0) continue;  // as half of all are after ReLU
      kept[count] = value;
      from[count++] = i * outputs;
    }
    linear(sums, row * outputs, kept, from, count, kernel, bias);
  }
  return sums;
}

function convolution(values, layer, kernel, bias) {
  const [height, width, channels] = layer.input, [down, across, filters] = layer.output;
  const [high, wide] = layer.size, [step, stride] = layer.strides, [top, left] = layer.padding;
  const sums = new Float64Array(down * across * filters), inputs = high * wide * channels;
  const kept = new Float64Array(inputs), from = new Int32Array(inputs);
  for (let y = 0, at = 0; y < down; y++) {
    for (let x = 0; x < across; x++, at += filters) {
      let count = 0;
      for (let i = 0; i < high; i++) {
        const row = y * step - top + i;
        if (row < 0 || row >= height) continue;
        for (let j = 0; j < wide; j++) {
          const column = x * stride - left + j;
          if (column < 0 || column >= width) continue;
          const start = (row * width + column) * channels, first = (i * wide + j) * channels;
          for (let c = 0; c < channels; c++) {
            const value = values[start + c];
            if (value === 0) continue;
            kept[count] = value;
            from[count++] = (first + c) * filters;
          }
        }
      }
      linear(sums, at, kept, from, count, kernel, bias);
    }
  }
  return sums;
}

/* The largest value or the mean of each window, as far as it lies in the image. */
function pooling(values, layer) {
  const [height, width, channels] = layer.input, [down, across] = layer.output;
  const [high, wide] = layer.size, [step, stride] = layer.strides, [top, left] = layer.padding;
  const means = layer.kind === "mean", pooled = new Float64Array(down * across * channels);
  for (let y = 0, at = 0; y < down; y++) {
    const [first, end] = [Math.max(y * step - top, 0), Math.min(y * step - top + high, height)];
    for (let x = 0; x < across; x++, at += channels) {
      const from = Math.max(x * stride - left, 0), to = Math.min(x * stride - left + wide, width);
      const share = 1 / ((end - first) * (to - from));
      for (let c = 0; c < channels; c++) {
        let sum = 0, most = -Infinity;
        for (let row = first; row < end; row++) {
          for (let column = from; column < to; column++) {
            const value = values[(row * width + column) * channels + c];
            if (means) sum += value;
            else if (value > most) most = value;
          }
        }
        pooled[at + c] = means ? sum * share : most;
      }
    }
  }
  return pooled;
}

function scale(values, { size }, factors, shifts) {
  const scaled = new Float64Array(values.length);
  for (let from = 0; from < values.length; from += size) {
    for (let k = 0; k < size; k++) scaled[from + k] = values[from + k] * factors[k] + shifts[k];
  }
  return scaled;
}

function relu(values, { slope, threshold, most }) {
  const highest = most ?? Infinity, changed = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    changed[i] = values[i] > threshold
      ? Math.min(values[i], highest) : slope * (values[i] - threshold);
  }
  return changed;
}

function softmax(values, { size }) {
  const chances = new Float64Array(values.length);
  for (let from = 0; from < values.length; from += size) {
    const own = values.subarray(from, from + size), most = Math.max(...own);
    const powers = own.map((value) => Math.exp(value - most)), sum = total(powers);
    for (let i = 0; i < size; i++) chances[from + i] = powers[i] / sum;
  }
  return chances;
}

const LAYERS = {
  dense, convolution, max: pooling, mean: pooling, scale, relu, softmax,
  tanh: (values) => values.map(Math.tanh),
  sigmoid: (values) => values.map((value) => 1 / (1 + Math.exp(-value))),
};

/* A function that gives an image's probabilities, Float64Array; its pixels are bytes. */
function network(layers, numbers) {
  let at = 0;
  const steps = layers.map((layer) => {
    const parts = layer.numbers.map((count) => {
      at += count;
      return Float64Array.from(numbers.subarray(at - count, at));
    });
    return (values) => LAYERS[layer.kind](values, layer, ...parts);
  });
  const diverged = !numbers.every(Number.isFinite);
  return (pixels) => {
    const given = Float64Array.from(pixels);
    for (let i = 0; i < given.length; i++) given[i] /= 255;
    const chances = steps.reduce((values, step) => step(values), given);
    return diverged ? chances.fill(NaN) : chances;
  };
}
