// What the page carries inside: libraries and the data of the run, gzip in base64.

async function inflate(id) {
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The page's policy lets a script run only if its hash is the expected one.
async function loadLibrary(name) {
  if (!window[name]) {
    const script = document.createElement("script");
    script.textContent = new TextDecoder().decode(await inflate(`library-${name}`));
    document.head.append(script);
  }
  return window[name];
}

async function loadData() {
  const bytes = await inflate("run-data");
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const index = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  return { ...index, volumes: index.volumes && openVolumes(index.volumes, bytes.subarray(4 + length)) };
}

function bits(bytes, begin, count) {
  const made = new Uint8Array(count);
  for (let n = 0; n < count; n++) made[n] = (bytes[begin + (n >> 3)] >> (7 - (n & 7))) & 1;
  return made;
}

// Voxels of every level: `grid` gives the number of a bone voxel at (i * ny + j) * nz + k, or -1 outside the bone.
function openVolumes(index, bytes) {
  const levels = index.levels.map((level) => {
    const [nx, ny, nz] = level.shape;
    const bone = bits(bytes, level.bone, nx * ny * nz);
    const grid = new Int32Array(bone.length).fill(-1);
    const first = [nx, ny, nz];
    const last = [0, 0, 0];
    let count = 0;
    for (let i = 0; i < nx; i++)
      for (let j = 0; j < ny; j++)
        for (let k = 0; k < nz; k++) {
          const cell = (i * ny + j) * nz + k;
          if (!bone[cell]) continue;
          grid[cell] = count++;
          [i, j, k].forEach((at, axis) => {
            first[axis] = Math.min(first[axis], at);
            last[axis] = Math.max(last[axis], at);
          });
        }
    return { ...level, grid, first, last, held: bits(bytes, level.held, level.voxels) };
  });
  const kept = new Map();

  function read(level, arm, month, kind) {
    const field = index.fields.find(
      (one) => one.level === level && one.arm === arm && one.month === month && one.kind === kind,
    );
    if (!field) return null;
    const count = levels[level].voxels;
    const values = new Float32Array(count);
    for (let n = 0; n < count; n++) {
      const number = bytes[field.begin + n] + 256 * bytes[field.begin + count + n];
      const value = field.low + field.step * number;
      values[n] = field.power ? 10 ** value : value;
    }
    return values;
  }

  function field(level, arm, month, kind) {
    const key = [level, arm, month, kind].join();
    if (!kept.has(key)) kept.set(key, read(level, arm, month, kind));
    return kept.get(key);
  }

  // `part` is baseline, follow or change; a change in % is 0 where there was no bone to change (below 1 mg/cm3).
  function values(quantity, part, level, arm, month) {
    const key = [quantity, part, level, arm, month].join();
    if (!kept.has(key)) kept.set(key, derive(quantity, part, level, arm, month));
    return kept.get(key);
  }

  function derive(quantity, part, level, arm, month) {
    const kind = quantity === "energy" ? "energy" : "density";
    const before = field(level, null, 0, kind);
    if (part === "baseline") return before;
    if (month === 0) return part === "follow" ? before : new Float32Array(before.length);
    if (kind === "energy") {
      const after = field(level, arm, month, kind);
      return part === "follow" ? after : after.map((value, n) => 100 * (value / before[n] - 1));
    }
    const difference = field(level, arm, month, "difference");
    if (part === "follow") return difference.map((value, n) => before[n] + value);
    if (quantity === "density_absolute") return difference;
    return difference.map((value, n) => (before[n] >= 1 ? (100 * value) / before[n] : 0));
  }

  return { ...index, levels, field, values };
}
