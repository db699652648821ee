// The body in space (vtk.js): outer faces of the voxels shown, cut open along an axis, turned by dragging.

const SIDES = [
  [0, -1, [[0, 0, 0], [0, 0, 1], [0, 1, 1], [0, 1, 0]]],
  [0, 1, [[1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 0, 1]]],
  [1, -1, [[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1]]],
  [1, 1, [[0, 1, 0], [0, 1, 1], [1, 1, 1], [1, 1, 0]]],
  [2, -1, [[0, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, 0]]],
  [2, 1, [[0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]]],
];

// Quads between voxels shown and not shown: corners in mm of the image's space, and a colour each.
function outerFaces(level, shown, colourOf) {
  const [nx, ny, nz] = level.shape;
  const { origin, direction, spacing } = level;
  const points = [];
  const colours = [];
  const at = (i, j, k) =>
    i >= 0 && j >= 0 && k >= 0 && i < nx && j < ny && k < nz ? level.grid[(i * ny + j) * nz + k] : -1;
  for (let i = level.first[0]; i <= level.last[0]; i++)
    for (let j = level.first[1]; j <= level.last[1]; j++)
      for (let k = level.first[2]; k <= level.last[2]; k++) {
        const number = at(i, j, k);
        if (number < 0 || !shown(number, i, j, k)) continue;
        for (const [axis, step, corners] of SIDES) {
          const next = [i, j, k];
          next[axis] += step;
          const other = at(...next);
          if (other >= 0 && shown(other, ...next)) continue;
          for (const corner of corners) {
            const local = corner.map((part, n) => ([i, j, k][n] + part - 0.5) * spacing[n]);
            for (let row = 0; row < 3; row++)
              points.push(origin[row] + direction[row].reduce((sum, part, n) => sum + part * local[n], 0));
          }
          colours.push(...colourOf(number));
        }
      }
  return { points: Float32Array.from(points), colours: Uint8Array.from(colours) };
}

// Texts, slider and buttons work on one scene; where WebGL is missing a sentence takes its place.
async function makeScene(data, state, scales) {
  const box = document.getElementById("scene");
  if (!document.createElement("canvas").getContext("webgl2")) throw new Error("this browser gives no WebGL 2 here");
  const vtk = await loadLibrary("vtk");
  const view = vtk.Rendering.Misc.vtkGenericRenderWindow.newInstance({ background: [0.06, 0.085, 0.11] });
  const renderer = view.getRenderer();
  const camera = renderer.getActiveCamera();
  camera.setPosition(0.75, 1, 0.62);
  camera.setViewUp(0, 0, 1);
  const actors = data.volumes.levels.map(() => {
    const actor = vtk.Rendering.Core.vtkActor.newInstance();
    const mapper = vtk.Rendering.Core.vtkMapper.newInstance();
    mapper.setColorModeToDirectScalars();
    mapper.setScalarModeToUseCellData();
    actor.setMapper(mapper);
    actor.getProperty().setInterpolationToFlat();
    actor.getProperty().setAmbient(0.55);
    actor.getProperty().setDiffuse(0.5);
    return { actor, mapper };
  });
  const cut = document.getElementById("cut");
  const axis = document.getElementById("cut-axis");
  const beyond = document.getElementById("beyond");
  const every = document.getElementById("every-level");
  every.closest("label").hidden = data.volumes.levels.length < 2;
  for (const input of [cut, axis, beyond, every]) input.addEventListener("input", () => update());
  every.addEventListener("input", () => reset());
  document.getElementById("reset-view").addEventListener("click", () => reset());

  function update() {
    const part = state.view === "all" ? "change" : state.view;
    const along = Number(axis.value);
    const scaleOfFirst = scales(state.quantity, part, state.level);
    const limit = Number(beyond.value) / 100;
    let faces = 0;
    data.volumes.levels.forEach((level, number) => {
      const { actor, mapper } = actors[number];
      const wanted = number === state.level || every.checked;
      actor.setVisibility(wanted);
      if (!wanted && mapper.getInputData()) return;
      const values = data.volumes.values(state.quantity, part, number, state.arm, state.month);
      // Side by side, levels share the colours of the one that was picked.
      const scale = scaleOfFirst;
      const share = (value) => (part === "change" ? Math.abs(value) / scale.high : shadeOf(scale, value) / 765);
      const end = level.first[along] + (level.last[along] - level.first[along] + 1) * (Number(cut.value) / 100);
      const shown = (at, i, j, k) => [i, j, k][along] < end && share(values[at]) >= limit;
      const colourOf = (at) => {
        if (part === "change" && level.held[at]) return HELD;
        const shade = shadeOf(scale, values[at]);
        return scale.table.subarray(shade, shade + 3);
      };
      const made = outerFaces(level, shown, colourOf);
      const count = made.colours.length / 3;
      faces += count;
      const cells = new Uint32Array(5 * count);
      for (let n = 0; n < count; n++) cells.set([4, 4 * n, 4 * n + 1, 4 * n + 2, 4 * n + 3], 5 * n);
      const surface = vtk.Common.DataModel.vtkPolyData.newInstance();
      surface.getPoints().setData(made.points, 3);
      surface.getPolys().setData(cells);
      surface.getCellData().setScalars(
        vtk.Common.Core.vtkDataArray.newInstance({ name: "colour", values: made.colours, numberOfComponents: 3 }),
      );
      mapper.setInputData(surface);
    });
    const threshold = part === "change" ? `${digits(limit * scaleOfFirst.high, 2)} ${scaleOfFirst.unit} up or down`
      : `${Math.round(100 * limit)} % of the colour bar`;
    document.getElementById("beyond-words").textContent = limit ? `only beyond ${threshold}` : "all of the bone";
    document.getElementById("cut-words").textContent = Number(cut.value) < 100 ? `${cut.value} % kept` : "whole";
    box.dataset.faces = faces;
    view.getRenderWindow().render();
  }

  function reset() {
    camera.setFocalPoint(0, 0, 0);
    camera.setPosition(0.75, 1, 0.62);
    camera.setViewUp(0, 0, 1);
    renderer.resetCamera();
    if (!every.checked) camera.dolly(1.12);
    renderer.resetCameraClippingRange();
    view.getRenderWindow().render();
  }

  update();
  for (const { actor } of actors) renderer.addActor(actor);
  view.setContainer(box);
  addCube(vtk, view);
  view.resize();
  reset();
  const turning = makeTurning(view, camera, box);
  new ResizeObserver(() => {
    view.resize();
    view.getRenderWindow().render();
  }).observe(box);
  turning.begin();
  return { update };
}

// A cube with the directions of the body in the corner.
function addCube(vtk, view) {
  const cube = vtk.Rendering.Core.vtkAnnotatedCubeActor.newInstance();
  cube.setDefaultStyle({ fontColor: "#1d2733", faceColor: "#e8edf2", edgeThickness: 0.06, edgeColor: "#8796a5", resolution: 128 });
  const faces = { XPlus: "R", XMinus: "L", YPlus: "A", YMinus: "P", ZPlus: "S", ZMinus: "I" };
  for (const [face, text] of Object.entries(faces)) cube[`set${face}FaceProperty`]({ text });
  const widget = vtk.Interaction.Widgets.vtkOrientationMarkerWidget.newInstance({
    actor: cube,
    interactor: view.getInteractor(),
  });
  widget.setEnabled(true);
  widget.setViewportCorner(vtk.Interaction.Widgets.vtkOrientationMarkerWidget.Corners.BOTTOM_LEFT);
  widget.setViewportSize(0.16);
  widget.setMinPixelSize(56);
  widget.setMaxPixelSize(110);
}

// Slow turning while asked for and in sight; the first touch of the scene stops it.
function makeTurning(view, camera, box) {
  const button = document.getElementById("turn");
  let on = false;
  let inSight = true;
  let last = 0;
  new IntersectionObserver((entries) => {
    inSight = entries[entries.length - 1].isIntersecting;
    if (on && inSight) requestAnimationFrame(step);
  }).observe(box);

  function step(now) {
    if (!on || !inSight) return;
    camera.azimuth(Math.min(3, ((now - last) / 1000) * 24));
    last = now;
    view.getRenderer().resetCameraClippingRange();
    view.getRenderWindow().render();
    requestAnimationFrame(step);
  }

  function set(value) {
    on = value;
    button.setAttribute("aria-pressed", String(on));
    button.textContent = on ? "Stop turning" : "Turn";
    last = performance.now();
    if (on) requestAnimationFrame(step);
  }

  button.addEventListener("click", () => set(!on));
  box.addEventListener("pointerdown", () => set(false));
  return { begin: () => set(!window.matchMedia("(prefers-reduced-motion: reduce)").matches) };
}
