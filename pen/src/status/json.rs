//! The status for programs: the snapshot as one JSON object on one line, documented in `docs/status.md`.

use std::io::{self, Write};

use common::escape::Json;
use common::status::Snapshot;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// Renders the whole.
pub fn render(snapshot: &Snapshot) -> String {
    let mut json = Vec::new();
    // It is made of numbers, strings, lists and structures, none of which serde_json refuses.
    let _ = snapshot.serialize(&mut Serializer::with_formatter(&mut json, Harmless));
    json.push(b'\n');
    String::from_utf8(json).unwrap_or_default()
}

/// Writes what JSON does not forbid, but a terminal obeys, as numbers: some look at it there.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            writer.write_all(fragment.as_bytes())
        } else {
            write!(writer, "{}", Json(fragment))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use common::status::{ServerState, ServerStatus, ServiceStatus, UserStatus};
    use serde_json::Value;

    use super::super::sample;
    use super::*;

    /// Every field that there can be, once with a value and once, where it may be null, without.
    fn snapshots() -> [Snapshot; 2] {
        let mut full = sample::named("x");
        for service in &mut full.services {
            service.modes = vec!["hash".into()];
            service.servers[0].host = Some("x".to_owned());
            service.servers[0].state = ServerState::Blacklisted { blacklisted_seconds: 1 };
        }
        let mut bare = sample::snapshot();
        let service = &mut bare.services[0];
        service.current = None;
        service.clients[0].last_server = None;
        (service.open_connections[0].client, service.open_connections[0].server) = (None, None);
        let tested = ServerStatus {
            check: Some(sample::check(true)),
            agent: Some(sample::agent("ready", 100)),
            admin_since: Some(1),
            ..sample::server(1)
        };
        service.servers = vec![ServerStatus { slot: None, ..sample::server(0) }, tested];
        service.users = vec![UserStatus::default()];
        [full, bare]
    }

    /// The fields by their paths, as the document writes them, and the types that occur.
    fn told(value: &Value, path: &str, fields: &mut BTreeMap<String, BTreeSet<&'static str>>) {
        if !path.is_empty() {
            fields.entry(path.to_owned()).or_default().insert(type_of(value));
        }
        match value {
            // A fallback's server is documented as a server.
            Value::Object(_) if path == "services[].fallbacks[].server" => {
                let Value::Object(inner) = value else { return };
                for (name, value) in inner {
                    told(value, &format!("services[].servers[].{name}"), fields);
                }
            }
            Value::Object(inner) => {
                for (name, value) in inner {
                    let dot = if path.is_empty() { "" } else { "." };
                    told(value, &format!("{path}{dot}{name}"), fields);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| told(item, &format!("{path}[]"), fields)),
            _ => {}
        }
    }

    fn type_of(value: &Value) -> &'static str {
        match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "list",
            Value::Object(_) => "object",
        }
    }

    /// The rows of the document's tables that describe fields: path and types.
    fn documented() -> BTreeMap<String, BTreeSet<&'static str>> {
        let document = include_str!("../../../docs/status.md");
        let json = document.split("## JSON").nth(1).unwrap().split("## Prometheus").next().unwrap();
        let rows = json.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
        rows.map(|(path, rest)| (path.to_owned(), rest.split(" |").next().unwrap().split(" or ").collect()))
            .collect()
    }

    #[test]
    fn the_document_describes_every_field_and_no_other() {
        let mut fields = BTreeMap::new();
        for snapshot in snapshots() {
            told(&serde_json::from_str(&render(&snapshot)).unwrap(), "", &mut fields);
        }
        // Lists and objects inside lists are described by their fields.
        fields.retain(|path, types| !path.ends_with("[]") || !types.contains("object"));
        let documented = documented();
        for (path, types) in &fields {
            assert_eq!(documented.get(path), Some(types), "{path} and its types in docs/status.md");
        }
        let told: BTreeSet<&String> = fields.keys().collect();
        let invented: Vec<_> = documented.keys().filter(|path| !told.contains(path)).collect();
        assert!(invented.is_empty(), "docs/status.md has fields that there are not: {invented:?}");
    }

    #[test]
    fn one_line_holds_it_all_and_hostile_names_come_back_as_they_were() {
        let hostile = "\"}],\\</script>\u{1b}[2J\n\u{7f}\u{9b}2J\u{202e}\u{2028}ä";
        let text = render(&sample::named(hostile));
        assert_eq!((text.matches('\n').count(), text.ends_with('\n')), (1, true));
        assert!(!text.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}'));
        let snapshot: Snapshot = serde_json::from_str(&text).unwrap();
        let ServiceStatus { name, listen, servers, log, .. } = &snapshot.services[0];
        assert_eq!(name, hostile);
        assert_eq!((&listen[0], log.as_ref()), (name, Some(name)));
        assert_eq!((servers[0].name.as_ref(), servers[0].last_error.as_ref()), (Some(name), Some(name)));
    }
}
