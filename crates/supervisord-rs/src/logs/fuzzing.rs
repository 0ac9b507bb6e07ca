//! What must hold of anything a program writes; see [`crate::fuzzing`].

use super::{
    capture::{Capture, Piece},
    clean::{Cleaner, Stripper},
};
use crate::fuzzing::cut;

/// The output of a program. It is made the same wherever it is cut, and what is meant to be clean
/// is.
pub fn output(data: &[u8]) {
    let Some((whole, pieces)) = cut(data) else {
        return;
    };
    let pieces: Vec<_> = pieces.collect();
    let clean = cleaned(&[whole]);
    assert_eq!(cleaned(&pieces), clean);
    is_clean(&clean);
    let stripped = stripped(&[whole]);
    assert_eq!(self::stripped(&pieces), stripped);
    assert!(stripped.len() <= whole.len() && !stripped.contains(&0x1b));
    for limit in [1, 16, 1 << 20] {
        assert_eq!(captured(limit, &pieces), captured(limit, &[whole]));
    }
}

fn is_clean(clean: &[u8]) {
    let text = str::from_utf8(clean).expect("a clean log is a text");
    let odd = |char: char| char < ' ' && !matches!(char, '\n' | '\t') || char == '\x7f';
    assert!(!text.contains(odd), "{text:?}");
    assert!(text.is_empty() || text.ends_with('\n'));
    // What is clean stays as it is.
    assert_eq!(cleaned(&[clean]), clean);
}

fn cleaned(pieces: &[&[u8]]) -> Vec<u8> {
    let mut cleaner = Cleaner::default();
    let mut lines = Vec::new();
    for piece in pieces {
        lines.extend(cleaner.clean(piece));
    }
    lines.extend(cleaner.finish());
    lines
}

fn stripped(pieces: &[&[u8]]) -> Vec<u8> {
    let mut stripper = Stripper::default();
    let mut text = Vec::new();
    for piece in pieces {
        stripper.strip(piece, &mut text);
    }
    text
}

/// The log, with a mark where each captured text was taken from it, and these texts.
fn captured(limit: usize, pieces: &[&[u8]]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut capture = Capture::new(limit);
    let mut found = Vec::new();
    for piece in pieces {
        found.extend(capture.take(piece));
    }
    found.extend(capture.finish());
    let (mut log, mut texts) = (Vec::new(), Vec::new());
    for piece in found {
        match piece {
            Piece::Log(text) => log.extend(text),
            Piece::Communication(text) => {
                assert!(text.len() <= limit);
                log.push(0);
                texts.push(text);
            }
        }
    }
    (log, texts)
}
