//! A small terminal: turns what a program writes into finished lines of styled text.
//!
//! Progress bars rewrite their line (`\r`), or several lines (cursor up); those rows keep their id
//! and get a higher revision. Everything is bounded, and no input can make it fail: what is not
//! understood is dropped. It knows nothing of files or of other programs' lines.

use std::collections::VecDeque;

use unicode_width::UnicodeWidthChar as _;
use vte::{Params, Parser, Perform};

use super::{
    row::{Cell, Row},
    style::Style,
};

/// The rows a program can still change, and the cursor among them.
pub(super) struct Screen {
    parser: Parser,
    state: State,
    /// The beginning of a character whose rest has not arrived.
    pending: Vec<u8>,
}

/// What the parser acts on.
struct State {
    /// The last rows, oldest first. The row under the cursor is kept as cells in `line`.
    rows: VecDeque<Row>,
    /// Position of the cursor's row in `rows`.
    at: usize,
    line: Vec<Cell>,
    /// Whether `line` differs from the row it was taken from.
    dirty: bool,
    column: usize,
    style: Style,
    saved: Option<(usize, Style)>,
    /// Inside a full-screen program: nothing of it belongs into a log.
    alternate: bool,
    /// Rows that scrolled out of reach, oldest first, not yet collected.
    finished: Vec<Row>,
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen")
            .field("rows", &self.state.rows.len())
            .field("column", &self.state.column)
            .finish_non_exhaustive()
    }
}

impl Screen {
    pub(super) fn new() -> Self {
        Self {
            parser: Parser::new(),
            pending: Vec::new(),
            state: State {
                rows: VecDeque::from([Row::default()]),
                at: 0,
                line: Vec::new(),
                dirty: false,
                column: 0,
                style: Style::default(),
                saved: None,
                alternate: false,
                finished: Vec::new(),
            },
        }
    }

    /// Takes output over. Sequences and characters may be split anywhere.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        // Halves of characters stay here: vte 0.15 loses an ASCII character that follows a split
        // one if another non-ASCII character comes next.
        if self.pending.is_empty() {
            let whole = bytes.len() - incomplete_tail(bytes);
            let (now, later) = bytes.split_at(whole);
            self.parser.advance(&mut self.state, now);
            self.pending.extend_from_slice(later);
        } else {
            let mut joined = std::mem::take(&mut self.pending);
            joined.extend_from_slice(bytes);
            let later = joined.split_off(joined.len() - incomplete_tail(&joined));
            self.parser.advance(&mut self.state, &joined);
            self.pending = later;
        }
        self.state.store();
    }

    /// The rows that can no longer change, oldest first; each is given out once.
    pub(super) fn take_finished(&mut self) -> Vec<Row> {
        std::mem::take(&mut self.state.finished)
    }

    /// The rows that still can, oldest first. An empty last row is where the next line begins.
    pub(super) fn live(&mut self) -> impl Iterator<Item = &mut Row> {
        let rows = &mut self.state.rows;
        let end = match rows.back() {
            Some(last) if last.is_empty() => rows.len() - 1,
            Some(_) | None => rows.len(),
        };
        rows.iter_mut().take(end)
    }
}

/// How many bytes at the end are the beginning of a character.
fn incomplete_tail(bytes: &[u8]) -> usize {
    for (back, byte) in (1..=3).zip(bytes.iter().rev()) {
        let length = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        return if length > back { back } else { 0 };
    }
    0
}

impl State {
    /// Writes the cursor's line back into its row.
    fn store(&mut self) {
        if self.dirty
            && let Some(row) = self.rows.get_mut(self.at)
        {
            row.set(&self.line);
        }
        self.dirty = false;
    }

    fn go_to_row(&mut self, at: usize) {
        self.store();
        self.at = at.min(self.rows.len() - 1);
        self.line = self.rows.get(self.at).map(Row::cells).unwrap_or_default();
    }

    fn line_feed(&mut self) {
        if self.at + 1 < self.rows.len() {
            self.go_to_row(self.at + 1);
            return;
        }
        self.store();
        self.rows.push_back(Row::default());
        if self.rows.len() > WINDOW
            && let Some(row) = self.rows.pop_front()
        {
            self.finished.push(row);
        }
        self.at = self.rows.len() - 1;
        self.line.clear();
    }

    fn put(&mut self, character: char) {
        let width = character.width().unwrap_or(0);
        if width == 0 {
            // A mark belongs to the character before it.
            let before = self.line.get_mut(..self.column).and_then(|l| l.last_mut());
            if let Some(cell) = before {
                cell.mark(character);
                self.dirty = true;
            }
            return;
        }
        if self.column + width > LONGEST {
            return;
        }
        if self.line.len() < self.column + width {
            self.line.resize(self.column + width, Cell::blank());
        }
        for (offset, cell) in self
            .line
            .iter_mut()
            .skip(self.column)
            .take(width)
            .enumerate()
        {
            *cell = match offset {
                0 => Cell::new(character, self.style),
                _ => Cell::continuation(self.style),
            };
        }
        self.column += width;
        self.dirty = true;
    }

    fn move_right(&mut self, by: usize) {
        self.column = self.column.saturating_add(by).min(LONGEST);
    }

    fn erase_in_line(&mut self, mode: u16) {
        self.dirty = true;
        let column = self.column;
        match mode {
            0 => self.line.truncate(column),
            1 => {
                let to = (column + 1).min(self.line.len());
                for cell in self.line.iter_mut().take(to) {
                    *cell = Cell::blank();
                }
            }
            2 => self.line.clear(),
            _ => {}
        }
    }

    fn erase_in_display(&mut self, mode: u16) {
        match mode {
            // Only what is below: clearing the whole screen would erase what a log is for.
            0 => {
                self.erase_in_line(0);
                self.store();
                let below = self.at + 1;
                for row in self.rows.iter_mut().skip(below) {
                    row.set(&[]);
                }
                // Rows that were never shown to anybody need not stay as empty lines.
                while self.rows.len() > below && self.rows.back().is_some_and(Row::is_unseen) {
                    self.rows.pop_back();
                }
            }
            1 => self.erase_in_line(1),
            _ => {}
        }
    }
}

impl Perform for State {
    fn print(&mut self, character: char) {
        // The parser gives C1 controls out as text when a read ends inside of one.
        if !self.alternate && !character.is_control() {
            self.put(character);
        }
    }

    fn execute(&mut self, byte: u8) {
        if self.alternate {
            return;
        }
        match byte {
            // A terminal's line feed keeps the column; a log's begins a line.
            b'\n' | 0x0b | 0x0c => {
                self.line_feed();
                self.column = 0;
            }
            b'\r' => self.column = 0,
            0x08 => self.column = self.column.saturating_sub(1),
            b'\t' => self.move_right(8 - self.column % 8),
            _ => {}
        }
    }

    fn csi_dispatch(
        &mut self,
        params: &Params,
        intermediates: &[u8],
        _ignored: bool,
        action: char,
    ) {
        let first = params.iter().next().and_then(|p| p.first()).copied();
        if intermediates == b"?" {
            if matches!(first, Some(47 | 1047 | 1049)) {
                self.alternate = action == 'h';
            }
            return;
        }
        if self.alternate || !intermediates.is_empty() {
            return;
        }
        let count = usize::from(first.unwrap_or(0).max(1));
        match action {
            'A' => self.go_to_row(self.at.saturating_sub(count)),
            'B' => self.go_to_row(self.at.saturating_add(count)),
            'C' => self.move_right(count),
            'D' => self.column = self.column.saturating_sub(count),
            'E' => {
                self.go_to_row(self.at.saturating_add(count));
                self.column = 0;
            }
            'F' => {
                self.go_to_row(self.at.saturating_sub(count));
                self.column = 0;
            }
            'G' | '`' => self.column = (count - 1).min(LONGEST),
            'K' => self.erase_in_line(first.unwrap_or(0)),
            'J' => self.erase_in_display(first.unwrap_or(0)),
            'm' => self.style.select(params),
            's' => self.saved = Some((self.column, self.style)),
            'u' => self.restore(),
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], _ignored: bool, byte: u8) {
        if !intermediates.is_empty() {
            return;
        }
        match byte {
            b'7' => self.saved = Some((self.column, self.style)),
            b'8' => self.restore(),
            b'M' if !self.alternate => self.go_to_row(self.at.saturating_sub(1)),
            b'c' => self.style = Style::default(),
            _ => {}
        }
    }
}

impl State {
    fn restore(&mut self) {
        if let Some((column, style)) = self.saved {
            self.column = column;
            self.style = style;
        }
    }
}

/// Rows that a program can still reach with the cursor.
pub(super) const WINDOW: usize = 200;
/// Columns of the longest line; the rest of a longer one is dropped.
const LONGEST: usize = 16 * 1024;

#[cfg(test)]
mod tests;
