//! Steps that are no question to supervisord: they wait for something, or change something.

use std::fs;

use nix::sys::signal::{Signal, kill};
use testkit::wait_for;

use super::{
    ctl::Ctl,
    server::{PATIENCE, Server},
};

/// Does a step that begins with `!`; other steps are none of ours.
///
/// `!wait NAME STATE`, `!log FILE TEXT`, `!twice FILE TEXT` and `!tail NAME TEXT` wait, `!write FILE TEXT`, `!move FROM TO` and
/// `!remove FILE` change files, `!signal NAME` sends supervisord a signal, `!end` waits for its end.
pub(crate) fn aside(step: &str, server: &mut Server) -> bool {
    let words: Vec<_> = step.splitn(3, ' ').collect();
    match words.as_slice() {
        ["!wait", name, state] => wait_for(&format!("{name} to be {state}"), PATIENCE, || {
            let said = Ctl::Ours.run(server, &format!("status {name}"));
            said.to_string().contains(state).then_some(()).ok_or(said)
        })
        .expect("the program gets there"),
        ["!tail", name, text] => wait_for(&format!("{text} of {name}"), PATIENCE, || {
            let said = Ctl::Ours.run(server, &format!("tail {name}"));
            said.to_string().contains(text).then_some(()).ok_or(said)
        })
        .expect("the program says it"),
        ["!log", file, text] => wait_for(&format!("{text} in {file}"), PATIENCE, || {
            let log = fs::read(server.path(file)).unwrap_or_default();
            let log = String::from_utf8_lossy(&log).into_owned();
            log.contains(text).then_some(()).ok_or(log)
        })
        .expect("the program says it"),
        ["!twice", file, text] => wait_for(&format!("{text} twice in {file}"), PATIENCE, || {
            let log = fs::read_to_string(server.path(file)).unwrap_or_default();
            (log.matches(text).count() == 2).then_some(()).ok_or(log)
        })
        .expect("it is said again"),
        ["!write", file, text] => server.write(file, text),
        ["!move", from, to] => {
            fs::rename(server.path(from), server.path(to)).expect("the file is moved");
        }
        ["!remove", file] => fs::remove_file(server.path(file)).expect("the file is removed"),
        ["!signal", name] => {
            let signal: Signal = name.parse().expect("a signal");
            kill(server.pid(), signal).expect("supervisord runs");
        }
        ["!end"] => drop(server.ended()),
        _ if step.starts_with('!') => panic!("{step}: no such step"),
        _ => return false,
    }
    true
}
