//! Commands of the language that this version of pen refuses, so that people learn why.

/// Name and capability, sorted by name.
pub(super) const LATER: &[(&str, &str)] =
    &[("dsr_if", "direct server return"), ("geoip_db", GEOIP), ("tarpit_acl", "tarpit")];

pub(super) const GEOIP: &str = "GeoIP";

/// The capability that a command belongs to, if it comes later.
pub(super) fn later(name: &str) -> Option<&'static str> {
    LATER.iter().find(|(later, _)| *later == name).map(|&(_, capability)| capability)
}
