//! Runs supervisorctl, the stock one or ours.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use super::{Which, server::Server, venv};

/// A supervisorctl for one server.
#[derive(Debug)]
pub(crate) enum Ctl {
    Stock(Stock),
    Ours,
}

/// The stock one, in a process that stays.
#[derive(Debug)]
pub(crate) struct Stock {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Ctl {
    pub(crate) fn new(which: Which) -> Self {
        match which {
            Which::Ours => Self::Ours,
            Which::Original => Self::Stock(Stock::start()),
        }
    }

    /// Runs a command line against a server; `{D}` is its directory.
    pub(crate) fn run(&mut self, server: &Server, line: &str) -> Value {
        let line = line.replace("{D}", &server.dir());
        let mut words = vec![
            "-c".to_owned(),
            server.path("supervisord.conf").display().to_string(),
        ];
        words.extend(shell_words(&line));
        let raw = match self {
            Self::Stock(stock) => stock.run(&words),
            Self::Ours => ours(&words),
        };
        let lines = |name: &str| -> Value {
            let text = raw[name].as_str().unwrap_or("");
            text.lines()
                .map(|line| masked(line, &server.dir()))
                .collect()
        };
        json!({"out": lines("out"), "err": lines("err"), "code": raw["code"]})
    }
}

impl Stock {
    fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differential/ctl.py");
        let mut child = Command::new(venv("python"))
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let input = child.stdin.take().expect("its input");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        Self {
            child,
            input,
            output,
        }
    }

    fn run(&mut self, words: &[String]) -> Value {
        writeln!(self.input, "{}", json!(words)).expect("it listens");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{words:?}: {line:?}: {error}"))
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ours(words: &[String]) -> Value {
    let program: PathBuf = Which::Ours.program("supervisorctl");
    let output = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .expect("supervisorctl runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    json!({
        "out": text(&output.stdout),
        "err": text(&output.stderr),
        "code": output.status.code(),
    })
}

/// Words as a shell divides them; only single quotes are known.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        match index % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

/// A line without what is different in every run: pids, times, places and what we are called.
fn masked(line: &str, dir: &str) -> String {
    let line = line.replace(dir, "DIR");
    let line = match line.split_once(": file: ") {
        Some((error, _)) if error.starts_with("error: ") => format!("{error}: file: F line: N"),
        _ => line,
    };
    let line = match line.strip_prefix("For help, use ") {
        Some(_) => "For help, use supervisorctl -h".to_owned(),
        None => line,
    };
    let is_time = |word: &str| word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit());
    let mask = |word: &str| match word.trim_end_matches(',') {
        number if number.parse::<u32>().is_ok() => "N".to_owned(),
        time if is_time(time) => "T".to_owned(),
        "AM" | "PM" => "M".to_owned(),
        _ => word.to_owned(),
    };
    line.split(' ').map(mask).collect::<Vec<_>>().join(" ")
}
