//! `berth logs`: the log of a program.

use api::supervisor::{TailLogRequest, TailLogResponse};
use serde_json::json;
use tonic::{Code, Status, Streaming};

use super::target;
use crate::{
    answer::{Answer, Exit, Failure},
    cli,
    sockets::Sockets,
    words,
};

/// What is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Go on with what is appended.
    pub(crate) follow: bool,
    /// Lines from the end to start with.
    pub(crate) lines: u32,
    /// Whether the answer is for a program.
    pub(crate) json: bool,
}

pub(crate) async fn run(
    sockets: &Sockets,
    typed: &str,
    options: Options,
) -> Result<Answer, Failure> {
    if options.follow && options.json {
        return Err(Failure {
            text: "--follow and --json do not go together".to_owned(),
            exit: Exit::Usage,
        });
    }
    let snapshot = sockets.supervisor().await?.snapshot;
    let program = target::find(&snapshot, typed)?;
    let name = words::full_name(program);
    if program.log_path.is_empty() {
        return Err(Failure {
            text: format!("{name} logs nowhere; its configuration sets no stdout_logfile"),
            exit: Exit::Wrong,
        });
    }
    if options.follow {
        follow(sockets, &name, options.lines).await?;
        return Ok(Answer {
            text: String::new(),
            json: json!(null),
            exit: Exit::Ok,
        });
    }
    let data = tail(sockets, &name, options.lines).await?;
    let text = String::from_utf8_lossy(&data).into_owned();
    Ok(Answer {
        json: json!({
            "name": name,
            "log_path": program.log_path,
            "lines": text.lines().collect::<Vec<_>>(),
        }),
        text,
        exit: Exit::Ok,
    })
}

/// The last lines of a program's log.
pub(crate) async fn tail(sockets: &Sockets, name: &str, lines: u32) -> Result<Vec<u8>, Failure> {
    let mut log = open(sockets, name, lines, false).await?;
    let past = next(&mut log, name).await?.unwrap_or_default();
    Ok(last_lines(&past, lines).to_vec())
}

/// Writes the last lines, then what is appended, until the supervisor or the reader goes away.
async fn follow(sockets: &Sockets, name: &str, lines: u32) -> Result<(), Failure> {
    let mut log = open(sockets, name, lines, true).await?;
    let past = next(&mut log, name).await?.unwrap_or_default();
    let mut part = last_lines(&past, lines).to_vec();
    while cli::write(&part).is_ok() {
        part = next(&mut log, name).await?.ok_or_else(|| Failure {
            text: "supervisord ended the log; it may be restarting".to_owned(),
            exit: Exit::Unreachable,
        })?;
    }
    Ok(())
}

async fn open(
    sockets: &Sockets,
    name: &str,
    lines: u32,
    follow: bool,
) -> Result<Streaming<TailLogResponse>, Failure> {
    let mut client = sockets.supervisor_client().await?;
    let request = TailLogRequest {
        name: name.to_owned(),
        bytes: lines.saturating_mul(BYTES_PER_LINE).clamp(4096, 1 << 20),
        follow,
    };
    let answer = client.tail_log(request).await;
    Ok(answer.map_err(|status| failed(name, &status))?.into_inner())
}

async fn next(
    log: &mut Streaming<TailLogResponse>,
    name: &str,
) -> Result<Option<Vec<u8>>, Failure> {
    let part = log
        .message()
        .await
        .map_err(|status| failed(name, &status))?;
    Ok(part.map(|part| part.data))
}

fn last_lines(data: &[u8], lines: u32) -> &[u8] {
    let lines = usize::try_from(lines).unwrap_or(usize::MAX);
    if lines == 0 {
        return &[];
    }
    // The newline at the very end closes the last line and starts none.
    let body = data.strip_suffix(b"\n").unwrap_or(data);
    let mut breaks = body.iter().enumerate().rev().filter(|(_, b)| **b == b'\n');
    match breaks.nth(lines - 1) {
        Some((at, _)) => &data[at + 1..],
        None => data,
    }
}

fn failed(name: &str, status: &Status) -> Failure {
    let exit = if status.code() == Code::Unavailable {
        Exit::Unreachable
    } else {
        Exit::Wrong
    };
    Failure {
        text: format!(
            "failed to read the log of {name}: {}",
            ipc::describe(status)
        ),
        exit,
    }
}

/// A generous guess; a log of longer lines shows fewer of them.
const BYTES_PER_LINE: u32 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_whole() {
        let data = b"one\ntwo\nthree\n";
        assert_eq!(last_lines(data, 2), b"two\nthree\n");
        assert_eq!(last_lines(data, 9), data);
        assert_eq!(last_lines(data, 0), b"");
        assert_eq!(last_lines(b"a\nunfinished", 1), b"unfinished");
        assert_eq!(last_lines(b"", 5), b"");
    }
}
