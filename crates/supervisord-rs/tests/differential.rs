//! The original's supervisorctl and ours, side by side: the same files and commands, and the same
//! text and exit codes, with pids and times masked.

#[expect(dead_code, reason = "not every test binary uses every part of it")]
mod oracle;

use std::thread::{self, ScopedJoinHandle};

use oracle::{Which, allowed::Allowed, ctl::Ctl, server::Server, steps::aside};
use serde_json::{Value, json};

#[path = "differential/commands.rs"]
mod commands;
use commands::{SESSIONS, Session};

#[test]
fn both_supervisorctls_say_the_same() {
    compare("ctl", (Which::Ours, Which::Ours));
}

#[test]
fn the_stock_supervisorctl_says_the_same_to_both_supervisords() {
    compare("stock ctl", (Which::Original, Which::Ours));
}

/// Gives every command to the original with its own client, and with `client` to `server`.
fn compare(suite: &'static str, (client, server): (Which, Which)) {
    let allowed = Allowed::of(suite);
    // The original takes a second for many a thing, so they all wait side by side.
    let said: Vec<_> = thread::scope(|scope| {
        let both = |session| {
            let theirs = scope.spawn(move || all_said(Which::Original, Which::Original, session));
            let ours = scope.spawn(move || all_said(client, server, session));
            (theirs, ours)
        };
        let begun: Vec<_> = SESSIONS.iter().map(both).collect();
        let end = |handle: ScopedJoinHandle<'_, Vec<Value>>| handle.join().expect("what was said");
        let ended = begun.into_iter();
        ended
            .map(|(theirs, ours)| (end(theirs), end(ours)))
            .collect()
    });
    for (session, (theirs, ours)) in SESSIONS.iter().zip(said) {
        for ((step, theirs), ours) in session.steps.iter().zip(&theirs).zip(&ours) {
            allowed.compare(&format!("{}: {step}", session.name), theirs, ours);
        }
    }
    allowed.finish();
}

fn all_said(client: Which, server: Which, session: &Session) -> Vec<Value> {
    let mut server = Server::start(server, &session.setup);
    let mut ctl = Ctl::new(client);
    let said = session.steps.iter();
    said.map(|step| said_to(step, &mut ctl, &mut server))
        .collect()
}

fn said_to(step: &str, ctl: &mut Ctl, server: &mut Server) -> Value {
    match aside(step, server) {
        true => Value::Null,
        false => shown(step, ctl.run(server, step.trim_start_matches(['~', '%']))),
    }
}

/// What of an answer is compared.
fn shown(step: &str, mut said: Value) -> Value {
    match step.chars().next() {
        Some('~') => {
            let first = |name: &str| said[name].get(0).cloned();
            json!({"out": first("out"), "err": first("err"), "code": said["code"]})
        }
        Some('%') => {
            if let Some(lines) = said["out"].as_array_mut() {
                lines.sort_by_key(Value::to_string);
            }
            said
        }
        _ => said,
    }
}
