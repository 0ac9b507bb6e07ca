//! What supervisord sends to the machine's syslog daemon, beside the original.

#[path = "startup/place.rs"]
#[expect(dead_code, reason = "not every test binary uses every part of it")]
mod place;
#[expect(dead_code, reason = "not every test binary uses every part of it")]
mod support;

use std::os::unix::net::UnixDatagram;

use place::{Place, end};
use support::{PATIENCE, ours};
use testkit::venv_program;

/// A machine of its own as far as `/dev/log` goes, which is the socket in the directory.
const OWN_DEV: &str = "mkdir dev
mount -t tmpfs tmpfs dev
for name in null zero random urandom; do
    touch dev/$name
    mount --bind /dev/$name dev/$name
done
touch dev/log
mount --bind log dev/log
mount --rbind dev /dev
exec \"$@\"";

const CONFIG: &str = "[supervisord]\nnodaemon=true\nuser=root\nlogfile=syslog\npidfile={D}/s.pid\n\
                      [program:a]\ncommand=printf 'one\\ntwo\\n'\nstdout_syslog=true\n\
                      stdout_logfile=NONE\nautorestart=false\nstartsecs=0\n";

#[test]
fn the_main_log_and_programs_reach_the_syslog_daemon_as_from_the_original() {
    let programs = [venv_program("supervisord"), ours("supervisord").to_owned()];
    let [original, ours] = programs.map(|program| {
        let place = Place::new(program, CONFIG);
        let daemon = UnixDatagram::bind(place.path("log")).expect("a socket");
        daemon.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let before = ["unshare", "--mount", "sh", "-ec", OWN_DEV, "sh"];
        let mut child = place.command(&before).spawn().expect("it starts");
        let mut messages: Vec<String> = Vec::new();
        while !messages.iter().any(|text| text.contains("exited: a"))
            || !messages.iter().any(|text| text.contains("a two"))
        {
            let mut buffer = [0; 4096];
            let size = daemon.recv(&mut buffer);
            let size = size.unwrap_or_else(|error| panic!("{error} after {messages:?}"));
            let text = str::from_utf8(&buffer[..size]).expect("a text");
            messages.push(text.replace(|c: char| c.is_ascii_digit(), "N"));
        }
        end(&place);
        child.wait().expect("its end");
        let runs_of_digits = |text: &String| text.split('N').filter(|s| !s.is_empty()).collect();
        let mut messages: Vec<String> = messages.iter().map(runs_of_digits).collect();
        // Output and states come from different places and in no certain order.
        messages.sort();
        messages
    });
    assert_eq!(ours, original);
    assert!(
        ours.iter().any(|text| text.ends_with("supervisord: a one")),
        "{ours:?}"
    );
}
