//! A child program that behaves as a test tells it to: stubborn, noisy, forking, leaking.
//!
//! Steps run in this order: wait (`--after`), print, flood, fork, hold the pipe, listen, exit. With
//! no `--exit-after` it stays until a signal ends it.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use nix::sys::signal::{SigSet, Signal};

use crate::namespaces::complain;
use crate::wait::nap;

/// What to do; every flag is optional.
#[derive(Debug, Parser)]
#[command(name = "actor")]
struct Actor {
    /// Wait this long before anything else.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    after: u64,
    /// Print this line on standard output.
    #[arg(long, value_name = "TEXT")]
    print: Vec<String>,
    /// Print this line on standard error.
    #[arg(long, value_name = "TEXT")]
    print_error: Vec<String>,
    /// Write this many bytes to standard output, in lines.
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    flood: u64,
    /// Survive TERM, INT and HUP.
    #[arg(long)]
    ignore_term: bool,
    /// Leave this many orphans that live on.
    #[arg(long, value_name = "N", default_value_t = 0)]
    fork: u32,
    /// Leave this many orphans that end at once.
    #[arg(long, value_name = "N", default_value_t = 0)]
    fork_brief: u32,
    /// Leave an orphan in a session of its own that keeps our outputs open.
    #[arg(long)]
    hold_pipe: bool,
    /// Accept TCP connections on this loopback port and echo what they say. Port 0 takes a free
    /// one, which is printed as `listening on PORT`.
    #[arg(long, value_name = "PORT")]
    listen: Option<u16>,
    /// Answer every connection with an HTTP 200 instead.
    #[arg(long, requires = "listen")]
    http: bool,
    /// Exit by ourselves after this long.
    #[arg(long, value_name = "MS")]
    exit_after: Option<u64>,
    /// The code to exit with.
    #[arg(long, value_name = "CODE", default_value_t = 0)]
    code: u8,
}

/// Reads the command line and acts.
#[must_use]
pub fn main() -> ExitCode {
    match Actor::parse().act() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&format!("actor: {error:#}"));
            ExitCode::from(99)
        }
    }
}

impl Actor {
    fn act(&self) -> anyhow::Result<u8> {
        if self.ignore_term {
            // Blocked is as good as ignored, and needs nothing unsafe.
            let ignored: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]
                .into_iter()
                .collect();
            ignored.thread_block().context("block signals")?;
        }
        nap(Duration::from_millis(self.after));
        self.speak()?;
        for _ in 0..self.fork {
            leave_orphan(&format!("exec sleep {FOREVER}"), Outputs::Null)?;
        }
        for _ in 0..self.fork_brief {
            leave_orphan("exit 0", Outputs::Null)?;
        }
        if self.hold_pipe {
            leave_orphan(&format!("exec setsid sleep {FOREVER}"), Outputs::Ours)?;
        }
        if let Some(port) = self.listen {
            self.serve(port)?;
        }
        match self.exit_after {
            Some(delay) => nap(Duration::from_millis(delay)),
            None => loop {
                nap(Duration::from_secs(FOREVER));
            },
        }
        Ok(self.code)
    }

    fn speak(&self) -> anyhow::Result<()> {
        let mut output = io::stdout().lock();
        for line in &self.print {
            writeln!(output, "{line}").context("print")?;
        }
        for line in &self.print_error {
            writeln!(io::stderr(), "{line}").context("print an error")?;
        }
        let mut left = self.flood;
        let mut number: u64 = 0;
        while left > 0 {
            let line = format!("{number:015} {}\n", "x".repeat(LINE - 17));
            let count = left.min(u64::try_from(line.len())?);
            let part = line
                .as_bytes()
                .get(..usize::try_from(count)?)
                .unwrap_or_default();
            output.write_all(part).context("flood")?;
            left -= count;
            number += 1;
        }
        output.flush().context("flush")
    }

    fn serve(&self, port: u16) -> anyhow::Result<()> {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .with_context(|| format!("listen on port {port}"))?;
        let port = listener.local_addr().context("name the port")?.port();
        writeln!(io::stdout(), "listening on {port}").context("print the port")?;
        io::stdout().flush().context("flush")?;
        let answer = if self.http { answer_http } else { echo };
        let accept = move || {
            for connection in listener.incoming().flatten() {
                // A connection that fails costs only itself.
                let _ = thread::Builder::new().spawn(move || answer(connection));
            }
        };
        thread::Builder::new()
            .spawn(accept)
            .map(drop)
            .context("start a thread")
    }
}

#[derive(Debug, Clone, Copy)]
enum Outputs {
    Ours,
    Null,
}

/// Has a shell start `script` in the background and end, so that the script loses its parent.
fn leave_orphan(script: &str, outputs: Outputs) -> anyhow::Result<()> {
    let stream = || match outputs {
        Outputs::Ours => Stdio::inherit(),
        Outputs::Null => Stdio::null(),
    };
    let mut parent: Child = Command::new("/bin/sh")
        .args(["-c", &format!("({script}) &")])
        .stdin(Stdio::null())
        .stdout(stream())
        .stderr(stream())
        .spawn()
        .context("start a shell")?;
    parent.wait().context("wait for the shell").map(drop)
}

fn echo(mut connection: TcpStream) {
    if let Ok(mut back) = connection.try_clone() {
        let _ = io::copy(&mut connection, &mut back);
        let _ = back.shutdown(std::net::Shutdown::Write);
    }
}

fn answer_http(mut connection: TcpStream) {
    // One read is enough of a request for a test.
    let _ = connection.read(&mut [0; 4096]);
    let _ = connection
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nok\n");
}

/// Seconds that no test lives through.
const FOREVER: u64 = 100_000;

/// Bytes of a flooded line.
const LINE: usize = 80;
