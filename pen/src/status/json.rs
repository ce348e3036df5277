//! The status for programs: the snapshot as one JSON object on one line, documented in `docs/status.md`.

use common::status::Snapshot;

/// Renders the whole.
pub fn render(snapshot: &Snapshot) -> String {
    // It is made of numbers, strings, lists and structures, none of which serde_json refuses.
    let mut text = serde_json::to_string(snapshot).unwrap_or_default();
    text.push('\n');
    text
}
