// Time courses (uPlot): a line an arm, its interval as a band, trials as diamonds, numbers below for one month.

async function makeCourses(data, state) {
  const uPlot = await loadLibrary("uPlot");
  const root = document.getElementById("courses");
  const pick = document.getElementById("pick-group");
  const slider = document.getElementById("course-month");
  const { courses, trials } = data;
  let panels = [];
  courses.groups.forEach((group, number) => pick.append(new Option(group.title, number)));
  pick.addEventListener("input", () => draw());
  slider.addEventListener("input", () => tellAll(Number(slider.value), true));
  new ResizeObserver(() => panels.forEach((panel) => panel.fit())).observe(root);

  function draw() {
    panels.forEach((panel) => panel.chart.destroy());
    root.replaceChildren();
    panels = courses.groups[Number(pick.value)].names.map((name) => makePanel(name)).filter(Boolean);
    const last = Math.max(...panels.map((panel) => panel.months[panel.months.length - 1]));
    slider.max = last;
    tellAll(last, false);
  }

  // Some quantities are known in few months: each panel tells its nearest.
  function tellAll(month, moveCursor) {
    slider.value = month;
    document.getElementById("course-month-words").textContent = `month ${month}`;
    slider.setAttribute("aria-valuetext", `month ${month}`);
    for (const panel of panels) {
      panel.tell(month);
      if (moveCursor) panel.point(month);
    }
  }

  function makePanel(name) {
    const quantity = courses.quantities[name];
    const relative = quantity.group !== "hormone";
    const level = courses.levels[state.level] ?? courses.levels[0];
    const lines = courses.arms
      .map((arm, number) => ({ arm, number, found: courses.series[level]?.[arm]?.[name] }))
      .filter((line) => line.found)
      .map((line) => ({ ...line, ...shift(line.found, relative), colour: courses.palette[line.number % courses.palette.length] }));
    if (!lines.length) return null;
    const points = relative
      ? trials.filter((one) => one.level === level && one.quantity === name && courses.arms.includes(one.arm)) : [];
    const months = lines[0].found.month;
    const unit = relative ? "%" : quantity.unit;

    const box = document.createElement("section");
    box.className = "course";
    box.dataset.quantity = name;
    const title = document.createElement("h4");
    title.textContent = quantity.label;
    const axis = document.createElement("div");
    axis.className = "course-axis";
    axis.textContent = relative ? "change from baseline (%)" : quantity.unit;
    const holder = document.createElement("div");
    holder.className = "chart";
    const list = document.createElement("ul");
    list.className = "course-values";
    box.append(title, axis, holder, list);
    root.append(box);

    const series = [{}];
    const columns = [months];
    const bands = [];
    for (const line of lines) {
      series.push({ stroke: line.colour, width: 2, dash: line.number === 0 ? [6, 4] : [], points: { show: months.length <= 10, size: 6 } });
      columns.push(line.value);
      if (!line.parameters_low) continue;
      const pale = { stroke: `${line.colour}66`, width: 0.5, points: { show: false } };
      series.push(pale, { ...pale });
      columns.push(line.parameters_high, line.parameters_low);
      // Where many arms overlap their bands are pale, and thin edges tell them apart.
      const shade = Math.round(255 * Math.min(0.22, 0.4 / lines.length)).toString(16).padStart(2, "0");
      bands.push({ series: [series.length - 2, series.length - 1], fill: line.colour + shade });
    }
    const everything = lines.flatMap((line) => [...columnsOf(line).flat()]).concat(
      points.flatMap((one) => [one.shown, one.shown_low, one.shown_high]),
    ).filter((value) => value !== null && Number.isFinite(value));
    const range = rangeOf(everything, relative);
    const chart = new uPlot(
      {
        width: holder.clientWidth || 300,
        height: 210,
        padding: [10, 12 + 7 * lines.length, 0, 0],
        legend: { show: false },
        cursor: { sync: { key: "months", scales: ["x", null] }, drag: { x: false, y: false }, y: false, points: { size: 7 } },
        scales: { x: { time: false, range: [0, months[months.length - 1]] }, y: { range } },
        axes: [
          { label: "months", labelSize: 16, labelFont: "12px system-ui", font: "12px system-ui", size: 34, stroke: "#5b6875",
            grid: { stroke: "#e6ebef", width: 1 }, ticks: { show: false }, incrs: [1, 2, 3, 6, 12, 24, 60, 120] },
          { font: "12px system-ui", size: 52, stroke: "#5b6875", grid: { stroke: "#e6ebef", width: 1 }, ticks: { show: false } },
        ],
        series,
        bands,
        hooks: {
          draw: [(u) => drawTrials(u, lines, points)],
          setCursor: [(u) => u.cursor.idx != null && u.cursor.event && tellAll(months[u.cursor.idx], false)],
        },
      },
      columns,
      holder,
    );

    function tell(month) {
      const index = nearest(months, month);
      box.dataset.month = months[index];
      const near = points.filter((one) => Math.abs(one.month - months[index]) < 1.5);
      const when = document.createElement("li");
      when.className = "when";
      when.textContent = `month ${months[index]}`;
      list.replaceChildren(
        when,
        ...lines.map((line) => row(line.colour, line.arm, wordsOf(line, index, relative, unit, quantity))),
        ...near.map((one) => row(courses.palette[courses.arms.indexOf(one.arm) % courses.palette.length], `trial ${one.trial}`, trialWords(one), "◆")),
      );
    }

    const point = (month) => chart.setCursor({ left: chart.valToPos(month, "x"), top: 10 });
    const fit = () => holder.clientWidth && chart.setSize({ width: holder.clientWidth, height: 210 });
    return { chart, months, tell, point, fit };
  }

  draw();
  return { draw };
}

function nearest(months, month) {
  return months.reduce((best, one, n) => (Math.abs(one - month) < Math.abs(months[best] - month) ? n : best), 0);
}

// % change from the first value, or the values as they are.
function shift(found, relative) {
  const base = found.value[0];
  const made = {};
  for (const name of ["value", "parameters_low", "parameters_high", "new_trial_low", "new_trial_high"])
    if (found[name]) made[name] = relative ? found[name].map((value) => (value === null ? null : 100 * (value / base - 1))) : found[name];
  return made;
}

function columnsOf(line) {
  const last = (values) => (values ? [values[values.length - 1]] : []);
  return [line.value, line.parameters_low ?? [], line.parameters_high ?? [], last(line.new_trial_low), last(line.new_trial_high)];
}

// A flat line must look flat: round-off is not blown up to the height of the panel.
function rangeOf(values, relative) {
  let low = Math.min(...values);
  let high = Math.max(...values);
  if (relative && high - low < 0.5) [low, high] = [Math.min(low, -0.25), Math.max(high, 0.25)];
  if (!relative) low = Math.min(low, 0);
  const margin = 0.06 * (high - low || 1);
  return [relative ? low - margin : low, high + margin];
}

function wordsOf(line, index, relative, unit, quantity) {
  const value = line.found.value[index];
  if (!relative) return `${digits(value, 4)} ${quantity.unit}`;
  let text = `${signed(line.value[index])} %`;
  if (line.parameters_low && index > 0)
    text += ` (${signed(line.parameters_low[index])} to ${signed(line.parameters_high[index])})`;
  return quantity.unit === "% of baseline" ? text : `${text}, ${digits(value, 4)} ${quantity.unit}`;
}

function trialWords(one) {
  const ends = one.shown_low !== null && one.shown_high !== null
    ? ` (${signed(one.shown_low)} to ${signed(one.shown_high)})` : "";
  return `${one.shown === null ? "" : `${signed(one.shown)} %`}${ends} at month ${digits(one.month, 3)}`;
}

function row(colour, name, text, mark = "■") {
  const item = document.createElement("li");
  const sign = document.createElement("span");
  sign.textContent = `${mark} `;
  sign.style.color = colour;
  const label = document.createElement("span");
  label.textContent = `${name} `;
  const value = document.createElement("b");
  value.textContent = text;
  item.append(sign, label, value);
  return item;
}

// Bars right of the last month: a new trial; diamonds: trials, filled where the default parameters never saw them.
function drawTrials(u, lines, points) {
  const pen = u.ctx;
  const ratio = window.devicePixelRatio || 1;
  const y = (value) => u.valToPos(value, "y", true);
  const bar = (x, low, high, colour) => {
    pen.strokeStyle = colour;
    pen.lineWidth = 1.4 * ratio;
    pen.beginPath();
    for (const end of [low, high]) {
      pen.moveTo(x - 2.5 * ratio, y(end));
      pen.lineTo(x + 2.5 * ratio, y(end));
    }
    pen.moveTo(x, y(low));
    pen.lineTo(x, y(high));
    pen.stroke();
  };
  pen.save();
  lines.forEach((line, number) => {
    const low = line.new_trial_low?.at(-1);
    const high = line.new_trial_high?.at(-1);
    if (low != null && high != null) bar(u.bbox.left + u.bbox.width + (7 + 7 * number) * ratio, low, high, line.colour);
  });
  for (const one of points) {
    const colour = lines.find((line) => line.arm === one.arm)?.colour ?? "#000000";
    const x = u.valToPos(one.month, "x", true);
    if (one.shown_low !== null && one.shown_high !== null) bar(x, one.shown_low, one.shown_high, colour);
    if (one.shown === null) continue;
    const size = 5 * ratio;
    pen.beginPath();
    pen.moveTo(x, y(one.shown) - size);
    pen.lineTo(x + size, y(one.shown));
    pen.lineTo(x, y(one.shown) + size);
    pen.lineTo(x - size, y(one.shown));
    pen.closePath();
    pen.fillStyle = one.defaults === "none" ? colour : "#ffffff";
    pen.strokeStyle = colour;
    pen.fill();
    pen.stroke();
  }
  pen.restore();
}
