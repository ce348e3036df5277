// The clients and connections of all services, those that matter most.

import { Table, element, row, show, write } from "./view.js";
import { bytes, count, nameOf, seconds, stageText } from "./words.js";

/** So many are shown. */
export const SHOWN = 20;

const CLIENT_COLUMNS = [
  { key: "address", title: "Client", class: "name" },
  { key: "service", title: "Service", class: "word service-column" },
  { key: "seen", title: "Last here", class: "number" },
  { key: "server", title: "Last server", class: "word" },
  { key: "connects", title: "Connections", class: "number" },
  { key: "sent", title: "To it", class: "number" },
  { key: "received", title: "From it", class: "number" },
];

const CONNECTION_COLUMNS = [
  { key: "number", title: "Number", class: "name" },
  { key: "client", title: "Client", class: "word" },
  { key: "service", title: "Service", class: "word service-column" },
  { key: "server", title: "Server", class: "word" },
  { key: "state", title: "State", class: "word" },
  { key: "waiting", title: "Waiting", class: "number" },
  { key: "age", title: "Age", class: "number" },
];

const USER_COLUMNS = [
  { key: "name", title: "User", class: "name" },
  { key: "service", title: "Service", class: "word service-column" },
  { key: "seen", title: "Last here", class: "number" },
  { key: "server", title: "Last server", class: "word" },
];

/** A table of texts that is written anew each time, row by row. */
class List {
  constructor(columns, caption, nothing) {
    this.columns = columns;
    this.table = new Table("list", caption, columns);
    this.nothing = element("p", { class: "nothing", text: nothing });
    this.box = element("div", { class: "box" }, this.table.node);
    this.rows = [];
    this.nodes = [this.nothing, this.box];
  }

  write(caption, lines) {
    write(this.table.caption, caption);
    show(this.box, lines.length > 0);
    show(this.nothing, lines.length === 0);
    while (this.rows.length > lines.length) this.rows.pop().node.remove();
    lines.forEach((line, index) => {
      if (!this.rows[index]) this.#addRow();
      line.forEach((text, cell) => write(this.rows[index].cells[cell], text));
    });
  }

  #addRow() {
    const cells = this.columns.map(() => element("span"));
    const node = row(this.columns, cells);
    this.table.body.append(node);
    this.rows.push({ node, cells });
  }
}

/** The clients. */
export class ClientList {
  constructor(into) {
    this.list = new List(CLIENT_COLUMNS, "Clients", "Nobody has been here yet.");
    into.replaceChildren(...this.list.nodes);
  }

  update({ services }) {
    const all = services.flatMap((service) => service.clients.map((client) => ({ service, client })));
    all.sort((a, b) => a.client.age - b.client.age || b.client.sent + b.client.received - a.client.sent - a.client.received);
    const known = services.reduce((sum, service) => sum + service.clients_known, 0);
    const lines = all.slice(0, SHOWN).map(({ service, client }) => [
      client.address,
      service.name,
      client.open > 0 ? `${count(client.open)} open now` : `${seconds(client.age)} ago`,
      serverName(service, client.last_server),
      count(client.connects),
      bytes(client.sent),
      bytes(client.received),
    ]);
    this.list.write(lines.length < known ? `${lines.length} of ${count(known)}, the latest and busiest` : `all ${count(known)}`, lines);
  }
}

/** The users of RDP; nothing where no service looks for them. */
export class UserList {
  constructor(into) {
    this.into = into;
    this.list = new List(USER_COLUMNS, "Users", "No user has been here yet.");
    const title = element("h2", { id: "users-title", text: "Users" });
    this.node = element("section", { "aria-labelledby": "users-title" }, title, element("div", { id: "users" }, ...this.list.nodes));
  }

  /** Takes it from the page. */
  end() {
    this.node.remove();
  }

  update({ services }) {
    const looking = services.some(({ peek }) => peek?.startsWith("rdp"));
    if (looking && !this.node.isConnected) this.into.append(this.node);
    if (!looking) this.node.remove();
    const all = services.flatMap((service) => service.users.map((user) => ({ service, user })));
    all.sort((a, b) => a.user.age - b.user.age);
    const known = services.reduce((sum, service) => sum + service.users_known, 0);
    const lines = all.slice(0, SHOWN).map(({ service, user }) => [
      user.name,
      service.name,
      user.open > 0 ? `${count(user.open)} open now` : `${seconds(user.age)} ago`,
      serverName(service, user.server),
    ]);
    this.list.write(lines.length < known ? `${lines.length} of ${count(known)}, the latest` : `all ${count(known)}`, lines);
  }
}

/** The connections. */
export class ConnectionList {
  constructor(into) {
    this.list = new List(CONNECTION_COLUMNS, "Open connections", "Nobody is connected.");
    into.replaceChildren(...this.list.nodes);
  }

  update({ services }) {
    const all = services.flatMap((service) => service.open_connections.map((connection) => ({ service, connection })));
    all.sort((a, b) => a.connection.age - b.connection.age || a.connection.number - b.connection.number);
    const open = Math.max(all.length, services.reduce((sum, service) => sum + service.connections, 0));
    const lines = all.slice(0, SHOWN).map(({ service, connection }) => [
      String(connection.number),
      connection.client_address,
      service.name,
      serverName(service, connection.server),
      stageText(connection),
      bytes(connection.pending_down + connection.pending_up),
      seconds(connection.age),
    ]);
    this.list.write(lines.length < open ? `${lines.length} of ${count(open)}, the youngest` : `all ${count(open)}`, lines);
  }
}

function serverName(service, slot) {
  if (slot === null) return "none";
  const server = service.servers.find((one) => one.slot === slot);
  return server && server.state !== "empty" ? nameOf(server) : `slot ${slot}`;
}
