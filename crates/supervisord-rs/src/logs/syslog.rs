//! Lines for the machine's syslog daemon.

use std::os::unix::net::UnixDatagram;

use jiff::ZonedDateTime;

/// Sends lines under one name. Where nobody listens they are dropped: a program must not wait.
#[derive(Debug)]
pub(crate) struct Syslog {
    prefix: String,
    socket: Option<UnixDatagram>,
    lost: u64,
}

impl Syslog {
    /// `name` precedes each line of a program, as in the original; it is empty for the main log.
    pub(crate) fn new(name: &str) -> Self {
        let prefix = match name {
            "" => String::new(),
            name => format!("{name} "),
        };
        Self {
            prefix,
            socket: None,
            lost: 0,
        }
    }

    /// Sends each line of `text` as a message of its own.
    pub(crate) fn write(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        for line in text.trim_end_matches('\n').split('\n') {
            self.send(line);
        }
    }

    /// Sends one message, byte for byte as the C library's `syslog` does for the original.
    pub(crate) fn send(&mut self, line: &str) {
        let now = ZonedDateTime::now().strftime("%b %e %H:%M:%S").to_string();
        // RFC 3164: facility user (1), severity info (6).
        let message = format!("<14>{now} supervisord: {}{line}", self.prefix);
        if self.try_send(message.as_bytes()).is_err() {
            self.lost += line.len() as u64;
        }
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    fn try_send(&mut self, message: &[u8]) -> std::io::Result<()> {
        if self.socket.is_none() {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            socket.connect(PATH)?;
            self.socket = Some(socket);
        }
        let Some(socket) = &self.socket else {
            return Ok(());
        };
        let sent = socket.send(message).map(drop);
        if sent.is_err() {
            // A restarted daemon has another socket under the same name.
            self.socket = None;
        }
        sent
    }
}

const PATH: &str = "/dev/log";
