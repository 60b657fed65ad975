//! The process's own stderr, as progress draws on it: a little narrower than it is.
//!
//! Progress leaves the cursor behind its last line. A terminal shows a Ctrl-C there as `^C`; were
//! there no room for it, it would go to the next line, and a line of progress would stay for good.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::TermLike;
use rustix::termios::tcgetwinsize;

/// Columns that are left free: those of `^C`.
const ROOM: u16 = 2;
/// Rows and columns of a terminal that does not tell: those of the oldest.
const UNKNOWN: (u16, u16) = (24, 80);

/// What is still to be written to stderr, which is a terminal.
#[derive(Debug, Default)]
pub(crate) struct Stderr(Mutex<String>);

impl Stderr {
    /// Rows and columns, asked anew each time: windows change.
    fn size() -> (u16, u16) {
        match tcgetwinsize(io::stderr()) {
            Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row, size.ws_col),
            Ok(_) | Err(_) => UNKNOWN,
        }
    }

    fn pending(&self) -> MutexGuard<'_, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the cursor; by nothing, there is no code for.
    fn shift(&self, count: usize, direction: char) -> io::Result<()> {
        if count > 0 {
            write!(self.pending(), "\x1b[{count}{direction}").map_err(io::Error::other)?;
        }
        Ok(())
    }
}

impl TermLike for Stderr {
    fn width(&self) -> u16 {
        Self::size().1.saturating_sub(ROOM).max(1)
    }

    fn height(&self) -> u16 {
        Self::size().0
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.shift(lines, 'A')
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.shift(lines, 'B')
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.shift(columns, 'C')
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.shift(columns, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        let mut pending = self.pending();
        pending.push_str(text);
        pending.push('\n');
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.pending().push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.write_str("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let text = std::mem::take(&mut *self.pending());
        let mut stderr = io::stderr().lock();
        stderr.write_all(text.as_bytes())?;
        stderr.flush()
    }
}
