//! What TLS is set up with, as openssl's client sees it.

mod tls_certificates {
    mod ciphers;
    mod client_certificates;
    mod files;
    mod hup;
    mod names;
    mod resumption;
    mod seen;
    mod stapling;
}
