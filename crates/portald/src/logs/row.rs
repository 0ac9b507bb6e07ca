//! One line of styled text, compact where it rests and as cells where it is edited.

use super::style::Style;

/// A resting line: text and the lengths of its styled runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// Given by the store when the row is first seen.
    pub(super) id: Option<u64>,
    /// Changed since the store looked last.
    pub(super) changed: bool,
    text: Box<str>,
    runs: Box<[Run]>,
}

/// A run of one style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// In UTF-16 units, as the page cuts strings.
    pub(super) length: u32,
    pub(super) style: Style,
}

/// One column of the line under the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// None in the second column of a wide character.
    character: Option<char>,
    style: Style,
    /// Combining marks on the character.
    marks: String,
}

impl Cell {
    pub(super) fn new(character: char, style: Style) -> Self {
        Self {
            character: Some(character),
            style,
            marks: String::new(),
        }
    }

    pub(super) fn continuation(style: Style) -> Self {
        Self {
            character: None,
            style,
            marks: String::new(),
        }
    }

    pub(super) fn blank() -> Self {
        Self::new(' ', Style::default())
    }

    /// Adds a combining mark, up to a bound that every real script stays below.
    pub(super) fn mark(&mut self, mark: char) {
        if self.marks.len() < 32 {
            self.marks.push(mark);
        }
    }
}

impl Row {
    pub(super) fn set(&mut self, cells: &[Cell]) {
        let mut text = String::with_capacity(cells.len());
        let mut runs: Vec<Run> = Vec::new();
        for cell in cells {
            let before = text.len();
            if let Some(character) = cell.character {
                text.push(character);
                text.push_str(&cell.marks);
            }
            let units = text
                .get(before..)
                .map_or(0, |added| added.encode_utf16().count());
            let units = u32::try_from(units).unwrap_or(u32::MAX);
            match runs.last_mut() {
                Some(run) if run.style == cell.style => {
                    run.length = run.length.saturating_add(units);
                }
                Some(_) | None => runs.push(Run {
                    length: units,
                    style: cell.style,
                }),
            }
        }
        if let [only] = runs.as_slice()
            && only.style == Style::default()
        {
            runs.clear();
        }
        self.text = text.into_boxed_str();
        self.runs = runs.into_boxed_slice();
        self.changed = true;
    }

    /// Back to cells, for the cursor's return to this row.
    pub(super) fn cells(&self) -> Vec<Cell> {
        use unicode_width::UnicodeWidthChar as _;
        let mut cells: Vec<Cell> = Vec::with_capacity(self.text.len());
        let mut runs = self.runs.iter().copied();
        let mut run = runs.next();
        for character in self.text.chars() {
            while run.is_some_and(|run| run.length == 0) {
                run = runs.next();
            }
            let style = run.map_or_else(Style::default, |run| run.style);
            if let Some(run) = &mut run {
                let units = if character.len_utf16() == 2 { 2 } else { 1 };
                run.length = run.length.saturating_sub(units);
            }
            match character.width().unwrap_or(0) {
                0 => {
                    if let Some(cell) = cells.iter_mut().rev().find(|c| c.character.is_some()) {
                        cell.mark(character);
                    }
                }
                1 => cells.push(Cell::new(character, style)),
                _ => {
                    cells.push(Cell::new(character, style));
                    cells.push(Cell::continuation(style));
                }
            }
        }
        cells
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Nobody was ever shown this row.
    pub(super) fn is_unseen(&self) -> bool {
        self.id.is_none() && self.text.is_empty()
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Runs of style over the whole text; empty for plain text.
    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }
}
