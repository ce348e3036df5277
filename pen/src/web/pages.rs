//! The bodies of answers, from the running state.

use std::borrow::Cow;

use common::status::Snapshot;
use parking_lot::Mutex;

use super::response::{Response, Status};
use super::routes::Route;
use crate::os::priority::behind_the_workers;
use crate::shared::Shared;
use crate::status::collect::{self, Most};
use crate::status::{json, prometheus};

/// Prometheus's text format.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";

/// Makes the pages.
#[derive(Debug, Default)]
pub struct Pages {
    /// A large status is made for one peer at a time, so that many of them take no more memory and time than one.
    large: Mutex<()>,
}

impl Pages {
    /// What a route leads to. `stopping`: pen takes no new clients any more.
    pub fn page(&self, route: Route<'_>, stopping: bool, shared: &Shared) -> Response {
        match route {
            Route::Asset(asset) => Response {
                status: Status::Ok,
                content_type: asset.content_type,
                body: Cow::Borrowed(asset.content),
            },
            Route::Status(most) => self.rendered(most, json::render, JSON, shared),
            Route::Metrics => self.rendered(Most::NONE, prometheus::render, EXPOSITION, shared),
            Route::Health if stopping => Response::text(Status::Unavailable, "stopping\n"),
            Route::Health => Response::text(Status::Ok, "ok\n"),
            Route::ServiceHealth(name) => service_health(name, stopping, shared),
        }
    }

    fn rendered(
        &self,
        most: Most,
        render: fn(&Snapshot) -> String,
        content_type: &'static str,
        shared: &Shared,
    ) -> Response {
        let _one_at_a_time = self.large.lock();
        let snapshot = collect::snapshot(shared, most);
        let body = behind_the_workers(|| render(&snapshot));
        Response { status: Status::Ok, content_type, body: body.into() }
    }
}

fn service_health(name: &str, stopping: bool, shared: &Shared) -> Response {
    let settings = shared.settings.load();
    let Some(index) = settings.services.find(name) else {
        return Response::text(Status::NotFound, "There is no such service.\n");
    };
    if stopping {
        return Response::text(Status::Unavailable, "stopping\n");
    }
    let status = collect::service_status(settings.service(index), shared.now());
    match status.usable_servers() {
        0 => Response::text(Status::Unavailable, "no usable server\n"),
        count => Response::text(Status::Ok, format!("ok, usable servers: {count}\n")),
    }
}
