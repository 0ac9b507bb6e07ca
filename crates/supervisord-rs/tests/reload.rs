//! A supervisord that is told to begin again with another configuration, beside the original.

#[path = "startup/place.rs"]
#[expect(dead_code, reason = "not every test binary uses every part of it")]
mod place;
#[expect(dead_code, reason = "only the path of the original is needed")]
mod support;

use std::{
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
    process::{Child, Command},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use place::{Place, end};
use support::{PATIENCE, ours};
use testkit::{free_port, venv_program, wait_for};

const PROGRAM: &str = "[program:a]\ncommand=sleep 1000\nstartsecs=0\n\
                       [rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=\
                       supervisor.rpcinterface:make_main_rpcinterface\n";

/// The configuration with which it starts.
fn before(port: u16) -> String {
    format!(
        "[unix_http_server]\nfile={{D}}/s.sock\n[inet_http_server]\nport=127.0.0.1:{port}\n\
         [supervisord]\nnodaemon=true\nuser=root\nlogfile={{D}}/main.log\npidfile={{D}}/s.pid\n\
         childlogdir={{D}}\n{PROGRAM}"
    )
}

/// The configuration with which it begins again: all of it is another.
fn after(port: u16) -> String {
    let text = before(port).replace("s.sock\n", "t.sock\nusername=u\npassword=p\n");
    let text = text.replace("main.log\n", "other.log\nloglevel=debug\nsilent=true\n");
    let text = text.replace("s.pid", "other.pid");
    text.replace("[program:a]", "[program:b]")
}

fn start(place: &Place) -> Child {
    let child = place.command(&[]).spawn().expect("it starts");
    place.wait_text("main.log", "spawned: 'a' with pid");
    child
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).expect("a pid");
    kill(Pid::from_raw(pid), signal).expect("it is there");
}

/// The first line of the answer to a request for the page.
fn status(mut stream: impl std::io::Read + std::io::Write) -> String {
    let _ = stream.write_all(b"GET / HTTP/1.0\r\n\r\n");
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    text.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn a_reload_opens_the_log_and_the_servers_of_the_new_configuration() {
    let programs = [venv_program("supervisord"), ours("supervisord").to_owned()];
    let [original, ours] = programs.map(|program| {
        let ports = [free_port(), free_port()];
        let place = Place::new(program, &before(ports[0]));
        let mut child = start(&place);
        place.write("supervisord.conf", &after(ports[1]));
        signal(&child, Signal::SIGHUP);
        let log = place.wait_text("other.log", "spawned: 'b' with pid");
        let found = (
            status(UnixStream::connect(place.path("t.sock")).expect("the new socket")),
            status(TcpStream::connect(("127.0.0.1", ports[1])).expect("the new port")),
            TcpStream::connect(("127.0.0.1", ports[0])).is_err(),
            place.path("s.sock").exists() || place.path("s.pid").exists(),
            place.read("other.pid") == format!("{}\n", child.id()),
            log.contains("supervisord started with pid"),
        );
        // A message that only the new level shows.
        let listed = Command::new("pgrep")
            .args(["-P", &child.id().to_string()])
            .output();
        let listed = String::from_utf8(listed.expect("pgrep runs").stdout).expect("a number");
        let program: i32 = listed.trim().parse().expect("a pid");
        kill(Pid::from_raw(program), Signal::SIGKILL).expect("it runs");
        place.wait_text("other.log", "DEBG received SIGCHLD");
        assert!(!place.read("main.log").contains("DEBG"));
        assert!(!place.read("main.log").contains("spawned: 'b'"));
        end(&place);
        child.wait().expect("its end");
        found
    });
    assert_eq!(ours, original);
    let expected = "HTTP/1.0 401 Unauthorized".to_owned();
    assert_eq!(ours.0, expected);
    assert_eq!((ours.2, ours.3, ours.4, ours.5), (true, false, true, true));
}

#[test]
fn a_reload_whose_servers_cannot_be_opened_keeps_those_it_has() {
    let port = free_port();
    let place = Place::new(ours("supervisord").to_owned(), &before(port));
    let mut child = start(&place);
    let busy = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = busy.local_addr().expect("its number").port();
    let config = before(taken).replace("[program:a]", "[program:b]");
    place.write("supervisord.conf", &config);
    signal(&child, Signal::SIGHUP);
    let log = place.wait_text("main.log", "spawned: 'b' with pid");
    assert!(
        log.contains("CRIT Another program is already listening"),
        "{log}"
    );
    for _ in 0..2 {
        let answer = status(TcpStream::connect(("127.0.0.1", port)).expect("the old port"));
        assert_eq!(answer, "HTTP/1.0 200 OK");
    }
    end(&place);
    child.wait().expect("its end");
}

#[test]
fn who_asks_for_the_reload_gets_its_answer_and_the_next_client_its_password() {
    let port = free_port();
    let place = Place::new(ours("supervisord").to_owned(), &before(port));
    let mut child = start(&place);
    let ctl = |words: &[&str]| {
        let url = format!("unix://{}", place.path("s.sock").display());
        let output = Command::new(ours("supervisorctl"))
            .args(["-s", &url])
            .args(words)
            .output()
            .expect("supervisorctl runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let config = before(port).replace("s.sock\n", "s.sock\nusername=u\npassword=p\n");
    place.write(
        "supervisord.conf",
        &config.replace("[program:a]", "[program:b]"),
    );
    assert_eq!(ctl(&["reload"]), "Restarted supervisord\n");
    place.wait_text("main.log", "spawned: 'b' with pid");
    let said = wait_for("the program to run", PATIENCE, || {
        let said = ctl(&["-u", "u", "-p", "p", "status"]);
        if said.contains("RUNNING") {
            Ok(said)
        } else {
            Err(said)
        }
    });
    assert!(said.expect("it answers").starts_with("b "));
    let stranger = status(UnixStream::connect(place.path("s.sock")).expect("the socket"));
    assert_eq!(stranger, "HTTP/1.0 401 Unauthorized");
    end(&place);
    child.wait().expect("its end");
}
