//! What is asked for.

use super::assets::{self, Asset};
use super::request::{Method, Request};
use crate::status::collect::Most;

/// What there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// `/` and what it refers to.
    Asset(&'static Asset),
    /// `/status.json`
    Status(Most),
    /// `/metrics`
    Metrics,
    /// `/healthz`
    Health,
    /// `/healthz/NAME`
    ServiceHealth(&'a str),
}

/// Why there is nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stray {
    /// Not GET or HEAD.
    Method,
    /// No such path.
    Path,
    /// A query that says nothing useful: why.
    Query(String),
}

/// The part of `/healthz/NAME` before the name.
const HEALTH_OF: &str = "/healthz/";

/// Finds out.
pub fn route(request: &Request) -> Result<Route<'_>, Stray> {
    if request.method == Method::Other {
        return Err(Stray::Method);
    }
    match request.path.as_str() {
        "/status.json" => most(&request.query).map(Route::Status).map_err(Stray::Query),
        "/metrics" => Ok(Route::Metrics),
        "/healthz" => Ok(Route::Health),
        path => match path.strip_prefix(HEALTH_OF) {
            Some(name) => Ok(Route::ServiceHealth(name)),
            None => assets::find(path).map(Route::Asset).ok_or(Stray::Path),
        },
    }
}

/// `clients=25&connections=0`. What else a query says is for somebody else.
fn most(query: &str) -> Result<Most, String> {
    let mut most = Most::default();
    for (name, value) in query.split('&').filter_map(|part| part.split_once('=')) {
        let limit = match name {
            "clients" => &mut most.clients,
            "connections" => &mut most.connections,
            "users" => &mut most.users,
            _ => continue,
        };
        let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let number = value.parse().ok().filter(|_| is_number);
        *limit = Some(number.ok_or_else(|| format!("bad '{name}' in the query: a number is expected\n"))?);
    }
    Ok(most)
}

#[cfg(test)]
mod tests;
