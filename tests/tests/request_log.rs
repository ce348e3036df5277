//! The request log as a penlogd and a reader of its file see it. `files` has its rotation.

mod request_log {
    mod connections;
    mod destinations;
    mod flows;
    mod http;
    mod log_host;
    mod tls;
}
