//! How often a program's output is looked at. Pure.
//!
//! A turn costs the same, however much it moves. A program that writes line by line is left to
//! write for a moment, and one that writes more than its pipe holds gets a larger pipe.

use std::time::{Duration, Instant};

/// What the turns so far have found.
#[derive(Debug, Default)]
pub(super) struct Pace {
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
    /// Judges a turn that ended `now` and moved so many bytes.
    pub(super) fn after(&mut self, moved: usize, now: Instant) -> Turn {
        let last = self.last.replace(now);
        let paused = std::mem::take(&mut self.paused);
        if moved >= FULL {
            self.full = self.full.saturating_add(1);
            return match self.full {
                OFTEN => Turn::Wider,
                _ => Turn::Next,
            };
        }
        self.paused = last.is_some_and(|last| now.saturating_duration_since(last) < BUSY);
        if paused || !self.paused {
            self.full = 0;
        }
        match self.paused {
            true => Turn::Later,
            false => Turn::Next,
        }
    }
}

/// How long a busy program is left alone. Its output is seen so much later at most.
pub(super) const PAUSE: Duration = Duration::from_millis(1);
/// Two turns in less than this make a busy program.
const BUSY: Duration = Duration::from_millis(4);
/// What a pipe of the usual 64 KiB holds at least when it is full: lines that do not fit into the
/// rest of a page leave it empty.
const FULL: usize = 56 << 10;
/// Full turns after which a pipe is widened.
const OFTEN: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: usize = 100;

    #[test]
    fn a_program_that_writes_now_and_then_is_heard_at_once() {
        let mut pace = Pace::default();
        let begin = Instant::now();
        for turn in 0..5 {
            let now = begin + Duration::from_millis(10) * turn;
            assert_eq!(pace.after(LINE, now), Turn::Next);
        }
    }

    #[test]
    fn a_program_that_writes_line_by_line_is_left_alone_in_between() {
        let mut pace = Pace::default();
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
        let mut pace = Pace::default();
        let begin = Instant::now();
        let turns: Vec<_> = (0..40).map(|_| pace.after(64 << 10, begin)).collect();
        let wider = turns.iter().filter(|turn| **turn == Turn::Wider).count();
        assert_eq!(wider, 1);
        assert!(!turns.contains(&Turn::Later));
        assert_eq!(turns.iter().position(|turn| *turn == Turn::Wider), Some(15));
    }

    #[test]
    fn a_pipe_that_fills_in_every_pause_is_widened() {
        let mut pace = Pace::default();
        let begin = Instant::now();
        let mut turns = (0..40).map(|turn| {
            let now = begin + PAUSE * 2 * turn;
            // Hardly anything was written since the full turn just before.
            [pace.after(64 << 10, now), pace.after(LINE, now)]
        });
        assert!(turns.any(|turns| turns.contains(&Turn::Wider)));
    }
}
