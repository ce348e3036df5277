// Pieces of the page: elements, charts, tables that can be sorted. All text goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes (`text` is its text) and children. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else if (value !== undefined && value !== null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Changes an element's text, if it is another one. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Changes an attribute, if it is another one; null takes it away. */
export function mark(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Shows an element or not. */
export function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}

/** A small chart of one or more series, with its meaning in words for those who do not see it. */
export class Chart {
  /** `series`: names of the track's series; each is drawn in the colour of its place. */
  constructor(series) {
    this.series = series;
    this.node = document.createElementNS(SVG, "svg");
    for (const [name, value] of [["viewBox", "0 0 120 32"], ["preserveAspectRatio", "none"], ["role", "img"], ["class", "chart"]]) {
      this.node.setAttribute(name, value);
    }
    this.parts = series.map((_, index) => ["area", "line"].map((kind) => {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", `${kind} series-${index}`);
      this.node.append(path);
      return path;
    }));
  }

  /** Draws a track up to `most`, and says in words what it shows. */
  draw(track, most, words) {
    this.series.forEach((name, index) => {
      const { line, area } = track.paths(name, most);
      const [areaPath, linePath] = this.parts[index];
      areaPath.setAttribute("d", area);
      linePath.setAttribute("d", line);
    });
    mark(this.node, "aria-label", words);
  }
}

/** A state in a word, with a colour and a shape. */
export class State {
  constructor() {
    this.label = element("span");
    this.node = element("span", { class: "state" }, element("span", { class: "shape", "aria-hidden": "true" }), this.label);
  }

  set(word, text) {
    mark(this.node, "class", `state ${STATES.has(word) ? word : "unknown"}`);
    write(this.label, text);
  }
}

const STATES = new Set(["up", "blacklisted", "down", "draining", "maint", "empty", "some", "none"]);

/** A part of a limit, as a bar; hidden where there is no limit. */
export class Meter {
  constructor(label) {
    this.node = element("meter", { min: "0", "aria-label": label });
  }

  set(value, most) {
    show(this.node, most > 0);
    if (most <= 0) return;
    this.node.max = most;
    this.node.high = most * 0.9;
    this.node.value = value;
  }
}

/**
 * A table whose columns can be sorted: `columns` are `{ key, title, class, natural }`; `natural` is the direction that a first
 * press gives. A narrow page shows rows as cards, so roles are told by name: a layout of its own would take them away.
 */
export class Table {
  constructor(className, caption, columns, onSort = null) {
    this.columns = columns;
    this.onSort = onSort;
    this.sort = { key: columns[0].key, direction: columns[0].natural };
    this.caption = element("caption", { text: caption });
    this.heads = columns.map((column) => this.#head(column));
    this.body = element("tbody", { role: "rowgroup" });
    const head = element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...this.heads));
    this.node = element("table", { class: className, role: "table" }, this.caption, head, this.body);
    this.#tellSort();
  }

  #head(column) {
    const head = element("th", { scope: "col", role: "columnheader", class: column.class });
    if (!this.onSort || !column.natural) {
      head.textContent = column.title;
      return head;
    }
    const button = element("button", { type: "button", text: column.title });
    button.addEventListener("click", () => this.#press(column));
    head.append(button);
    return head;
  }

  #press(column) {
    const again = this.sort.key === column.key;
    const turned = this.sort.direction === "ascending" ? "descending" : "ascending";
    this.sort = { key: column.key, direction: again ? turned : column.natural };
    this.#tellSort();
    this.onSort();
  }

  #tellSort() {
    if (!this.onSort) return;
    this.columns.forEach((column, index) => {
      mark(this.heads[index], "aria-sort", column.key === this.sort.key ? this.sort.direction : null);
    });
  }

  /** Puts rows in the order of `values(row)`, which are numbers or texts. Rows that stay in order are not touched. */
  arrange(rows, value) {
    const sign = this.sort.direction === "descending" ? -1 : 1;
    const valued = rows.map((row, index) => ({ row, index, value: value(row, this.sort.key) }));
    const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);
    valued.sort((a, b) => sign * compare(a.value, b.value) || a.index - b.index);
    const sorted = valued.map(({ row }) => row.node);
    const inOrder = sorted.length === this.body.children.length && sorted.every((node, index) => this.body.children[index] === node);
    if (!inOrder) this.body.replaceChildren(...sorted);
  }
}

/** A row of cells; `labels` are what the columns are called where there is no head above them. */
export function row(columns, cells) {
  return element("tr", { role: "row" }, ...cells.map((cell, index) => {
    const { title, class: className } = columns[index];
    const tag = index === 0 ? "th" : "td";
    const role = index === 0 ? "rowheader" : "cell";
    const node = element(tag, { role, class: className, scope: index === 0 ? "row" : null });
    if (index > 0) node.append(element("span", { class: "label", "aria-hidden": "true", text: title }));
    node.append(...[cell].flat());
    return node;
  }));
}
