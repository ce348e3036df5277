use super::super::request::Then;
use super::*;

fn get(path: &str, query: &str) -> Request {
    let (path, query) = (path.to_owned(), query.to_owned());
    Request { method: Method::Get, path, query, host: None, then: Then::Close }
}

#[test]
fn every_path_leads_somewhere_or_nowhere() {
    let found = |path: &str| format!("{:?}", route(&get(path, "")));
    assert_eq!(route(&get("/metrics", "x=y")), Ok(Route::Metrics));
    assert_eq!(route(&get("/healthz", "")), Ok(Route::Health));
    assert_eq!(route(&get("/healthz/web", "")), Ok(Route::ServiceHealth("web")));
    assert_eq!(route(&get("/healthz/", "")), Ok(Route::ServiceHealth("")));
    assert!(found("/").contains("text/html"));
    for path in
        ["", "//", "/index.html", "/../look.css", "/status.json/", "/healthz2", "/%68ealthz", "/metrics/"]
    {
        assert_eq!(route(&get(path, "")), Err(Stray::Path), "{path}");
    }
}

#[test]
fn only_reading_is_possible() {
    for path in ["/", "/status.json", "/nowhere"] {
        assert_eq!(route(&Request { method: Method::Other, ..get(path, "") }), Err(Stray::Method));
    }
    let head = Request { method: Method::Head, ..get("/metrics", "") };
    assert_eq!(route(&head), Ok(Route::Metrics));
}

#[test]
fn a_query_bounds_the_status() {
    let most = |query: &str| match route(&get("/status.json", query)) {
        Ok(Route::Status(most)) => Ok((most.clients, most.connections, most.users)),
        Err(Stray::Query(why)) => Err(why),
        other => panic!("{other:?}"),
    };
    assert_eq!(most(""), Ok((None, None, None)));
    assert_eq!(most("clients=25&connections=0"), Ok((Some(25), Some(0), None)));
    assert_eq!(most("connections=7&_=1&&x"), Ok((None, Some(7), None)));
    assert_eq!(most("users=3"), Ok((None, None, Some(3))));
    for value in ["", "-1", "+1", "x", "99999999999999999999999"] {
        let bad = Err("bad 'clients' in the query: a number is expected\n".to_owned());
        assert_eq!(most(&format!("clients={value}")), bad, "{value}");
    }
}
