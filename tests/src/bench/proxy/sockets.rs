//! Idle WebSockets: what each costs in memory.

use std::fmt::Write as _;

use anyhow::{Context, ensure};

use super::super::https::Session;
use super::super::rest;
use super::door::Door;
use super::echo::KEY;
use super::scene::Scene;

/// KiB per open WebSocket, after all have been idle for a while. Afterwards all must still work.
///
/// # Errors
/// When one does not open or does not live.
pub(crate) fn kibibytes_each(scene: &Scene, door: &Door) -> anyhow::Result<f64> {
    // What the first connections cost once is not a price of each.
    let first = open(FIRST, scene, door)?;
    let before = door.memory()?;
    let mut sockets = open(SOCKETS, scene, door)?;
    rest(scene.idle);
    let after = door.memory()?;
    sockets.extend(first);
    for socket in &mut sockets {
        echo(socket).context("a WebSocket that was idle")?;
    }
    Ok((after - before) * 1024.0 / f64::from(SOCKETS))
}

fn open(count: u16, scene: &Scene, door: &Door) -> anyhow::Result<Vec<Session>> {
    let mut headers = String::from("Connection: Upgrade\r\nUpgrade: websocket\r\n");
    // A String never refuses to be written to.
    let _ = write!(
        headers,
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}"
    );
    let request = door.request(&headers);
    let open = |_| {
        let mut socket = scene.client.connect(door.address)?;
        socket.send(request.as_bytes())?;
        let answer = socket.answer()?;
        ensure!(answer.status == 101, "no WebSocket: {answer:?}");
        echo(&mut socket).context("a new WebSocket")?;
        Ok(socket)
    };
    (0..count).map(open).collect()
}

fn echo(socket: &mut Session) -> anyhow::Result<()> {
    socket.send(FRAME)?;
    let back = socket.receive(FRAME.len())?;
    ensure!(back == FRAME, "another frame came back: {back:?}");
    Ok(())
}

/// A masked text frame, "Hello" of RFC 6455, section 5.7.
const FRAME: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
const FIRST: u16 = 50;
const SOCKETS: u16 = 2000;
