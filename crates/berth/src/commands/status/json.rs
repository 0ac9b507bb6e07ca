//! The overview for programs.

use api::supervisor::Program;
use serde_json::{Value, json};

use super::{Line, Overview, Remark};
use crate::{answer::Exit, sockets::Health, words};

impl Overview {
    pub(super) fn json(&self, lines: &[Line], problems: &[Remark], exit: Exit) -> Value {
        json!({
            "ok": exit == Exit::Ok,
            "instance_id": self.boot.as_ref().ok().map(|s| &s.snapshot.instance_id),
            "phase": self.boot.as_ref().ok().map(|s| words::phase(s.snapshot.phase())),
            "daemons": lines.iter().map(daemon).collect::<Vec<_>>(),
            "programs": self
                .supervisor
                .as_ref()
                .ok()
                .map(|s| s.snapshot.programs.iter().map(program).collect::<Vec<_>>()),
            "problems": problems.iter().map(remark).collect::<Vec<_>>(),
            "notices": self.notices().iter().map(remark).collect::<Vec<_>>(),
        })
    }
}

fn daemon(line: &Line) -> Value {
    json!({
        "name": line.daemon.name(),
        "reachable": line.epoch.is_ok(),
        "healthy": line.epoch.is_ok() && line.health == Health::Serving,
        "epoch": line.epoch.as_ref().ok(),
        "note": line.note,
    })
}

fn remark(remark: &Remark) -> Value {
    json!({ "source": remark.source, "text": remark.text })
}

/// A program with the fields of the protocol.
pub(crate) fn program(program: &Program) -> Value {
    json!({
        "name": words::full_name(program),
        "state": words::program_state(program.state()).0,
        "readiness": words::readiness(program.readiness()).0,
        "probe": program.probe,
        "pid": program.pid,
        "incarnation": program.incarnation,
        "started_unix_us": program.started_unix_us,
        "stopped_unix_us": program.stopped_unix_us,
        "last_exit": program.last_exit.as_ref().map(words::exit),
        "restarts": program.restarts,
        "description": program.description,
        "spawn_error": program.spawn_error,
        "log_path": program.log_path,
        "autostart": program.autostart,
        "defined_in": program.defined_in,
    })
}
