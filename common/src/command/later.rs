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
];

pub(super) const GEOIP: &str = "GeoIP";
const DRAINING: &str = "draining";

/// The capability that a command belongs to, if it comes later.
pub(super) fn later(name: &str) -> Option<&'static str> {
    LATER.iter().find(|(later, _)| *later == name).map(|&(_, capability)| capability)
}
