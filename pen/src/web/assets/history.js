// What the numbers were in the last two minutes, and how fast they rise. Knows no page.

/** Seconds that charts show at most, and at least. */
const SPAN = 120;
const SPAN_AT_FIRST = 30;
/** A longer silence is a gap in the chart. */
const GAP = 5;

/** The numbers of one thing (a server, a service, the whole), moment by moment. */
export class Track {
  constructor(names) {
    this.times = [];
    this.series = Object.fromEntries(names.map((name) => [name, []]));
  }

  /** Adds a moment; `values` by name, null where nothing is known. After a clock that was set back all begins anew. */
  add(time, values) {
    if (time < this.times.at(-1)) {
      this.times = [];
      for (const name of Object.keys(this.series)) this.series[name] = [];
    }
    this.times.push(time);
    for (const [name, series] of Object.entries(this.series)) series.push(values[name] ?? null);
    while (this.times[0] < time - SPAN) {
      this.times.shift();
      for (const series of Object.values(this.series)) series.shift();
    }
  }

  /** The latest value; null when unknown. */
  latest(name) {
    return this.series[name].at(-1) ?? null;
  }

  /** The greatest value in sight. */
  most(name) {
    let most = 0;
    for (const value of this.series[name]) if (value > most) most = value;
    return most;
  }

  /** The least value in sight. */
  least(name) {
    const known = this.series[name].filter((value) => value !== null);
    return known.length > 0 ? Math.min(...known) : 0;
  }

  /** The line of a chart of 120 by 32, and the area below it, as paths of an SVG. */
  paths(name, most) {
    const end = this.times.at(-1);
    const span = Math.min(Math.max(end - this.times[0], SPAN_AT_FIRST), SPAN);
    const scale = most > 0 ? 29 / most : 0;
    let line = "";
    let area = "";
    let start = null;
    let last = null;
    const close = () => {
      if (start !== null) area += `L${last.x} 32L${start} 32Z`;
      start = null;
    };
    this.series[name].forEach((value, index) => {
      if (value === null) return close();
      const x = Math.round((1 - (end - this.times[index]) / span) * 1200) / 10;
      const y = Math.round((30.5 - value * scale) * 10) / 10;
      const broken = start === null || this.times[index] - last.time > GAP;
      if (broken) {
        close();
        start = x;
        area += `M${x} 32L${x} ${y}`;
      } else {
        area += `L${x} ${y}`;
      }
      line += `${broken ? "M" : "L"}${x} ${y}`;
      last = { x, time: this.times[index] };
    });
    close();
    return { line, area };
  }
}

/** Counters that only rise, to rates a second; null after a new start. */
export class Rates {
  constructor() {
    this.before = null;
  }

  /** The rates since the last call; null each if they cannot be told. */
  of(time, counters) {
    const before = this.before;
    this.before = { time, counters };
    const seconds = before ? time - before.time : 0;
    return Object.fromEntries(Object.entries(counters).map(([name, count]) => {
      const risen = before ? count - before.counters[name] : -1;
      return [name, seconds > 0.05 && risen >= 0 ? risen / seconds : null];
    }));
  }
}
