//! Commands of the language that this version of pen refuses, so that people learn why.

/// Name and capability, sorted by name.
pub(super) const LATER: &[(&str, &str)] = &[
    ("drain", DRAINING),
    ("dsr_if", "direct server return"),
    ("geoip_db", GEOIP),
    ("health", "health check"),
    ("maint", DRAINING),
    ("peek", "first-frame routing"),
    ("tarpit_acl", "tarpit"),
    ("transparent", "transparent proxying"),
];

/// Those that are switches, which are off in this version: files that pen 0.34 wrote say so.
const SWITCHES: &[&str] = &["transparent"];

pub(super) const GEOIP: &str = "GeoIP";
const DRAINING: &str = "draining";

/// The capability that a command belongs to, if it comes later.
pub(super) fn later(name: &str) -> Option<&'static str> {
    LATER.iter().find(|(later, _)| *later == name).map(|&(_, capability)| capability)
}

/// Whether `no NAME` asks for what is the case anyway.
pub(super) fn is_off_anyway(name: &str) -> bool {
    SWITCHES.contains(&name)
}
