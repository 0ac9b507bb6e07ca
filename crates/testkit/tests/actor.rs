//! The scriptable child program does what its flags say.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::wait_for;

#[test]
fn exits_with_the_code_it_is_given() {
    let output = actor(&[
        "--print",
        "hello",
        "--print-error",
        "oh",
        "--exit-after",
        "0",
        "--code",
        "7",
    ])
    .output()
    .unwrap();
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(output.stdout, b"hello\n");
    assert_eq!(output.stderr, b"oh\n");
}

#[test]
fn floods_exactly_as_many_bytes_as_asked() {
    let output = actor(&["--flood", "1000003", "--exit-after", "0"])
        .output()
        .unwrap();
    assert_eq!(output.stdout.len(), 1_000_003);
    assert!(output.stdout.starts_with(b"000000000000000 x"));
}

#[test]
fn survives_term_only_when_told_to() {
    for (flags, survives) in [
        (&["--print", "up"][..], false),
        (&["--ignore-term", "--print", "up"], true),
    ] {
        let mut child = Ended(actor(flags).stdout(Stdio::piped()).spawn().unwrap());
        assert_eq!(first_line(&mut child.0), "up\n");
        kill(child.pid(), Signal::SIGTERM).unwrap();
        if survives {
            let status = format!("/proc/{}/status", child.0.id());
            wait_for("the pending signal", LONG, || {
                fs::read_to_string(&status)
                    .ok()?
                    .contains("ShdPnd:\t0000000000004000")
                    .then_some(())
            })
            .unwrap();
        } else {
            assert_eq!(child.0.wait().unwrap().signal(), Some(15));
        }
    }
}

#[test]
fn an_orphan_can_hold_its_output_open() {
    let mut child = Ended(
        actor(&["--hold-pipe", "--exit-after", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    assert!(child.0.wait().unwrap().success());
    let mut output = child.0.stdout.take().unwrap();
    let reader = std::thread::spawn(move || output.read_to_end(&mut Vec::new()));
    let holder = wait_for("the orphan", LONG, || orphan_of(child.pid())).unwrap();
    assert!(!reader.is_finished());
    kill(holder, Signal::SIGKILL).unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), 0);
}

#[test]
fn answers_http_and_echoes() {
    for (flags, asked, answer) in [
        (&["--listen", "0"][..], "abc", "abc"),
        (
            &["--listen", "0", "--http"],
            "GET / HTTP/1.0\r\n\r\n",
            "HTTP/1.1 200 OK",
        ),
    ] {
        let mut child = Ended(actor(flags).stdout(Stdio::piped()).spawn().unwrap());
        let line = first_line(&mut child.0);
        let port: u16 = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap()
            .parse()
            .unwrap();
        let mut connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
        connection.write_all(asked.as_bytes()).unwrap();
        connection.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = String::new();
        connection.read_to_string(&mut text).unwrap();
        assert!(text.starts_with(answer), "{text}");
    }
}

/// A child that is killed when the test is done with it.
struct Ended(Child);

impl Ended {
    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.0.id()).expect("pids are small"))
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// In a process group of its own, by which its orphans are found.
fn actor(flags: &[&str]) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(env!("CARGO_BIN_EXE_actor"));
    command
        .args(flags)
        .process_group(0)
        .stdin(Stdio::null())
        .env("ACTOR_TEST", test_mark());
    command
}

/// The orphan is in a session of its own, so only its environment shows whose it is.
fn orphan_of(parent: Pid) -> Option<Pid> {
    let mark = format!("ACTOR_TEST={}\0", test_mark());
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let command = fs::read(entry.path().join("cmdline")).ok()?;
        let ours = String::from_utf8_lossy(&environment).contains(&mark);
        (ours && command.starts_with(b"sleep\0") && pid != parent.as_raw())
            .then(|| Pid::from_raw(pid))
    })
}

fn test_mark() -> String {
    format!("hold-{}", std::process::id())
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    let output = child.stdout.as_mut().expect("its output is piped");
    BufReader::new(output)
        .read_line(&mut line)
        .expect("it speaks");
    line
}

const LONG: Duration = Duration::from_secs(20);
