//! An invocation as a command line again, for the comment of a written configuration file. What the file says as commands is left
//! out: the servers, and the options that are commands.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use common::escape::Line;

use super::Invocation;
use crate::settings::Transport;

impl Invocation {
    /// The command line that starts such a pen with the file `config`, on one line, as a shell reads it. `config` is the name
    /// that a running pen has for the file: inside its root directory, while a start reads it from outside. `listens`: the
    /// file does not say where the first service listens, the argument does, for these clients.
    pub fn command_line_beside(&self, config: &Path, listens: Option<Transport>) -> String {
        let mut words: Vec<&OsStr> = vec![OsStr::new("pen")];
        let mut flag = |is_given: bool, option| words.extend(is_given.then_some(OsStr::new(option)));
        flag(self.foreground, "-f");
        flag(self.enable_exit, "-X");
        // The file says so, too, but the argument is looked up before.
        flag(listens == Some(Transport::Datagram), "-U");
        let user = self.user.as_ref().map(OsString::from);
        let control = self.control.as_ref().map(OsString::from);
        let outside = self.chroot.as_ref().map(|root| root.join(config.strip_prefix("/").unwrap_or(config)));
        for (option, value) in [
            ("-u", user.as_deref()),
            ("-j", self.chroot.as_deref().map(Path::as_os_str)),
            ("-p", self.pidfile.as_deref().map(Path::as_os_str)),
            ("-C", control.as_deref()),
            ("-F", Some(outside.as_deref().unwrap_or(config).as_os_str())),
        ] {
            if let Some(value) = value {
                words.extend([OsStr::new(option), value]);
            }
        }
        if let Some(listen) = self.listen.as_ref().filter(|_| listens.is_some()) {
            words.extend(listen.starts_with('-').then_some(OsStr::new("--")));
            words.push(OsStr::new(listen));
        }
        words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
    }
}

/// A word as a shell reads it, on one line whatever it contains.
fn quoted(word: &OsStr) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./:,@%+=".contains(byte);
    match word.to_str() {
        Some(text) if !text.is_empty() && text.as_bytes().iter().all(is_plain) => text.to_owned(),
        Some(text) if Line(text).to_string() == text => format!("'{}'", text.replace('\'', r"'\''")),
        _ => quoted_by_codes(word.as_bytes()),
    }
}

/// In the form that has codes for bytes.
fn quoted_by_codes(bytes: &[u8]) -> String {
    let mut text = "$'".to_owned();
    for &byte in bytes {
        match byte {
            b'\'' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(byte.into()),
            // A string takes whatever is written.
            _ => _ = write!(text, "\\x{byte:02x}"),
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_file_cannot_say_is_in_the_command_line() {
        let invocation = Invocation {
            listen: Some("[::1]:0".to_owned()),
            servers: vec!["www1".to_owned()],
            control: Some("/run/pen control".to_owned()),
            config: Some("old.cfg".into()),
            foreground: true,
            enable_exit: true,
            chroot: Some("/jail".into()),
            pidfile: Some("it's".into()),
            user: Some("nobody".to_owned()),
            ..Invocation::default()
        };
        let config = Path::new("/etc/pen.cfg");
        let options = r"pen -f -X -u nobody -j /jail -p 'it'\''s' -C '/run/pen control' -F /jail/etc/pen.cfg";
        let stream = Some(Transport::Stream);
        assert_eq!(invocation.command_line_beside(config, stream), format!("{options} '[::1]:0'"));
        assert_eq!(invocation.command_line_beside(config, None), options);
        let odd = Invocation { listen: Some("-host:80".to_owned()), ..Invocation::default() };
        assert_eq!(odd.command_line_beside(config, stream), "pen -F /etc/pen.cfg -- -host:80");
        let named = Invocation { listen: Some("syslog".to_owned()), ..Invocation::default() };
        let datagram = Some(Transport::Datagram);
        assert_eq!(named.command_line_beside(config, datagram), "pen -U -F /etc/pen.cfg syslog");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        #[test]
        fn a_shell_reads_the_words_as_they_were(words: Vec<Vec<u8>>) {
            let words: Vec<_> = words.into_iter().map(|mut word| {
                word.retain(|&byte| byte != 0);
                OsString::from_vec(word)
            }).collect();
            let line: Vec<_> = words.iter().map(|word| quoted(word)).collect();
            let line = line.join(" ");
            prop_assert!(!line.contains(char::is_control));
            let output = Command::new("bash").arg("-c").arg(format!("printf '%s\\0' {line}")).output().unwrap();
            let expected: Vec<u8> =
                words.iter().flat_map(|word| word.as_bytes().iter().copied().chain([0])).collect();
            let expected = if words.is_empty() { vec![0] } else { expected };
            prop_assert_eq!(output.stdout, expected);
        }
    }
}
