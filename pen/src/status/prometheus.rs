//! The status for Prometheus, in its text exposition format.

use common::status::Snapshot;

/// Renders the whole.
pub fn render(snapshot: &Snapshot) -> String {
    format!("# TYPE pen_uptime_seconds gauge\npen_uptime_seconds {}\n", snapshot.uptime)
}
