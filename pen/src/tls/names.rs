//! The directory of `ssl_sni_path`: which names there are files for, and which of them a client means.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::reason;
use rustls::ServerConfig;

/// The command that names the directory, for errors.
pub const COMMAND: &str = "ssl_sni_path";

/// A name's files.
#[derive(Debug, Default)]
pub struct NameFiles {
    /// NAME.crt
    pub chain: Option<PathBuf>,
    /// NAME.key
    pub key: Option<PathBuf>,
    /// NAME.ca
    pub authorities: Option<PathBuf>,
    /// NAME.ocsp
    pub ocsp: Option<PathBuf>,
}

impl NameFiles {
    fn place(&mut self, ending: &str) -> Option<&mut Option<PathBuf>> {
        match ending {
            "crt" => Some(&mut self.chain),
            "key" => Some(&mut self.key),
            "ca" => Some(&mut self.authorities),
            "ocsp" => Some(&mut self.ocsp),
            _ => None,
        }
    }
}

/// Looks which files there are, by name in lower case. Files with other endings are not ours.
///
/// # Errors
/// One line.
pub fn list(directory: &Path) -> Result<BTreeMap<String, NameFiles>, String> {
    let at = |error: std::io::Error| format!("{COMMAND} {}: {}", directory.display(), reason(&error));
    let mut names: BTreeMap<String, NameFiles> = BTreeMap::new();
    for entry in std::fs::read_dir(directory).map_err(at)? {
        let path = entry.map_err(at)?.path();
        let Some((name, ending)) = path.file_name().and_then(|name| name.to_str()?.rsplit_once('.')) else {
            continue;
        };
        if name.is_empty() || name.starts_with('.') {
            continue;
        }
        let key = name.to_ascii_lowercase();
        let Some(place) = names.entry(key).or_default().place(ending) else { continue };
        if let Some(other) = place {
            let (path, other) = (path.display(), other.display());
            return Err(format!("{COMMAND} {path}: {other} is there for the same name"));
        }
        *place = Some(path);
    }
    Ok(names)
}

/// What to tell clients, by the name of the server that they ask for.
#[derive(Debug, Default)]
pub struct Names(HashMap<Box<str>, Arc<ServerConfig>>);

impl Names {
    /// Adds a name in lower case; `_` as its first part stands for any.
    pub fn add(&mut self, name: &str, config: Arc<ServerConfig>) {
        self.0.insert(name.into(), config);
    }

    /// What to tell a client that asks for `name`. A name of its own goes before one for several.
    pub fn find(&self, name: &str) -> Option<&Arc<ServerConfig>> {
        if self.0.is_empty() {
            return None;
        }
        let name = lower_case(name.strip_suffix('.').unwrap_or(name));
        if let Some(config) = self.0.get(&*name) {
            return Some(config);
        }
        let (_, rest) = name.split_once('.')?;
        self.0.get(&*format!("_.{rest}"))
    }
}

fn lower_case(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}
