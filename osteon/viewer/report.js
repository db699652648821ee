// Start: what was picked, and who draws it. Without this script the page shows its still pictures.

function fill(id, names, chosen, onPick) {
  const select = document.getElementById(id);
  names.forEach(([value, text]) => select.append(new Option(text, value)));
  select.value = chosen;
  select.addEventListener("input", () => onPick(select.value));
  select.closest("label").hidden = names.length < 2;
}

function middleOf({ first, last }) {
  return first.map((at, axis) => Math.round((at + last[axis]) / 2));
}

function startVolumes(data, state, onLevel) {
  const { volumes } = data;
  const scales = makeScales(volumes, decodeColours(data.colours));
  Object.assign(state, {
    arm: Math.min(1, volumes.arms.length - 1),
    month: volumes.months[volumes.months.length - 1],
    quantity: "density",
    view: "change",
    position: middleOf(volumes.levels[0]),
  });
  let scene = null;
  const slices = makeSlices(data, state, scales, () => {});

  function bars() {
    const parts = { all: ["baseline", "change"] }[state.view] ?? [state.view];
    document.getElementById("bars").replaceChildren(
      ...parts.map((part) => {
        const both = part === "baseline" && state.view === "all";
        const title = both ? `Baseline and month ${state.month}`
          : { baseline: "Baseline", follow: `Month ${state.month}`, change: `Month ${state.month} from baseline` }[part];
        return colourBar(
          scales(state.quantity, part, state.level), title,
          volumes.values(state.quantity, part, state.level, state.arm, state.month),
        );
      }),
    );
  }

  function redraw() {
    slices.draw();
    bars();
    scene?.update();
  }

  const listed = (names) => names.map((name, number) => [number, name]);
  fill("pick-level", listed(volumes.levels.map((level) => level.name)), 0, (value) => {
    state.level = Number(value);
    state.position = middleOf(volumes.levels[state.level]);
    redraw();
    onLevel();
  });
  fill("pick-arm", listed(volumes.arms), state.arm, (value) => {
    state.arm = Number(value);
    redraw();
  });
  fill("pick-month", volumes.months.filter((month) => month > 0).map((month) => [month, `month ${month}`]), state.month, (value) => {
    state.month = Number(value);
    redraw();
  });
  fill("pick-quantity", Object.entries(QUANTITIES).map(([name, { label }]) => [name, label]), state.quantity, (value) => {
    state.quantity = value;
    redraw();
  });
  for (const input of document.querySelectorAll("input[name=view]"))
    input.addEventListener("input", () => {
      state.view = input.value;
      redraw();
    });
  document.getElementById("volumes-said").textContent = volumes.said;
  redraw();

  // The viewer in space is the largest part of the page: it starts when it comes near.
  const box = document.getElementById("scene");
  const near = new IntersectionObserver(
    async (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      near.disconnect();
      try {
        scene = await makeScene(data, state, scales);
      } catch (error) {
        box.replaceChildren();
        box.classList.add("missing");
        box.textContent = `The view in space is left out (${error.message}); the slices above show the same numbers.`;
        document.getElementById("scene-controls").hidden = true;
      }
    },
    { rootMargin: "300px" },
  );
  near.observe(box);
}

async function start() {
  const data = await loadData();
  const state = { level: 0 };
  document.documentElement.classList.add("live");
  let courses = null;
  if (data.volumes) startVolumes(data, state, () => courses?.draw());
  courses = await makeCourses(data, state);
  fill(
    "pick-course-level", data.courses.levels.map((name, number) => [number, name]), 0,
    (value) => {
      state.level = Number(value);
      const other = document.getElementById("pick-level");
      if (other) {
        other.value = value;
        other.dispatchEvent(new Event("input"));
      } else courses.draw();
    },
  );
  document.getElementById("pick-level")?.addEventListener("input", (event) => {
    document.getElementById("pick-course-level").value = event.target.value;
  });
  document.documentElement.dataset.ready = "yes";
}

// Closed parts print as well, and close again.
window.addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details:not([open])")) {
    part.open = true;
    part.dataset.closed = "yes";
  }
});
window.addEventListener("afterprint", () => {
  for (const part of document.querySelectorAll("details[data-closed]")) {
    part.open = false;
    delete part.dataset.closed;
  }
});
document.getElementById("show-stills")?.addEventListener("click", (event) => {
  const shown = document.documentElement.classList.toggle("stills");
  event.target.setAttribute("aria-pressed", String(shown));
  event.target.textContent = shown ? "Hide the still pictures" : "Show the still pictures";
});

start().catch((error) => {
  document.documentElement.classList.remove("live");
  const notice = document.getElementById("no-script");
  if (notice) notice.textContent = `This browser cannot run the moving parts (${error.message}); the still pictures follow.`;
});
