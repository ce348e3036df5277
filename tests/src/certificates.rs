//! Certificate authorities and certificates, made by the command `openssl`, each in a directory of its own.
//!
//! ```no_run
//! use pen_tests::certificates::{Authority, Order};
//! use pen_tests::{Backend, Pen, clients};
//!
//! let authority = Authority::new("root");
//! let (site, web) = (authority.issue(&Order::server("www.example.com")), Backend::named("hello"));
//! let pen = Pen::builder().server(&web).tls(&site).start();
//! let ended = clients::s_client(pen.address(), &["-servername", "www.example.com"], b"");
//! assert!(ended.stdout.contains("hello"));
//! ```

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{Duration, Utc};
use tempfile::TempDir;

use crate::network::run;

/// What a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// RSA of 2048 bits.
    Rsa,
    /// ECDSA on the curve P-256: the fastest to make, and so what is used where it does not matter.
    EcdsaP256,
    /// Ed25519.
    Ed25519,
}

impl Key {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rsa, Self::EcdsaP256, Self::Ed25519];

    fn make(self, path: &str) {
        let kind: &[&str] = match self {
            Self::Rsa => &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            Self::EcdsaP256 => &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            Self::Ed25519 => &["ED25519"],
        };
        openssl(&[&["genpkey", "-out", path, "-algorithm"], kind].concat());
        readable(Path::new(path));
    }
}

/// What a certificate is to say.
#[derive(Clone, Debug)]
pub struct Order {
    names: Vec<String>,
    key: Key,
    /// Days from now at which it begins and ends to be valid.
    days: (i64, i64),
    extensions: Vec<String>,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1,
    V3,
}

impl Order {
    /// A server's certificate for a name or an IP address, with a P-256 key, valid for 30 days.
    pub fn server(name: &str) -> Self {
        Self::with_usage(name, "serverAuth")
    }

    /// A client's certificate.
    pub fn client(name: &str) -> Self {
        Self::with_usage(name, "clientAuth")
    }

    fn with_usage(name: &str, usage: &str) -> Self {
        Self {
            names: vec![name.to_owned()],
            key: Key::EcdsaP256,
            days: (-1, 30),
            extensions: vec![
                "basicConstraints=critical,CA:false".to_owned(),
                "keyUsage=critical,digitalSignature".to_owned(),
                format!("extendedKeyUsage={usage}"),
                // Nobody asks there; scanners wonder about a certificate that cannot be revoked.
                "authorityInfoAccess=OCSP;URI:http://127.0.0.1:9/".to_owned(),
            ],
            version: Version::V3,
        }
    }

    /// Another name, or an IP address; `*.example.com` is a name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self
    }

    /// With a key of this kind.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.key = key;
        self
    }

    /// Valid from so many days after now to so many; negative: before.
    #[must_use]
    pub fn valid(mut self, from: i64, to: i64) -> Self {
        self.days = (from, to);
        self
    }

    /// Valid no more since yesterday.
    #[must_use]
    pub fn expired(self) -> Self {
        self.valid(-30, -1)
    }

    /// Of version 1, which has no extensions: neither names nor usages.
    #[must_use]
    pub fn version_1(mut self) -> Self {
        self.version = Version::V1;
        self
    }

    /// That of an authority, although it is used as a leaf.
    #[must_use]
    pub fn of_an_authority(mut self) -> Self {
        let of_authorities =
            ["basicConstraints=critical,CA:true", "keyUsage=critical,digitalSignature,keyCertSign,cRLSign"];
        self.extensions.splice(..2, of_authorities.map(str::to_owned));
        self
    }

    /// With one more extension, as `openssl` writes it: `tlsfeature=status_request`.
    #[must_use]
    pub fn extension(mut self, text: &str) -> Self {
        self.extensions.push(text.to_owned());
        self
    }

    fn extension_file(&self) -> String {
        let names = self.names.iter().map(|name| match name.parse::<IpAddr>() {
            Ok(address) => format!("IP:{address}"),
            Err(_) => format!("DNS:{name}"),
        });
        let names = names.collect::<Vec<_>>().join(",");
        format!("{}\nsubjectAltName={names}\nsubjectKeyIdentifier=hash\n", self.extensions.join("\n"))
    }
}

/// An authority, with its key and the database of what it has issued.
#[derive(Clone, Debug)]
pub struct Authority {
    /// Shared by an authority, those below it, and all that they issue: a path is good as long as any of them.
    directory: Arc<TempDir>,
    name: String,
    /// The certificates between this one's and the root's, its own first; none for a root.
    below_root: Vec<PathBuf>,
}

impl Authority {
    /// A root authority of this common name with a P-256 key.
    pub fn new(name: &str) -> Self {
        Self::with_key(name, Key::EcdsaP256)
    }

    /// A root authority with a key of this kind.
    pub fn with_key(name: &str, key: Key) -> Self {
        let directory = TempDir::new().expect("a directory can be made");
        // A pen that runs as nobody reads it too.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        let authority =
            Self { directory: Arc::new(directory), name: name.to_owned(), below_root: Vec::new() };
        key.make(&text(&authority.key()));
        let (key, certificate) = (text(&authority.key()), text(&authority.certificate()));
        let subject = format!("/CN={name}");
        let mut arguments =
            vec!["req", "-x509", "-new", "-key", &key, "-out", &certificate, "-subj", &subject];
        arguments.extend(["-days", "3650", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]);
        openssl(&arguments);
        authority.open_database();
        authority
    }

    /// An authority whose certificate is issued by this one.
    #[must_use]
    pub fn intermediate(&self, name: &str) -> Self {
        let mut order = Order::server(name).of_an_authority();
        order.extensions.truncate(2);
        let issued = self.issue(&order);
        let mut below_root = vec![issued.leaf()];
        below_root.extend_from_slice(&self.below_root);
        let authority = Self { directory: Arc::clone(&self.directory), name: name.to_owned(), below_root };
        fs::copy(issued.leaf(), authority.certificate()).expect("the directory is ours");
        fs::copy(issued.key(), authority.key()).expect("the directory is ours");
        authority.open_database();
        authority
    }

    /// Its certificate.
    pub fn certificate(&self) -> PathBuf {
        self.path("authority.crt")
    }

    /// Its key.
    pub fn key(&self) -> PathBuf {
        self.path("authority.key")
    }

    /// What it has issued and revoked, as `openssl ocsp -index` reads it.
    pub fn index(&self) -> PathBuf {
        self.path("index")
    }

    /// Issues a certificate, with a new key.
    #[track_caller]
    pub fn issue(&self, order: &Order) -> Certificate {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let stem = self.directory.path().join(format!("{number}-{}", file_name(&order.names[0])));
        let certificate = Certificate { _directory: Arc::clone(&self.directory), stem };
        order.key.make(&text(&certificate.key()));
        let subject = format!("/CN={}", order.names[0]);
        let (key, request) = (text(&certificate.key()), text(&certificate.file("csr")));
        openssl(&["req", "-new", "-key", &key, "-out", &request, "-subj", &subject]);
        self.sign(order, &certificate);
        certificate.gather(&self.below_root);
        certificate
    }

    fn sign(&self, order: &Order, certificate: &Certificate) {
        let date = |days| (Utc::now() + Duration::days(days)).format("%Y%m%d%H%M%SZ").to_string();
        let (from, to) = (date(order.days.0), date(order.days.1));
        let (request, leaf) = (text(&certificate.file("csr")), text(&certificate.leaf()));
        let (config, extensions) = (text(&self.path("cnf")), text(&certificate.file("ext")));
        let mut arguments = vec![
            "ca",
            "-batch",
            "-notext",
            "-rand_serial",
            "-config",
            &config,
            "-in",
            &request,
            "-out",
            &leaf,
        ];
        arguments.extend(["-startdate", &from, "-enddate", &to]);
        if order.version == Version::V3 {
            fs::write(&extensions, order.extension_file()).expect("the directory is ours");
            arguments.extend(["-extfile", &extensions]);
        }
        openssl(&arguments);
    }

    /// Revokes a certificate of its own.
    pub fn revoke(&self, certificate: &Certificate) {
        let (config, leaf) = (text(&self.path("cnf")), text(&certificate.leaf()));
        openssl(&["ca", "-batch", "-config", &config, "-revoke", &leaf]);
    }

    /// What its OCSP responder would say now about a certificate of its own, for a day: a file in DER.
    pub fn ocsp_response(&self, certificate: &Certificate) -> PathBuf {
        let (request, response) = (certificate.file("ocsp-request"), certificate.file("ocsp"));
        let (own, key, index) = (text(&self.certificate()), text(&self.key()), text(&self.index()));
        let (request, leaf, out) = (text(&request), text(&certificate.leaf()), text(&response));
        openssl(&["ocsp", "-no_nonce", "-issuer", &own, "-cert", &leaf, "-reqout", &request]);
        let mut arguments = vec!["ocsp", "-index", &index, "-CA", &own, "-rsigner", &own, "-rkey", &key];
        arguments.extend(["-reqin", &request, "-respout", &out, "-ndays", "1"]);
        openssl(&arguments);
        readable(&response);
        response
    }

    fn open_database(&self) {
        let index = self.index();
        let new = self.path("new");
        fs::create_dir(&new).expect("the directory is ours");
        fs::write(&index, "").expect("the directory is ours");
        // The same name may be issued again.
        fs::write(self.path("index.attr"), "unique_subject = no\n").expect("the directory is ours");
        let config = format!(
            "[ca]\ndefault_ca=own\n[own]\ndatabase={index}\nrand_serial=yes\nnew_certs_dir={new}\n\
             certificate={certificate}\nprivate_key={key}\ndefault_md=default\npolicy=any\n\
             [any]\ncommonName=supplied\n",
            index = index.display(),
            new = new.display(),
            certificate = self.certificate().display(),
            key = self.key().display(),
        );
        fs::write(self.path("cnf"), config).expect("the directory is ours");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{}.{name}", file_name(&self.name)))
    }
}

/// A certificate and its key, in files that live as long as any value of their authority.
#[derive(Clone, Debug)]
pub struct Certificate {
    _directory: Arc<TempDir>,
    stem: PathBuf,
}

impl Certificate {
    /// The certificate alone.
    pub fn leaf(&self) -> PathBuf {
        self.file("leaf")
    }

    /// The certificate and those between it and the root.
    pub fn chain(&self) -> PathBuf {
        self.file("crt")
    }

    /// The key alone.
    pub fn key(&self) -> PathBuf {
        self.file("key")
    }

    /// Chain and key in one file, as `-E` takes it.
    pub fn pem(&self) -> PathBuf {
        self.file("pem")
    }

    /// Puts its chain and key as `NAME.crt` and `NAME.key` into a directory, as `ssl_sni_path` wants them.
    pub fn install(&self, directory: &Path, name: &str) {
        for (from, ending) in [(self.chain(), "crt"), (self.key(), "key")] {
            fs::copy(from, directory.join(format!("{name}.{ending}"))).expect("the directory is ours");
        }
    }

    fn gather(&self, issuers: &[PathBuf]) {
        let read = |path: &Path| fs::read_to_string(path).expect("openssl has written it");
        let chain: String =
            std::iter::once(self.leaf()).chain(issuers.to_vec()).map(|path| read(&path)).collect();
        fs::write(self.pem(), format!("{chain}{}", read(&self.key()))).expect("the directory is ours");
        fs::write(self.chain(), chain).expect("the directory is ours");
    }

    fn file(&self, ending: &str) -> PathBuf {
        let mut path = self.stem.clone().into_os_string();
        path.push(format!(".{ending}"));
        path.into()
    }
}

fn openssl(arguments: &[&str]) -> String {
    run("openssl", arguments)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// `*` and `:` stand in names and addresses, and are trouble in file names.
fn file_name(name: &str) -> String {
    name.replace(|byte: char| !byte.is_ascii_alphanumeric() && byte != '.' && byte != '-', "_")
}

fn readable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("the file is ours");
}
