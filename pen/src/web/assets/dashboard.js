// Asks pen for its status about once a second and shows it. Says so when pen does not answer.

import { Rates, Track } from "./history.js";
import { ClientList, ConnectionList, SHOWN, UserList } from "./lists.js";
import { ServiceView, keyed } from "./services.js";
import { Chart, element, mark, show, write } from "./view.js";
import { byteRate, capital, census, changeText, count, nameOf, rate, seconds, things, verdict } from "./words.js";

const SOURCE = `status.json?clients=${SHOWN}&connections=${SHOWN}&users=${SHOWN}`;
const EVERY = 1000;
/** After failures the wait doubles, up to this. */
const EVERY_AT_MOST = 16000;
const PATIENCE = 5000;
/** Older numbers are called old. */
const OLD = 4;
/** So many changes are told one by one. */
const TOLD_SINGLY = 3;

const page = Object.fromEntries([...document.querySelectorAll("[id]")].map((node) => [node.id, node]));

/** The big numbers. */
class Tiles {
  static KINDS = [
    { title: "Open connections", series: ["connections"], number: count, main: "connections" },
    { title: "New a second", series: ["accepted"], number: rate, main: "accepted" },
    { title: "To servers", series: ["sent"], number: byteRate, main: "sent" },
    { title: "From servers", series: ["received"], number: byteRate, main: "received" },
  ];

  constructor(into) {
    this.track = new Track(["connections", "accepted", "sent", "received"]);
    this.rates = new Rates();
    this.tiles = Tiles.KINDS.map((kind) => {
      const tile = { ...kind, value: element("dd", { class: "value" }), peak: element("dd", { class: "peak" }), chart: new Chart(kind.series) };
      tile.node = element("dl", { class: `tile ${kind.main}` }, element("dt", { text: kind.title }), tile.peak, tile.value, element("dd", { class: "plot" }, tile.chart.node));
      return tile;
    });
    into.replaceChildren(...this.tiles.map(({ node }) => node));
  }

  update({ services }, time) {
    const servers = services.flatMap((service) => [...service.servers, ...service.fallbacks.map(({ server }) => server)]);
    const sum = (things, name) => things.reduce((total, thing) => total + thing[name], 0);
    const counters = { accepted: sum(services, "accepted"), sent: sum(servers, "sent"), received: sum(servers, "received") };
    this.track.add(time, { connections: sum(services, "connections"), ...this.rates.of(time, counters) });
    for (const { main, title, number, value, peak, chart } of this.tiles) {
      const most = this.track.most(main);
      const now = number(this.track.latest(main));
      write(value, now);
      write(peak, `peak ${number(most)}`);
      chart.draw(this.track, Math.max(most, 1), `${title} in the last two minutes: at most ${number(most)}, now ${now}`);
    }
  }
}

/** Everything that is shown of one running pen. */
class Dashboard {
  constructor() {
    this.services = new Map();
    this.states = null;
    this.links = "";
    this.tiles = new Tiles(page.tiles);
    this.clients = new ClientList(page.clients);
    this.connections = new ConnectionList(page.connections);
    this.users = new UserList(page.lists);
  }

  update(snapshot) {
    const { time } = snapshot;
    this.#overview(snapshot);
    this.tiles.update(snapshot, time);
    this.#updateServices(snapshot, time);
    this.clients.update(snapshot);
    this.connections.update(snapshot);
    this.users.update(snapshot);
    this.#tellChanges(snapshot);
    document.body.classList.toggle("one-service", snapshot.services.length < 2);
    show(page.main, true);
  }

  #overview({ version, pid, uptime, services }) {
    const servers = services.flatMap((service) => service.servers);
    const { filled, up } = census(servers);
    const alone = services.length === 1 ? verdict(services[0]).text : null;
    const sentence = up === filled && filled > 0 ? `all ${things(filled, "server")} ${filled === 1 ? "is" : "are"} up` : `${count(up)} of ${things(filled, "server")} up`;
    const told = filled === 1 && up === 1 ? "the server is up" : sentence;
    write(page.verdict, capital(filled === 0 ? alone ?? "no servers yet" : told));
    mark(page.verdict, "class", filled === 0 ? "empty" : up === filled ? "up" : up === 0 ? "none" : "some");
    const states = new Map();
    for (const { state } of servers) states.set(state, (states.get(state) ?? 0) + 1);
    const words = [...states].sort().map(([state, number]) => `${count(number)} ${state}`);
    write(page.census, [things(services.length, "service"), ...words].join(" · "));
    write(page.about, `${version} · process ${pid} · up ${seconds(uptime)}`);
    document.title = filled === up ? "pen" : `(${filled - up}) pen`;
  }

  #updateServices({ services }, time) {
    const all = new Map(keyed(services));
    for (const [key, view] of this.services) {
      if (all.has(key)) continue;
      view.end();
      this.services.delete(key);
    }
    for (const [key, service] of all) {
      if (!this.services.has(key)) {
        const view = new ServiceView(service.name, key);
        this.services.set(key, view);
        page.services.append(view.node);
      }
      this.services.get(key).update(service, time);
    }
    this.#contents(services);
  }

  /** Takes all services and users from the page. */
  end() {
    for (const view of this.services.values()) view.end();
    this.users.end();
  }

  /** Links to the services, where there are several. */
  #contents(services) {
    show(page.contents, services.length > 1);
    const links = JSON.stringify(keyed(services).map(([key, service]) => [key, verdict(service)]));
    if (links === this.links) return;
    const focused = document.activeElement?.getAttribute("href");
    this.links = links;
    page.contents.replaceChildren(element("ul", {}, ...keyed(services).map(([key, service]) => {
      const { word, text } = verdict(service);
      const shape = element("span", { class: `state ${word}` }, element("span", { class: "shape", "aria-hidden": "true" }));
      const link = element("a", { href: `#${key}` }, shape, element("span", { text: service.name }), element("span", { class: "quiet", text: `: ${text}` }));
      return element("li", {}, link);
    })));
    if (focused) [...page.contents.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
  }

  /** Says aloud which servers are in another state than before, and nothing else. */
  #tellChanges({ services }) {
    const states = new Map();
    for (const [key, { name, servers }] of keyed(services)) for (const server of servers) states.set(`${key} ${server.slot}`, { name, server });
    const before = this.states;
    this.states = states;
    if (!before) return;
    const changed = [...states].filter(([key, { server }]) => before.get(key)?.server.state !== server.state).map(([, one]) => one);
    if (changed.length === 0) return;
    const tell = ({ name, server }) => `${services.length > 1 ? `${name}, ` : ""}server ${nameOf(server)}: ${changeText(server)}`;
    announce(changed.length > TOLD_SINGLY ? `${changed.length} servers are in another state: ${page.verdict.textContent}` : changed.map(tell).join("; "));
  }
}

function announce(text) {
  write(page.announcer, text);
}

/** When to ask, and what is known of the answers. */
class Poll {
  constructor() {
    this.dashboard = new Dashboard();
    this.life = null;
    this.failures = 0;
    this.paused = false;
    this.answered = null;
    this.next = null;
    this.timer = null;
    this.asking = false;
  }

  /** Asks now, and from then on. */
  begin() {
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#rest() : this.#ask()));
    page.retry.addEventListener("click", () => this.#ask());
    page.pause.addEventListener("click", () => this.#pause());
    setInterval(() => this.#tellAge(), 1000);
    this.#ask();
  }

  #pause() {
    this.paused = !this.paused;
    mark(page.pause, "aria-pressed", String(this.paused));
    if (this.paused) this.#rest();
    else this.#ask();
    this.#tellAge();
  }

  #rest() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  async #ask() {
    if (this.asking || document.hidden || this.paused) return;
    this.#rest();
    this.asking = true;
    const begun = performance.now();
    try {
      const response = await fetch(SOURCE, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      if (!response.ok) throw new Error(`pen answers ${response.status}: ${(await response.text()).trim()}`);
      this.#take(await response.json());
    } catch (error) {
      this.#fail(error);
    }
    this.asking = false;
    this.#tellAge();
    this.#again(begun);
  }

  #again(begun) {
    if (document.hidden || this.paused) return;
    const wait = Math.min(EVERY * 2 ** this.failures, EVERY_AT_MOST);
    this.next = performance.now() + Math.max(wait - (performance.now() - begun), EVERY / 4);
    this.timer = setTimeout(() => this.#ask(), this.next - performance.now());
  }

  #take(snapshot) {
    if (this.failures > 0) announce("pen answers again");
    this.failures = 0;
    this.answered = { at: performance.now(), clock: new Date() };
    // In a container each has the same process id.
    const life = `${snapshot.pid} ${snapshot.started}`;
    if (this.life !== null && this.life !== life) {
      // Another pen, with counters of its own.
      this.dashboard.end();
      this.dashboard = new Dashboard();
      announce("pen was started anew");
    }
    this.life = life;
    this.dashboard.update(snapshot);
  }

  #fail(error) {
    this.failures += 1;
    this.reason = error.message.startsWith("pen answers") ? error.message : "pen does not answer";
    if (this.failures === 1) announce(this.reason);
  }

  /** How old the numbers are, and what is wrong. Not said aloud: it changes every second. */
  #tellAge() {
    const age = this.answered ? Math.round((performance.now() - this.answered.at) / 1000) : null;
    const failing = this.failures > 0;
    const old = failing || this.paused || (age !== null && age > OLD);
    mark(page.liveness, "class", `liveness ${age === null ? "waiting" : failing ? "lost" : this.paused ? "paused" : old ? "waiting" : "live"}`);
    document.body.classList.toggle("old", failing);
    const ago = age === null ? "" : age < 2 ? "now" : `${seconds(age)} ago`;
    const word = failing ? "no answer" : this.paused ? "paused" : age === null ? "waiting for pen" : "live";
    write(page["liveness-text"], age === null ? word : old ? `${word}, seen ${ago}` : word);
    show(page.trouble, failing);
    if (!failing) return;
    const since = this.answered ? ` The numbers are from ${this.answered.clock.toLocaleTimeString("en-GB")}, ${ago}.` : "";
    const wait = Math.max(0, Math.ceil((this.next - performance.now()) / 1000));
    write(page["trouble-text"], `${capital(this.reason)}.${since} Next try in ${wait} s.`);
  }
}

/** The choice of colours, remembered where the browser lets us. */
function offerColours() {
  page.theme.value = document.documentElement.dataset.theme ?? "auto";
  page.theme.addEventListener("change", () => {
    const theme = page.theme.value;
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      if (theme === "auto") localStorage.removeItem("pen-theme");
      else localStorage.setItem("pen-theme", theme);
    } catch {
      // Then it holds until the page is left.
    }
  });
}

offerColours();
new Poll().begin();
