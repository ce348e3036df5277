//! Records for tests.

use std::net::IpAddr;

use common::client_addr::ClientAddr;
use common::log_record::{Request, RequestLine};

/// A request of `::1` to `10.0.0.1`, in the fifth second.
pub fn request(text: &str) -> Request {
    let addr = |text: &str| ClientAddr::from(text.parse::<IpAddr>().unwrap());
    let (client, server) = (addr("::1"), addr("10.0.0.1"));
    Request { client, time: 5, server, request: RequestLine::of(text.as_bytes()) }
}
