//! A small terminal for the tests: what is on the screen after all that was written.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use indicatif::TermLike;

/// A terminal 120 columns wide.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terminal(Arc<Mutex<Grid>>);

const WIDTH: u16 = 120;

#[derive(Debug, Default)]
struct Grid {
    lines: Vec<String>,
    row: usize,
    column: usize,
}

impl Terminal {
    /// What is on the screen, without what is blank.
    pub(crate) fn text(&self) -> String {
        let grid = self.0.lock().unwrap();
        let lines: Vec<&str> = grid.lines.iter().map(|line| line.trim_end()).collect();
        lines.join("\n").trim_end().to_owned()
    }

    fn change(&self, change: impl FnOnce(&mut Grid)) {
        change(&mut self.0.lock().unwrap());
    }
}

impl Grid {
    fn put(&mut self, text: &str) {
        for character in text.chars() {
            if character == '\n' {
                (self.row, self.column) = (self.row + 1, 0);
                continue;
            }
            assert!(!character.is_control(), "nothing here draws by escapes");
            // The cursor stays behind the last column until there is more to write.
            if self.column == usize::from(WIDTH) {
                (self.row, self.column) = (self.row + 1, 0);
            }
            if self.lines.len() <= self.row {
                self.lines.resize(self.row + 1, String::new());
            }
            let mut line: Vec<char> = self.lines[self.row].chars().collect();
            line.resize(line.len().max(self.column + 1), ' ');
            line[self.column] = character;
            self.lines[self.row] = line.into_iter().collect();
            self.column += 1;
        }
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        WIDTH
    }

    fn height(&self) -> u16 {
        24
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.change(|grid| grid.row = grid.row.saturating_sub(lines));
        Ok(())
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.change(|grid| grid.row += lines);
        Ok(())
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.change(|grid| grid.column += columns);
        Ok(())
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.change(|grid| grid.column = grid.column.saturating_sub(columns));
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.change(|grid| {
            grid.put(text);
            grid.put("\n");
        });
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.change(|grid| grid.put(text));
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.change(|grid| {
            if let Some(line) = grid.lines.get_mut(grid.row) {
                line.clear();
            }
            grid.column = 0;
        });
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        self.change(|grid| grid.put(text));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
