//! What programs really write, and what they might.

use proptest::prelude::*;

use super::*;

/// Every line after `output`, finished or not, as text.
fn lines(output: &str) -> Vec<String> {
    let mut screen = Screen::new();
    screen.feed(output.as_bytes());
    all(&mut screen)
}

fn all(screen: &mut Screen) -> Vec<String> {
    let finished = screen.take_finished();
    let finished: Vec<String> = finished.iter().map(|row| row.text().to_owned()).collect();
    let live = screen.live().map(|row| row.text().to_owned());
    finished.into_iter().chain(live).collect()
}

/// Text and classes of each run of the first line.
fn runs(output: &str) -> Vec<(u32, String)> {
    let mut screen = Screen::new();
    screen.feed(output.as_bytes());
    let row = screen.live().next().unwrap().clone();
    row.runs()
        .iter()
        .map(|run| (run.length, run.style.classes()))
        .collect()
}

#[test]
fn plain_lines_stay_as_they_are() {
    assert_eq!(lines("one\n\ntwo\r\nthree"), ["one", "", "two", "three"]);
}

#[test]
fn a_carriage_return_overwrites_and_keeps_the_rest() {
    assert_eq!(lines(" 10%|#   |\r 20%|##  |"), [" 20%|##  |"]);
    assert_eq!(lines("a long line\rshort\n"), ["shortg line"]);
    assert_eq!(lines("a long line\r\x1b[Kshort\n"), ["short"]);
}

#[test]
fn nested_progress_bars_move_the_cursor_up() {
    let output = "outer 1\ninner 1\x1b[A\router 2\n\rinner 2\n";
    assert_eq!(lines(output), ["outer 2", "inner 2"]);
}

#[test]
fn a_changed_row_keeps_its_id() {
    let mut screen = Screen::new();
    screen.feed(b"10%");
    let row = screen.live().next().unwrap();
    row.id = Some(7);
    row.changed = false;
    screen.feed(b"\r20%");
    let row = screen.live().next().unwrap();
    assert_eq!((row.id, row.changed, row.text()), (Some(7), true, "20%"));
}

#[test]
fn colours_are_runs_of_class_names() {
    assert_eq!(
        runs("\x1b[1;32mok\x1b[0m done"),
        [(2, "f2 bold".to_owned()), (5, String::new())]
    );
    assert_eq!(runs("\x1b[91;44mx"), [(1, "f9 b4".to_owned())]);
    // A green component of 31 is a number and not the code for red.
    assert_eq!(runs("\x1b[38;2;10;31;10mx"), [(1, "f0".to_owned())]);
    assert_eq!(runs("\x1b[38;5;196mx"), [(1, "f9".to_owned())]);
    assert_eq!(
        runs("\x1b[1;31mx\x1b[22;39my"),
        [(1, "f1 bold".to_owned()), (1, String::new())]
    );
    assert!(runs("plain").is_empty());
}

#[test]
fn lengths_of_runs_count_as_the_page_counts() {
    // An emoji is two UTF-16 units, an accent as a mark of its own is one.
    assert_eq!(runs("\x1b[31m😀e\u{301}"), [(4, "f1".to_owned())]);
}

#[test]
fn wide_characters_take_two_columns() {
    assert_eq!(lines("日本\r\x1b[2Cx"), ["日x"]);
    assert_eq!(lines("e\u{301}a\r\x1b[Cb"), ["e\u{301}b"]);
}

#[test]
fn a_character_split_between_reads_is_one_character() {
    let mut screen = Screen::new();
    let bytes = "█é".as_bytes();
    for byte in bytes {
        screen.feed(&[*byte]);
    }
    assert_eq!(all(&mut screen), ["█é"]);
    // What follows the split character is not lost either.
    let mut screen = Screen::new();
    screen.feed(b"\xc3");
    screen.feed("\u{e9}aé".as_bytes().get(1..).unwrap());
    assert_eq!(all(&mut screen), ["éaé"]);
}

#[test]
fn titles_and_full_screen_programs_leave_no_trace() {
    assert_eq!(lines("\x1b]0;title\x07text"), ["text"]);
    assert_eq!(
        lines("before\n\x1b[?1049hmenu\n\x1b[2J\x1b[?1049lafter"),
        ["before", "after"]
    );
}

#[test]
fn markup_is_text() {
    assert_eq!(
        lines("<script>alert(1)</script>"),
        ["<script>alert(1)</script>"]
    );
}

#[test]
fn old_rows_are_finished_and_the_cursor_cannot_reach_them() {
    let mut screen = Screen::new();
    for number in 0..WINDOW + 50 {
        screen.feed(format!("{number}\n").as_bytes());
    }
    screen.feed(b"\x1b[99999A\rtop");
    let finished = screen.take_finished();
    assert_eq!(finished.len(), 51);
    assert_eq!(screen.live().next().unwrap().text(), "top");
}

#[test]
fn an_endless_line_is_cut() {
    let mut screen = Screen::new();
    screen.feed("x".repeat(LONGEST * 3).as_bytes());
    assert_eq!(screen.live().next().unwrap().text().len(), LONGEST);
}

proptest! {
    #[test]
    fn no_output_breaks_it_and_splitting_changes_nothing(
        bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0_usize..400,
    ) {
        let cut = cut.min(bytes.len());
        let mut whole = Screen::new();
        whole.feed(&bytes);
        let mut split = Screen::new();
        split.feed(&bytes[..cut]);
        split.feed(&bytes[cut..]);
        prop_assert_eq!(all(&mut whole), all(&mut split));
    }

    #[test]
    fn no_sequence_of_controls_breaks_it(
        parts in proptest::collection::vec((0_u16..400, "[A-GJKm`su]", "[a-z日😀\u{301}\r\n\t\u{8}]{0,5}"), 0..60),
    ) {
        let mut screen = Screen::new();
        for (number, action, text) in parts {
            screen.feed(format!("\x1b[{number}{action}{text}").as_bytes());
        }
        prop_assert!(screen.live().count() <= WINDOW);
    }
}
