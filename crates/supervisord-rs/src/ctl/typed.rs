//! What was typed and not taken yet: commands, answers and what goes to a program in the
//! foreground come from one place, in their order.

use std::{io, os::fd::AsFd as _};

use super::{
    interrupt::{Interruptions, Waited},
    terminal::Input,
};

/// Our standard input. Not the one of the standard library: what that holds cannot be waited for.
#[derive(Debug, Default)]
pub(super) struct Typed(Vec<u8>);

impl Typed {
    /// Waits for the next line; its end is taken off.
    pub(super) fn read(&mut self, interruptions: Interruptions) -> Input {
        let mut is_open = true;
        loop {
            if let Some(line) = self.line(is_open) {
                return Input::Line(line.trim_end_matches(['\n', '\r']).to_owned());
            }
            if !is_open {
                return Input::End;
            }
            if interruptions.wait(io::stdin().as_fd()) == Waited::Interrupted {
                return Input::Interrupted;
            }
            is_open = self.receive().unwrap_or(false);
        }
    }

    /// Reads what is there; false at the end of the input.
    pub(super) fn receive(&mut self) -> io::Result<bool> {
        let mut piece = [0; 4096];
        let received = loop {
            match nix::unistd::read(io::stdin().as_fd(), &mut piece) {
                Err(nix::errno::Errno::EINTR) => {}
                received => break received?,
            }
        };
        self.0.extend_from_slice(&piece[..received]);
        Ok(received > 0)
    }

    /// The next line with its end. At the end of the input the last one needs none.
    pub(super) fn line(&mut self, is_open: bool) -> Option<String> {
        let end = self.0.iter().position(|byte| *byte == b'\n');
        let end = match end {
            Some(end) => end + 1,
            None if !is_open && !self.0.is_empty() => self.0.len(),
            None => return None,
        };
        let line: Vec<_> = self.0.drain(..end).collect();
        let line = String::from_utf8_lossy(&line).into_owned();
        Some(line.trim_end_matches('\n').to_owned() + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_came_together_are_taken_one_by_one() {
        let mut typed = Typed(b"one\ntwo\r\nlast".to_vec());
        assert_eq!(typed.line(true).as_deref(), Some("one\n"));
        assert_eq!(typed.line(true).as_deref(), Some("two\r\n"));
        assert_eq!(typed.line(true), None);
        assert_eq!(typed.line(false).as_deref(), Some("last\n"));
        assert_eq!(typed.line(false), None);
    }
}
