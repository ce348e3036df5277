//! Colours. What they say is said in words, too, so that nothing is lost without them.

use ratatui::style::{Color, Modifier, Style};

use super::row::Tone;

/// What matters most.
pub const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);

/// The titles of columns.
pub const TITLE: Style = Style::new().add_modifier(Modifier::UNDERLINED);

/// The list that is shown, and the row that the cursor is at.
pub const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);

/// How tones are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// The terminal's own green, yellow, red, which its user has chosen for its background.
    Colours,
    /// Bold and reversed text only.
    Plain,
}

impl Theme {
    /// As `$NO_COLOR` wishes.
    pub fn from_environment() -> Theme {
        match std::env::var_os("NO_COLOR") {
            Some(value) if !value.is_empty() => Theme::Plain,
            _ => Theme::Colours,
        }
    }

    pub fn style(self, tone: Tone) -> Style {
        match (self, tone) {
            (_, Tone::Plain) | (Theme::Plain, Tone::Good | Tone::Notice | Tone::Faint) => Style::new(),
            (Theme::Plain, Tone::Bad) => STRONG,
            (Theme::Colours, Tone::Good) => Style::new().fg(Color::Green),
            (Theme::Colours, Tone::Notice) => Style::new().fg(Color::Yellow),
            (Theme::Colours, Tone::Bad) => Style::new().fg(Color::Red),
            (Theme::Colours, Tone::Faint) => Style::new().add_modifier(Modifier::DIM),
        }
    }
}
