//! The status of a pen as it comes: asked for, and told from what other programs answer.

use common::escape::Line;
use common::status::{SCHEMA, Snapshot};
use serde_json::Value;

use crate::address::ControlAddr;
use crate::answer::{self, Failure, Verdict};
use crate::connect::{self, Unreachable};

/// What is sent.
const QUESTION: &str = "status json";

/// The status as pen tells it: JSON with a known schema.
#[derive(Debug)]
pub struct Status {
    pub text: String,
    pub value: Value,
}

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub enum NoStatus {
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error(transparent)]
    Failed(#[from] Failure),
    #[error("the connection was closed without an answer")]
    Nothing,
    #[error("{}", Line(.0.trim_end()))]
    Refused(String),
    #[error(
        "no JSON from {0}: a pen from before version 1.0, as it seems, which has none; plain 'penctl {0} servers' works with it, too"
    )]
    OldPen(ControlAddr),
    #[error("the status of {0} cannot be read: {1}")]
    Strange(ControlAddr, serde_json::Error),
    #[error(
        "the status of {0} has schema {1}, and this penctl knows schema {SCHEMA}: a newer penctl is needed"
    )]
    Newer(ControlAddr, u64),
}

impl Status {
    /// As values; `address` is where it came from.
    pub fn snapshot(self, address: &ControlAddr) -> Result<Snapshot, NoStatus> {
        serde_json::from_value(self.value).map_err(|error| NoStatus::Strange(address.clone(), error))
    }
}

/// Asks for the status.
pub fn fetch(address: &ControlAddr) -> Result<Status, NoStatus> {
    let mut pen = connect::connect(address)?;
    let mut answer = Vec::new();
    answer::receive(&mut pen, QUESTION, &mut answer)?;
    read(address, answer)
}

fn read(address: &ControlAddr, answer: Vec<u8>) -> Result<Status, NoStatus> {
    if answer.is_empty() {
        return Err(NoStatus::Nothing);
    }
    let old = || NoStatus::OldPen(address.clone());
    let text = String::from_utf8(answer).map_err(|_| old())?;
    if text.starts_with(answer::ERROR) {
        return Err(NoStatus::Refused(text));
    }
    if !text.starts_with('{') || answer::verdict(text.as_bytes()) == Verdict::Refused {
        return Err(old());
    }
    let value: Value =
        serde_json::from_str(&text).map_err(|error| NoStatus::Strange(address.clone(), error))?;
    match value.get("schema").and_then(Value::as_u64) {
        Some(schema) if schema == u64::from(SCHEMA) => Ok(Status { text, value }),
        Some(schema) => Err(NoStatus::Newer(address.clone(), schema)),
        None => Err(old()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(answer: &[u8]) -> String {
        let address = ControlAddr::parse("www:8888").unwrap();
        read(&address, answer.to_vec()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_json_comes_from_an_old_pen() {
        let page = "<html><title>Pen status page</title></html>";
        let unknown = "do_cmd: ignoring command starting with 'status'\n";
        for answer in ["Unable to create webstats\n", page, unknown, "{}", "\u{fe}"] {
            assert_eq!(
                error(answer.as_bytes()),
                "no JSON from www:8888: a pen from before version 1.0, as it seems, which has none; plain 'penctl www:8888 servers' works with it, too"
            );
        }
        assert!(error(b"\xff\xfe").starts_with("no JSON from www:8888: "));
    }

    #[test]
    fn refusals_and_failures_are_told_as_they_are() {
        assert_eq!(error(b"error: only this host may\x1b[2J\n"), "error: only this host may\\u{1b}[2J");
        assert_eq!(error(b""), "the connection was closed without an answer");
        assert!(error(b"{\"schema\":1").starts_with("the status of www:8888 cannot be read: EOF"));
        assert!(error(b"{\"schema\":2}").contains("has schema 2, and this penctl knows schema 1"));
    }

    #[test]
    fn a_status_is_kept_as_it_came() {
        let text = "{\"schema\":1,\"time\":1795176506.123,\"x\":[]}\n";
        let address = ControlAddr::parse("www:8888").unwrap();
        let status = read(&address, text.into()).unwrap();
        assert_eq!(status.text, text);
        assert_eq!(status.value.to_string() + "\n", text);
    }
}
