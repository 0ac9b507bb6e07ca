//! Asking a program over the network.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::config::ProbeTarget;

/// Why an answer is none.
pub(super) type Refusal = String;

/// Asks once.
pub(super) async fn ask(target: &ProbeTarget, patience: Duration) -> Result<(), Refusal> {
    match timeout(patience, answer(target)).await {
        Ok(Ok(None)) => Ok(()),
        Ok(Ok(Some(refusal))) => Err(format!("{target} answers {refusal}")),
        Ok(Err(error)) => Err(format!("{target}: {error}")),
        Err(_) => Err(format!(
            "{target} does not answer in {} s",
            patience.as_secs_f64()
        )),
    }
}

async fn answer(target: &ProbeTarget) -> io::Result<Option<Refusal>> {
    match target {
        ProbeTarget::Tcp { host, port } => {
            TcpStream::connect((host.as_str(), *port)).await?;
            Ok(None)
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
            Ok(refusal(&head))
        }
    }
}

/// What is wrong with a status line such as `HTTP/1.1 200`. A server that asks for a password or
/// redirects is up; one that does not know the path is another one.
fn refusal(head: &[u8; 12]) -> Option<Refusal> {
    let status = head.strip_prefix(b"HTTP/1.").and_then(|rest| {
        let digits = rest.get(2..5)?;
        str::from_utf8(digits).ok()?.parse::<u16>().ok()
    });
    match status {
        Some(status) if (200..500).contains(&status) && status != 404 => None,
        Some(status) => Some(status.to_string()),
        None => Some("something that is not HTTP".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_below_500_except_404_are_good() {
        for (head, good) in [
            (b"HTTP/1.1 200", true),
            (b"HTTP/1.0 302", true),
            (b"HTTP/1.1 401", true),
            (b"HTTP/1.1 404", false),
            (b"HTTP/1.1 503", false),
            (b"SSH-2.0-Open", false),
        ] {
            assert_eq!(refusal(head).is_none(), good, "{head:?}");
        }
    }
}
