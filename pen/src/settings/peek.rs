//! What does not go with `peek` in one service.

use common::command::Peek;

use super::Settings;

impl Settings {
    /// Refuses what cannot be together in one service. The order in which things are said does not matter, so this looks at
    /// all that was said.
    ///
    /// # Errors
    /// One line that names both.
    pub fn check_peek(&self) -> Result<(), String> {
        let decrypting = self.services.values().find(|service| {
            !service.draining && service.peek == Some(Peek::Sni) && service.tls.cert.is_some()
        });
        let Some(service) = decrypting else { return Ok(()) };
        Err(format!(
            "peek sni{} does not go with tls_cert: the client is to shake hands with its server, not with pen, which has a \
             certificate for each name from ssl_sni_path; 'no peek' or 'no tls_cert' is expected",
            service.of()
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::draft::Stage;
    use crate::settings::testing::{draft, run};

    #[test]
    fn names_are_seen_in_the_clients_own_handshake_only() {
        for remedy in ["no peek", "no tls_cert", "peek rdp", "dummy"] {
            let mut draft = draft(Stage::Start);
            run(&mut draft, &["service web", "peek sni"]);
            assert_eq!(draft.settings().check_peek(), Ok(()));
            run(&mut draft, &["tls_cert /etc/cert.pem"]);
            let error = draft.settings().check_peek().unwrap_err();
            assert!(error.starts_with("peek sni of web does not go with tls_cert: "), "{error}");
            run(&mut draft, &[remedy]);
            assert_eq!(draft.settings().check_peek().is_ok(), remedy != "dummy", "{remedy}");
        }
    }
}
