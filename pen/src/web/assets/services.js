// A service on the page: how it is, its limits, its servers with their charts.

import { Rates, Track } from "./history.js";
import { Chart, Meter, State, Table, element, mark, row, show, write } from "./view.js";
import { byteRate, checksText, count, datagrams, health, nameOf, place, preface, rate, remarks, stateText, things, verdict } from "./words.js";

const COLUMNS = [
  { key: "slot", title: "Server", class: "name", natural: "ascending" },
  { key: "state", title: "State", class: "state-cell", natural: "ascending" },
  { key: "connections", title: "Connections", class: "load", natural: "descending" },
  { key: "traffic", title: "Traffic", class: "traffic", natural: "descending" },
  { key: "connects", title: "New a second", class: "number", natural: "descending" },
  { key: "failures", title: "Failures", class: "failures", natural: "descending" },
];

/** So many servers are easier to find with a filter. */
const FILTER_FROM = 12;

/**
 * The services with what tells each from the others: its name, or, since one that was removed may have left that to another one, its
 * place among those that did.
 */
export function keyed(services) {
  const removed = new Map();
  return services.map((service) => {
    const { name, draining } = service;
    if (!draining) return [`service-${name}`, service];
    removed.set(name, (removed.get(name) ?? 0) + 1);
    return [`removed-${removed.get(name)}-${name}`, service];
  });
}

/** A server's row, or that of the emergency or abuse server. */
class ServerRow {
  constructor(role, watcher) {
    this.role = role;
    this.track = null;
    this.name = element("span", { class: "server-name" });
    this.where = element("span", { class: "where" });
    this.state = new State();
    this.why = element("span", { class: "why" });
    this.checks = element("span", { class: "checks" });
    this.connections = element("span", { class: "figure" });
    this.limit = element("span", { class: "of" });
    this.meter = new Meter("share of its limit");
    this.load = new Chart(["connections"]);
    this.sent = element("span", { class: "series-0" });
    this.received = element("span", { class: "series-1" });
    this.traffic = new Chart(["sent", "received"]);
    this.connects = element("span");
    this.failures = element("span", { class: "figure" });
    this.error = element("span", { class: "error" });
    const load = element("div", { class: "gauge" }, element("div", {}, this.connections, this.limit, this.meter.node), this.load.node);
    const traffic = element("div", { class: "gauge" }, element("div", {}, this.sent, this.received), this.traffic.node);
    this.node = row(COLUMNS, [[this.name, this.where], [this.state.node, this.why, this.checks], load, traffic, this.connects, [this.failures, this.error]]);
    this.node.serverRow = this;
    this.seen = false;
    watcher.observe(this.node);
  }

  /** Takes in a new snapshot; a server at another address is another one. */
  update(server, time) {
    this.server = server;
    const identity = place(server);
    if (this.identity !== identity) {
      this.identity = identity;
      this.track = new Track(["connections", "sent", "received", "connects"]);
      this.rates = new Rates();
    }
    const { sent, received, connects } = server;
    this.track.add(time, { connections: server.connections, ...this.rates.of(time, { sent, received, connects }) });
    this.#write();
  }

  #write() {
    const { server, track } = this;
    const empty = server.state === "empty";
    mark(this.node, "class", empty ? "vacant" : null);
    write(this.name, empty ? `Slot ${this.role}` : nameOf(server));
    const extras = [nameOf(server) === place(server) ? null : place(server)];
    if (server.weight > 0) extras.push(`weight ${server.weight}`);
    if (server.prio > 0) extras.push(`prio ${server.prio}`);
    const role = Number.isInteger(this.role) ? `slot ${this.role}` : `${this.role} server`;
    write(this.where, empty ? "" : [role, ...extras.filter(Boolean)].join(" · "));
    this.state.set(server.state, stateText(server));
    mark(this.why, "class", `why ${server.state}`);
    write(this.why, remarks(server).join(", "));
    write(this.checks, checksText(server));
    write(this.connections, count(server.connections));
    const hard = server.hard > 0 && server.hard !== server.max ? `, hard ${count(server.hard)}` : "";
    write(this.limit, server.max > 0 ? ` of ${count(server.max)}${hard}` : "");
    this.meter.set(server.connections, server.max);
    write(this.sent, `to it ${byteRate(track.latest("sent"))}`);
    write(this.received, `from it ${byteRate(track.latest("received"))}`);
    write(this.connects, rate(track.latest("connects")));
    write(this.failures, count(server.failures));
    write(this.error, server.last_error ?? "");
  }

  /** Draws the charts, if anybody can see them. */
  draw(scale = this.scale) {
    this.scale = scale;
    if (!this.seen || !scale) return;
    const { track } = this;
    const now = count(this.server.connections);
    this.load.draw(track, scale.connections, `connections in the last two minutes: ${track.least("connections")} to ${track.most("connections")}, now ${now}`);
    const flow = (name, words) => `${words} at most ${byteRate(track.most(name))}, now ${byteRate(track.latest(name))}`;
    this.traffic.draw(track, scale.traffic, `traffic in the last two minutes: ${flow("sent", "to it")}; ${flow("received", "from it")}`);
  }

  /** What a column is sorted by. */
  value(key) {
    const { server, track } = this;
    switch (key) {
      case "slot": return Number.isInteger(this.role) ? this.role : Number.MAX_SAFE_INTEGER;
      case "state": return ["none", "blacklisted", "down", "maintenance", "draining"].includes(server.state) ? `0${server.state}` : `1${server.state}`;
      case "connections": return server.connections;
      case "traffic": return (track.latest("sent") ?? 0) + (track.latest("received") ?? 0);
      case "connects": return track.latest("connects") ?? 0;
      default: return server.failures;
    }
  }

  matches(text) {
    const words = [this.name, this.where, this.state.label, this.why].map((node) => node.textContent).join(" ");
    return words.toLowerCase().includes(text);
  }
}

/** A service. */
export class ServiceView {
  constructor(name, id) {
    this.rows = new Map();
    this.heading = element("h2", { id, tabindex: "-1", text: name });
    this.verdict = new State();
    this.listeners = element("p", { class: "listeners" });
    this.facts = element("dl", { class: "facts" });
    this.settings = element("dl", { class: "settings" });
    this.factNodes = new Map();
    this.prefaced = new Set();
    this.table = new Table("servers", `Servers of ${name}`, COLUMNS, () => this.#arrange());
    this.filter = element("input", { type: "search", placeholder: "name, address or state", autocomplete: "off", spellcheck: "false" });
    this.filter.addEventListener("input", () => this.#arrange());
    this.filterBox = element("label", { class: "filter" }, element("span", { text: "Show servers with " }), this.filter);
    this.nobody = element("p", { class: "nothing" });
    this.box = element("div", { class: "box" }, this.table.node);
    this.watcher = new IntersectionObserver((entries) => this.#look(entries), { rootMargin: "200px" });
    this.node = element("section", { class: "service", "aria-labelledby": id },
      element("div", { class: "title" }, this.heading, this.verdict.node, this.listeners),
      this.facts, this.filterBox, this.nobody, this.box,
      element("details", {}, element("summary", { text: `Settings of ${name}` }), this.settings));
  }

  /** Takes it from the page. */
  end() {
    this.watcher.disconnect();
    this.node.remove();
  }

  update(service, time) {
    this.service = service;
    const { word, text } = verdict(service);
    this.verdict.set(word, text);
    this.#tellListeners(service);
    this.#tellFacts(service);
    this.#tellPreface(service, time);
    this.#takeInServers(service, time);
    this.#arrange();
    this.#draw();
  }

  #tellListeners({ listen, udp }) {
    const told = [...listen, udp ? "(UDP)" : ""].join(" ");
    if (this.listened === told) return;
    this.listened = told;
    const addresses = listen.flatMap((address) => [" ", element("code", { text: address })]);
    this.listeners.replaceChildren(listen.length > 0 ? "listens on" : "listens nowhere", ...addresses, udp ? " (UDP)" : "");
  }

  #tellFacts(service) {
    const { limits } = service;
    this.#fact(this.facts, "modes", service.modes.length > 0 ? service.modes.join(", ") : "tracking, round robin");
    this.#fact(this.facts, "connections", `${count(service.connections)} of ${count(limits.conn_max)}`, meterLevel(service.connections, limits.conn_max));
    this.#fact(this.facts, "connecting", `${count(service.pending)} of ${count(limits.pending_max)}`, meterLevel(service.pending, limits.pending_max));
    this.#fact(this.facts, "clients", `${count(service.clients_known)} of ${count(limits.clients_max)}`);
    this.#fact(this.facts, "accepted", count(service.accepted));
    this.#fact(this.facts, "refused", count(service.refused));
    this.#fact(this.facts, "unserved", count(service.unserved), service.unserved > 0 ? "worry" : null);
    this.#fact(this.facts, "shortages", count(service.shortages), service.shortages > 0 ? "worry" : null);
    for (const [name, value] of Object.entries(limits)) this.#fact(this.settings, name, count(value));
    if (service.idlers?.wanted > 0) this.#fact(this.settings, "idlers", `${service.idlers.open} of ${service.idlers.wanted}`);
    this.#fact(this.settings, "log", service.log ? `${service.log}, ${things(service.log_lost, "record")} lost` : "none");
  }

  /** These come and go with what the service does. */
  #tellPreface(service, time) {
    const facts = [...health(service), ...datagrams(service), ...preface(service, time)];
    const present = new Set(facts.map(([name]) => name));
    for (const name of this.prefaced) if (!present.has(name)) this.#forget(this.facts, name);
    for (const [name, text, isBad] of facts) this.#fact(this.facts, name, text, isBad ? "worry" : null);
    this.prefaced = present;
    this.#fact(this.settings, "health", service.check ?? "none");
    this.#fact(this.settings, "health agent", service.agent?.replace(/^agent /, "") ?? "none");
    this.#fact(this.settings, "fail_open", service.fail_open ? "on" : "off");
    this.#fact(this.settings, "peek", service.peek ?? "off");
    this.#fact(this.settings, "udp", service.udp ? "on" : "off");
    this.#fact(this.settings, "http", service.http ? "on" : "off");
    this.#fact(this.settings, "transparent", service.transparent ? "on" : "off");
    const { accept, send } = service.proxy_protocol;
    const proxy = [accept === null ? "" : `accept ${accept}`, send === null ? "" : `send ${send}`];
    this.#fact(this.settings, "proxy_protocol", proxy.filter(Boolean).join(", ") || "off");
    this.#fact(this.settings, "tls_cert", service.tls?.certificates[0]?.file ?? "none");
  }

  #forget(list, name) {
    const key = `${list.className} ${name}`;
    this.factNodes.get(key)?.node.remove();
    this.factNodes.delete(key);
  }

  #fact(list, name, text, className = null) {
    const key = `${list.className} ${name}`;
    let fact = this.factNodes.get(key);
    if (!fact) {
      const value = element("dd");
      fact = { node: element("div", {}, element("dt", { text: name }), value), value };
      this.factNodes.set(key, fact);
      list.append(fact.node);
    }
    write(fact.value, text);
    mark(fact.node, "class", className);
  }

  #takeInServers(service, time) {
    const all = service.servers.map((server) => [server.slot, server]);
    for (const { role, server } of service.fallbacks) all.push([role, server]);
    const roles = new Set(all.map(([role]) => role));
    for (const [role, { node }] of this.rows) {
      if (roles.has(role)) continue;
      this.watcher.unobserve(node);
      this.rows.delete(role);
    }
    for (const [role, server] of all) {
      if (!this.rows.has(role)) this.rows.set(role, new ServerRow(role, this.watcher));
      this.rows.get(role).update(server, time);
    }
    show(this.filterBox, all.length >= FILTER_FROM);
  }

  #arrange() {
    const rows = [...this.rows.values()];
    const text = this.filterBox.hidden ? "" : this.filter.value.trim().toLowerCase();
    const shown = text === "" ? rows : rows.filter((row) => row.matches(text));
    this.table.arrange(shown, (row, key) => row.value(key));
    show(this.box, shown.length > 0);
    show(this.nobody, shown.length === 0);
    const name = this.service.name === "default" ? "" : `service ${this.service.name} `;
    write(this.nobody, rows.length > 0 ? "No server is like that." : `No servers yet: penctl ADDRESS ${name}server 0 address HOST port PORT adds one.`);
    write(this.table.caption, text === "" ? `Servers of ${this.service.name}` : `Servers of ${this.service.name}: ${shown.length} of ${rows.length}`);
  }

  /** One scale for all servers of the service, so that charts can be compared. */
  #draw() {
    const tracks = [...this.rows.values()].map((row) => row.track);
    const most = (name) => Math.max(0, ...tracks.map((track) => track.most(name)));
    const scale = { connections: Math.max(1, most("connections")), traffic: Math.max(1, most("sent"), most("received")) };
    for (const row of this.rows.values()) row.draw(scale);
  }

  #look(entries) {
    for (const { target, isIntersecting } of entries) {
      target.serverRow.seen = isIntersecting;
      if (isIntersecting) target.serverRow.draw();
    }
  }
}

function meterLevel(value, most) {
  return most > 0 && value >= most ? "worry" : null;
}

