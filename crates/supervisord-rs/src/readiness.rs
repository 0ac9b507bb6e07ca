//! Asking a program whether it is ready.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::config::ProbeTarget;

/// A question and how often to ask it.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) target: ProbeTarget,
    pub(crate) first_interval: Duration,
}

impl Probe {
    /// Asks until the answer is yes.
    pub(crate) async fn succeed(&self) {
        let mut interval = self.first_interval;
        loop {
            match timeout(PATIENCE, self.ask()).await {
                Ok(Ok(true)) => return,
                Ok(Ok(false) | Err(_)) | Err(_) => sleep(interval).await,
            }
            interval = (interval * 2).min(SLOWEST.max(self.first_interval));
        }
    }

    async fn ask(&self) -> io::Result<bool> {
        match &self.target {
            ProbeTarget::Tcp { host, port } => {
                TcpStream::connect((host.as_str(), *port)).await?;
                Ok(true)
            }
            ProbeTarget::Http { host, port, path } => {
                let mut stream = TcpStream::connect((host.as_str(), *port)).await?;
                let request = format!(
                    "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: supervisord\r\n\
                     Connection: close\r\n\r\n"
                );
                stream.write_all(request.as_bytes()).await?;
                let mut head = [0u8; 12];
                stream.read_exact(&mut head).await?;
                Ok(is_ready(&head))
            }
        }
    }
}

/// Whether a status line such as `HTTP/1.1 200` comes from a program that does its work. A server
/// that asks for a password or redirects is up; one that does not know the path is another one.
fn is_ready(head: &[u8; 12]) -> bool {
    let status = head.strip_prefix(b"HTTP/1.").and_then(|rest| {
        let digits = rest.get(2..5)?;
        str::from_utf8(digits).ok()?.parse::<u16>().ok()
    });
    status.is_some_and(|status| (200..500).contains(&status) && status != 404)
}

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(2);
const SLOWEST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_below_500_except_404_mean_ready() {
        for (head, ready) in [
            (b"HTTP/1.1 200", true),
            (b"HTTP/1.0 302", true),
            (b"HTTP/1.1 401", true),
            (b"HTTP/1.1 404", false),
            (b"HTTP/1.1 503", false),
            (b"SSH-2.0-Open", false),
        ] {
            assert_eq!(is_ready(head), ready, "{head:?}");
        }
    }
}
