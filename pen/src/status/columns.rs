//! Columns of text, as wide as what they hold.

use std::fmt::{self, Display, Formatter};

/// A table under construction; displayed, it is a line of titles and a line a row, each ended by a newline.
#[derive(Debug, Default)]
pub struct Columns {
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    title: &'static str,
    align: Align,
    cells: Vec<String>,
    width: usize,
}

#[derive(Clone, Copy, Debug)]
enum Align {
    Left,
    Right,
}

/// Stands before every line.
const INDENT: &str = "  ";

impl Columns {
    /// Adds a column of words.
    pub fn words<T: Display>(self, title: &'static str, cells: impl Iterator<Item = T>) -> Columns {
        self.with(title, Align::Left, cells)
    }

    /// Adds a column of numbers.
    pub fn numbers<T: Display>(self, title: &'static str, cells: impl Iterator<Item = T>) -> Columns {
        self.with(title, Align::Right, cells)
    }

    /// Takes the latest column away if it says nothing: its cells are empty or 0.
    pub fn unless_void(mut self) -> Columns {
        self.columns.pop_if(|column| column.cells.iter().all(|cell| matches!(cell.as_str(), "" | "0")));
        self
    }

    fn with<T: Display>(
        mut self,
        title: &'static str,
        align: Align,
        cells: impl Iterator<Item = T>,
    ) -> Columns {
        let cells: Vec<String> = cells.map(|cell| cell.to_string()).collect();
        let widths = cells.iter().map(|cell| cell.chars().count());
        let width = widths.chain([title.chars().count()]).max().unwrap_or(0);
        self.columns.push(Column { title, align, cells, width });
        self
    }

    fn line<'a>(&'a self, cell: impl Fn(&'a Column) -> &'a str) -> String {
        let mut line = String::new();
        for column in &self.columns {
            let cell = cell(column);
            let padding = " ".repeat(column.width.saturating_sub(cell.chars().count()));
            let (first, second) = match column.align {
                Align::Left => (cell, padding.as_str()),
                Align::Right => (padding.as_str(), cell),
            };
            line.extend([INDENT, first, second]);
        }
        line
    }
}

impl Display for Columns {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.line(|column| column.title).trim_end())?;
        let rows = self.columns.iter().map(|column| column.cells.len()).min().unwrap_or(0);
        for row in 0..rows {
            writeln!(f, "{}", self.line(|column| &column.cells[row]).trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_numbers_stand_at_the_right() {
        let columns = Columns::default()
            .words("name", ["a", "größer", ""].iter())
            .numbers("count", [1, 23, 4_567_890].iter())
            .words("note", ["x", "", "yy"].iter());
        assert_eq!(
            columns.to_string(),
            "  name      count  note\n  a             1  x\n  größer       23\n          4567890  yy\n"
        );
    }

    #[test]
    fn a_column_that_says_nothing_is_left_out_if_so_wished() {
        let columns = Columns::default()
            .numbers("slot", [0, 0].iter())
            .numbers("weight", [0, 0].iter())
            .unless_void()
            .numbers("prio", [0, 1].iter())
            .unless_void();
        assert_eq!(columns.to_string(), "  slot  prio\n     0     0\n     0     1\n");
    }
}
