use common::status::{
    CheckStatus, ClientStatus, ConnectionStatus, FallbackStatus, LimitsStatus, ServerState, ServerStatus,
    Share, Snapshot, UdpStatus, UserStatus,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::KeyCode;
use ratatui::style::Color;

use super::*;
use crate::report::NoStatus;

/// A model that knows three snapshots, a second apart.
fn model() -> Model {
    let mut model = Model::default();
    for second in 0..3 {
        model.learn(Ok(snapshot(second)), &mut State::default());
    }
    model
}

fn snapshot(second: u32) -> Snapshot {
    let many = u64::from(second);
    let server = |slot, address: &str, state| ServerStatus {
        slot: Some(slot),
        address: address.to_owned(),
        port: 80,
        state,
        ..ServerStatus::default()
    };
    let web = ServerStatus {
        connects: many * many * 10,
        sent: many * 1_000,
        received: many * 2_000_000,
        connections: 3,
        ..server(0, "10.0.0.1", ServerState::Up)
    };
    let failed = ServerStatus {
        failures: 2,
        last_error: Some("Connection refused".into()),
        ..server(1, "/run/x\x1b]0;owned\x07", ServerState::Blacklisted { blacklisted_seconds: 23 })
    };
    let service = ServiceStatus {
        name: "default".into(),
        listen: vec!["0.0.0.0:80".into()],
        limits: LimitsStatus { conn_max: 500, ..LimitsStatus::default() },
        connections: 3,
        pending: 1,
        accepted: many * 30,
        unserved: 4,
        servers: vec![web, failed, server(2, "0.0.0.0", ServerState::Empty)],
        fallbacks: vec![FallbackStatus {
            role: "abuse".into(),
            server: server(0, "10.0.0.9", ServerState::Up),
        }],
        clients: vec![ClientStatus {
            address: "192.0.2.7".into(),
            age: 61,
            connects: 5,
            ..ClientStatus::default()
        }],
        open_connections: vec![ConnectionStatus {
            number: 17,
            client_address: "192.0.2.7".into(),
            ..ConnectionStatus::default()
        }],
        ..ServiceStatus::default()
    };
    let mail = ServiceStatus { name: "mail".into(), ..ServiceStatus::default() };
    Snapshot {
        version: "1.0.0".into(),
        time: 1_000_000.0 + f64::from(second),
        uptime: 3700 + u64::from(second),
        pid: 4711,
        services: vec![service, mail],
        ..Snapshot::default()
    }
}

fn drawn(model: &Model, state: &mut State, (width, height): (u16, u16), theme: Theme) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| _ = draw(frame, model, state, "/run/pen/control", theme)).unwrap();
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let line = |cells: &[ratatui::buffer::Cell]| {
        let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        line.trim_end().to_owned() + "\n"
    };
    buffer.content.chunks(width).map(line).collect()
}

/// The screen after some keys.
fn screen(keys: &[KeyCode], size: (u16, u16)) -> String {
    let model = model();
    let mut state = State::default();
    let extent = Extent { columns: 12, rows: 4, page: 17, services: 2, has_users: false };
    for &key in keys {
        state.press(key.into(), extent);
    }
    text(&drawn(&model, &mut state, size, Theme::Colours))
}

#[test]
fn the_first_screen_shows_totals_and_servers_in_80_columns() {
    let expected = r"
 pen 1.0.0 at /run/pen/control, process 4711, up 1 h 1 min                 live
 service default (1 of 2) on 0.0.0.0:80: tracking, round robin
 3 of 500 open, 1 connecting; 30.0 conn/s; 1.0 kB/s to servers, 2.0 MB/s back
 servers: 1 up, 1 blacklisted, 1 empty; 60 accepted so far; 4 unserved
  1 Servers 4   2 Clients 1   3 Connections 1
 slot ▲  address                       state            conn  conn trend
 0       10.0.0.1:80                   up                  3  ▃█
 1       /run/x\u{1b}]0;owned\u{7}:80  blacklisted 23s     0
 2       none                          empty               0
 abuse   10.0.0.9:80                   up                  0









 q quit  ? help  Tab lists  s service  < > sort  r reverse  / filter  m chart
";
    assert_eq!(screen(&[], (80, 20)), expected[1..]);
}

#[test]
fn a_wide_screen_shows_more_columns() {
    let narrow = screen(&[], (80, 24));
    let wide = screen(&[], (160, 24));
    for title in ["sent", "received", "served", "failed", "bytes/s"] {
        assert!(wide.lines().nth(5).unwrap().contains(title), "{title} in {wide}");
    }
    assert!(!narrow.lines().nth(5).unwrap().contains("served"));
    assert!(wide.contains(r"/run/x\u{1b}]0;owned\u{7}:80"));
}

#[test]
fn the_other_lists_and_services_are_a_key_away() {
    use KeyCode::Char;
    let clients = screen(&[Char('2')], (80, 24));
    assert!(clients.contains("192.0.2.7  1 min 1 s ago  none"), "{clients}");
    let connections = screen(&[Char('3')], (80, 24));
    assert!(connections.contains("          17  192.0.2.7  none    connected"), "{connections}");
    let mail = screen(&[Char('s')], (80, 24));
    assert!(mail.contains("service mail (2 of 2)") && mail.contains("1 Servers 0"), "{mail}");
}

#[test]
fn datagrams_that_did_not_arrive_are_told_of_a_service_that_balances_them() {
    let mut model = Model::default();
    let mut snapshot = snapshot(0);
    snapshot.services[0].udp = Some(UdpStatus { dropped: 5, lost: 6, ..UdpStatus::default() });
    model.learn(Ok(snapshot), &mut State::default());
    let screen = text(&drawn(&model, &mut State::default(), (120, 24), Theme::Colours));
    assert!(screen.contains("on 0.0.0.0:80 (UDP): tracking, round robin\n"), "{screen}");
    assert!(screen.contains("; 5 dropped datagrams; 6 lost datagrams\n"), "{screen}");
}

/// A pen with a server that is down, one that drains, and one that gets a part, and with a user of RDP.
fn tested() -> Model {
    let mut snapshot = snapshot(0);
    let service = &mut snapshot.services[0];
    let down = &mut service.servers[1];
    (down.state, down.last_error) = (ServerState::Down, None);
    down.check = Some(CheckStatus {
        kind: "http".into(),
        since: 303,
        reason: Some("status 500\x1b[2J".into()),
        failed: 3,
        ..CheckStatus::default()
    });
    service.servers[2] =
        ServerStatus { slot: Some(2), state: ServerState::Draining, ..service.servers[0].clone() };
    service.servers[0].share = Share(35);
    service.peek = Some("rdp".into());
    service.users = vec![UserStatus { name: "anna\x1b".into(), open: 2, ..UserStatus::default() }];
    (service.users_known, service.failed_open) = (1, 9);
    let mut model = Model::default();
    model.learn(Ok(snapshot), &mut State::default());
    model
}

#[test]
fn a_server_that_is_down_tells_since_when_and_on_the_marked_row_why() {
    let mut state = State::default();
    state.look_mut().cursor = 1;
    let buffer = drawn(&tested(), &mut state, (120, 24), Theme::Colours);
    let screen = text(&buffer);
    for told in [
        " servers: 1 up, 1 draining, 1 down; 0 accepted so far; 4 unserved; 9 failed open\n",
        "  down 5 min 3 s ",
        "  35 % ",
        "\n server 1: down 5 min 3 s: http check: status 500\\u{1b}[2J; checks so far: 0 passed, 3 failed, changes: 0\n",
    ] {
        assert!(screen.contains(told), "{told} in {screen}");
    }
    let foot = &buffer.content[buffer.content.len() - 110];
    assert_eq!(foot.fg, Color::Red);
    assert!(
        buffer.content.iter().any(|cell| cell.fg == Color::Yellow),
        "what is so by intent stands out, too"
    );
}

#[test]
fn users_have_a_list_where_a_service_looks_for_them() {
    let mut state = State::default();
    state.tab = Tab::Users;
    let screen = text(&drawn(&tested(), &mut state, (80, 24), Theme::Colours));
    assert!(screen.contains("  4 Users 1\n") && screen.contains(" anna\\u{1b}  2 open "), "{screen}");
    let screen = text(&drawn(&model(), &mut state, (80, 24), Theme::Colours));
    assert!(!screen.contains("Users") && screen.contains("10.0.0.1:80"), "{screen}");
    assert_eq!(state.tab, Tab::Servers);
}

#[test]
fn sorting_filtering_and_the_latest_error_show() {
    use KeyCode::{Char, Down, Enter, Right};
    let sorted = screen(&[Right, Right, Right, Right, Char('r')], (80, 24));
    assert!(sorted.lines().nth(5).unwrap().contains("conn ▼"), "{sorted}");
    let typing = screen(&[Char('/'), Char('1'), Char('0')], (80, 24));
    assert!(typing.contains("\n /10_\n") && !typing.contains("blacklisted 23s"), "{typing}");
    let kept = screen(&[Char('/'), Char('e'), Char('m'), Enter], (80, 24));
    assert!(kept.contains(" 1 rows with 'em'; Esc: all\n"), "{kept}");
    let marked = screen(&[Down], (80, 24));
    assert!(marked.contains("\n server 1: 2 failed, the latest: Connection refused\n"), "{marked}");
    let bytes = screen(&[Char('m')], (80, 24));
    assert!(bytes.contains("byte trend") && bytes.contains(" ██\n"), "{bytes}");
}

#[test]
fn help_explains_every_key_within_80_columns() {
    let help = screen(&[KeyCode::Char('?')], (80, 24));
    for (keys, meaning) in KEYS {
        assert!(help.contains(keys) && help.contains(meaning), "{keys}: {meaning} in {help}");
    }
}

#[test]
fn a_pen_that_does_not_answer_is_told_and_what_was_known_stays() {
    let mut model = model();
    model.learn(Err(NoStatus::Nothing), &mut State::default());
    let screen = text(&drawn(&model, &mut State::default(), (80, 24), Theme::Colours));
    assert!(screen.lines().next().unwrap().ends_with("no answer, trying again"), "{screen}");
    assert!(screen.contains(" no answer: the connection was closed without an answer\n"), "{screen}");
    assert!(screen.contains("10.0.0.1:80"));
}

#[test]
fn before_the_first_answer_there_is_only_the_question_or_the_trouble() {
    let mut model = Model::default();
    let asked = text(&drawn(&model, &mut State::default(), (80, 24), Theme::Colours));
    assert!(asked.starts_with(" pen at /run/pen/control"), "{asked}");
    assert!(asked.lines().next().unwrap().ends_with("asking"), "{asked}");
    let long = "error: ".to_owned() + &"word ".repeat(40);
    model.learn(Err(NoStatus::Refused(long)), &mut State::default());
    let told = text(&drawn(&model, &mut State::default(), (80, 24), Theme::Colours));
    assert_eq!(told.matches("word").count(), 40, "it is wrapped: {told}");
}

#[test]
fn states_are_in_colour_unless_that_is_not_wanted() {
    let colours = |theme| {
        let buffer = drawn(&model(), &mut State::default(), (120, 24), theme);
        let mut colours: Vec<_> = buffer.content.iter().map(|cell| cell.fg).collect();
        colours.dedup();
        colours
    };
    let all = colours(Theme::Colours);
    assert!(all.contains(&Color::Green) && all.contains(&Color::Red), "{all:?}");
    assert_eq!(colours(Theme::Plain), [Color::Reset]);
}

#[test]
fn any_size_of_screen_can_be_drawn() {
    let model = model();
    for width in (0..20).chain([40, 79, 300]) {
        for height in (0..9).chain([24, 100]) {
            for mode in [Mode::List, Mode::Filter, Mode::Help] {
                for tab in Tab::ALL {
                    let mut state = State::default();
                    (state.mode, state.tab) = (mode, tab);
                    drawn(&model, &mut state, (width, height), Theme::Plain);
                }
            }
        }
    }
}

#[test]
fn charts_show_the_least_and_are_scaled_to_the_highest() {
    assert_eq!(chart(&[8.0, 0.001, 0.0, 4.0], 8.0), "▄ ▁█");
    assert_eq!(chart(&[0.0, 0.0], 0.0), "  ");
    assert_eq!(chart(&[f64::NAN, f64::INFINITY], f64::INFINITY).chars().count(), 2);
}
