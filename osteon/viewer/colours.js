// Colour maps, the ranges they stand for and the bars that say so.

const QUANTITIES = {
  density: { label: "Density (vBMD)", unit: "mg/cm³", changeUnit: "%", changeLabel: "change of density" },
  density_absolute: {
    label: "Density, change in mg/cm³", unit: "mg/cm³", changeUnit: "mg/cm³", changeLabel: "change of density",
  },
  energy: {
    label: "Strain energy density", unit: "MPa", changeUnit: "%", changeLabel: "change of strain energy density",
  },
};
const HELD = [122, 122, 122];

function digits(value, count) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size < 1e-2 || size >= 1e5 ? Number(value.toPrecision(count)).toExponential() : String(Number(value.toPrecision(count)));
}

function signed(value, decimals = 2) {
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? (0).toFixed(decimals) : (value > 0 ? "+" : "") + text;
}

function quantile(values, share) {
  const sorted = Float32Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

function decodeColours(tables) {
  const made = {};
  for (const [name, text] of Object.entries(tables)) made[name] = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return made;
}

// One range for all arms and months of a level, so that pictures can be compared; a change has its zero in the middle.
function makeScales(volumes, tables) {
  const kept = new Map();
  const round = (value) => Number(value.toPrecision(2));

  function build(quantity, part, level) {
    const { unit, changeUnit, changeLabel, label } = QUANTITIES[quantity];
    const months = volumes.months;
    if (part === "change") {
      let reach = 0.1;
      volumes.arms.forEach((_, arm) => {
        const change = volumes.values(quantity, "change", level, arm, months[months.length - 1]);
        reach = Math.max(reach, quantile(change.map(Math.abs), 0.98));
      });
      reach = round(reach);
      return { low: -reach, high: reach, log: false, table: tables.change, unit: changeUnit, label: changeLabel };
    }
    const before = volumes.values(quantity, "baseline", level, 0, 0);
    if (quantity === "energy") {
      const low = quantile(before, 0.02);
      const high = Math.max(quantile(before, 0.995), 1.01 * low);
      return { low: round(low), high: round(high), log: true, table: tables.energy, unit, label: label.toLowerCase() };
    }
    return { low: 0, high: round(quantile(before, 0.995)), log: false, table: tables.density, unit, label: "vBMD" };
  }

  return (quantity, part, level) => {
    const name = part === "change" ? "change" : "level";
    const key = [quantity, name, level].join();
    if (!kept.has(key)) kept.set(key, build(quantity, name, level));
    return kept.get(key);
  };
}

function shadeOf(scale, value) {
  const share = scale.log
    ? Math.log(Math.max(value, 1e-30) / scale.low) / Math.log(scale.high / scale.low)
    : (value - scale.low) / (scale.high - scale.low);
  return 3 * Math.max(0, Math.min(255, Math.floor(256 * share)));
}

function ticksOf(scale) {
  if (!scale.log) return [0, 0.25, 0.5, 0.75, 1].map((share) => [share, scale.low + share * (scale.high - scale.low)]);
  const span = Math.log10(scale.high / scale.low);
  const made = [];
  for (let power = Math.floor(Math.log10(scale.low)); 10 ** power <= scale.high; power++)
    for (const lead of span < 2 ? [1, 2, 5] : [1]) {
      const share = Math.log10((lead * 10 ** power) / scale.low) / span;
      if (share >= 0 && share <= 1) made.push([share, lead * 10 ** power]);
    }
  return made;
}

// A bar with ticks, its unit, the range shown and the range in the body.
function colourBar(scale, title, values) {
  const box = document.createElement("div");
  box.className = "bar";
  box.dataset.low = scale.low;
  box.dataset.high = scale.high;
  box.dataset.unit = scale.unit;
  const heading = document.createElement("div");
  heading.className = "bar-title";
  heading.textContent = `${title}: ${scale.label} (${scale.unit})`;
  const strip = document.createElement("canvas");
  strip.width = 256;
  strip.height = 1;
  const context = strip.getContext("2d");
  const image = context.createImageData(256, 1);
  for (let n = 0; n < 256; n++) image.data.set([...scale.table.subarray(3 * n, 3 * n + 3), 255], 4 * n);
  context.putImageData(image, 0, 0);
  const ticks = document.createElement("div");
  ticks.className = "bar-ticks";
  for (const [share, value] of ticksOf(scale)) {
    const tick = document.createElement("span");
    tick.style.left = `${100 * share}%`;
    tick.textContent = digits(value, 3);
    ticks.append(tick);
  }
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const note = document.createElement("div");
  note.className = "bar-note";
  note.textContent =
    `Shown ${digits(scale.low, 3)} to ${digits(scale.high, 3)} ${scale.unit}${scale.log ? ", logarithmic" : ""}; ` +
    `in the body ${digits(low, 3)} to ${digits(high, 3)}.`;
  box.append(heading, strip, ticks, note);
  return box;
}
