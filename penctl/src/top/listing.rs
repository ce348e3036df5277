//! The part of a list that is on the screen: filtered, sorted, cut out at the cursor, with the columns that fit. Pure.

use std::cmp::Ordering;

use ratatui::layout::Alignment;
use ratatui::text::Span;

use super::row::{Column, Detail, Row, Tone, cell};
use super::state::Look;

/// What is to be drawn.
#[derive(Debug)]
pub struct Listing {
    pub heads: Vec<Head>,
    pub rows: Vec<Vec<(String, Tone)>>,
    /// Where each of `rows` stands in the list that was given.
    pub indices: Vec<usize>,
    /// Which of `rows` is marked.
    pub cursor: usize,
    /// Rows that pass the filter.
    pub matching: usize,
    /// Columns that the list has, also those that do not fit.
    pub columns: usize,
    /// What there is to say about the marked row besides.
    pub detail: Option<Detail>,
    /// Columns of the screen that it takes, with a gap at its end.
    pub width: usize,
}

/// A column's title and place.
#[derive(Debug)]
pub struct Head {
    pub title: String,
    pub align: Alignment,
    pub width: usize,
    /// The list is sorted by it.
    pub is_sorted: bool,
}

/// Blanks between columns.
pub const GAP: usize = 2;

/// Lists `rows` on a screen of so many lines and columns. The look's cursor and offset are moved to where there are rows.
pub fn list<'a, R: Row>(
    rows: impl Iterator<Item = &'a R>,
    look: &mut Look,
    height: usize,
    width: usize,
) -> Listing {
    let filter = look.filter.to_lowercase();
    let passes = |row: &R| filter.is_empty() || row.text().to_lowercase().contains(&filter);
    let mut rows: Vec<(usize, &R)> = rows.enumerate().filter(|(_, row)| passes(row)).collect();
    look.sort = look.sort.min(R::COLUMNS.len() - 1);
    let order = R::COLUMNS[look.sort].order;
    // The same rows in the same order, however often they are listed.
    rows.sort_by(|(at, a), (bt, b)| directed(order(a, b), look.reverse).then(at.cmp(bt)));

    let matching = rows.len();
    scroll(look, matching, height);
    let shown = &rows[look.offset..matching.min(look.offset + height)];
    let columns = fit(shown, look, width);
    Listing {
        rows: shown
            .iter()
            .map(|(_, row)| columns.iter().map(|&(index, _)| content(index, *row)).collect())
            .collect(),
        indices: shown.iter().map(|(index, _)| *index).collect(),
        cursor: look.cursor - look.offset,
        matching,
        columns: R::COLUMNS.len(),
        detail: rows.get(look.cursor).and_then(|(_, row)| row.detail()),
        width: columns.iter().map(|(_, width)| width + GAP).sum(),
        heads: columns.into_iter().map(|(index, width)| head::<R>(index, width, look)).collect(),
    }
}

fn directed(order: Ordering, reverse: bool) -> Ordering {
    if reverse { order.reverse() } else { order }
}

fn scroll(look: &mut Look, rows: usize, height: usize) {
    look.cursor = look.cursor.min(rows.saturating_sub(1));
    // As little as brings the cursor on the screen, and no void below while there are rows above.
    let lowest = look.cursor.saturating_sub(height.saturating_sub(1));
    look.offset = look.offset.clamp(lowest, look.cursor).min(rows.saturating_sub(height));
}

/// The columns that fit, and how wide they are: by rank, but the one that is sorted by comes first.
fn fit<R: Row>(rows: &[(usize, &R)], look: &Look, width: usize) -> Vec<(usize, usize)> {
    let columns: Vec<_> = R::COLUMNS.iter().enumerate().collect();
    let mut by_rank: Vec<_> = columns.iter().filter(|(_, column)| !is_void(column, rows)).collect();
    by_rank.sort_by_key(|(index, column)| (*index != look.sort, column.rank));
    let mut left = width;
    let mut fitting = Vec::new();
    for &&(index, column) in &by_rank {
        let cells = rows.iter().map(|(_, row)| width_of(&cell(column, *row)));
        let natural =
            cells.chain([width_of(&title(column, index == look.sort, look.reverse))]).max().unwrap_or(0);
        // A path may be longer than any screen is wide.
        let natural = natural.min((width / 2).max(1));
        if natural <= left {
            left = left.saturating_sub(natural + GAP);
            fitting.push((index, natural));
        }
    }
    fitting.sort_unstable();
    fitting
}

/// Columns that say nothing, such as the names of servers that have none, need no room.
fn is_void<R: Row>(column: &Column<R>, rows: &[(usize, &R)]) -> bool {
    column.rank > 2 && rows.iter().all(|(_, row)| matches!((column.cell)(row).as_str(), "" | "0"))
}

fn title<R>(column: &Column<R>, is_sorted: bool, reverse: bool) -> String {
    match (is_sorted, reverse) {
        (false, _) => column.title.to_owned(),
        (true, false) => format!("{} ▲", column.title),
        (true, true) => format!("{} ▼", column.title),
    }
}

fn head<R: Row>(index: usize, width: usize, look: &Look) -> Head {
    let column = &R::COLUMNS[index];
    let is_sorted = index == look.sort;
    Head { title: title(column, is_sorted, look.reverse), align: column.align, width, is_sorted }
}

fn content<R: Row>(index: usize, row: &R) -> (String, Tone) {
    let column = &R::COLUMNS[index];
    (cell(column, row), (column.tone)(row))
}

/// In columns of the screen.
pub fn width_of(text: &str) -> usize {
    Span::raw(text).width()
}

#[cfg(test)]
mod tests {
    use common::status::ClientStatus;

    use super::*;

    fn clients(count: u32) -> Vec<ClientStatus> {
        let client = |index| ClientStatus {
            index,
            address: format!("10.0.0.{index}"),
            connects: u64::from(index * 7 % 10),
            ..ClientStatus::default()
        };
        (0..count).map(client).collect()
    }

    fn column(listing: &Listing, title: &str) -> Vec<String> {
        let index = listing.heads.iter().position(|head| head.title.starts_with(title)).unwrap();
        listing.rows.iter().map(|row| row[index].0.clone()).collect()
    }

    fn titles(width: usize, look: &Look) -> Vec<String> {
        let listing = list(clients(3).iter(), &mut look.clone(), 5, width);
        assert!(listing.width <= width + GAP, "{} of {width}", listing.width);
        listing.heads.into_iter().map(|head| head.title).collect()
    }

    #[test]
    fn rows_are_sorted_by_a_column_and_equal_ones_stay_in_order() {
        let (clients, mut look) = (clients(20), Look { sort: 5, ..Look::default() });
        assert_eq!(
            column(&list(clients.iter(), &mut look, 6, 80), "client"),
            ["0", "10", "3", "13", "6", "16"]
        );
        look.reverse = true;
        let listing = list(clients.iter(), &mut look, 4, 80);
        assert_eq!(column(&listing, "connects"), ["9", "9", "8", "8"]);
        assert_eq!(column(&listing, "client"), ["7", "17", "4", "14"]);
        assert_eq!(listing.indices, [7, 17, 4, 14]);
    }

    #[test]
    fn a_filter_finds_text_in_any_case() {
        let mut clients = clients(20);
        clients[4].address = "/run/WWW.sock".into();
        let mut look = Look { filter: "www".into(), ..Look::default() };
        let listing = list(clients.iter(), &mut look, 5, 80);
        assert_eq!((listing.matching, column(&listing, "address")), (1, vec!["/run/WWW.sock".to_owned()]));
        look.filter = "nobody".into();
        assert_eq!(list(clients.iter(), &mut look, 5, 80).matching, 0);
    }

    #[test]
    fn the_screen_follows_the_cursor_by_as_little_as_it_takes() {
        let clients = clients(20);
        let mut look = Look::default();
        for (cursor, expected) in [(4, 0), (5, 1), (19, 15), (16, 15), (14, 14), (0, 0)] {
            look.cursor = cursor;
            let listing = list(clients.iter(), &mut look, 5, 80);
            assert_eq!((look.offset, listing.cursor, listing.rows.len()), (expected, cursor - expected, 5));
        }
        look.cursor = 19;
        list(clients.iter(), &mut look, 5, 80);
        let listing = list(clients[..8].iter(), &mut look, 5, 80);
        assert_eq!((look.cursor, look.offset, listing.rows.len()), (7, 3, 5));
        let listing = list(clients[..0].iter(), &mut look, 5, 80);
        assert_eq!((look.cursor, look.offset, listing.rows.len()), (0, 0, 0));
        assert!(list(clients.iter(), &mut look, 0, 0).rows.is_empty());
    }

    #[test]
    fn narrow_screens_lose_the_columns_that_matter_least_but_never_the_sorted_one() {
        let all = ["address", "seen", "last server", "open", "connects", "sent", "received"];
        let by_address = Look { sort: 1, ..Look::default() };
        assert_eq!(titles(200, &by_address)[2..], all[1..]);
        assert!(!titles(60, &by_address).contains(&"last server".to_owned()));
        let by_server = Look { sort: 3, ..Look::default() };
        assert!(titles(60, &by_server).contains(&"last server ▲".to_owned()));
        for width in 0..100 {
            titles(width, &by_address);
        }
    }

    #[test]
    fn cells_are_harmless() {
        let mut clients = clients(1);
        clients[0].address = "/x\x1b[2J\u{202e}".into();
        let listing = list(clients.iter(), &mut Look::default(), 5, 80);
        assert_eq!(column(&listing, "address"), [r"/x\u{1b}[2J\u{202e}"]);
    }
}
