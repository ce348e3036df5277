// Quantities and states in words. Knows no page.

/** A whole number with separators. */
export function count(value) {
  return value.toLocaleString("en");
}

/** A rate of things: `0`, `0.4`, `12`, `1,234`. */
export function rate(value) {
  if (value === null) return "–";
  if (value === 0) return "0";
  if (value < 0.1) return "<0.1";
  return value < 9.95 ? value.toFixed(1) : count(Math.round(value));
}

/** Bytes, in powers of 1000: `999 B`, `1.2 kB`. */
export function bytes(value) {
  const prefixes = ["", "k", "M", "G", "T", "P", "E"];
  let step = 0;
  while (value >= 999.5 && step < prefixes.length - 1) {
    value /= 1000;
    step += 1;
  }
  const digits = step === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1);
  return `${digits} ${prefixes[step]}B`;
}

/** A rate of bytes: `1.2 kB/s`. */
export function byteRate(value) {
  return value === null ? "–" : `${bytes(value)}/s`;
}

/** Seconds in their two largest units: `45 s`, `3 d 4 h`. */
export function seconds(value) {
  const [minutes, hours, days] = [60, 3600, 86400].map((unit) => Math.floor(value / unit));
  if (days > 0) return `${count(days)} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  if (minutes > 0) return `${minutes} min ${value % 60} s`;
  return `${value} s`;
}

/** `1 server`, `3 servers`. */
export function things(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** Where a server is. */
export function place(server) {
  if (server.state === "empty") return "nobody";
  if (server.port === 0) return server.address;
  return server.address.includes(":") ? `[${server.address}]:${server.port}` : `${server.address}:${server.port}`;
}

/** What people call a server. */
export function nameOf(server) {
  return server.name ?? server.host ?? place(server);
}

/** A state in words, with since when if that is known. */
export function stateText(server) {
  if (server.state === "blacklisted") return `blacklisted ${server.blacklisted_seconds}s`;
  const age = since(server);
  return age === null ? server.state : `${server.state} ${seconds(age)}`;
}

/** For how many seconds a server has been in its state, if that is known. */
function since({ state, admin, admin_since: adminSince, check, agent }) {
  const byCheck = check && check.up === (state === "up") ? check.since : null;
  const byAgent = agent && (state === "down" ? agent.word === "down" : decidesAgent(state, admin)) ? agent.since : null;
  switch (state) {
    case "up": return byCheck;
    // It has been down for as long as the first of both says so.
    case "down": return byCheck === null || byAgent === null ? byCheck ?? byAgent : Math.max(byCheck, byAgent);
    case "draining":
    case "maintenance": return decidesAgent(state, admin) ? byAgent : adminSince;
    default: return null;
  }
}

/** Whether not the administrator but the agent wants it so. */
function decidesAgent(state, admin) {
  return (state === "draining" && admin !== "drain") || (state === "maintenance" && admin !== "maint");
}

/** Why a server is as it is, and what else there is to say of its health, in parts; some of it in words that servers have chosen. */
export function remarks({ state, admin, share, check, agent }) {
  const told = [];
  if (state === "down" && check && !check.up) told.push(`${check.kind} check: ${check.reason ?? "failed"}`);
  if (agent && (state === "down" ? agent.word === "down" : decidesAgent(state, admin))) told.push(agent.reason ? `by its agent: ${agent.reason}` : "by its agent");
  if ((state === "draining" || state === "maintenance") && !decidesAgent(state, admin)) told.push("by the administrator");
  if (state === "up" && share < 100) told.push(shareText(share, agent?.share ?? 100));
  if (state === "up" && agent && agent.max !== null) told.push(`at most ${count(agent.max)} connections by its agent`);
  if (agent?.trouble) told.push(`its agent gives no answer: ${agent.trouble}`);
  return told;
}

/** A new state as it is said aloud, with why it is so. */
export function changeText(server) {
  const told = server.state === "blacklisted" ? stateText(server) : server.state;
  return [told, ...remarks(server)].join(", ");
}

/** `35 % by its agent`, `40 % (slow start)`. */
function shareText(share, wanted) {
  if (share >= wanted) return `${share} % by its agent`;
  return wanted < 100 ? `${share} % (${wanted} % by its agent, slow start)` : `${share} % (slow start)`;
}

/** What has become of a server's checks; nothing as long as all is well. */
export function checksText({ check }) {
  if (!check || check.failed === 0) return "";
  const latest = check.up && check.reason ? `, the latest: ${check.reason}` : "";
  return `${count(check.failed)} of ${things(check.passed + check.failed, "check")} failed${latest}`;
}

/** The servers that are meant to serve, and those that could. */
export function census(servers) {
  const filled = servers.filter((server) => server.state !== "empty");
  return { filled: filled.length, up: filled.filter((server) => server.state === "up").length };
}

/** How a service is, in a word for its colour and a sentence. */
export function verdict(service) {
  if (service.draining) return { word: "draining", text: "removed, its last connections are awaited" };
  if (service.dummy) return { word: "up", text: "pen answers by itself (dummy)" };
  const { filled, up } = census(service.servers);
  if (filled === 0) return { word: "empty", text: "no servers yet" };
  if (up === filled) return { word: "up", text: up === 1 ? "its server is up" : `all ${count(up)} servers are up` };
  const upOf = `${count(up)} of ${things(filled, "server")} up`;
  return up === 0 ? { word: "none", text: `no usable server, ${upOf}` } : { word: "some", text: upOf };
}

/** How a service's servers are tested, and what clients' first bytes decide: a name, a text and whether it is bad. Nothing of what it does not do. */
export function health({ servers, check, agent, failed_open: failedOpen, peek, users_known: users }) {
  const facts = [];
  if (check) {
    const checks = servers.map((server) => server.check).filter(Boolean);
    const sum = (name) => checks.reduce((total, one) => total + one[name], 0);
    facts.push([`${check.split(" ")[0]} checks`, count(sum("passed") + sum("failed")), false], ["checks failed", count(sum("failed")), false]);
  }
  if (check || agent || failedOpen > 0) facts.push(["failed open", count(failedOpen), failedOpen > 0]);
  if (peek) facts.push(["peek", peek, false]);
  if (users > 0) facts.push(["users", count(users), false]);
  return facts;
}

/** What became of a service's datagrams: a name, a text and whether it is bad. Nothing where clients make connections. */
export function datagrams({ udp }) {
  if (!udp) return [];
  return [
    ["datagrams", count(udp.received), false],
    ["answers", count(udp.answered), false],
    ["dropped", count(udp.dropped), udp.dropped > 0],
    ["lost in queues", count(udp.lost), udp.lost > 0],
  ];
}

/** Who renews certificates automatically has done so by then. */
const SOON = 14 * 86400;

/** What a service does before and around what it passes on: a name, a text and whether it is bad. Nothing of what it does not. */
export function preface({ http, http_refused: requests, proxy_protocol: proxy, proxy_refused: clients, tls }, time) {
  const facts = [];
  if (http || requests > 0) facts.push(["http refused", count(requests), false]);
  if (proxy.accept !== null || clients > 0) facts.push(["proxy refused", count(clients), false]);
  if (tls === null) return facts;
  const { tls12, tls13, failed } = tls.handshakes;
  facts.push(["TLS handshakes", count(tls12 + tls13), false], ["TLS failures", count(failed), false]);
  if (tls.certificates.length > 0) {
    const left = Math.min(...tls.certificates.map((certificate) => certificate.not_after)) - Math.floor(time);
    const [name, text] = left < 0 ? ["expired", `${seconds(-left)} ago`] : ["expires in", seconds(left)];
    facts.push([`certificate ${name}`, text, left < SOON]);
  }
  return facts;
}

/** A connection's stage, and the sides that are closed. */
export function stageText({ waiting, connecting, tls, client_closed: client, server_closed: server }) {
  const stage = waiting ? "waiting" : connecting ? "connecting" : "connected";
  const words = [stage, tls ? "TLS" : "", client ? "client closed" : "", server ? "server closed" : ""];
  return words.filter(Boolean).join(", ");
}

/** A text as the beginning of a sentence. */
export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
