// Three orthogonal slices with a slider each, baseline, follow-up or change, and the value under the pointer.

const PLANES = [
  { name: "axial", axis: 2, across: 0, up: 1, letters: ["L", "R", "A", "P"], along: "from below" },
  { name: "sagittal", axis: 0, across: 1, up: 2, letters: ["P", "A", "S", "I"], along: "from the left" },
  { name: "coronal", axis: 1, across: 0, up: 2, letters: ["L", "R", "S", "I"], along: "from behind" },
];
const PARTS = { baseline: "Baseline", follow: "Follow-up", change: "Change" };
const OUTLINE = "#ffab2e";

function makeSlices(data, state, scales, onMove) {
  const root = document.getElementById("planes");
  const readout = document.getElementById("readout");
  const planes = PLANES.map((plane) => build(plane));
  root.append(...planes.map((plane) => plane.box));
  new ResizeObserver(() => draw()).observe(root);

  function build(plane) {
    const box = document.createElement("div");
    box.className = "plane";
    const shots = document.createElement("div");
    shots.className = "shots";
    const views = Object.keys(PARTS).map((part) => {
      const figure = document.createElement("div");
      figure.className = "shot";
      figure.dataset.part = part;
      const title = document.createElement("div");
      title.className = "shot-title";
      const frame = document.createElement("div");
      frame.className = "frame";
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      frame.append(canvas);
      plane.letters.forEach((letter, side) => {
        const mark = document.createElement("span");
        mark.className = `side side-${side}`;
        mark.textContent = letter;
        frame.append(mark);
      });
      canvas.addEventListener("pointermove", (event) => {
        const voxel = voxelAt(plane, canvas, event);
        tell(voxel);
        if (event.buttons === 1 && event.pointerType === "mouse") move(voxel);
      });
      canvas.addEventListener("pointerleave", () => tell(state.position));
      canvas.addEventListener("click", (event) => move(voxelAt(plane, canvas, event)));
      figure.append(title, frame);
      shots.append(figure);
      return { part, figure, title, frame, canvas };
    });
    const label = document.createElement("label");
    label.className = "slider";
    const words = document.createElement("span");
    words.textContent = `${plane.name[0].toUpperCase()}${plane.name.slice(1)} slice`;
    const slider = document.createElement("input");
    slider.type = "range";
    slider.id = `slice-${plane.name}`;
    const where = document.createElement("output");
    where.id = `where-${plane.name}`;
    where.htmlFor = slider.id;
    slider.addEventListener("input", () => {
      const position = [...state.position];
      position[plane.axis] = Number(slider.value);
      move(position);
    });
    label.append(words, slider, where);
    box.append(shots, label);
    return { ...plane, box, views, slider, where };
  }

  const level = () => data.volumes.levels[state.level];
  const inBox = (plane) => [level().first[plane.across] - 1, level().last[plane.across] + 1,
    level().first[plane.up] - 1, level().last[plane.up] + 1];

  function voxelAt(plane, canvas, event) {
    const [left, right, bottom, top] = inBox(plane);
    const area = canvas.getBoundingClientRect();
    const across = left + Math.floor(((event.clientX - area.left) / area.width) * (right - left + 1));
    const up = top - Math.floor(((event.clientY - area.top) / area.height) * (top - bottom + 1));
    const position = [...state.position];
    position[plane.across] = across;
    position[plane.up] = up;
    return position;
  }

  function move(position) {
    const { first, last } = level();
    state.position = position.map((at, axis) => Math.max(first[axis], Math.min(last[axis], at)));
    draw();
    onMove();
  }

  function numberAt([i, j, k]) {
    const [nx, ny, nz] = level().shape;
    if (i < 0 || j < 0 || k < 0 || i >= nx || j >= ny || k >= nz) return -1;
    return level().grid[(i * ny + j) * nz + k];
  }

  const millimetres = (at, axis) => (level().spacing[axis] * (at - level().first[axis] + 0.5)).toFixed(1);

  function tell(position) {
    const number = numberAt(position);
    const place = ["to the right", "to anterior", "to superior"]
      .map((words, axis) => `${millimetres(position[axis], axis)} mm ${words}`).join(", ");
    readout.textContent = number < 0 ? `${place}: outside the bone` : `${place}: ${words(number)}`;
  }

  function words(number) {
    const { level: at, arm, month } = state;
    const get = (quantity, part) => data.volumes.values(quantity, part, at, arm, month)[number];
    const width = data.volumes.field(at, arm, month, "half_width");
    const spread = width ? ` (± ${width[number].toFixed(1)}, 95 % interval of the parameters)` : "";
    const held = level().held[number] ? "; held fixed" : "";
    return (
      `vBMD ${get("density", "baseline").toFixed(1)} → ${get("density", "follow").toFixed(1)} mg/cm³, ` +
      `${signed(get("density", "change"), 1)} %${spread}; strain energy density ` +
      `${digits(get("energy", "baseline"), 2)} → ${digits(get("energy", "follow"), 2)} MPa${held}`
    );
  }

  function draw() {
    root.dataset.view = state.view;
    const widths = planes.map((plane) => {
      const [left, right] = inBox(plane);
      return (right - left + 1) * level().spacing[plane.across];
    });
    // Which pictures stand decides how wide they are: first that, then their pixels.
    for (const { views } of planes)
      for (const view of views) view.figure.hidden = state.view !== "all" && state.view !== view.part;
    for (const plane of planes) {
      const { first, last } = level();
      const [left, right, bottom, top] = inBox(plane);
      const size = [(right - left + 1) * level().spacing[plane.across], (top - bottom + 1) * level().spacing[plane.up]];
      // One millimetre is as long in every plane, beside or below each other.
      plane.box.style.setProperty("--share", size[0].toFixed(2));
      plane.box.style.setProperty("--wide", (size[0] / Math.max(...widths)).toFixed(4));
      plane.slider.min = first[plane.axis];
      plane.slider.max = last[plane.axis];
      plane.slider.value = state.position[plane.axis];
      const at = state.position[plane.axis];
      plane.where.textContent = `${millimetres(at, plane.axis)} mm`;
      plane.slider.setAttribute(
        "aria-valuetext",
        `${millimetres(at, plane.axis)} mm ${plane.along}, slice ${at - first[plane.axis] + 1} of ` +
          `${last[plane.axis] - first[plane.axis] + 1}`,
      );
      for (const view of plane.views) {
        if (view.figure.hidden) continue;
        const when = view.part === "follow" ? `Month ${state.month}` : PARTS[view.part];
        view.title.textContent = `${plane.name} · ${when}`;
        view.canvas.setAttribute("aria-label", `${plane.name} slice, ${when}, ${plane.where.textContent}`);
        view.frame.style.aspectRatio = `${size[0]} / ${size[1]}`;
      }
    }
    for (const plane of planes)
      for (const view of plane.views) if (!view.figure.hidden) paint(plane, view, inBox(plane));
    tell(state.position);
  }

  function paint(plane, view, [left, right, bottom, top]) {
    const columns = right - left + 1;
    const rows = top - bottom + 1;
    const values = data.volumes.values(state.quantity, view.part, state.level, state.arm, state.month);
    const scale = scales(state.quantity, view.part, state.level);
    const small = new OffscreenCanvas(columns, rows);
    const pen = small.getContext("2d");
    const image = pen.createImageData(columns, rows);
    const inside = new Uint8Array(columns * rows);
    const position = [...state.position];
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        position[plane.across] = left + column;
        position[plane.up] = top - row;
        const number = numberAt(position);
        if (number < 0) continue;
        inside[row * columns + column] = 1;
        const grey = view.part === "change" && level().held[number];
        const shade = shadeOf(scale, values[number]);
        const colour = grey ? HELD : scale.table.subarray(shade, shade + 3);
        image.data.set([colour[0], colour[1], colour[2], 255], 4 * (row * columns + column));
      }
    pen.putImageData(image, 0, 0);
    const canvas = view.canvas;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(view.frame.clientWidth * ratio));
    canvas.height = Math.max(1, Math.round((canvas.width * view.frame.clientHeight) / view.frame.clientWidth));
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    const [dx, dy] = [canvas.width / columns, canvas.height / rows];
    const solid = (row, column) =>
      row >= 0 && column >= 0 && row < rows && column < columns && inside[row * columns + column];
    context.strokeStyle = OUTLINE;
    context.lineWidth = 1.5 * ratio;
    context.beginPath();
    for (let row = 0; row <= rows; row++)
      for (let column = 0; column <= columns; column++) {
        const [x, y] = [column * dx, row * dy];
        if (!solid(row, column) !== !solid(row - 1, column)) {
          context.moveTo(x, y);
          context.lineTo(x + dx, y);
        }
        if (!solid(row, column) !== !solid(row, column - 1)) {
          context.moveTo(x, y);
          context.lineTo(x, y + dy);
        }
      }
    context.stroke();
    const [x, y] = [(state.position[plane.across] - left + 0.5) * dx, (top - state.position[plane.up] + 0.5) * dy];
    context.strokeStyle = "rgba(255, 255, 255, 0.55)";
    context.lineWidth = ratio;
    context.setLineDash([4 * ratio, 4 * ratio]);
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, canvas.height);
    context.moveTo(0, y);
    context.lineTo(canvas.width, y);
    context.stroke();
    context.setLineDash([]);
  }

  return { draw };
}
