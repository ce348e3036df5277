//! `dummy`: pen itself answers, as a tiny web server that names its listener. For trying things out.

use super::connection::Next;
use super::end::{End, Incoming};
use crate::settings::Service;

/// Answers the first thing that the client says (a request's head, presumably), then reads on until the client closes.
pub fn serve(down: &mut End, scratch: &mut [u8], service: &Service) -> Next {
    down.flush();
    if !down.shut
        && let Incoming::Data(request) = down.read(scratch)
    {
        down.send(&answer(service, request.starts_with(b"HEAD ")));
        down.finish_writing();
    }
    let more = down.shut && down.discard(scratch);
    match (down.ended || down.broken, more) {
        (true, _) => Next::End,
        (false, true) => Next::Resume,
        (false, false) => Next::Wait,
    }
}

fn answer(service: &Service, head_only: bool) -> Vec<u8> {
    let listeners: Vec<&str> = service.listen.iter().map(|address| address.text.as_str()).collect();
    let text = format!("This is pen, listening on {}.\n", listeners.join(" "));
    let body = if head_only { "" } else { &text };
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        text.len()
    )
    .into_bytes()
}
