//! A service that balances datagrams: whose ports its names are, and which settings it cannot have besides.

use std::fmt::Display;

use common::addr::{ListenAddr, ListenPlace, Port};

use super::draft::Draft;
use super::resolve::Resolver;
use super::{ListenOn, Place, Service, Settings, Transport};

/// `udp` and `no udp`. Where the service listens at a port with a name, that is the port of this name in the other protocol from
/// now on. Those of servers are numbers already.
pub fn switch(draft: &mut Draft, on: bool) -> Result<(), String> {
    if draft.service().udp == on {
        return Ok(());
    }
    let transport = Transport::of(on);
    let resolver = &*draft.environment.resolver;
    let listen = draft.service().listen.iter().map(|listen| renamed(listen, transport, resolver));
    let listen = listen.collect::<Result<_, _>>()?;
    let service = draft.service_mut();
    service.listen = listen;
    service.udp = on;
    Ok(())
}

/// The same address, with the port that its name stands for.
fn renamed(on: &ListenOn, transport: Transport, resolver: &dyn Resolver) -> Result<ListenOn, String> {
    let mut on = on.clone();
    if let (Place::Inet(asked), Ok(given)) = (&mut on.asked, on.given.parse::<ListenAddr>())
        && let ListenPlace::Inet { port: port @ Port::Service(_), .. } = given.place()
    {
        asked.set_port(resolver.port(port, transport)?);
        on.bound = on.asked.clone();
    }
    Ok(on)
}

impl Settings {
    /// Refuses what cannot be together in one service. The order in which things are said does not matter, so this looks at
    /// all that was said.
    ///
    /// # Errors
    /// One line that names both.
    pub fn check_udp(&self) -> Result<(), String> {
        let balancing = self.services.values().filter(|service| service.udp && !service.draining);
        for service in balancing {
            if let Some((setting, remedy)) = unfit(service) {
                return Err(excludes(service.of(), setting, remedy));
            }
        }
        Ok(())
    }
}

/// A setting that means something for connections only, and would be missed; and the command that takes it back.
fn unfit(service: &Service) -> Option<(&'static str, &'static str)> {
    [
        (service.tls.cert.is_some(), "tls_cert", "no tls_cert"),
        (service.http, "http", "no http"),
        (service.proxy.accept.is_some(), "proxy_protocol accept", "no proxy_protocol accept"),
        (service.proxy.send.is_some(), "proxy_protocol send", "no proxy_protocol send"),
        (service.limits.idlers > 0, "idlers", "idlers 0"),
        (service.dummy, "dummy", "no dummy"),
        (service.peek.is_some(), "peek", "no peek"),
    ]
    .into_iter()
    .find_map(|(is_set, setting, remedy)| is_set.then_some((setting, remedy)))
}

fn excludes(of: impl Display, setting: &str, remedy: &str) -> String {
    format!(
        "udp{of} does not go with {setting}, which is for connections: 'no udp' or '{remedy}' is expected"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::draft::Stage;
    use crate::settings::testing::{draft, run, say};

    fn places(draft: &Draft) -> Vec<String> {
        draft.service().listen.iter().map(|on| on.asked.to_string()).collect()
    }

    #[test]
    fn names_of_ports_are_of_the_protocol_of_the_service() {
        let mut draft = draft(Stage::Start);
        run(&mut draft, &["listen mixed", "server 0 address www1 port mixed", "emergency www1:mixed"]);
        run(&mut draft, &["service dns", "udp", "listen mixed", "server 0 address www1 port mixed"]);
        run(&mut draft, &["emergency www2:mixed", "abuse www2:syslog"]);
        let [stream, datagram] = draft.settings().services.values().collect::<Vec<_>>()[..] else { panic!() };
        for (service, port) in [(stream, 1000), (datagram, 2000)] {
            assert_eq!(service.listen[0].asked.to_string(), format!("0.0.0.0:{port}"));
            assert_eq!(
                service.servers[0].as_ref().unwrap().address().to_string(),
                format!("10.0.0.1:{port}")
            );
            assert!(service.emergency.as_ref().unwrap().address().to_string().ends_with(&format!(":{port}")));
        }
        assert_eq!(datagram.abuse.as_ref().unwrap().address().to_string(), "10.0.0.2:514");
    }

    #[test]
    fn a_name_where_a_service_listens_follows_the_protocol() {
        let mut draft = draft(Stage::Start);
        run(&mut draft, &["listen mixed www1:mixed 8000 /run/pen.sock", "server 0 address www1 port mixed"]);
        run(&mut draft, &["udp"]);
        assert_eq!(places(&draft), ["0.0.0.0:2000", "10.0.0.1:2000", "0.0.0.0:8000", "/run/pen.sock"]);
        assert_eq!(draft.service().servers[0].as_ref().unwrap().address().to_string(), "10.0.0.1:1000");
        run(&mut draft, &["no udp"]);
        assert_eq!(places(&draft), ["0.0.0.0:1000", "10.0.0.1:1000", "0.0.0.0:8000", "/run/pen.sock"]);
    }

    #[test]
    fn a_name_that_the_other_protocol_does_not_know_leaves_all_as_it_was() {
        let mut draft = draft(Stage::Start);
        run(&mut draft, &["listen http"]);
        assert_eq!(say(&mut draft, "udp"), Err("unknown port 'http': not in the table".to_owned()));
        assert!(!draft.service().udp);
        run(&mut draft, &["no udp"]);
        assert_eq!(places(&draft), ["0.0.0.0:80"]);
    }

    #[test]
    fn what_is_for_connections_does_not_go_with_datagrams() {
        for (command, setting, remedy) in [
            ("tls_cert /etc/cert.pem", "tls_cert", "no tls_cert"),
            ("http", "http", "no http"),
            ("proxy_protocol accept 1", "proxy_protocol accept", "no proxy_protocol accept"),
            ("proxy_protocol send-v2", "proxy_protocol send", "no proxy_protocol send"),
            ("idlers 1", "idlers", "idlers 0"),
            ("dummy", "dummy", "no dummy"),
            ("peek rdp", "peek", "no peek"),
            ("peek sni", "peek", "no peek"),
        ] {
            let mut draft = draft(Stage::Start);
            run(&mut draft, &["service dns", command]);
            assert_eq!(draft.settings().check_udp(), Ok(()));
            run(&mut draft, &["udp"]);
            let expected = format!(
                "udp of dns does not go with {setting}, which is for connections: 'no udp' or '{remedy}' is expected"
            );
            assert_eq!(draft.settings().check_udp(), Err(expected));
            run(&mut draft, &[remedy]);
            assert_eq!(draft.settings().check_udp(), Ok(()), "{remedy}");
        }
    }

    #[test]
    fn what_means_nothing_for_datagrams_is_no_mistake() {
        let mut draft = draft(Stage::Start);
        run(
            &mut draft,
            &["udp", "backlog 50", "multi_accept 1", "pending_max 1", "timeout 1", "idle_timeout 1"],
        );
        run(&mut draft, &["keepalive", "no tcp_nodelay", "tcp_fastclose both", "no http", "idlers 0"]);
        assert_eq!(draft.settings().check_udp(), Ok(()));
    }
}
