//! Columns of text, as wide as what they hold.

use std::fmt::{self, Display, Formatter, Write};

/// A table under construction; displayed, it is a line of titles and a line a row, each ended by a newline.
#[derive(Debug, Default)]
pub struct Columns {
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    title: &'static str,
    align: Align,
    /// The texts of all cells, one after the other: there may be a hundred thousand.
    text: String,
    cells: Vec<Cell>,
    /// Characters of the widest.
    width: usize,
}

/// Where the text of a cell ends, and how many characters it has.
#[derive(Clone, Copy, Debug)]
struct Cell {
    end: usize,
    width: usize,
}

#[derive(Clone, Copy, Debug)]
enum Align {
    Left,
    Right,
}

/// Stands before every column.
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
        self.columns.pop_if(|column| {
            (0..column.cells.len()).all(|row| matches!(column.cell(row), Some(("" | "0", _)) | None))
        });
        self
    }

    fn with<T: Display>(
        mut self,
        title: &'static str,
        align: Align,
        cells: impl Iterator<Item = T>,
    ) -> Columns {
        let mut column = Column::new(title, align);
        cells.for_each(|cell| column.push(cell));
        self.columns.push(column);
        self
    }
}

impl Column {
    fn new(title: &'static str, align: Align) -> Column {
        Column { title, align, text: String::new(), cells: Vec::new(), width: title.chars().count() }
    }

    fn push(&mut self, cell: impl Display) {
        let start = self.text.len();
        // Writing to a string fails only if the cell does, and then there is nothing better to show.
        let _ = write!(self.text, "{cell}");
        let width = self.text[start..].chars().count();
        self.cells.push(Cell { end: self.text.len(), width });
        self.width = self.width.max(width);
    }

    /// The text of a cell and its width.
    fn cell(&self, row: usize) -> Option<(&str, usize)> {
        let start = row.checked_sub(1).map_or(0, |before| self.cells[before].end);
        self.cells.get(row).map(|cell| (&self.text[start..cell.end], cell.width))
    }

    fn append(&self, line: &mut String, cell: &str, width: usize) {
        let padding = std::iter::repeat_n(' ', self.width - width);
        line.push_str(INDENT);
        match self.align {
            Align::Left => {
                line.push_str(cell);
                line.extend(padding);
            }
            Align::Right => {
                line.extend(padding);
                line.push_str(cell);
            }
        }
    }
}

impl Display for Columns {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        for column in &self.columns {
            column.append(&mut line, column.title, column.title.chars().count());
        }
        let rows = self.columns.iter().map(|column| column.cells.len()).min().unwrap_or(0);
        for row in 0..rows {
            line.truncate(line.trim_end().len());
            line.push('\n');
            f.write_str(&line)?;
            line.clear();
            for column in &self.columns {
                let (cell, width) = column.cell(row).unwrap_or_default();
                column.append(&mut line, cell, width);
            }
        }
        writeln!(f, "{}", line.trim_end())
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
