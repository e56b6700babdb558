"use strict";
// The chart over time, by uPlot.
const Charts = (() => {
  let plot = null;
  let shape = "";
  let extent = [0, 1];

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  /** Each series drawn upon the sum of those below it: the highest first, so that none is hidden. */
  function stacked(series) {
    const sums = [];
    let below = new Float64Array(series[0].length);
    for (const values of series) {
      below = Float64Array.from(values, (value, n) => value + below[n]);
      sums.push(below);
    }
    return sums.reverse();
  }

  function colors(parts) {
    return parts.map((part) => color(part.color));
  }

  /** Columns, with a gap between them where they are wide enough for one. */
  function columns(element, count) {
    const gap = element.clientWidth / count >= 7 ? 1 : 0;
    return uPlot.paths.bars({ size: [1, Infinity], gap, align: 1 });
  }

  function options(element, parts, made, handlers) {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const axis = {
      stroke: color("--quiet"),
      grid: { stroke: color("--line"), width: 1 },
      ticks: { show: false },
      font: `${(0.8 * rem).toFixed(1)}px ${color("--font")}`,
    };
    const fills = colors(parts).reverse();
    const paths = columns(element, made.x.length);
    return {
      width: element.clientWidth,
      height: height(element),
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      legend: { show: false },
      padding: [0.6 * rem, 0.5 * rem, 0, 0],
      cursor: { points: { show: false }, drag: { x: true, y: false }, y: false },
      scales: { x: { time: true, range: () => extent }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.04)] } },
      axes: [
        { ...axis, grid: { show: false }, gap: 0.4 * rem, size: (_, labels) => (labels && labels.some((label) => label.includes("\n")) ? 2.8 : 1.7) * rem, values: (_, ticks) => dates(ticks, (1.2 * rem) / element.clientWidth) },
        { ...axis, gap: 0.5 * rem, size: (_, labels) => widest(labels, 0.8 * rem), values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? Text.short(tick) : "")) },
      ],
      series: [
        {},
        ...fills.map((fill) => ({
          stroke: fill,
          fill,
          width: 0,
          points: { show: false },
          paths,
        })),
      ],
      hooks: {
        drawClear: [(drawn) => shade(drawn, made.gaps)],
        setCursor: [(drawn) => handlers.point(drawn.cursor.idx)],
        setSelect: [
          (drawn) => {
            if (drawn.select.width < 4) return;
            handlers.chose(
              drawn.posToVal(drawn.select.left, "x"),
              drawn.posToVal(drawn.select.left + drawn.select.width, "x"),
            );
            drawn.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          },
        ],
      },
    };
  }

  /** As much room as the longest label takes: a digit is a little over half as wide as it is high. */
  function widest(labels, size) {
    return Math.ceil(0.62 * size * Math.max(1, ...(labels || []).map((label) => label.length)) + 0.8 * size);
  }

  /**
   * The ticks of the time axis: the hour, and the day where one begins or where none is shown yet;
   * nothing so near to the end (`edge`, a share of the axis) that it would be cut off.
   */
  function dates(ticks, edge) {
    let shown = false;
    const last = extent[1] - edge * (extent[1] - extent[0]);
    return ticks.map((tick) => {
      if (tick > last) return "";
      const at = new Date(tick * 1000);
      const clock = at.toISOString().slice(11, 16);
      const day = at.toLocaleDateString("en", { day: "numeric", month: "short", timeZone: "UTC" });
      const text = clock === "00:00" ? day : shown ? clock : `${clock}\n${day}`;
      shown = true;
      return text;
    });
  }

  /** Mark the holes in the stream, so that a dip is not taken for silence. */
  function shade(drawn, gaps) {
    const { ctx, bbox } = drawn;
    ctx.save();
    ctx.fillStyle = color("--hole");
    for (const gap of gaps) {
      const left = Math.max(bbox.left, drawn.valToPos(gap.from, "x", true));
      const right = Math.min(bbox.left + bbox.width, drawn.valToPos(gap.to, "x", true));
      if (right > left) ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height);
    }
    ctx.restore();
  }

  function height(element) {
    return Math.max(200, Math.min(480, Math.round(element.clientWidth * 0.24)));
  }

  /** Draw, or renew what is drawn if it has the same shape. */
  function time(element, parts, made, handlers) {
    // A column reaches to the next one, so the last one needs an end.
    extent = [made.x[0], made.x[made.x.length - 1] + made.step];
    const data = [made.x, ...stacked(made.series)];
    const now = JSON.stringify([parts.map((part) => part.name), element.clientWidth, colors(parts), made.gaps, made.x.length]);
    if (plot && now === shape) {
      plot.setData(data);
      return;
    }
    if (plot) plot.destroy();
    shape = now;
    plot = new uPlot(options(element, parts, made, handlers), data, element);
    // A canvas says nothing; the element around it and the table do.
    for (const canvas of element.querySelectorAll("canvas")) canvas.setAttribute("aria-hidden", "true");
  }

  return Object.freeze({ time });
})();
