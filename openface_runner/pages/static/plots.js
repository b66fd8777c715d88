// Draws the charts of each clip on the page, and keeps them at one moment and one zoom.
//
// The markup is made by openface_runner/plots: an element with data-plots="KEY" holds the controls and an element
// with data-chart="CHART" for each chart; the JSON in the element with the id KEY-data holds what is drawn.
"use strict";

(() => {
  const AXIS_FONT = "12px system-ui, sans-serif";
  const SMALL = 300; // CSS pixels: a chart narrower than this shows fewer marks
  const LEFT = 38; // CSS pixels for the numbers of the vertical axis
  const STRIP = 4; // CSS pixels of the strip that shows presence
  const ROOM = 0.12; // for that strip, as a share of the vertical axis
  const DASHES = [[], [6, 3], [2, 3]];
  const LEAST_POINTS = 8; // shown when zoomed in all the way
  const drawn = new Set();

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  class Clip {
    constructor(root) {
      this.root = root;
      this.data = JSON.parse(document.getElementById(`${root.dataset.plots}-data`).textContent);
      this.times = this.data.times;
      this.point = 0;
      this.range = null;
      this.charts = new Map();
      this.slider = root.querySelector("[data-moment]");
      this.slider.addEventListener("input", () => this.moveTo(Number(this.slider.value)));
      for (const button of root.querySelectorAll("[data-zoom]")) {
        button.addEventListener("click", () => this.zoom(button.dataset.zoom));
      }
      // Drawing waits until a chart is about to be seen: a report may hold hundreds.
      this.coming = new IntersectionObserver((entries) => this.draw(entries.filter((e) => e.isIntersecting)), {
        rootMargin: "400px",
      });
      this.sizes = new ResizeObserver((entries) => entries.forEach((entry) => this.fit(entry.target)));
      for (const place of root.querySelectorAll("[data-chart]")) this.coming.observe(place);
      this.say();
    }

    draw(entries) {
      for (const { target } of entries) this.drawOne(target);
    }

    drawAll() {
      for (const place of this.root.querySelectorAll("[data-chart]")) this.drawOne(place);
    }

    drawOne(place) {
      this.coming.unobserve(place);
      if (this.charts.has(place)) return;
      const chart = this.data.charts[place.dataset.chart];
      const plot = new uPlot(options(this, chart, place), [this.times, ...chart.lines], place);
      const line = document.createElement("div");
      line.className = "plot-line";
      plot.over.append(line);
      const values = place.closest("figure").querySelectorAll("[data-value]");
      this.charts.set(place, { plot, chart, line, values });
      this.sizes.observe(place);
      plot.over.addEventListener("pointermove", (event) => {
        this.moveTo(plot.posToIdx(event.clientX - plot.over.getBoundingClientRect().left));
      });
      if (this.range) this.show(plot);
    }

    fit(place) {
      const { plot } = this.charts.get(place);
      const width = place.clientWidth;
      if (width && width !== plot.width) plot.setSize({ width, height: place.clientHeight });
    }

    moveTo(point) {
      this.point = Math.max(0, Math.min(point, this.times.length - 1));
      this.slider.value = String(this.point);
      this.say();
      for (const drawnChart of this.charts.values()) this.mark(drawnChart);
    }

    // Where the moment is, in one chart, and what it measures there.
    mark({ plot, chart, line, values }) {
      const left = plot.valToPos(this.times[this.point], "x");
      const width = plot.over.clientWidth;
      line.hidden = left < 0 || left > width;
      line.style.transform = `translateX(${left}px)`;
      for (const place of values) {
        const value = chart.lines[Number(place.dataset.value)][this.point];
        place.textContent = value === null ? "–" : written(value, chart.digits) + chart.unit;
      }
    }

    say() {
      const frame = `frame ${this.data.frames[this.point]}`;
      const time = this.data.unit === "s" ? `${this.times[this.point].toFixed(2)} s, ${frame}` : frame;
      this.slider.setAttribute("aria-valuetext", time);
      this.root.querySelector("[data-now]").textContent = time;
    }

    zoom(how) {
      const [first, last] = [this.times[0], this.times[this.times.length - 1]];
      const [from, to] = this.range ?? [first, last];
      const whole = last - first;
      const least = (whole / this.times.length) * LEAST_POINTS;
      const width = how === "in" ? Math.max((to - from) / 2, Math.min(least, whole)) : (to - from) * 2;
      if (how === "all" || width >= whole) return this.zoomTo(null);
      const middle = this.times[this.point];
      const start = Math.min(Math.max(middle - width / 2, first), last - width);
      return this.zoomTo([start, start + width]);
    }

    zoomTo(range) {
      this.range = range;
      for (const { plot } of this.charts.values()) this.show(plot);
    }

    show(plot) {
      const [min, max] = this.range ?? [this.times[0], this.times[this.times.length - 1]];
      plot.setScale("x", { min, max });
    }

    redraw() {
      for (const { plot } of this.charts.values()) plot.redraw(false, true);
    }
  }

  const written = (value, digits) => value.toFixed(digits).replace("-", "\u2212").replace(/^\u2212(0(\.0*)?)$/, "$1");

  function options(clip, chart, place) {
    const small = place.clientWidth < SMALL;
    // Below zero, so that the strip hides no line.
    const room = chart.present ? (chart.span[1] - chart.span[0]) * ROOM : 0;
    const axis = { stroke: () => colour("--plot-soft"), font: AXIS_FONT, ticks: { show: false } };
    const grid = { stroke: () => colour("--plot-grid"), width: 1 };
    return {
      width: place.clientWidth,
      height: place.clientHeight,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
      scales: {
        x: { time: false },
        y: { range: chart.span ? () => [chart.span[0] - room, chart.span[1]] : undefined },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 24,
          gap: 4,
          space: small ? 50 : 70,
          values: (_, ticks) => ticks.map((tick) => (clip.data.unit === "s" ? `${+tick.toFixed(3)} s` : String(tick))),
        },
        {
          ...axis,
          grid,
          size: chart.span ? LEFT - 14 : LEFT + 10,
          gap: 4,
          splits: chart.span ? () => (chart.span[1] === 5 ? [0, 1, 2, 3, 4, 5] : [0, 0.5, 1]) : undefined,
          filter: chart.span && chart.span[1] === 5 ? (_, ticks) => ticks.map((t) => (t % 5 ? null : t)) : undefined,
          values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : String(tick).replace("-", "\u2212"))),
        },
      ],
      series: [
        {},
        ...chart.lines.map((_, number) => ({
          stroke: () => colour(`--plot-line-${number + 1}`),
          width: 1.75,
          dash: DASHES[number],
          paths: chart.stepped ? uPlot.paths.stepped({ align: 1 }) : undefined,
          points: { show: (plot, __, first, last) => last - first < 40, size: 4 },
        })),
      ],
      hooks: {
        drawClear: [
          (plot) => shade(plot, clip.data.lost, "--plot-lost", 0),
          (plot) => shade(plot, chart.present ?? [], "--plot-present", STRIP),
        ],
        // uPlot takes a new zoom or size in only when it draws.
        draw: [() => clip.charts.has(place) && clip.mark(clip.charts.get(place))],
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width > 4) clip.zoomTo([plot.posToVal(left, "x"), plot.posToVal(left + width, "x")]);
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          },
        ],
      },
    };
  }

  // Spans of time, over the chart's whole height or as a strip at its foot.
  function shade(plot, spans, colourName, strip) {
    const { left, top, width, height } = plot.bbox;
    const ratio = uPlot.pxRatio;
    const context = plot.ctx;
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    context.fillStyle = colour(colourName);
    for (const [from, to] of spans) {
      const [start, end] = [plot.valToPos(from, "x", true), plot.valToPos(to, "x", true)];
      const tall = strip ? strip * ratio : height;
      context.fillRect(start, top + height - tall, Math.max(end - start, ratio), tall);
    }
    context.restore();
  }

  function start() {
    for (const root of document.querySelectorAll("[data-plots]")) {
      if (root.querySelector("[data-moment]") && !root.dataset.drawn) {
        root.dataset.drawn = "yes";
        drawn.add(new Clip(root));
      }
    }
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach((clip) => clip.redraw()));
  addEventListener("beforeprint", () => drawn.forEach((clip) => clip.drawAll()));
  // For a page that puts plots in later.
  window.drawPlots = start;
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
  else start();
})();
