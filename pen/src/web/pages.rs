//! The bodies of answers, from the running state.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::mpsc::channel;

use common::command::StatusFormat;
use common::reason;

use super::response::{Body, Response, Status};
use super::routes::Route;
use crate::shared::Shared;
use crate::status::collect::{self, Most};
use crate::status::renderings;

/// Prometheus's text format.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";

/// What a route leads to. `stopping`: pen takes no new clients any more.
pub fn page(route: Route<'_>, stopping: bool, shared: &Arc<Shared>) -> Response {
    match route {
        Route::Asset(asset) => Response {
            status: Status::Ok,
            content_type: asset.content_type,
            body: Body::Own(Cow::Borrowed(asset.content)),
        },
        Route::Status(most) => rendered(StatusFormat::Json, most, JSON, shared),
        Route::Metrics => rendered(StatusFormat::Prometheus, Most::NONE, EXPOSITION, shared),
        Route::Health if stopping => Response::text(Status::Unavailable, "stopping\n"),
        Route::Health => Response::text(Status::Ok, "ok\n"),
        Route::ServiceHealth(name) => service_health(name, stopping, shared),
    }
}

/// A rendering, shared with all who ask for the same meanwhile.
fn rendered(format: StatusFormat, most: Most, content_type: &'static str, shared: &Arc<Shared>) -> Response {
    let (sender, rendering) = channel();
    // The peer waits for it here.
    let deliver = Box::new(move |text| drop(sender.send(text)));
    if let Err(error) = renderings::order(shared, format, most, deliver) {
        let why = format!("cannot start a thread to answer: {}\n", reason(&error));
        return Response::text(Status::Unavailable, why);
    }
    match rendering.recv() {
        Ok(text) => Response { status: Status::Ok, content_type, body: Body::Shared(text) },
        Err(_) => Response::text(Status::Unavailable, "pen is stopping\n"),
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
