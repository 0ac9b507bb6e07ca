//! Runs supervisorctl, the stock one or ours.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{Script, Which, server::Server};

/// A supervisorctl for one server.
#[derive(Debug)]
pub(crate) enum Ctl {
    /// The stock one, in a process that stays.
    Stock(Script),
    Ours,
}

impl Ctl {
    pub(crate) fn new(which: Which) -> Self {
        match which {
            Which::Ours => Self::Ours,
            Which::Original => Self::Stock(Script::start("ctl.py", &[])),
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
            Self::Stock(stock) => {
                stock.say(&json!(words));
                stock.hear()
            }
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
