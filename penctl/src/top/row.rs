//! What the rows of the lists are, and their columns: how each is written, ordered, and when it gives way.

use std::cmp::Ordering;

use common::escape::Line;
use common::status::{
    Bytes, ClientStatus, ConnectionStatus, Seconds, ServerState, ServerStatus, Share, UserStatus, place,
    remarks, seen, slot_or_none, state, user_seen, why,
};
use ratatui::layout::Alignment;

use super::meter::{Meter, Rate};
use crate::report::bytes;

/// A row of a list.
pub trait Row: Sized + 'static {
    /// Its columns, in their order on the screen.
    const COLUMNS: &'static [Column<Self>];

    /// What the filter looks at.
    fn text(&self) -> String;

    /// What there is to say about it besides, if anything.
    fn detail(&self) -> Option<Detail>;
}

/// A column.
pub struct Column<R> {
    pub title: &'static str,
    pub align: Alignment,
    /// What stands in it. It may hold what others have chosen.
    pub cell: fn(&R) -> String,
    pub order: fn(&R, &R) -> Ordering,
    pub tone: fn(&R) -> Tone,
    /// Where there is not room for all, those with the highest rank are left out.
    pub rank: u8,
}

/// What a cell says beyond its words, which say it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Good,
    /// So by intent.
    Notice,
    Bad,
    Faint,
}

/// What there is to say about a row besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// It may hold what others have chosen.
    pub text: String,
    pub tone: Tone,
}

/// A server, with its rates, by value: they are few.
#[derive(Debug)]
pub struct Server {
    pub label: String,
    pub status: ServerStatus,
    pub meter: Meter,
}

impl Server {
    fn rate(&self) -> Rate {
        self.meter.rate().unwrap_or_default()
    }
}

const fn words<R>(
    title: &'static str,
    rank: u8,
    cell: fn(&R) -> String,
    order: fn(&R, &R) -> Ordering,
) -> Column<R> {
    Column { title, align: Alignment::Left, cell, order, tone: |_| Tone::Plain, rank }
}

const fn number<R>(
    title: &'static str,
    rank: u8,
    cell: fn(&R) -> String,
    order: fn(&R, &R) -> Ordering,
) -> Column<R> {
    Column { title, align: Alignment::Right, cell, order, tone: |_| Tone::Plain, rank }
}

impl Row for Server {
    const COLUMNS: &'static [Column<Server>] = &[
        words("slot", 0, |row| row.label.clone(), by_slot),
        words("name", 6, name, |a, b| a.status.name.cmp(&b.status.name)),
        words("address", 0, |row| place(&row.status), by_address),
        Column {
            tone: |row| tone(row.status.state),
            ..words("state", 0, |row| state(&row.status), by_state)
        },
        number(
            "conn",
            0,
            |row| row.status.connections.to_string(),
            |a, b| a.status.connections.cmp(&b.status.connections),
        ),
        number("max", 4, |row| row.status.max.to_string(), |a, b| a.status.max.cmp(&b.status.max)),
        number("share", 4, share, |a, b| a.status.share.cmp(&b.status.share)),
        number(
            "conn/s",
            1,
            |row| in_words(row.meter.rate().map(|rate| rate.connects), count),
            |a, b| a.rate().connects.total_cmp(&b.rate().connects),
        ),
        number(
            "bytes/s",
            2,
            |row| in_words(row.meter.rate().map(Rate::bytes), volume),
            |a, b| a.rate().bytes().total_cmp(&b.rate().bytes()),
        ),
        number("sent", 7, |row| Bytes(row.status.sent).to_string(), |a, b| a.status.sent.cmp(&b.status.sent)),
        number(
            "received",
            7,
            |row| Bytes(row.status.received).to_string(),
            |a, b| a.status.received.cmp(&b.status.received),
        ),
        number(
            "served",
            5,
            |row| row.status.connects.to_string(),
            |a, b| a.status.connects.cmp(&b.status.connects),
        ),
        Column {
            tone: |row| if row.status.failures > 0 { Tone::Bad } else { Tone::Plain },
            ..number(
                "failed",
                3,
                |row| row.status.failures.to_string(),
                |a, b| a.status.failures.cmp(&b.status.failures),
            )
        },
        Column {
            tone: |row| if checks_failed(row) > 0 { Tone::Bad } else { Tone::Plain },
            ..number(
                "checks failed",
                6,
                |row| checks_failed(row).to_string(),
                |a, b| checks_failed(a).cmp(&checks_failed(b)),
            )
        },
    ];

    fn text(&self) -> String {
        let host = self.status.host.as_deref().unwrap_or_default();
        let why = why(&self.status).unwrap_or_default();
        format!("{} {} {} {host} {} {why}", self.label, name(self), place(&self.status), self.status.state)
    }

    fn detail(&self) -> Option<Detail> {
        let Server { label, status, .. } = self;
        let error = status.last_error.as_ref();
        let failures = error.map(|error| format!("{} failed, the latest: {error}", status.failures));
        let told: Vec<_> = remarks(status).into_iter().chain(failures.clone()).collect();
        let tone = if failures.is_some() { Tone::Bad } else { tone(status.state) };
        (!told.is_empty()).then(|| Detail { text: format!("server {label}: {}", told.join("; ")), tone })
    }
}

impl Row for UserStatus {
    const COLUMNS: &'static [Column<UserStatus>] = &[
        words("user", 0, |row| row.name.clone(), |a, b| a.name.cmp(&b.name)),
        words("seen", 0, user_seen, |a, b| a.age.cmp(&b.age).then(b.open.cmp(&a.open))),
        words("last server", 0, |row| slot_or_none(row.server), |a, b| a.server.cmp(&b.server)),
        number("open", 1, |row| row.open.to_string(), |a, b| a.open.cmp(&b.open)),
    ];

    fn text(&self) -> String {
        format!("{} {}", self.name, user_seen(self))
    }

    fn detail(&self) -> Option<Detail> {
        None
    }
}

impl Row for ClientStatus {
    const COLUMNS: &'static [Column<ClientStatus>] = &[
        number("client", 3, |row| row.index.to_string(), |a, b| a.index.cmp(&b.index)),
        words("address", 0, |row| row.address.clone(), |a, b| a.address.cmp(&b.address)),
        words("seen", 0, seen, |a, b| a.age.cmp(&b.age).then(b.open.cmp(&a.open))),
        words(
            "last server",
            2,
            |row| slot_or_none(row.last_server),
            |a, b| a.last_server.cmp(&b.last_server),
        ),
        number("open", 1, |row| row.open.to_string(), |a, b| a.open.cmp(&b.open)),
        number("connects", 0, |row| row.connects.to_string(), |a, b| a.connects.cmp(&b.connects)),
        number("sent", 0, |row| Bytes(row.sent).to_string(), |a, b| a.sent.cmp(&b.sent)),
        number("received", 0, |row| Bytes(row.received).to_string(), |a, b| a.received.cmp(&b.received)),
    ];

    fn text(&self) -> String {
        format!("{} {}", self.address, seen(self))
    }

    fn detail(&self) -> Option<Detail> {
        None
    }
}

impl Row for ConnectionStatus {
    const COLUMNS: &'static [Column<ConnectionStatus>] = &[
        number("connection", 0, |row| row.number.to_string(), |a, b| a.number.cmp(&b.number)),
        words("client", 0, |row| row.client_address.clone(), |a, b| a.client_address.cmp(&b.client_address)),
        words("server", 0, |row| slot_or_none(row.server), |a, b| a.server.cmp(&b.server)),
        Column {
            tone: |row| if row.state.connecting || row.state.waiting { Tone::Faint } else { Tone::Plain },
            ..words("state", 0, |row| row.state.to_string(), |a, b| a.state.number().cmp(&b.state.number()))
        },
        number("age", 0, |row| Seconds(row.age).to_string(), |a, b| a.age.cmp(&b.age)),
        number(
            "waiting down",
            1,
            |row| bytes(row.pending_down).to_string(),
            |a, b| a.pending_down.cmp(&b.pending_down),
        ),
        number(
            "waiting up",
            1,
            |row| bytes(row.pending_up).to_string(),
            |a, b| a.pending_up.cmp(&b.pending_up),
        ),
        words(
            "tls",
            3,
            |row| if row.tls { "tls".to_owned() } else { String::new() },
            |a, b| a.tls.cmp(&b.tls),
        ),
    ];

    fn text(&self) -> String {
        format!("{} {} {}", self.number, self.client_address, self.state)
    }

    fn detail(&self) -> Option<Detail> {
        None
    }
}

fn name(row: &Server) -> String {
    row.status.name.clone().unwrap_or_default()
}

/// The slots by their numbers, and then the others.
fn by_slot(a: &Server, b: &Server) -> Ordering {
    let key = |row: &Server| row.label.parse::<u32>().unwrap_or(u32::MAX);
    key(a).cmp(&key(b)).then_with(|| a.label.cmp(&b.label))
}

fn by_address(a: &Server, b: &Server) -> Ordering {
    (&a.status.address, a.status.port).cmp(&(&b.status.address, b.status.port))
}

fn by_state(a: &Server, b: &Server) -> Ordering {
    a.status.state.word().cmp(b.status.state.word())
}

fn share(row: &Server) -> String {
    let is_part = row.status.state == ServerState::Up && row.status.share < Share::WHOLE;
    if is_part { row.status.share.to_string() } else { String::new() }
}

fn checks_failed(row: &Server) -> u64 {
    row.status.check.as_ref().map_or(0, |check| check.failed)
}

/// What a state is like.
pub fn tone(state: ServerState) -> Tone {
    match state {
        ServerState::Up => Tone::Good,
        ServerState::Draining | ServerState::Maintenance => Tone::Notice,
        ServerState::Blacklisted { .. } | ServerState::Down => Tone::Bad,
        ServerState::Empty | ServerState::Unknown => Tone::Faint,
    }
}

/// A rate that is not known yet is a dash.
pub fn in_words(rate: Option<f64>, words: fn(f64) -> String) -> String {
    rate.map_or_else(|| "-".to_owned(), words)
}

/// A rate of things: `0.3`, `17.0`, `250`.
pub fn count(rate: f64) -> String {
    if rate < 100.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

/// A rate of bytes, as [`Bytes`].
pub fn volume(rate: f64) -> String {
    Bytes(whole(rate)).to_string()
}

/// Rounded down; what is no number in the range of the result becomes its nearest end.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "such casts saturate")]
pub fn whole(rate: f64) -> u64 {
    rate as u64
}

/// A row's cell, harmless.
pub fn cell<R>(column: &Column<R>, row: &R) -> String {
    Line((column.cell)(row)).to_string()
}
