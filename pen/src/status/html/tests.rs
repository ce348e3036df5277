use super::super::sample;
use super::*;

/// The texts of all elements of a kind, as a scraper sees them.
fn texts(page: &str, element: &str) -> Vec<String> {
    let (open, close) = (format!("<{element}"), format!("</{element}>"));
    let parts = page.split(&open).skip(1).filter(|part| part.starts_with(['>', ' ']));
    parts.map(|part| part.split_once('>').unwrap().1.split_once(&close).unwrap().0.to_owned()).collect()
}

/// The cells, row by row, of a table.
fn rows(page: &str, table: usize) -> Vec<Vec<String>> {
    let rows = texts(&texts(page, "table")[table], "tr");
    rows.iter().map(|row| texts(row, "td")).filter(|row| !row.is_empty()).collect()
}

/// The page without its values: what is left is pen's own markup.
fn skeleton(page: &str) -> String {
    page.split('<')
        .map(|part| part.split_once('>').map_or("", |(tag, _)| tag.split(' ').next().unwrap()))
        .collect()
}

#[test]
fn the_page_has_the_words_and_headings_of_old() {
    let snapshot = sample::snapshot();
    let page = render(&snapshot);
    assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
    assert_eq!(texts(&page, "title"), ["Pen status page"]);
    assert_eq!(texts(&page, "h1"), ["Pen status page"]);
    assert_eq!(texts(&page, "h2"), ["Active clients", "Active connections"]);
    assert!(page.contains(&format!("Time {}, 3 servers, 1 current<", Moment(snapshot.time))));
    assert!(page.contains("Max number of clients: 2048"));
    assert!(page.contains("Number of connections: 500 max, 1 used"));
}

#[test]
fn the_tables_have_the_columns_of_old() {
    let page = render(&sample::snapshot());
    let titles: Vec<_> = texts(&page, "table").iter().map(|table| texts(table, "th").join(" ")).collect();
    assert_eq!(
        titles,
        [
            "server address status port connections max soft max hard sent received weight prio",
            "client address age(secs) last server connects sent received",
            "connection downfd upfd pending data down pending data up client server",
        ]
    );
}

#[test]
fn a_server_is_a_row_of_plain_words_and_numbers() {
    let www = ServerStatus {
        name: Some("www1".to_owned()),
        connections: 3,
        connects: 77,
        max: 10,
        hard: 20,
        sent: 15,
        received: 12_345_678_901,
        weight: 4,
        prio: 5,
        ..sample::server(0)
    };
    let mut snapshot = sample::snapshot();
    snapshot.services[0].servers[0] = www;
    let page = render(&snapshot);
    assert_eq!(
        rows(&page, 0),
        [
            ["0", "10.0.0.0", "up", "8080", "3", "10", "20", "15", "12345678901", "4", "5"],
            ["1", "10.0.0.1", "blacklisted 23s", "8080", "0", "0", "0", "0", "0", "0", "0"],
            ["2", "0.0.0.0", "empty", "0", "0", "0", "0", "0", "0", "0", "0"],
        ]
    );
    assert!(page.contains("<td title=\"www1\">0</td>\n"));
    assert!(page.contains("<td title=\"77 so far\">3</td>\n"));
    assert!(page.contains("<td title=\"12.3 GB\">12345678901</td>\n"));
}

#[test]
fn clients_and_connections_are_rows_too() {
    let mut snapshot = sample::snapshot();
    snapshot.services[0].clients.push(ClientStatus {
        open: 2,
        connects: 34,
        last_server: None,
        age: 0,
        sent: 20,
        received: 10,
        ..sample::client(7)
    });
    snapshot.services[0].open_connections.push(ConnectionStatus {
        client: None,
        server: None,
        up_fd: -1,
        pending_down: 12,
        pending_up: 34,
        ..sample::connection(1)
    });
    let page = render(&snapshot);
    assert_eq!(
        rows(&page, 1),
        [["0", "192.0.2.0", "3", "0", "1", "0", "0"], ["7", "192.0.2.7", "0", "-1", "34", "20", "10"]]
    );
    assert_eq!(
        rows(&page, 2),
        [["0", "10", "11", "0", "0", "0", "0"], ["1", "12", "-1", "12", "34", "-1", "-1"]]
    );
    assert!(page.contains("<td title=\"2 open\">34</td>\n"));
    assert!(page.contains("<td title=\"connected, 2 s\">1</td>\n"));
    assert!(page.contains("<td title=\"192.0.2.1\">-1</td>\n"));
}

#[test]
fn totals_facts_and_failures_show() {
    let mut snapshot = sample::snapshot();
    let service = &mut snapshot.services[0];
    service.unserved = 5;
    service.idlers = IdlersStatus { open: 3, wanted: 10 };
    service.log = Some("/var/log/pen.log".to_owned());
    service.modes = vec!["hash".into(), "prio".into()];
    service.fallbacks = vec![sample::fallback("emergency", sample::server(9))];
    service.servers[1].failures = 2;
    service.servers[1].last_error = Some("connection refused".to_owned());
    let page = render(&snapshot);
    for expected in [
        "<span class=\"up\">1 up</span> <span class=\"blacklisted\">1 blacklisted</span> <span class=\"empty\">1 empty</span>",
        "pen 1.0.0, process 4711, up 3 d 4 h",
        "<div><dt>usable servers</dt><dd>1 <small>of 2</small></dd></div>",
        "<dt>idlers</dt><dd>3 of 10 open</dd>",
        "<div><dt>accepted</dt><dd>8</dd></div>",
        "<div class=\"worry\"><dt>unserved</dt><dd>5</dd></div>",
        "<div><dt>shortages</dt><dd>0</dd></div>",
        "<dd>0.0.0.0:80</dd>",
        "<dd>hash, prio</dd>",
        "<dt>emergency server</dt><dd>10.0.0.9:8080, up, 0 connections, 0 B sent, 0 B received</dd>",
        "<dd>/var/log/pen.log, 0 records lost</dd>",
        "<li class=\"failure\">Server 1: failures so far: 2, the latest: connection refused</li>",
    ] {
        assert!(page.contains(expected), "{expected} is missing in:\n{page}");
    }
}

#[test]
fn health_shows_in_the_state_and_in_lists() {
    let mut snapshot = sample::snapshot();
    let page = render(&snapshot);
    assert!(!page.contains("class=\"remarks\"") && !page.contains("<details"), "nothing is tested");
    snapshot.services = vec![sample::checked("web")];
    let page = render(&snapshot);
    let states: Vec<_> = rows(&page, 0).iter().map(|row| row[2].clone()).collect();
    assert_eq!(
        states,
        ["up", "down", "up", "draining", "maintenance", "up", "draining", "down"],
        "one word each, for scripts"
    );
    for expected in [
        "<td title=\"2 d 3 h\">up</td>",
        "<td title=\"5 min 3 s\">down</td>",
        "<td title=\"20 s\">draining</td>",
        "<td title=\"1 h 0 min\">maintenance</td>",
        "<td title=\"1 h 0 min\">draining</td>",
        "<span class=\"down\">2 down</span>",
        "<dt>check</dt><dd>http / status 200-399 interval 2 timeout 2 rise 2 fall 3</dd>",
        "<dt>checks</dt><dd>200 passed, 3 failed, changes: 5</dd>",
        "<dt>agent</dt><dd>7777 interval 2 timeout 2</dd>",
        "<dt>fail open</dt><dd>on, 9 connections to servers that were down</dd>",
        "<dt>peek</dt><dd>rdp fold</dd>",
        "<summary>Users remembered: 2</summary>",
    ] {
        assert!(page.contains(expected), "{expected} is missing in:\n{page}");
    }
    assert_eq!(
        texts(&page, "li"),
        [
            "Server 1: down 5 min 3 s: http check: status 500 where 200-399 is expected",
            "Server 1: checks so far: 40 passed, 3 failed, changes: 1",
            "Server 2: up 2 d 3 h, 35 % by its agent",
            "Server 3: draining 20 s, by its agent: &lt;backup&gt;",
            "Server 4: maintenance 1 h 0 min, by the administrator",
            "Server 5: up 2 d 3 h, 40 % (slow start)",
            "Server 6: draining 1 h 0 min, by the administrator",
            "Server 7: down 20 s: by its agent",
            "anna: last server 0, 2 open",
            "otto: last server none, 1 min 1 s ago",
        ]
    );
    assert!(
        page.contains("<li class=\"down\">Server 1: down") && page.contains("<li class=\"up\">Server 2: up")
    );
}

#[test]
fn several_services_have_their_own_headings_totals_and_tables() {
    let web = ServiceStatus { open_connections: vec![], ..sample::service("web") };
    let page = render(&Snapshot { services: vec![web, sample::service("mail")], ..sample::snapshot() });
    assert_eq!(texts(&page, "h2"), ["Service web", "Service mail", "Active clients", "Active connections"]);
    assert!(page.contains(", 6 servers</p>"));
    assert_eq!(
        texts(&page, "caption"),
        [
            "Servers of web",
            "Servers of mail",
            "Max number of clients: 2048, 1 known (service web)",
            "Max number of clients: 2048, 1 known (service mail)",
            "Number of connections: 500 max, 1 used (service web)",
            "Number of connections: 500 max, 1 used (service mail)",
        ]
    );
    assert!(rows(&page, 4).is_empty());
    assert_eq!(rows(&page, 5).len(), 1);
}

#[test]
fn the_contents_tell_how_each_service_is_and_lead_to_it() {
    let removed = ServiceStatus { draining: true, ..sample::service("web") };
    let down = ServiceStatus { servers: vec![], usable: 0, ..sample::service("mail") };
    let services = vec![sample::service("web"), removed, down];
    let page = render(&Snapshot { services, ..sample::snapshot() });
    assert_eq!(
        texts(&page, "li"),
        [
            "<a href=\"#service-web\">web</a>: 1 of 2 servers usable, 1 of 500 connections",
            "<a href=\"#removed-1\">web</a> (removed, waits for its last connections): 1 of 2 servers usable, 1 of 500 connections",
            "<a href=\"#service-mail\">mail</a>: 0 of 0 servers usable, 1 of 500 connections",
        ]
    );
    for anchor in ["service-web", "removed-1", "service-mail"] {
        assert_eq!(page.matches(&format!("<section id=\"{anchor}\">")).count(), 1);
    }
    assert_eq!(texts(&page, "h2")[1], "Service web (removed, waits for its last connections)");
    assert_eq!(page.matches("<div class=\"worry\"><dt>usable servers").count(), 1);
}

#[test]
fn hostile_names_add_no_markup() {
    let hostile = "x</td></style><script src='//e'>&lt;\"onclick=\"a()\" '\0\x1b\u{202e}\r\n-->";
    let page = render(&sample::named(hostile));
    assert_eq!(skeleton(&page), skeleton(&render(&sample::named("x"))));
    assert!(!page.contains(|c: char| c != '\n' && c.is_control()));
    assert!(!page.contains("<script") && !page.contains("\"onclick") && !page.contains('\u{202e}'));
    assert!(
        page.contains(
            "title=\"x&lt;/td&gt;&lt;/style&gt;&lt;script src=&#39;//e&#39;&gt;&amp;lt;&quot;onclick"
        )
    );
}

#[test]
fn the_page_needs_nothing_from_outside() {
    let two = vec![sample::service("web"), sample::service("mail")];
    let page = render(&Snapshot { services: two, ..sample::snapshot() }).replace(" href=\"#service-", "");
    for reference in ["http:", "https:", "//", "src=", "href=", "url(", "@import", "<script", "style="] {
        assert!(!page.contains(reference), "{reference}");
    }
}
