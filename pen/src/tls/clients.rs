//! Who is let in: the CAs that clients' certificates must come from, and the tickets with which clients resume what was agreed
//! upon. Both belong together: who was let in by one CA must not come back where only another one is trusted. So there are
//! keys of tickets for each set of CAs, and they change when it does.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ProducesTickets, WebPkiClientVerifier};

use super::authorities::Authorities;
use super::verifier::Verifier;

/// So many bytes of names of CAs are told to clients. Longer lists are left out: they help nobody to choose, and would not
/// fit into the message.
const NAMES_TOLD: usize = 16 * 1024;

/// Who is let in by a service, name by name.
#[derive(Debug)]
pub struct Clients {
    /// `require_client_cert`
    required: bool,
    /// Those that are trusted under every name.
    common: Authorities,
    /// By what a name has besides.
    doors: HashMap<Authorities, Door>,
}

/// How clients come in by one or several names.
#[derive(Clone, Debug)]
pub struct Door {
    /// Who looks at clients' certificates; `None`: they are not asked for one.
    pub verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// Makes and opens tickets.
    pub tickets: Arc<dyn ProducesTickets>,
}

impl Clients {
    /// Nobody so far.
    pub fn new(required: bool, common: Authorities) -> Clients {
        Clients { required, common, doors: HashMap::new() }
    }

    /// The door of a name that trusts these besides. `before`: where tickets may still be good from.
    ///
    /// # Errors
    /// The reason, when nobody could come in.
    pub fn door(
        &mut self,
        own: Authorities,
        before: Option<&Clients>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Door, String> {
        // Whoever is let in without a certificate may come back by any name.
        let own = if self.required { own } else { Authorities::default() };
        if let Some(door) = self.doors.get(&own) {
            return Ok(door.clone());
        }
        let verifier = self.required.then(|| self.verifier(&own, provider)).transpose()?;
        let known = before.filter(|it| it.required == self.required && it.common == self.common);
        let tickets = match known.and_then(|before| before.doors.get(&own)) {
            Some(door) => Arc::clone(&door.tickets),
            None => aws_lc_rs::Ticketer::new().map_err(|error| format!("no keys for tickets: {error}"))?,
        };
        let door = Door { verifier, tickets };
        self.doors.insert(own, door.clone());
        Ok(door)
    }

    fn verifier(
        &self,
        own: &Authorities,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, String> {
        let mut roots = RootCertStore::empty();
        for authority in self.common.and(own) {
            if let Err(error) = roots.add(authority.der.clone()) {
                log::warn!("a CA's certificate cannot be used for require_client_cert: {error}");
            }
        }
        if roots.is_empty() {
            return Err(
                "require_client_cert needs CAs to trust: 'tls_ca_file FILE' or 'tls_ca_dir DIR' names them"
                    .to_owned(),
            );
        }
        let names: usize = roots.subjects().iter().map(|name| name.as_ref().len()).sum();
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let builder = if names > NAMES_TOLD { builder.clear_root_hint_subjects() } else { builder };
        let verifier = builder.build().map_err(|error| format!("require_client_cert: {error}"))?;
        Ok(Arc::new(Verifier(verifier)))
    }
}
