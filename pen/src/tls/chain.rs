//! The chain of certificates that clients are sent: in order, complete as far as issuers are known, without the root, which
//! clients have themselves.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use super::certificate::Certificate;

/// The longest chain that is completed: more is a mistake, and clients refuse it.
const LONGEST: usize = 10;

/// The chain from `leaf` on. `others` came with it, in any order; missing issuers are looked for among `authorities`. What came
/// with it and has no place in the chain stays, at the end: whoever put it there may know why.
pub fn complete<'a>(
    leaf: &Certificate,
    mut others: Vec<Certificate>,
    authorities: &(impl Iterator<Item = &'a Arc<Certificate>> + Clone),
) -> Vec<CertificateDer<'static>> {
    let mut chain = vec![leaf.der.clone()];
    let mut last = leaf.clone();
    while !last.is_self_signed && chain.len() < LONGEST {
        if let Some(place) = others.iter().position(|other| last.is_issued_by(other)) {
            last = others.remove(place);
        } else {
            let Some(issuer) = authorities.clone().find(|known| last.is_issued_by(known)) else { break };
            last = Certificate::clone(issuer);
        }
        if last.is_self_signed || chain.contains(&last.der) {
            break;
        }
        chain.push(last.der.clone());
    }
    for other in others {
        if !other.is_self_signed && !chain.contains(&other.der) {
            chain.push(other.der);
        }
    }
    chain
}

#[cfg(test)]
mod tests;
