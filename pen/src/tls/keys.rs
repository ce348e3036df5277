//! Private keys, each made ready for use once. That takes most of the time that reading certificates takes, so a key that several
//! names share, or that was there before, is not made ready again.

use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;

/// The keys in use, by what was read of them.
#[derive(Default)]
pub struct Keys(HashMap<Vec<u8>, Arc<dyn SigningKey>>);

/// Keys that are being collected.
#[derive(Default)]
pub struct KeyRing<'a> {
    /// Those that were in use before.
    pub before: Option<&'a Keys>,
    /// Those that were asked for.
    pub keys: Keys,
}

impl KeyRing<'_> {
    /// Makes a key ready. `None`: it cannot be used.
    pub fn ready(&mut self, key: &PrivateKeyDer<'static>) -> Option<Arc<dyn SigningKey>> {
        let der = key.secret_der();
        let known = self.keys.0.get(der).or_else(|| self.before?.0.get(der)).cloned();
        let ready = known.or_else(|| any_supported_type(key).ok())?;
        self.keys.0.insert(der.to_vec(), Arc::clone(&ready));
        Some(ready)
    }
}

impl Debug for Keys {
    /// What they are is nobody's business.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use rcgen::KeyPair;

    use super::*;

    #[test]
    fn a_key_is_made_ready_once_and_forgotten_when_nobody_asks_for_it_any_more() {
        let read = || PrivateKeyDer::try_from(KeyPair::generate().unwrap().serialize_der()).unwrap();
        let (key, other) = (read(), read());
        let mut first = KeyRing::default();
        let ready = first.ready(&key).unwrap();
        assert!(Arc::ptr_eq(&ready, &first.ready(&key).unwrap()));
        let mut second = KeyRing { before: Some(&first.keys), ..KeyRing::default() };
        assert!(Arc::ptr_eq(&ready, &second.ready(&key).unwrap()));
        assert!(!Arc::ptr_eq(&ready, &second.ready(&other).unwrap()));
        let mut third = KeyRing { before: Some(&second.keys), ..KeyRing::default() };
        third.ready(&other).unwrap();
        assert_eq!((second.keys.0.len(), third.keys.0.len()), (2, 1));
        assert_eq!(format!("{:?}", second.keys), "2 keys");
    }
}
