//! What the user has chosen, and what keys do to it. Pure.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// One of the lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    #[default]
    Servers,
    Clients,
    Connections,
    /// Of services that look for users alone.
    Users,
}

impl Tab {
    pub const ALL: [Tab; 4] = [Tab::Servers, Tab::Clients, Tab::Connections, Tab::Users];

    pub fn title(self) -> &'static str {
        match self {
            Tab::Servers => "Servers",
            Tab::Clients => "Clients",
            Tab::Connections => "Connections",
            Tab::Users => "Users",
        }
    }

    fn index(self) -> usize {
        self as usize
    }

    /// The list so many steps further, among the first `tabs`.
    fn moved(self, steps: usize, tabs: usize) -> Tab {
        Tab::ALL[(self.index() + steps) % tabs]
    }
}

/// How a list is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The column that it is sorted by.
    pub sort: usize,
    /// Largest first.
    pub reverse: bool,
    /// Only rows with this text in them.
    pub filter: String,
    /// The row that is marked.
    pub cursor: usize,
    /// The row at the top of the screen.
    pub offset: usize,
}

/// What keys speak to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    List,
    /// They are the filter's text.
    Filter,
    /// Any key goes back.
    Help,
}

/// What the charts show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measure {
    #[default]
    Connects,
    Bytes,
}

/// What the screen must know about the lists to follow a key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extent {
    /// Columns of the list that is shown.
    pub columns: usize,
    /// Its rows.
    pub rows: usize,
    /// How many of them fit the screen.
    pub page: usize,
    /// How many services there are.
    pub services: usize,
    /// The service that is shown looks for users.
    pub has_users: bool,
}

impl Extent {
    /// How many lists there are.
    fn tabs(&self) -> usize {
        if self.has_users { Tab::ALL.len() } else { Tab::ALL.len() - 1 }
    }
}

#[derive(Clone, Debug, Default)]
pub struct State {
    pub tab: Tab,
    pub mode: Mode,
    pub measure: Measure,
    /// Which of the services is shown.
    pub service: usize,
    looks: [Look; Tab::ALL.len()],
}

/// What is to be done after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Continue,
    Quit,
}

/// A filter is not longer than this.
const FILTER_MOST: usize = 64;

/// The keys, for the help.
pub const KEYS: &[(&str, &str)] = &[
    ("Tab, 1 2 3 4", "servers, clients, connections, users of RDP"),
    ("s S", "the next service, the one before"),
    ("< >, Left Right", "choose the column to sort by"),
    ("r", "sort the other way round"),
    ("/", "only rows with a text: Enter keeps it, Esc drops it"),
    ("Up Down, k j", "a row up or down"),
    ("PgUp PgDn, Home End", "a page up or down, the first row, the last"),
    ("m", "the charts show connections or bytes"),
    ("?", "this help"),
    ("q, Esc, Ctrl-C", "leave"),
];

impl State {
    /// How the list that is shown is looked at.
    pub fn look(&self) -> &Look {
        &self.looks[self.tab.index()]
    }

    /// The same, to be changed.
    pub fn look_mut(&mut self) -> &mut Look {
        &mut self.looks[self.tab.index()]
    }

    /// Follows a key.
    pub fn press(&mut self, key: KeyEvent, extent: Extent) -> Flow {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return if key.code == KeyCode::Char('c') { Flow::Quit } else { Flow::Continue };
        }
        match self.mode {
            Mode::Help => self.mode = Mode::List,
            Mode::Filter => self.press_in_filter(key.code),
            Mode::List => return self.press_in_list(key.code, extent),
        }
        Flow::Continue
    }

    fn press_in_filter(&mut self, key: KeyCode) {
        let look = self.look_mut();
        match key {
            KeyCode::Char(c) if look.filter.chars().count() < FILTER_MOST => look.filter.push(c),
            KeyCode::Backspace => _ = look.filter.pop(),
            KeyCode::Esc => {
                look.filter.clear();
                self.mode = Mode::List;
            }
            KeyCode::Enter => self.mode = Mode::List,
            _ => {}
        }
        self.look_mut().cursor = 0;
    }

    fn press_in_list(&mut self, key: KeyCode, extent: Extent) -> Flow {
        match key {
            KeyCode::Char('q') => return Flow::Quit,
            KeyCode::Esc if self.look().filter.is_empty() => return Flow::Quit,
            KeyCode::Esc => self.look_mut().filter.clear(),
            KeyCode::Char('?' | 'h') => self.mode = Mode::Help,
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Tab => self.tab = self.tab.moved(1, extent.tabs()),
            KeyCode::BackTab => self.tab = self.tab.moved(extent.tabs() - 1, extent.tabs()),
            KeyCode::Char('1') => self.tab = Tab::Servers,
            KeyCode::Char('2') => self.tab = Tab::Clients,
            KeyCode::Char('3') => self.tab = Tab::Connections,
            KeyCode::Char('4') if extent.has_users => self.tab = Tab::Users,
            KeyCode::Char('s') => self.show_next_service(1, extent.services),
            KeyCode::Char('S') => self.show_next_service(extent.services.max(1) - 1, extent.services),
            KeyCode::Char('m') => {
                self.measure = match self.measure {
                    Measure::Connects => Measure::Bytes,
                    Measure::Bytes => Measure::Connects,
                }
            }
            KeyCode::Char('r') => self.look_mut().reverse ^= true,
            KeyCode::Right | KeyCode::Char('>') => self.sort_by_next(1, extent.columns),
            KeyCode::Left | KeyCode::Char('<') => {
                self.sort_by_next(extent.columns.max(1) - 1, extent.columns);
            }
            _ => self.scroll(key, extent),
        }
        Flow::Continue
    }

    fn show_next_service(&mut self, steps: usize, services: usize) {
        self.service = (self.service + steps) % services.max(1);
    }

    fn sort_by_next(&mut self, steps: usize, columns: usize) {
        let look = self.look_mut();
        look.sort = (look.sort + steps) % columns.max(1);
    }

    fn scroll(&mut self, key: KeyCode, extent: Extent) {
        let look = self.look_mut();
        let page = extent.page.max(1);
        look.cursor = match key {
            KeyCode::Up | KeyCode::Char('k') => look.cursor.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => look.cursor + 1,
            KeyCode::PageUp => look.cursor.saturating_sub(page),
            KeyCode::PageDown => look.cursor + page,
            KeyCode::Home => 0,
            KeyCode::End => extent.rows,
            _ => return,
        };
        look.cursor = look.cursor.min(extent.rows.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENT: Extent = Extent { columns: 4, rows: 30, page: 10, services: 3, has_users: false };

    fn pressed(keys: &[KeyCode]) -> State {
        let mut state = State::default();
        for &key in keys {
            assert_eq!(state.press(key.into(), EXTENT), Flow::Continue, "{key:?}");
        }
        state
    }

    fn typed(text: &str) -> Vec<KeyCode> {
        text.chars().map(KeyCode::Char).collect()
    }

    #[test]
    fn q_escape_and_control_c_leave() {
        for key in [KeyCode::Char('q'), KeyCode::Esc] {
            assert_eq!(State::default().press(key.into(), EXTENT), Flow::Quit);
        }
        for mode in [Mode::List, Mode::Filter, Mode::Help] {
            let mut state = State { mode, ..State::default() };
            let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
            assert_eq!(state.press(key, EXTENT), Flow::Quit);
        }
    }

    #[test]
    fn lists_are_chosen_by_number_or_in_turn_and_keep_their_look() {
        use KeyCode::{BackTab, Char, Down, Tab as TabKey};
        assert_eq!(pressed(&[TabKey]).tab, Tab::Clients);
        assert_eq!(pressed(&[TabKey, TabKey, TabKey]).tab, Tab::Servers);
        assert_eq!(pressed(&[BackTab]).tab, Tab::Connections);
        let state = pressed(&[Char('3'), Down, Down, Char('2'), Down, Char('3')]);
        assert_eq!((state.tab, state.look().cursor), (Tab::Connections, 2));
    }

    #[test]
    fn users_are_the_last_list_of_services_that_look_for_them() {
        use KeyCode::{BackTab, Char, Tab as TabKey};
        let pressed = |keys: &[KeyCode], has_users| {
            let mut state = State::default();
            for &key in keys {
                state.press(key.into(), Extent { has_users, ..EXTENT });
            }
            state.tab
        };
        for (keys, with, without) in [
            (&[Char('4')][..], Tab::Users, Tab::Servers),
            (&[BackTab], Tab::Users, Tab::Connections),
            (&[TabKey, TabKey, TabKey], Tab::Users, Tab::Servers),
        ] {
            assert_eq!((pressed(keys, true), pressed(keys, false)), (with, without), "{keys:?}");
        }
    }

    #[test]
    fn any_column_can_be_sorted_by_either_way() {
        use KeyCode::{Char, Left, Right};
        assert_eq!(pressed(&[Right, Char('>')]).look().sort, 2);
        assert_eq!(pressed(&[Left]).look().sort, 3);
        assert_eq!(pressed(&[Right, Right, Right, Right]).look().sort, 0);
        assert!(pressed(&[Char('r')]).look().reverse);
        assert!(!pressed(&[Char('r'), Char('r')]).look().reverse);
    }

    #[test]
    fn a_filter_is_typed_kept_and_dropped() {
        use KeyCode::{Backspace, Enter, Esc};
        let state = pressed(&[typed("/q?1x"), vec![Backspace, Enter]].concat());
        assert_eq!((state.mode, state.look().filter.as_str()), (Mode::List, "q?1"));
        let state = pressed(&[typed("/q"), vec![Esc]].concat());
        assert_eq!((state.mode, state.look().filter.as_str()), (Mode::List, ""));
        let state = pressed(&[typed("/q"), vec![Enter, Esc]].concat());
        assert_eq!(state.look().filter, "");
        let state = pressed(&typed(&format!("/{}", "x".repeat(500))));
        assert_eq!(state.look().filter.len(), FILTER_MOST);
    }

    #[test]
    fn the_cursor_stays_within_the_rows() {
        use KeyCode::{Char, Down, End, Home, PageDown, PageUp, Up};
        let cursor = |keys: &[KeyCode]| pressed(keys).look().cursor;
        assert_eq!(cursor(&[Up]), 0);
        assert_eq!(cursor(&[Down, Char('j'), Char('k')]), 1);
        assert_eq!(cursor(&[PageDown, PageDown, Up]), 19);
        assert_eq!(cursor(&[PageDown, PageDown, PageDown, PageDown]), 29);
        assert_eq!(cursor(&[End, PageUp]), 19);
        assert_eq!(cursor(&[End, Home]), 0);
        let mut state = State::default();
        state.press(End.into(), Extent::default());
        assert_eq!(state.look().cursor, 0);
    }

    #[test]
    fn help_goes_with_any_key() {
        use KeyCode::{Char, Esc};
        assert_eq!(pressed(&[Char('?')]).mode, Mode::Help);
        assert_eq!(pressed(&[Char('?'), Esc]).mode, Mode::List);
        assert_eq!(pressed(&[Char('?'), Char('q')]).mode, Mode::List);
    }

    #[test]
    fn services_and_charts_are_chosen_in_turn() {
        use KeyCode::Char;
        assert_eq!(pressed(&[Char('s'), Char('s')]).service, 2);
        assert_eq!(pressed(&[Char('s'), Char('s'), Char('s')]).service, 0);
        assert_eq!(pressed(&[Char('S')]).service, 2);
        assert_eq!(pressed(&[Char('m')]).measure, Measure::Bytes);
        assert_eq!(pressed(&[Char('m'), Char('m')]).measure, Measure::Connects);
    }
}
