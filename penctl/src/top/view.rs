//! The screen: what is known and chosen, drawn. Pure but for the look's cursor, which is kept where there are rows.

use common::escape::Line as Harmless;
use common::status::{Seconds, ServiceStatus, census, modes, protocol};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Margin, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Cell, Clear, Padding, Paragraph, Row as TableRow, Table, Wrap};

use super::listing::{GAP, Head, Listing, list, width_of};
use super::meter::{Meter, Rate};
use super::model::Model;
use super::row::{self, Detail, Server, Tone};
use super::state::{Extent, KEYS, Measure, Mode, State, Tab};
use super::theme::{CHOSEN, STRONG, TITLE, Theme};

/// A chart is drawn where it has room for so many rates.
const CHART_LEAST: usize = 10;

/// Draws everything; tells what keys must know about it.
pub fn draw(frame: &mut Frame, model: &Model, state: &mut State, address: &str, theme: Theme) -> Extent {
    let [head, tabs, body, foot] = Layout::vertical([
        Constraint::Length(4),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let body = body.inner(Margin::new(1, 0));
    draw_head(frame, head, model, state, address, theme);
    let Some(service) = model.service(state) else {
        draw_nothing(frame, body, model, theme);
        draw_foot(frame, foot, state, None, theme);
        return Extent::default();
    };
    let has_users = service.peek.as_ref().is_some_and(|peek| peek.starts_with("rdp"));
    if state.tab == Tab::Users && !has_users {
        state.tab = Tab::Servers;
    }
    frame.render_widget(tab_line(service, has_users, state.tab, theme), tabs);
    let (listing, page) = draw_list(frame, body, model, service, state, theme);
    draw_foot(frame, foot, state, Some(&listing), theme);
    if state.mode == Mode::Help {
        draw_help(frame);
    }
    Extent { columns: listing.columns, rows: listing.matching, page, services: model.services(), has_users }
}

fn draw_head(frame: &mut Frame, area: Rect, model: &Model, state: &State, address: &str, theme: Theme) {
    let mut lines = vec![first_line(model, address, area.width, theme)];
    if let Some(service) = model.service(state) {
        lines.push(service_line(model, state, service));
        lines.push(total_line(model.rate(service), service));
        lines.push(match model.trouble() {
            Some(trouble) => Line::styled(format!(" no answer: {trouble}"), theme.style(Tone::Bad)),
            None => server_line(service, theme),
        });
    }
    frame.render_widget(Text::from(lines), area);
}

/// Which pen, and whether it answers.
fn first_line(model: &Model, address: &str, width: u16, theme: Theme) -> Line<'static> {
    let address = Harmless(address);
    let left = match model.snapshot() {
        None => format!(" pen at {address}"),
        Some(snapshot) => format!(
            " pen {} at {address}, process {}, up {}",
            Harmless(&snapshot.version),
            snapshot.pid,
            Seconds(snapshot.uptime)
        ),
    };
    let (right, tone) = match (model.trouble(), model.snapshot()) {
        (Some(_), _) => ("no answer, trying again ", Tone::Bad),
        (None, None) => ("asking ", Tone::Faint),
        (None, Some(_)) => ("live ", Tone::Good),
    };
    let width = usize::from(width).saturating_sub(width_of(right));
    let left = format!("{left:<width$.width$}");
    Line::from(vec![Span::styled(left, STRONG), Span::styled(right, theme.style(tone))])
}

fn service_line(model: &Model, state: &State, service: &ServiceStatus) -> Line<'static> {
    let place = match model.services() {
        1 => String::new(),
        services => format!(" ({} of {services})", state.service + 1),
    };
    let draining = if service.draining { ", draining" } else { "" };
    let (listen, protocol) = (Harmless(service.listen.join(" ")), protocol(service));
    let rest = format!("{place}{draining} on {listen}{protocol}: {}", Harmless(modes(service)));
    Line::from(vec![
        Span::raw(" service "),
        Span::styled(Harmless(&service.name).to_string(), STRONG),
        Span::raw(rest),
    ])
}

fn total_line(rate: Option<Rate>, service: &ServiceStatus) -> Line<'static> {
    let ServiceStatus { connections, pending, limits, .. } = service;
    Line::from(format!(
        " {connections} of {} open, {pending} connecting; {} conn/s; {}/s to servers, {}/s back",
        limits.conn_max,
        row::in_words(rate.map(|rate| rate.connects), row::count),
        row::in_words(rate.map(|rate| rate.sent), row::volume),
        row::in_words(rate.map(|rate| rate.received), row::volume),
    ))
}

fn server_line(service: &ServiceStatus, theme: Theme) -> Line<'static> {
    let mut spans = vec![Span::raw(" servers:")];
    for (number, (count, word)) in census(service.servers.iter()).into_iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        spans.push(Span::raw(comma));
        let tone = match word {
            "up" => Tone::Good,
            "draining" | "maintenance" => Tone::Notice,
            "empty" => Tone::Faint,
            _ => Tone::Bad,
        };
        spans.push(Span::styled(format!(" {count} {word}"), theme.style(tone)));
    }
    if spans.len() == 1 {
        spans.push(Span::raw(" none"));
    }
    let ServiceStatus { accepted, refused, unserved, failed_open, shortages, log_lost, .. } = service;
    spans.push(Span::raw(format!("; {accepted} accepted so far")));
    let datagrams = service.udp.unwrap_or_default();
    for (count, word) in [
        (refused, "refused"),
        (unserved, "unserved"),
        (failed_open, "failed open"),
        (shortages, "shortages"),
        (&datagrams.dropped, "dropped datagrams"),
        (&datagrams.lost, "lost datagrams"),
        (log_lost, "lost records"),
    ] {
        if *count > 0 {
            spans.push(Span::styled(format!("; {count} {word}"), theme.style(Tone::Bad)));
        }
    }
    Line::from(spans)
}

fn tab_line(service: &ServiceStatus, has_users: bool, chosen: Tab, theme: Theme) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    let tabs = Tab::ALL.into_iter().filter(|tab| has_users || *tab != Tab::Users);
    for (number, tab) in (1..).zip(tabs) {
        let count = match tab {
            Tab::Servers => service.servers.len() + service.fallbacks.len(),
            Tab::Clients => service.clients.len(),
            Tab::Connections => service.open_connections.len(),
            Tab::Users => service.users_known,
        };
        let style = if tab == chosen { CHOSEN } else { theme.style(Tone::Faint) };
        spans.push(Span::styled(format!(" {number} {} {count} ", tab.title()), style));
        spans.push(Span::raw(" "));
    }
    Line::from(spans)
}

fn draw_nothing(frame: &mut Frame, area: Rect, model: &Model, theme: Theme) {
    let Some(trouble) = model.trouble() else { return };
    let text = Paragraph::new(Span::styled(trouble.to_owned(), theme.style(Tone::Bad)));
    let padding = Block::new().padding(Padding::uniform(1));
    frame.render_widget(text.wrap(Wrap { trim: true }).block(padding), area);
}

/// Draws the list that was chosen; also tells how many rows it has room for.
fn draw_list(
    frame: &mut Frame,
    area: Rect,
    model: &Model,
    service: &ServiceStatus,
    state: &mut State,
    theme: Theme,
) -> (Listing, usize) {
    let (height, width) = (usize::from(area.height.saturating_sub(1)), usize::from(area.width));
    let (tab, measure) = (state.tab, state.measure);
    let look = state.look_mut();
    let (listing, charts) = match tab {
        Tab::Servers => {
            let servers = model.servers(service);
            let listing = list(servers.iter(), look, height, width.saturating_sub(GAP + CHART_LEAST));
            let room = width.saturating_sub(listing.width);
            let charts = charts(&servers, &listing.indices, measure, room);
            (listing, Some(charts))
        }
        Tab::Clients => (list(service.clients.iter(), look, height, width), None),
        Tab::Connections => (list(service.open_connections.iter(), look, height, width), None),
        Tab::Users => (list(service.users.iter(), look, height, width), None),
    };
    let chart_title = match measure {
        Measure::Connects => "conn trend",
        Measure::Bytes => "byte trend",
    };
    let titles = listing.heads.iter().map(|head| title(head));
    let titles = titles.chain(charts.is_some().then(|| Cell::new(chart_title).style(TITLE)));
    let rows = listing.rows.iter().enumerate().map(|(number, cells)| {
        let cells = listing.heads.iter().zip(cells).map(|(head, (text, tone))| {
            Cell::new(Text::raw(text.as_str()).alignment(head.align)).style(theme.style(*tone))
        });
        let chart = charts.as_ref().map(|charts| Cell::new(charts[number].as_str()));
        let line = TableRow::new(cells.chain(chart));
        if number == listing.cursor { line.style(CHOSEN) } else { line }
    });
    let widths = listing.heads.iter().map(|head| Constraint::Length(length(head.width)));
    let widths = widths.chain(charts.is_some().then_some(Constraint::Min(0)));
    let table = Table::new(rows, widths).header(TableRow::new(titles)).column_spacing(length(GAP));
    frame.render_widget(table, area);
    (listing, height)
}

fn title(head: &Head) -> Cell<'_> {
    let style = if head.is_sorted { STRONG } else { TITLE };
    Cell::new(Text::raw(head.title.as_str()).alignment(head.align)).style(style)
}

/// A chart for each row that is shown, all in the same scale, the latest at the right.
fn charts(servers: &[Server], shown: &[usize], measure: Measure, room: usize) -> Vec<String> {
    let value = |rate: Rate| match measure {
        Measure::Connects => rate.connects,
        Measure::Bytes => rate.bytes(),
    };
    let latest = |meter: &Meter| -> Vec<f64> { meter.history().rev().take(room).map(value).collect() };
    let histories: Vec<_> = servers.iter().map(|server| latest(&server.meter)).collect();
    let highest = histories.iter().flatten().copied().fold(0.0, f64::max);
    shown.iter().map(|&index| chart(&histories[index], highest)).collect()
}

/// Bars for values, of which the latest comes first.
fn chart(latest_first: &[f64], highest: f64) -> String {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = |value: f64| {
        if value <= 0.0 || highest <= 0.0 {
            return BARS[0];
        }
        // Whatever is more than nothing can be seen.
        let height = row::whole((value / highest * 8.0).ceil()).clamp(1, 8);
        usize::try_from(height).map_or(BARS[8], |height| BARS[height])
    };
    latest_first.iter().rev().map(|&value| bar(value)).collect()
}

fn draw_foot(frame: &mut Frame, area: Rect, state: &State, listing: Option<&Listing>, theme: Theme) {
    let filter = &state.look().filter;
    let shown = listing.map_or(0, |listing| listing.matching);
    let line = match (state.mode, listing.and_then(|listing| listing.detail.as_ref())) {
        (Mode::Filter, _) => {
            Line::from(vec![Span::styled(" /", STRONG), Span::raw(filter.clone()), Span::raw("_")])
        }
        _ if !filter.is_empty() => {
            Line::styled(format!(" {shown} rows with '{}'; Esc: all", Harmless(filter)), STRONG)
        }
        (_, Some(Detail { text, tone })) => Line::styled(format!(" {}", Harmless(text)), theme.style(*tone)),
        (_, None) => Line::styled(
            " q quit  ? help  Tab lists  s service  < > sort  r reverse  / filter  m chart",
            theme.style(Tone::Faint),
        ),
    };
    frame.render_widget(line, area);
}

fn draw_help(frame: &mut Frame) {
    let width = KEYS.iter().map(|(keys, _)| width_of(keys)).max().unwrap_or(0);
    let lines = KEYS.iter().map(|(keys, meaning)| {
        Line::from(vec![Span::styled(format!("{keys:width$}  "), STRONG), Span::raw(*meaning)])
    });
    let text = Text::from(lines.collect::<Vec<_>>());
    let block = Block::bordered().title(" Keys ").padding(Padding::horizontal(1));
    let area = frame.area().centered(
        Constraint::Length(length(text.width() + 4)),
        Constraint::Length(length(text.height() + 2)),
    );
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(text).alignment(Alignment::Left).block(block), area);
}

/// No screen is wider than this type can tell.
fn length(columns: usize) -> u16 {
    u16::try_from(columns).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
