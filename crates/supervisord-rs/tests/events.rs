//! Events, with a listener in Python that knows nothing of us.

#[expect(dead_code, reason = "not every test binary uses every part of it")]
mod support;

use std::{fs, process::Command};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use support::{PATIENCE, Supervisor, ours};
use testkit::{venv_program, wait_for};

#[test]
fn a_stock_listener_hears_of_every_state_in_order() {
    let supervisor = listening(
        "PROCESS_STATE",
        "[program:once]\ncommand=sh -c 'exit 3'\nstartsecs=0\nautorestart=false\nautostart=false\n\
         [program:bad]\ncommand=sh -c 'exit 1'\nstartretries=1\nautostart=false\n",
    );
    supervisor.ctl(ours("supervisorctl"), "start once");
    let once = supervisor.wait_heard("PROCESS_STATE_EXITED processname:once");
    let states = names_of(&once, "once");
    assert_eq!(states, ["STARTING", "RUNNING", "EXITED"]);
    assert!(
        once.contains("from_state:RUNNING expected:0 pid:"),
        "{once}"
    );

    supervisor.ctl(ours("supervisorctl"), "start bad");
    let bad = supervisor.wait_heard("PROCESS_STATE_FATAL processname:bad");
    let states = names_of(&bad, "bad");
    assert_eq!(
        states,
        ["STARTING", "BACKOFF", "STARTING", "BACKOFF", "FATAL"]
    );
    assert!(bad.contains("BACKOFF processname:bad groupname:bad from_state:STARTING tries:1"));
}

#[test]
fn output_between_marks_is_an_event_and_no_log() {
    let supervisor = listening(
        "PROCESS_COMMUNICATION,PROCESS_LOG",
        "[program:talker]\ncommand=sh -c 'echo seen; \
         printf \"<!--XSUPERVISOR:BEGIN-->größe<!--XSUPERVISOR:END-->\"; echo end; exec sleep 1000'\n\
         startsecs=0\nstdout_capture_maxbytes=1MB\nstdout_events_enabled=true\n\
         stdout_logfile=%(here)s/talker.log\n",
    );
    let heard = supervisor.wait_heard("PROCESS_COMMUNICATION_STDOUT processname:talker");
    assert!(heard.contains("\ngröße"), "{heard}");
    supervisor.wait_heard("channel:stdout\nseen");
    wait_for("the log", PATIENCE, || {
        let text = fs::read_to_string(supervisor.path("conf.d/talker.log")).ok()?;
        (text == "seen\nend\n").then_some(())
    })
    .unwrap();
}

#[test]
fn a_client_s_message_and_groups_that_come_and_go_are_events() {
    let supervisor = listening("REMOTE_COMMUNICATION,PROCESS_GROUP,TICK_5", "");
    let url = supervisor.path("s.sock");
    let call = format!(
        "import supervisor.xmlrpc, xmlrpc.client as c\n\
         p = c.ServerProxy('http://127.0.0.1', transport=supervisor.xmlrpc.SupervisorTransport(\
         None, None, 'unix://{}'))\nassert p.supervisor.sendRemoteCommEvent('hello', 'wörld')\n",
        url.display()
    );
    let python = venv_program("python");
    assert!(
        Command::new(python)
            .args(["-c", &call])
            .status()
            .unwrap()
            .success()
    );
    supervisor.wait_heard("REMOTE_COMMUNICATION type:hello\nwörld");

    fs::write(
        supervisor.path("conf.d/more.conf"),
        "[program:late]\ncommand=sleep 1000\n",
    )
    .unwrap();
    supervisor.ctl(ours("supervisorctl"), "update");
    supervisor.wait_heard("PROCESS_GROUP_ADDED groupname:late");
    fs::remove_file(supervisor.path("conf.d/more.conf")).unwrap();
    supervisor.ctl(ours("supervisorctl"), "update");
    supervisor.wait_heard("PROCESS_GROUP_REMOVED groupname:late");
    supervisor.wait_heard("TICK_5 when:");
}

#[test]
fn an_event_in_the_hand_of_a_listener_that_dies_goes_to_the_next() {
    let supervisor = listening(
        "PROCESS_STATE_EXITED",
        "[program:once]\ncommand=true\nstartsecs=0\n\
        autorestart=false\nautostart=false\n",
    );
    let listener = supervisor.pid_of("listener");
    // It cannot take anything while it is stopped, so the event waits in its hand.
    kill(Pid::from_raw(listener), Signal::SIGSTOP).unwrap();
    supervisor.ctl(ours("supervisorctl"), "start once");
    supervisor.wait_state("once", "EXITED");
    kill(Pid::from_raw(listener), Signal::SIGKILL).unwrap();
    supervisor.wait_heard("PROCESS_STATE_EXITED processname:once");
}

#[test]
fn the_last_event_of_all_is_that_we_stop() {
    // Listeners are stopped last, so they hear of it while others are being stopped.
    let mut supervisor = listening(
        "SUPERVISOR_STATE_CHANGE",
        "[program:slow]\ncommand=sh -c 'trap \"sleep 0.3; exit\" TERM; while :; do sleep 0.1; done'\n\
         startsecs=0\n",
    );
    supervisor.wait_heard("SUPERVISOR_STATE_CHANGE_RUNNING ");
    assert_eq!(supervisor.end(Signal::SIGTERM).code(), Some(0));
    assert!(
        supervisor
            .heard()
            .contains("SUPERVISOR_STATE_CHANGE_STOPPING ")
    );
}

/// A supervisor with a listener that writes down what it hears.
fn listening(events: &str, programs: &str) -> Supervisor {
    let listener = format!(
        "[eventlistener:listener]\ncommand={} -u {}/tests/listener.py %(here)s/heard\n\
         events={events}\nstartsecs=0\nstderr_logfile=%(here)s/listener.err\n",
        venv_program("python").display(),
        env!("CARGO_MANIFEST_DIR"),
    );
    let supervisor = Supervisor::start(ours("supervisord"), &(listener + programs));
    supervisor.wait_state("listener", "RUNNING");
    supervisor
}

/// The states that a program entered, without their common prefix.
fn names_of<'a>(heard: &'a str, program: &str) -> Vec<&'a str> {
    let mark = format!(" processname:{program} ");
    let lines = heard.lines().filter(|line| line.contains(&mark));
    lines
        .filter_map(|line| line.split(' ').next()?.strip_prefix("PROCESS_STATE_"))
        .collect()
}

impl Supervisor {
    fn heard(&self) -> String {
        fs::read_to_string(self.path("conf.d/heard")).unwrap_or_default()
    }

    /// Waits until the listener has heard this, and gives all it has heard.
    fn wait_heard(&self, text: &str) -> String {
        wait_for(&format!("the event {text:?}"), PATIENCE, || {
            let heard = self.heard();
            heard.contains(text).then_some(heard)
        })
        .unwrap_or_else(|error| panic!("{error}; heard: {}", self.heard()))
    }
}
