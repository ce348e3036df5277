//! A terminal: tmux, with a server of its own, in which one program runs.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::process::Process;
use crate::program;
use crate::wait::{LIMIT, within};

/// A program in a terminal, until this value is dropped. The screen stays when the program ends.
pub struct Tmux {
    directory: TempDir,
}

impl Tmux {
    /// Starts a program in a terminal of so many columns and lines; variables are `NAME=VALUE`.
    #[track_caller]
    pub fn start(size: (u16, u16), variables: &[&str], words: &[&str]) -> Self {
        let directory = TempDir::new().expect("a directory can be made");
        fs::write(directory.path().join("config"), "set -g remain-on-exit on\nset -g status off\n")
            .expect("the directory is ours");
        let terminal = Self { directory };
        let (width, height) = (size.0.to_string(), size.1.to_string());
        let mut arguments = vec!["new-session", "-d", "-x", &width, "-y", &height];
        arguments.extend(["env", "-u", "NO_COLOR"]);
        arguments.extend(variables);
        // tmux itself loses an exit status at times.
        let status = terminal.status_file().display().to_string();
        arguments.extend(["sh", "-c", "\"$@\"; echo $? > \"$0\"", &status]);
        arguments.extend(words);
        let started = terminal.run(&arguments);
        assert!(started.status.success(), "{started:?}");
        terminal
    }

    /// What is on the screen, a line each, without blanks at their ends.
    #[track_caller]
    pub fn screen(&self) -> String {
        self.tell(&["capture-pane", "-p"])
    }

    /// The same with the sequences that make colours.
    #[track_caller]
    pub fn coloured_screen(&self) -> String {
        self.tell(&["capture-pane", "-p", "-e"])
    }

    /// Presses keys, by the names that tmux has for them.
    #[track_caller]
    pub fn press<const N: usize>(&self, keys: [&str; N]) {
        self.tell(&[&["send-keys"][..], &keys].concat());
    }

    /// Types a text.
    #[track_caller]
    pub fn type_text(&self, text: &str) {
        self.tell(&["send-keys", "-l", text]);
    }

    /// Makes the terminal another size.
    #[track_caller]
    pub fn resize(&self, width: u16, height: u16) {
        self.tell(&["resize-window", "-x", &width.to_string(), "-y", &height.to_string()]);
    }

    /// Waits until the screen is as it should be, and returns it.
    #[track_caller]
    pub fn wait_for(&self, what: &str, condition: impl Fn(&str) -> bool) -> String {
        let mut screen = String::new();
        let came = within(LIMIT, || {
            screen = self.screen();
            condition(&screen)
        });
        assert!(came, "waited in vain until {what}; the screen:\n{screen}");
        screen
    }

    /// [`Tmux::wait_for`] a text.
    #[track_caller]
    pub fn wait_for_text(&self, text: &str) -> String {
        self.wait_for(&format!("{text:?} is shown"), |screen| screen.contains(text))
    }

    /// Waits until the program has ended; its exit status, which is that of a shell.
    #[track_caller]
    pub fn wait_for_end(&self) -> i32 {
        let mut status = None;
        let ended = within(LIMIT, || {
            let text = fs::read_to_string(self.status_file()).unwrap_or_default();
            status = text.strip_suffix('\n').and_then(|text| text.parse().ok());
            status.is_some()
        });
        assert!(ended, "waited in vain until the program has ended; the screen:\n{}", self.screen());
        status.expect("it ended with a status")
    }

    /// Whether the program has the screen to itself, and its end brings back what was there before.
    #[track_caller]
    pub fn is_alternate_screen(&self) -> bool {
        self.format("alternate_on") == "1"
    }

    /// The program.
    #[track_caller]
    pub fn process(&self) -> Process {
        let shell = self.format("pane_pid");
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"));
        let child = children.ok().and_then(|children| children.trim().parse().ok());
        Process(child.expect("the program is the shell's only child"))
    }

    /// Takes the terminal away, as one does who closes its window.
    pub fn hang_up(&self) {
        self.run(&["kill-server"]);
    }

    #[track_caller]
    fn format(&self, name: &str) -> String {
        self.tell(&["display-message", "-p", &format!("#{{{name}}}")]).trim_end().to_owned()
    }

    #[track_caller]
    fn tell(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "tmux {arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn status_file(&self) -> PathBuf {
        self.directory.path().join("status")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let path = |name| self.directory.path().join(name);
        // A UTF-8 terminal, whatever the locale is.
        let mut command = Command::new(program::find("tmux"));
        command.arg("-u").arg("-S").arg(path("socket")).arg("-f").arg(path("config")).args(arguments);
        command.env("LC_ALL", "C.UTF-8").output().expect("tmux can be run")
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.hang_up();
    }
}
