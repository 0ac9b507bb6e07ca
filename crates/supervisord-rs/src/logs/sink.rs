//! Where one output of one program goes.

use std::{io, os::fd::BorrowedFd, path::PathBuf};

use super::{
    Begin, Files, MainLog, Outlets,
    capture::{Capture, Piece},
    clean::{Cleaner, Stripper},
    file::{LogFile, Rotation, SharedFile},
    outlet::Outlet,
    syslog::Syslog,
    tiers::{TierPlan, Tiers},
};
use crate::config::LogPattern;

/// An open destination. Its methods never wait for anybody but the disk.
#[derive(Debug)]
pub(crate) struct Sink {
    target: Target,
    strip: Option<Stripper>,
    capture: Option<Capture>,
    syslog: Option<Syslog>,
    /// The main log, where it is so detailed that it holds the output of programs, too.
    copy: Option<(MainLog, String)>,
    log_events: bool,
    /// A line to look out for, and the text so far.
    watch: Option<(LogPattern, Cleaner)>,
    channel: Channel,
}

/// One of a program's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Stdout,
    Stderr,
}

/// What kind of destination to open.
#[derive(Clone, Debug)]
pub(crate) struct SinkPlan {
    pub(crate) target: TargetPlan,
    pub(crate) channel: Channel,
    /// Whether escape sequences are removed.
    pub(crate) strip: bool,
    /// Bytes of captured text that are kept; 0 for no capture mode.
    pub(crate) capture: usize,
    /// Whether each piece of output is an event.
    pub(crate) log_events: bool,
    /// Whether lines go to syslog, and under which name.
    pub(crate) syslog: Option<String>,
    /// A line to look out for.
    pub(crate) watch: Option<LogPattern>,
    /// Whether output is copied into a main log of level debug, and under which name.
    pub(crate) copy: Option<String>,
}

/// Where the text goes.
#[derive(Clone, Debug)]
pub(crate) enum TargetPlan {
    /// Nowhere.
    Nothing,
    /// One file, or whatever else has that name.
    File { path: PathBuf, rotation: Rotation },
    /// Raw and clean.
    Tiers(TierPlan),
}

/// What a sink needs of the daemon.
#[derive(Clone, Debug)]
pub(crate) struct Destinations {
    pub(crate) outlets: Outlets,
    pub(crate) files: Files,
    pub(crate) log: MainLog,
}

/// Output that is an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OutputEvent {
    Log(Channel, Vec<u8>),
    Communication(Channel, Vec<u8>),
    /// The line that was looked out for.
    Seen,
}

#[derive(Debug)]
enum Target {
    Nothing,
    File(SharedFile),
    Outlet(Outlet),
    Tiers(Box<Tiers>),
}

impl Channel {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

impl SinkPlan {
    /// Nowhere at all.
    pub(crate) fn nothing(channel: Channel) -> Self {
        Self {
            target: TargetPlan::Nothing,
            channel,
            strip: false,
            capture: 0,
            log_events: false,
            syslog: None,
            copy: None,
            watch: None,
        }
    }
}

impl Sink {
    /// Opens what is planned, for a new run or for one that goes on.
    ///
    /// # Errors
    /// When the one file there is cannot be opened. A tier that cannot be opened is left out and
    /// named in `lost`: the other two still tell what happens.
    pub(crate) fn open(
        plan: &SinkPlan,
        destinations: &Destinations,
        begin: Begin,
        lost: &mut Vec<String>,
    ) -> io::Result<Self> {
        let target = match &plan.target {
            TargetPlan::Nothing => Target::Nothing,
            TargetPlan::File { path, rotation } => match destinations.outlets.find(path)? {
                Some(outlet) => Target::Outlet(outlet),
                None => Target::File(destinations.files.open(path, *rotation)?),
            },
            TargetPlan::Tiers(plan) => {
                let stdout = destinations.outlets.stdout();
                Target::Tiers(Box::new(Tiers::open(plan, stdout, begin, lost)))
            }
        };
        let copy = plan.copy.clone().filter(|_| destinations.log.is_debug());
        Ok(Self {
            target,
            strip: plan.strip.then(Stripper::default),
            capture: (plan.capture > 0).then(|| Capture::new(plan.capture)),
            syslog: plan.syslog.as_deref().map(Syslog::new),
            copy: copy.map(|name| (destinations.log.clone(), name)),
            log_events: plan.log_events,
            watch: plan
                .watch
                .clone()
                .map(|pattern| (pattern, Cleaner::default())),
            channel: plan.channel,
        })
    }

    /// Whether a pipe can be moved into a file as it is, because nobody looks at what passes.
    pub(crate) fn can_take(&self) -> bool {
        let watched = self.strip.is_some()
            || self.capture.is_some()
            || self.syslog.is_some()
            || self.copy.is_some()
            || self.watch.is_some()
            || self.log_events;
        !watched
            && match &self.target {
                Target::File(_) => true,
                Target::Tiers(tiers) => tiers.can_take(),
                Target::Nothing | Target::Outlet(_) => false,
            }
    }

    /// Moves what a pipe holds to where it belongs.
    ///
    /// # Errors
    /// `WouldBlock` when the pipe is empty; `InvalidInput` when it has to be read instead.
    pub(crate) fn take_from(&mut self, pipe: BorrowedFd<'_>) -> io::Result<usize> {
        match &mut self.target {
            Target::File(file) => {
                let mut file = file.lock();
                let moved = file.take_from(pipe)?;
                file.rotate_if_full();
                Ok(moved)
            }
            Target::Tiers(tiers) => tiers.take_from(pipe),
            Target::Nothing | Target::Outlet(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Writes what was read; gives what of it is an event.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Vec<OutputEvent> {
        let Some(capture) = &mut self.capture else {
            let mut events = Vec::new();
            self.log(bytes, &mut events);
            return events;
        };
        let pieces = capture.take(bytes);
        self.sort(pieces)
    }

    /// Writes what was held back, at the end of a run.
    pub(crate) fn finish(&mut self) -> Vec<OutputEvent> {
        let held = self.capture.as_mut().map(Capture::finish);
        let events = self.sort(held.unwrap_or_default());
        if let Target::Tiers(tiers) = &mut self.target {
            tiers.finish();
        }
        events
    }

    /// Opens all files again.
    pub(crate) fn reopen(&mut self) {
        match &mut self.target {
            Target::File(file) => file.lock().reopen(),
            Target::Tiers(tiers) => {
                tiers.files().for_each(LogFile::reopen);
                tiers.start_over();
            }
            Target::Nothing | Target::Outlet(_) => {}
        }
    }

    /// Empties all files.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        match &mut self.target {
            Target::File(file) => file.lock().clear(),
            Target::Tiers(tiers) => {
                let cleared = tiers.files().try_for_each(LogFile::clear);
                tiers.start_over();
                cleared
            }
            Target::Nothing | Target::Outlet(_) => Ok(()),
        }
    }

    /// Bytes that could not be written anywhere they belong.
    pub(crate) fn lost(&self) -> u64 {
        let target = match &self.target {
            Target::File(file) => file.lock().lost(),
            Target::Tiers(tiers) => tiers.lost(),
            Target::Nothing | Target::Outlet(_) => 0,
        };
        target + self.syslog.as_ref().map_or(0, Syslog::lost)
    }

    /// Whether the line that is looked out for has come.
    fn sees(&mut self, text: &[u8]) -> bool {
        let Some((pattern, cleaner)) = &mut self.watch else {
            return false;
        };
        let lines = cleaner.clean(text);
        let lines = String::from_utf8_lossy(&lines);
        lines.lines().any(|line| pattern.matches(line))
    }

    fn sort(&mut self, pieces: Vec<Piece>) -> Vec<OutputEvent> {
        let mut events = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Log(text) => self.log(&text, &mut events),
                Piece::Communication(text) => {
                    if let Some((log, name)) = &self.copy {
                        let channel = self.channel.name();
                        log.debug(&format!("'{name}' {channel} emitted a comm event"));
                    }
                    events.push(OutputEvent::Communication(self.channel, text));
                }
            }
        }
        events
    }

    fn log(&mut self, bytes: &[u8], events: &mut Vec<OutputEvent>) {
        let mut stripped = Vec::new();
        let text = match &mut self.strip {
            Some(stripper) => {
                stripper.strip(bytes, &mut stripped);
                stripped.as_slice()
            }
            None => bytes,
        };
        if text.is_empty() {
            return;
        }
        match &mut self.target {
            Target::Nothing => {}
            Target::File(file) => file.lock().write(text),
            Target::Outlet(outlet) => outlet.write(text),
            Target::Tiers(tiers) => tiers.write(text),
        }
        if let Some(syslog) = &mut self.syslog {
            syslog.write(text);
        }
        if let Some((log, name)) = &self.copy {
            let channel = self.channel.name();
            log.debug(&format!("'{name}' {channel} output:\n{}", shown(text)));
        }
        if self.sees(text) {
            self.watch = None;
            events.push(OutputEvent::Seen);
        }
        if self.log_events {
            events.push(OutputEvent::Log(self.channel, text.to_vec()));
        }
    }
}

/// Text as the original shows it in logs and events: what is not UTF-8 in Python's notation.
pub(crate) fn shown(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("Undecodable: {}", python_bytes(bytes)),
    }
}

/// Bytes as Python writes them.
fn python_bytes(bytes: &[u8]) -> String {
    let quote = match (bytes.contains(&b'\''), bytes.contains(&b'"')) {
        (true, false) => '"',
        _ => '\'',
    };
    let mut text = format!("b{quote}");
    for &byte in bytes {
        match byte {
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b'\\' => text.push_str("\\\\"),
            byte if char::from(byte) == quote => {
                text.push('\\');
                text.push(quote);
            }
            b' '..=b'~' => text.push(char::from(byte)),
            byte => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push(quote);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_text_is_shown_as_python_shows_it() {
        assert_eq!(shown("grün".as_bytes()), "grün");
        assert_eq!(shown(b"\x88\n"), r"Undecodable: b'\x88\n'");
        assert_eq!(shown(b"it's \xff"), "Undecodable: b\"it's \\xff\"");
        assert_eq!(shown(b"\"'\\\xff"), r#"Undecodable: b'"\'\\\xff'"#);
    }
}
