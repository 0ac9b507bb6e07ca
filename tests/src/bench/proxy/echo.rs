//! An app that switches to WebSocket and sends back every byte it gets.
//!
//! The bytes are not looked at: what is measured passes them on without looking either.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use anyhow::Context;

/// Serves on a free port of loopback until this process ends.
///
/// # Errors
/// When there is no port.
pub(crate) fn serve() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("listen for WebSockets")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A connection that breaks is missed by the client that waits for its bytes.
            let _ = thread::Builder::new()
                .stack_size(STACK)
                .spawn(move || answer(stream));
        }
    });
    Ok(port)
}

fn answer(stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(READ_AHEAD, stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    if !head.to_ascii_lowercase().contains("\r\nupgrade: websocket") {
        let refusal = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return reader.get_mut().write_all(refusal.as_bytes());
    }
    let switch = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
    );
    reader.get_mut().write_all(switch.as_bytes())?;
    let mut bytes = [0; READ_AHEAD];
    loop {
        let length = reader.read(&mut bytes)?;
        if length == 0 {
            return Ok(());
        }
        reader.get_mut().write_all(&bytes[..length])?;
    }
}

/// The key of RFC 6455, section 1.3, which every client of the benchmark sends.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// Its answer, from the same section.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const STACK: usize = 64 << 10;
const READ_AHEAD: usize = 1 << 10;
