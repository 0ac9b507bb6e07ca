//! The original and ours, side by side: the same files, the same commands, the same text and exit
//! codes, with pids and times masked.

#[expect(dead_code, reason = "not every test binary uses every part of it")]
mod support;

use std::path::Path;

use support::{Said, Supervisor, ours, stock};

#[test]
fn stock_supervisorctl_says_the_same_to_both_supervisords() {
    let stock = stock("supervisorctl");
    compare((&stock, &stock));
}

#[test]
fn both_supervisorctls_say_the_same() {
    compare((&stock("supervisorctl"), ours("supervisorctl")));
}

/// Runs every command with the first client against the original and with the second against ours.
fn compare((theirs, our_client): (&Path, &Path)) {
    let original = Supervisor::start(&stock("supervisord"), PROGRAMS);
    let own = Supervisor::start(ours("supervisord"), PROGRAMS);
    for supervisor in [&original, &own] {
        supervisor.wait_state("sleeper", "RUNNING");
        supervisor.wait_state("w:w_01", "RUNNING");
    }
    for command in COMMANDS {
        let expected = masked(original.ctl(theirs, command));
        let got = masked(own.ctl(our_client, command));
        assert_eq!(got, expected, "{command}");
    }
}

fn masked(said: Said) -> Said {
    let is_time = |word: &str| word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit());
    let lines = said.text.lines().map(|line| {
        let mask = |word: &str| match word.trim_end_matches(',') {
            number if number.parse::<u32>().is_ok() => "N".to_owned(),
            time if is_time(time) => "T".to_owned(),
            _ => word.to_owned(),
        };
        line.split(' ').map(mask).collect::<Vec<_>>().join(" ") + "\n"
    });
    Said {
        text: lines.collect(),
        code: said.code,
    }
}

const PROGRAMS: &str = "\
[program:sleeper]
command=sleep 1000
startsecs=0
[program:manual]
command=sleep 1000
autostart=false
[program:missing]
command=/no/such/thing
autostart=false
[program:w]
command=sleep 1000
process_name=%(program_name)s_%(process_num)02d
numprocs=2
startsecs=0
";

const COMMANDS: &[&str] = &[
    "status",
    "status sleeper nosuch",
    "status w:*",
    "start sleeper",
    "start manual",
    "stop manual",
    "stop manual",
    "start missing",
    "start nosuch",
    "start nosuch:*",
    "start",
    "stop w:*",
    "start w:*",
    "restart sleeper",
    "signal CONT sleeper",
    "signal NOSUCH sleeper",
    "signal HUP missing",
    "pid",
    "pid missing",
    "pid nosuch",
    "avail",
    "reread",
    "update",
    "tail sleeper",
    "tail nosuch",
    "version",
    "clear sleeper",
    "remove sleeper",
    "remove nosuch",
    "add sleeper",
    "nonsense",
    "stop all",
    "status manual",
];
