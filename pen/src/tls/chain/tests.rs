use std::iter;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::*;

/// Who can issue certificates.
struct Ca {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

fn params(name: &str, is_ca: bool) -> CertificateParams {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params.use_authority_key_identifier_extension = true;
    params
}

fn root(name: &str) -> Ca {
    let (params, key) = (params(name, true), KeyPair::generate().unwrap());
    let certificate = Certificate::new(params.self_signed(&key).unwrap().der().clone()).unwrap();
    Ca { certificate, issuer: Issuer::new(params, key) }
}

impl Ca {
    fn issues(&self, name: &str) -> Ca {
        let (params, key) = (params(name, true), KeyPair::generate().unwrap());
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Ca {
            certificate: Certificate::new(certificate.der().clone()).unwrap(),
            issuer: Issuer::new(params, key),
        }
    }

    fn issues_leaf(&self) -> Certificate {
        let certificate =
            params("leaf", false).signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap();
        Certificate::new(certificate.der().clone()).unwrap()
    }
}

fn shared(cas: &[&Ca]) -> Vec<Arc<Certificate>> {
    cas.iter().map(|ca| Arc::new(ca.certificate.clone())).collect()
}

fn ders(certificates: &[&Certificate]) -> Vec<CertificateDer<'static>> {
    certificates.iter().map(|certificate| certificate.der.clone()).collect()
}

#[test]
fn what_came_in_any_order_is_put_in_order_without_the_root() {
    let root = root("root");
    let upper = root.issues("upper");
    let lower = upper.issues("lower");
    let leaf = lower.issues_leaf();
    let expected = ders(&[&leaf, &lower.certificate, &upper.certificate]);
    let cas = [&root.certificate, &upper.certificate, &lower.certificate];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let others = order.map(|place| cas[place].clone()).to_vec();
        assert_eq!(complete(&leaf, others, &iter::empty()), expected);
    }
}

#[test]
fn issuers_that_are_missing_come_from_the_authorities() {
    let root = root("root");
    let upper = root.issues("upper");
    let lower = upper.issues("lower");
    let leaf = lower.issues_leaf();
    let expected = ders(&[&leaf, &lower.certificate, &upper.certificate]);
    let (first, second) = (shared(&[&lower]), shared(&[&root, &upper]));
    assert_eq!(complete(&leaf, Vec::new(), &first.iter().chain(&second)), expected);
    assert_eq!(complete(&leaf, vec![lower.certificate.clone()], &second.iter()), expected);
    assert_eq!(complete(&leaf, vec![upper.certificate.clone()], &first.iter()), expected);
    assert_eq!(complete(&leaf, Vec::new(), &second.iter()), ders(&[&leaf]));
}

#[test]
fn of_issuers_with_the_same_name_the_one_with_the_right_key_is_taken() {
    let (root, other_root) = (root("root"), root("root"));
    let (right, wrong) = (root.issues("issuer"), other_root.issues("issuer"));
    let leaf = right.issues_leaf();
    let authorities = shared(&[&wrong, &right]);
    assert_eq!(complete(&leaf, Vec::new(), &authorities.iter()), ders(&[&leaf, &right.certificate]));
}

#[test]
fn what_has_no_place_stays_at_the_end_and_roots_go() {
    let (root, other) = (root("root"), root("other"));
    let (issuer, stranger) = (root.issues("issuer"), other.issues("stranger"));
    let leaf = issuer.issues_leaf();
    let others = vec![stranger.certificate.clone(), other.certificate, issuer.certificate.clone()];
    let expected = ders(&[&leaf, &issuer.certificate, &stranger.certificate]);
    assert_eq!(complete(&leaf, others, &iter::empty()), expected);
}

#[test]
fn a_self_signed_leaf_is_sent_alone() {
    let root = root("root");
    let alone = ders(&[&root.certificate]);
    assert_eq!(complete(&root.certificate, Vec::new(), &shared(&[&root]).iter()), alone);
}
