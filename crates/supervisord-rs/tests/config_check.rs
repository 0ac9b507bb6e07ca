//! `supervisord --check` tells everything that is wrong, with its place, and nothing else.

use std::{fs, path::Path, process::Command};

/// The file with its mistakes; a line of which something must be said ends in that, after `>>`.
/// What is missing is told at the header of its section.
const WRONG: &str = "\
[supervisord]
logfile=/nonexistent/log                >> logfile: The directory named as part of the path
loglevel=loud                           >> loglevel: bad logging level name 'loud'
minfds=many                             >> minfds: not a whole number: 'many'
nodeamon=true                           >> nodeamon: unknown key; did you mean nodaemon?
[unix_http_server]                      >> has no \"file\" line
chmod=9                                 >> chmod: not an octal number: '9'
[inet_http_server]                      >> contains incomplete authentication
port=99999                              >> port: not PORT or HOST:PORT
username=u
[inet_http_server:second]               >> has no \"port\" line
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
extra=1                                 >> extra: is ignored
[rpcinterface:other]
supervisor.rpcinterface_factory=a:b     >> a:b is Python and cannot be loaded
[supervisorctl]
serverurl=ftp://x                       >> serverurl: 'ftp://x' is not an address
[program:a]
command=cat %(nope)s                    >> command: \"cat %(nope)s\" refers to %(nope)s
startsecs=x                             >> startsecs: not a whole number: 'x'
autostart=maybe                         >> autostart: not a valid boolean value: 'maybe'
stopsignal=FOO                          >> stopsignal: value 'FOO' is not a valid signal name
readiness_http=https://x                >> readiness_http: not an address
rlimit_nofile=10:5                      >> rlimit_nofile: the soft limit is above
liveness_failures=0                     >> liveness_failures: not a whole number from 1
depends_on=nobody=sometimes             >> depends_on: unknown condition 'sometimes'
[program:b]                             >> program section program:b does not | process_name: %(process_num) must
comand=cat                              >> comand: unknown key; did you mean command?
numprocs=2
[program:c]
command=cat
depends_on=d                            >> depends_on: programs wait for each other: c -> d -> c
[program:d]
command=cat
depends_on=c=ready                      >> depends_on: programs wait for each other: c -> d -> c
[program:e]
command=cat
depends_on=nobody                       >> depends_on: there is no program 'nobody'
this is no line                         >> \"this is no line
[program:f]
command=cat
readiness_tcp=h:1
readiness_file=/x                       >> readiness_file: give either readiness_tcp or
[grup:z]                                >> unknown section; did you mean [group:z]?
[group:h]
programs=f,nobody                       >> programs: names unknown program or fcgi-program 'nobody'
[group:i]
programs=g,g                            >> more than one process is called 'g'
[program:g]
command=cat
[eventlistener:l]
command=cat
events=TICK_5,TOCK                      >> events: unknown event type TOCK
buffer_size=0                           >> buffer_size: invalid buffer_size (0)
redirect_stderr=true                    >> redirect_stderr: is not allowed
pty=true                                >> pty: an event listener speaks over pipes
[fcgi-program:q]
command=cat
socket=tcp://x:1
socket_mode=0700                        >> socket_mode: applies to a Unix socket only
";

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wrong.conf");
    let mut text = String::new();
    let mut expected = Vec::new();
    for (number, line) in (1..).zip(WRONG.lines()) {
        let (line, said) = match line.split_once(">>") {
            Some((line, said)) => (line.trim_end(), Some(said.trim())),
            None => (line, None),
        };
        text.push_str(line);
        text.push('\n');
        let said = said.iter().flat_map(|said| said.split(" | "));
        expected.extend(said.map(|said| (number, said)));
    }
    fs::write(&file, text).unwrap();
    let (said, code) = check(&file);
    assert_eq!(code, 2);
    let prefix = format!("{}:", file.display());
    let mut told = Vec::new();
    for line in said.lines() {
        let (number, text) = line
            .strip_prefix(&prefix)
            .and_then(|rest| rest.split_once(": ["))
            .unwrap_or_else(|| panic!("a line without its place: {line}"));
        let (_, text) = text.split_once("]: ").unwrap();
        told.push((number.parse::<u32>().unwrap(), text));
    }
    let missing: Vec<_> = expected
        .iter()
        .filter(|(number, said)| {
            !told
                .iter()
                .any(|(n, text)| n == number && text.contains(said))
        })
        .collect();
    assert!(missing.is_empty(), "not told: {missing:?}\n{said}");
    assert_eq!(told.len(), expected.len(), "{said}");
}

#[test]
fn a_mistake_in_an_included_file_is_told_with_that_file() {
    let dir = tempfile::tempdir().unwrap();
    let main = dir.path().join("main.conf");
    fs::write(
        &main,
        "[supervisord]\n[include]\nfiles=more/*.conf\n[program:a]\ncommand=x\n",
    )
    .unwrap();
    fs::create_dir(dir.path().join("more")).unwrap();
    let more = dir.path().join("more/a.conf");
    fs::write(&more, "\n\n[program:a]\npriority=high\n").unwrap();
    let (said, code) = check(&main);
    assert_eq!(code, 2);
    let expected = format!("{}:4: [program:a]: priority: ", more.display());
    assert!(said.starts_with(&expected), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn nothing_is_told_of_a_file_without_mistakes() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("right.conf");
    fs::write(&file, supervisord_rs::SAMPLE_CONFIGURATION).unwrap();
    assert_eq!(check(&file), (String::new(), 0));
    let (said, code) = check(&dir.path().join("missing.conf"));
    assert!(said.contains("could not find config file"), "{said}");
    assert_eq!(code, 2);
}

fn check(file: &Path) -> (String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_supervisord"))
        .arg("--check")
        .arg(file)
        .output()
        .expect("supervisord runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (text, output.status.code().unwrap_or(-1))
}
