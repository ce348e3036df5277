//! penctl(1), and pen.conf(5) with the commands of the table.

use common::command;
use common::mdoc::fill;

/// penctl(1), as mdoc(7).
pub fn penctl() -> String {
    include_str!("../../man/penctl.1.in").to_owned()
}

/// pen.conf(5), as mdoc(7).
pub fn pen_conf() -> String {
    fill(include_str!("../../man/pen.conf.5.in"), &[("COMMANDS", command::manual())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_placeholder_is_left() {
        for page in [penctl(), pen_conf()] {
            assert!(page.lines().all(|line| !line.starts_with('@')), "{page}");
        }
    }
}
