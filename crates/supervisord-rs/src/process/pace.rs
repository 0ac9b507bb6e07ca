//! How often a program's output is looked at. Pure.
//!
//! A turn costs the same, however much it moves. A program that writes line by line is left to
//! write for a moment, and one that writes more than its pipe holds gets a larger pipe.

use std::time::{Duration, Instant};

/// What the turns so far have found.
#[derive(Debug)]
pub(super) struct Pace {
    /// What the pipe holds at least when it is full.
    least: usize,
    last: Option<Instant>,
    /// Whether the program was left alone before this turn.
    paused: bool,
    /// How many turns have found the pipe full since it was left alone and did not fill it.
    full: u8,
}

/// What comes after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The next one, as soon as there is something.
    Next,
    /// The next one after [`PAUSE`].
    Later,
    /// The next one, with a larger pipe. All pipes are not large, as the kernel counts them per
    /// user.
    Wider,
}

impl Pace {
    /// For a pipe of so many bytes.
    pub(super) fn new(capacity: usize) -> Self {
        // Text that does not fit into the rest of a page leaves it empty, so that only two pages
        // together are sure to hold more than one page of text, and one page may hold a byte.
        let least = capacity / (2 * PAGE) * PAGE;
        Self {
            least: least.min(FULL),
            last: None,
            paused: false,
            full: 0,
        }
    }

    /// Judges a turn that ended `now` and moved so many bytes.
    pub(super) fn after(&mut self, moved: usize, now: Instant) -> Turn {
        let last = self.last.replace(now);
        let paused = std::mem::take(&mut self.paused);
        if moved >= self.least {
            self.full = self.full.saturating_add(1);
            return match self.full {
                OFTEN => Turn::Wider,
                _ => Turn::Next,
            };
        }
        let is_busy = last.is_some_and(|last| now.saturating_duration_since(last) < BUSY);
        // Right after a full turn there is hardly anything; after a pause that means a slow program.
        if paused || !is_busy {
            self.full = 0;
        }
        self.paused = is_busy;
        match is_busy {
            true => Turn::Later,
            false => Turn::Next,
        }
    }
}

/// How long a busy program is left alone. Its output is seen so much later at most.
pub(super) const PAUSE: Duration = Duration::from_millis(1);
/// Two turns in less than this make a busy program.
const BUSY: Duration = Duration::from_millis(4);
/// What a pipe of the usual size holds at least when it is full. A smaller one, as the kernel gives
/// to a user who has many, is full with less; one that was widened counts as full with the same, as
/// what fills it in a moment is not worth a pause.
const FULL: usize = USUAL / 2;
/// The size of a pipe if nobody asks for another.
pub(super) const USUAL: usize = 64 << 10;
const PAGE: usize = 4 << 10;
/// Full turns after which a pipe is widened.
const OFTEN: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: usize = 100;

    #[test]
    fn a_program_that_writes_now_and_then_is_heard_at_once() {
        let mut pace = Pace::new(USUAL);
        let begin = Instant::now();
        for turn in 0..5 {
            let now = begin + Duration::from_millis(10) * turn;
            assert_eq!(pace.after(LINE, now), Turn::Next);
        }
    }

    #[test]
    fn a_program_that_writes_line_by_line_is_left_alone_in_between() {
        let mut pace = Pace::new(USUAL);
        let begin = Instant::now();
        assert_eq!(pace.after(LINE, begin), Turn::Next);
        for turn in 1..5 {
            let now = begin + PAUSE * 2 * turn;
            assert_eq!(pace.after(LINE, now), Turn::Later);
        }
        assert_eq!(pace.after(LINE, begin + Duration::from_secs(1)), Turn::Next);
    }

    #[test]
    fn a_pipe_that_stays_full_is_widened_once_and_never_waited_for() {
        let mut pace = Pace::new(USUAL);
        let begin = Instant::now();
        let turns: Vec<_> = (0..40).map(|_| pace.after(64 << 10, begin)).collect();
        let wider = turns.iter().filter(|turn| **turn == Turn::Wider).count();
        assert_eq!(wider, 1);
        assert!(!turns.contains(&Turn::Later));
        assert_eq!(turns.iter().position(|turn| *turn == Turn::Wider), Some(15));
    }

    #[test]
    fn a_pipe_that_fills_in_every_pause_is_widened() {
        let mut pace = Pace::new(USUAL);
        let begin = Instant::now();
        let mut turns = (0..40).map(|turn| {
            let now = begin + PAUSE * 2 * turn;
            // Hardly anything was written since the full turn just before.
            [pace.after(64 << 10, now), pace.after(LINE, now)]
        });
        assert!(turns.any(|turns| turns.contains(&Turn::Wider)));
    }

    /// What stands in a pipe whose writer waits for room.
    fn filled(pages: usize, write: usize) -> usize {
        let (mut used, mut room, mut held) = (0, 0, 0);
        loop {
            // The kernel puts into the last page what is not whole pages, if all of it fits.
            let rest = write % PAGE;
            let merged = if rest <= room { rest } else { 0 };
            let left = write - merged;
            if used + left.div_ceil(PAGE) > pages {
                return held + merged + (pages - used) * PAGE;
            }
            used += left.div_ceil(PAGE);
            room = match left {
                0 => room - merged,
                _ => left.next_multiple_of(PAGE) - left,
            };
            held += write;
        }
    }

    #[test]
    fn a_full_pipe_is_known_whatever_fills_it() {
        let measured = [700, 1100, 1366, 2049, 3000, 4097];
        let found = measured.map(|write| filled(16, write));
        assert_eq!(found, [56000, 52800, 43712, 32784, 48000, 45066]);
        for write in (1..=PAGE).chain(measured) {
            let mut pace = Pace::new(USUAL);
            let begin = Instant::now();
            let mut turns = (0..40).map(|turn| {
                let now = begin + PAUSE * turn;
                pace.after(filled(16, write), now)
            });
            assert!(turns.all(|turn| turn != Turn::Later), "writes of {write}");
        }
    }

    #[test]
    fn a_small_pipe_is_never_left_alone_while_it_may_be_full() {
        for (pages, held) in [(2, PAGE + 1), (1, 1)] {
            let mut pace = Pace::new(pages * PAGE);
            let begin = Instant::now();
            let mut turns = (0..40).map(|turn| pace.after(held, begin + PAUSE * turn));
            assert!(turns.all(|turn| turn != Turn::Later), "{pages} pages");
        }
    }
}
