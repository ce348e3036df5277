//! A service's settings of TLS as commands.

use std::path::PathBuf;

use common::command::{Command, Setting, TlsFile};

use super::lines::Lines;
use crate::settings::tls::Tls;

/// Says all of them.
///
/// # Errors
/// When no line of the language can say one, as a path with a newline.
pub fn say(tls: &Tls, lines: &mut Lines) -> Result<(), String> {
    let Tls {
        cert,
        key,
        ca_file,
        ca_dir,
        ocsp_response,
        sni_path,
        ciphers,
        alpn,
        protocol,
        options,
        require_client_cert,
    } = tls;
    say_file("tls_cert", TlsFile::Cert, cert.as_ref(), lines)?;
    say_file("tls_key", TlsFile::Key, key.as_ref(), lines)?;
    say_file("tls_ca_file", TlsFile::CaFile, ca_file.as_ref(), lines)?;
    say_file("tls_ca_dir", TlsFile::CaDir, ca_dir.as_ref(), lines)?;
    say_file("ssl_ocsp_response", TlsFile::OcspResponse, ocsp_response.as_ref(), lines)?;
    say_file("ssl_sni_path", TlsFile::SniPath, sni_path.as_ref(), lines)?;
    match ciphers {
        None => lines.say("no ssl_ciphers"),
        Some(list) => {
            let meant = Command::TlsCiphers(Setting::Set(list.to_string()));
            lines.say_as(format!("ssl_ciphers {list}"), |command| *command == meant)?;
        }
    }
    match alpn {
        None => lines.say("no tls_alpn"),
        Some(names) => {
            let meant = Command::TlsAlpn(Setting::Set(names.clone()));
            lines.say_as(format!("tls_alpn {names}"), |command| *command == meant)?;
        }
    }
    lines.say(format_args!("tls_protocol {}", protocol.name()));
    lines.say("no ssl_option");
    for option in options {
        lines.say(format_args!("ssl_option {}", option.name()));
    }
    lines.switch("require_client_cert", *require_client_cert);
    Ok(())
}

fn say_file(name: &str, which: TlsFile, path: Option<&PathBuf>, lines: &mut Lines) -> Result<(), String> {
    let Some(path) = path else {
        lines.say(format_args!("no {name}"));
        return Ok(());
    };
    let meant = Command::TlsFile(which, Setting::Set(path.clone()));
    lines.say_as(format!("{name} {}", path.display()), |command| *command == meant)
}
