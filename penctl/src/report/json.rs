//! Parts of the status as JSON, member by member as pen told them, also those that this penctl does not know.

use std::borrow::Cow;
use std::sync::LazyLock;

use common::escape::Json;
use serde_json::{Value, json};

use super::{NoService, Part, Status, Subject, is_recent};

/// Renders a part: on one line for programs, indented and harmless for a terminal.
pub fn render<'a>(
    status: &'a Status,
    subject: &Subject,
    is_terminal: bool,
) -> Result<Cow<'a, str>, NoService> {
    if subject.part == Part::Status && !is_terminal {
        return Ok(status.text.as_str().into());
    }
    let part = part(&status.value, subject)?;
    let text = if is_terminal { Json(format!("{part:#}")).to_string() } else { part.to_string() };
    Ok((text + "\n").into())
}

fn part(status: &Value, subject: &Subject) -> Result<Value, NoService> {
    let of_service = |member| Ok(service(status, subject)?[member].clone());
    match subject.part {
        Part::Status => Ok(status.clone()),
        Part::Services => Ok(status["services"].clone()),
        Part::Servers => of_service("servers"),
        Part::Connections => of_service("open_connections"),
        Part::Recent(seconds) => {
            let mut clients = of_service("clients")?;
            if let Some(clients) = clients.as_array_mut() {
                clients.retain(|client| is_recent(client["age"].as_u64().unwrap_or(0), seconds));
            }
            Ok(clients)
        }
    }
}

/// A service that is there and not in use.
static NOTHING: LazyLock<Value> =
    LazyLock::new(|| json!({ "servers": [], "clients": [], "open_connections": [] }));

fn service<'a>(status: &'a Value, subject: &Subject) -> Result<&'a Value, NoService> {
    let there = || status["services"].as_array().into_iter().flatten().filter(|one| one["draining"] != true);
    there()
        .find(|one| one["name"] == subject.service())
        .or(subject.is_always_there().then_some(&*NOTHING))
        .ok_or_else(|| NoService {
            name: subject.service().to_owned(),
            there: there().filter_map(|one| one["name"].as_str().map(str::to_owned)).collect(),
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status() -> Status {
        let value = json!({
            "schema": 1,
            "services": [
                {
                    "name": "default",
                    "servers": [{ "slot": 0, "address": "/x\u{1b}[2J\u{9b}\u{202e}\n", "later": [1.5] }],
                    "clients": [{ "age": 0 }, { "age": 9 }, { "age": 10 }],
                    "open_connections": [{ "number": 3 }],
                },
                { "name": "mail", "draining": true, "servers": [] },
                { "name": "web", "servers": [], "clients": [], "open_connections": [] },
            ],
        });
        Status { text: format!("  {value}\n"), value }
    }

    fn rendered(command: &str, is_terminal: bool) -> Result<String, NoService> {
        render(&status(), &Subject::of(command).unwrap(), is_terminal).map(Cow::into_owned)
    }

    #[test]
    fn the_whole_is_rendered_as_it_came() {
        assert_eq!(rendered("status", false).unwrap(), status().text);
    }

    #[test]
    fn parts_are_arrays_on_one_line_with_all_their_members() {
        assert_eq!(
            rendered("servers", false).unwrap(),
            "[{\"slot\":0,\"address\":\"/x\\u001b[2J\u{9b}\u{202e}\\n\",\"later\":[1.5]}]\n"
        );
        assert_eq!(rendered("connections", false).unwrap(), "[{\"number\":3}]\n");
        assert_eq!(rendered("recent 10", false).unwrap(), "[{\"age\":0},{\"age\":9}]\n");
        assert_eq!(rendered("service web servers", false).unwrap(), "[]\n");
        assert!(rendered("services", false).unwrap().starts_with("[{\"name\":\"default\",\"servers\":[{"));
    }

    #[test]
    fn for_a_terminal_lines_are_short_and_nothing_speaks_to_it() {
        let text = rendered("servers", true).unwrap();
        assert_eq!(
            text,
            r#"[
  {
    "slot": 0,
    "address": "/x\u001b[2J\u009b\u202e\n",
    "later": [
      1.5
    ]
  }
]
"#
        );
        let again: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(again, status().value["services"][0]["servers"]);
    }

    #[test]
    fn a_service_that_is_not_there_is_named_and_one_that_drains_is_not_there() {
        for name in ["nobody", "mail"] {
            let error = rendered(&format!("service {name} servers"), false).unwrap_err();
            assert_eq!(error.to_string(), format!("pen has no service '{name}': there are default, web"));
        }
    }
}
