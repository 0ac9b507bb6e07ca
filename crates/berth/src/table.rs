//! Tables with aligned columns.

use crate::paint::{Paint, Tone};

/// One cell.
#[derive(Debug)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(crate) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self {
            // Whatever a daemon quotes from its input stays on its line and moves no cursor.
            text: text
                .into()
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect(),
            tone,
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(Tone::Plain, text)
    }
}

/// The table as text; columns are as wide as their widest cell, the last one as it comes.
pub(crate) fn render<const N: usize>(
    paint: Paint,
    head: [&str; N],
    rows: Vec<[Cell; N]>,
) -> String {
    let head = head.map(|title| Cell::new(Tone::Faint, title));
    let rows: Vec<[Cell; N]> = std::iter::once(head).chain(rows).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text.chars().count());
        }
    }
    rows.iter().map(|row| line(paint, row, &widths)).collect()
}

fn line(paint: Paint, row: &[Cell], widths: &[usize]) -> String {
    let last = row.iter().rposition(|cell| !cell.text.is_empty());
    let mut line = String::new();
    for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
        line.push_str(&paint.apply(cell.tone, &cell.text));
        if Some(index) >= last {
            break;
        }
        let pad = width - cell.text.chars().count() + 2;
        line.extend(std::iter::repeat_n(' ', pad));
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_lines_have_no_trailing_blanks() {
        let rows = vec![
            ["a".into(), "long cell".into(), "x".into()],
            ["longer".into(), "b".into(), "".into()],
        ];
        let text = render(Paint::new(false), ["ONE", "TWO", "THREE"], rows);
        assert_eq!(
            text,
            "ONE     TWO        THREE\na       long cell  x\nlonger  b\n"
        );
    }

    #[test]
    fn colour_does_not_count_as_width_and_control_characters_are_blanked() {
        let rows = vec![[Cell::new(Tone::Bad, "no"), "a\nb\x1b[2J".into()]];
        let text = render(Paint::new(true), ["STATE", "NOTE"], rows);
        let row = text.lines().nth(1).unwrap();
        assert_eq!(row, "\x1b[31mno\x1b[0m     a b [2J");
    }
}
