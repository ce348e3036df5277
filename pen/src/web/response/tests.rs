use std::time::UNIX_EPOCH;

use super::*;

fn text(response: &Response, then: Then) -> String {
    response.head(then, UNIX_EPOCH) + response.body.as_str()
}

#[test]
fn an_answer_has_its_length_its_date_and_what_browsers_must_not_do() {
    let response = Response::text(Status::Ok, "ok\n");
    assert_eq!(
        text(&response, Then::KeepAlive),
        "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: 3\r\nCache-Control: no-store\r\nContent-Security-Policy: default-src 'none'; script-src 'self'; \
         style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\nConnection: keep-alive\r\n\r\nok\n"
    );
}

#[test]
fn a_head_tells_the_length_of_the_body_that_it_goes_before() {
    let head = Response::text(Status::NotFound, "nothing\n").head(Then::Close, UNIX_EPOCH);
    assert!(head.contains("\r\nContent-Length: 8\r\n") && head.ends_with("\r\nConnection: close\r\n\r\n"));
}

#[test]
fn a_method_that_is_not_allowed_is_told_which_are() {
    let response = Response::from(Stray::Method);
    let told = text(&response, Then::Close);
    assert!(
        told.starts_with("HTTP/1.1 405 Method Not Allowed\r\n") && told.contains("\r\nAllow: GET, HEAD\r\n")
    );
}

#[test]
fn every_refusal_is_a_line_of_text() {
    let refusals = [
        (Response::from(Problem::Malformed), "400 Bad Request"),
        (Response::from(Problem::Version), "505 HTTP Version Not Supported"),
        (Response::from(Problem::TooLarge), "431 Request Header Fields Too Large"),
        (Response::from(Refused::ByList), "403 Forbidden"),
        (Response::from(Refused::ForItsHost), "403 Forbidden"),
        (Response::from(Stray::Path), "404 Not Found"),
        (Response::from(Stray::Query("bad\n".to_owned())), "400 Bad Request"),
    ];
    for (response, line) in refusals {
        assert_eq!(response.status.line(), line);
        assert_eq!(response.content_type, TEXT);
        let body = response.body.as_str();
        assert_eq!(body.lines().count(), 1, "{body}");
    }
}
