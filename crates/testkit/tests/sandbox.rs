//! The sandbox against the real kernel. Needs root; fails and says so where it is not permitted.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::{Builder, Sandbox, program, wait_for};

#[test]
fn this_machine_permits_sandboxes() {
    let output = tool().arg("check").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    assert_eq!(text, "namespaces are permitted\n");
}

#[test]
fn the_command_is_pid_1_on_a_host_of_its_own() {
    let mut sandbox = shell("pid1", "echo pid $$ on $(hostname); hostname -f; exit 7");
    let status = sandbox.wait_exit(LONG).unwrap();
    assert_eq!(status.code(), Some(7));
    let name = sandbox.name().to_owned();
    assert!(sandbox.console_contains(&format!("pid 1 on {name}\n{name}\n")));
}

#[test]
fn the_environment_is_clean() {
    let mut sandbox = bare("env")
        .env("GIVEN", "a b=c")
        .command(&["/usr/bin/env"])
        .start()
        .unwrap();
    sandbox.wait_exit(LONG).unwrap();
    let console = sandbox.console();
    let mut names: Vec<&str> = console
        .lines()
        .filter_map(|l| l.split('=').next())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["GIVEN", "HOME", "LANG", "PATH", "TERM"]);
    assert!(console.contains("GIVEN=a b=c\n"));
}

#[test]
fn the_command_has_no_descriptors_but_the_standard_ones_and_no_blocked_signals() {
    let sandbox = waiting("fds", "");
    let script = "cd /proc/1/fd && echo *; grep -E 'Sig(Blk|Ign)' /proc/1/status";
    let output = sandbox.exec(&["sh", "-c", script]).unwrap();
    assert!(output.stdout.starts_with("0 1 2\n"), "{}", output.stdout);
    for line in output.stdout.lines().skip(1) {
        let mask = u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap();
        // Signals 32 and 33 belong to the C library, which lets nobody change them.
        assert_eq!(mask & !0x1_8000_0000, 0, "{line}");
    }
}

#[test]
fn the_hosts_private_parts_are_not_visible() {
    let checkout = testkit::Checkout::find();
    let script = format!(
        "ls -A /root /home /tmp /workspace /etc/environment {} 2>&1; stat -c %a /root /tmp",
        checkout.top().display()
    );
    let mut sandbox = shell("hidden", &script);
    sandbox.wait_exit(LONG).unwrap();
    let console = sandbox.console();
    assert!(console.contains("/root:\n\n"), "{console}");
    assert!(console.contains("/workspace': No such file"), "{console}");
    assert!(!console.contains("Cargo.toml"), "{console}");
    assert!(console.ends_with("700\n1777\n"), "{console}");
}

#[test]
fn nothing_written_inside_appears_on_the_host() {
    let mark = format!("/etc/berth-mark-{}", std::process::id());
    let sandbox = waiting("outside", "");
    let script = format!("echo x > {mark} && rm /etc/os-release && cat {mark}");
    let output = sandbox.exec(&["sh", "-c", &script]).unwrap();
    assert_eq!(output.stdout, "x\n", "{}", output.stderr);
    assert!(!Path::new(&mark).exists());
    assert!(Path::new("/etc/os-release").exists());
}

#[test]
fn a_listener_on_loopback_inside_is_reached_from_the_host() {
    let sandbox = serving("published");
    let answer = wait_for("an answer", LONG, || fetch(sandbox.host_port(PORT))).unwrap();
    assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
}

#[test]
fn a_half_closed_connection_still_gets_its_answer() {
    let actor = program("actor").unwrap();
    let sandbox = bare("half")
        .bind_read_only(&actor, "/usr/local/bin/actor")
        .publish(PORT)
        .command(&["actor", "--listen", &PORT.to_string()])
        .start()
        .unwrap();
    let text = vec![b'x'; 300_000];
    wait_for("the echo", LONG, || {
        let mut connection = TcpStream::connect(("127.0.0.1", sandbox.host_port(PORT))).ok()?;
        let mut writer = connection.try_clone().ok()?;
        let sent = text.clone();
        let write = std::thread::spawn(move || {
            writer
                .write_all(&sent)
                .and_then(|()| writer.shutdown(std::net::Shutdown::Write))
        });
        let mut back = Vec::new();
        let read = connection.read_to_end(&mut back);
        write.join().unwrap().ok()?;
        read.ok()?;
        (back == text).then_some(())
    })
    .unwrap();
}

#[test]
fn two_at_once_use_the_same_port_inside() {
    let (one, two) = (serving("one"), serving("two"));
    assert_ne!(one.host_port(PORT), two.host_port(PORT));
    for sandbox in [&one, &two] {
        wait_for("an answer", LONG, || fetch(sandbox.host_port(PORT))).unwrap();
    }
}

#[test]
fn killing_the_outer_process_leaves_nothing_behind() {
    let states = tempfile::tempdir().unwrap();
    let mark = format!("{}7", std::process::id());
    let script = format!("sleep {mark} & setsid sleep {mark} & exec sleep {mark}");
    let mut outer = tool()
        .args(["run", "--name", "doomed", "--state-dir"])
        .arg(states.path())
        .args(["--", "sh", "-c", &script])
        .spawn()
        .unwrap();
    wait_for("three processes inside", LONG, || {
        (processes(&mark) == 3).then_some(())
    })
    .unwrap();
    outer.kill().unwrap();
    outer.wait().unwrap();
    wait_for("the end of all processes", LONG, || {
        (processes(&mark) == 0).then_some(())
    })
    .unwrap();
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(
        !mounts.contains(states.path().to_str().unwrap()),
        "{mounts}"
    );
    let list = tool()
        .args(["list", "--state-dir"])
        .arg(states.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&list.stdout), "");
    assert!(!states.path().join("doomed").exists());
}

#[test]
fn exec_passes_streams_and_exit_codes_on() {
    let sandbox = waiting("exec", "GIVEN=1");
    let output = sandbox
        .exec(&["sh", "-c", "echo out; echo err >&2; pwd; exit 42"])
        .unwrap();
    assert_eq!(output.status.code(), Some(42));
    assert_eq!(output.stdout, "out\n/\n");
    assert_eq!(output.stderr, "err\n");
    let killed = sandbox.exec(&["sh", "-c", "kill -KILL $$"]).unwrap();
    assert_eq!(killed.status.code(), Some(137));
    let missing = sandbox.exec(&["no-such-program"]).unwrap();
    assert!(
        missing.stderr.contains("no program no-such-program"),
        "{}",
        missing.stderr
    );
    assert!(!missing.status.success());
}

#[test]
fn exec_sees_the_processes_and_the_environment_of_init() {
    let sandbox = bare("see")
        .env("GIVEN", "yes")
        .command(&["sleep", "1000"])
        .start()
        .unwrap();
    let output = sandbox
        .exec(&["sh", "-c", "cat /proc/1/comm; echo $GIVEN; hostname"])
        .unwrap();
    assert_eq!(output.stdout, format!("sleep\nyes\n{}\n", sandbox.name()));
}

#[test]
fn exec_sets_a_variable_in_the_place_of_inits() {
    let sandbox = bare("set")
        .env("GIVEN", "old")
        .command(&["sleep", "1000"])
        .start()
        .unwrap();
    let mut command = sandbox.exec_command(None);
    let arguments: Vec<_> = command.get_args().map(std::ffi::OsStr::to_owned).collect();
    let (separator, before) = arguments.split_last().unwrap();
    command = Command::new(command.get_program());
    let output = command
        .args(before)
        .arg("--env=GIVEN=new")
        .arg(separator)
        .arg("/usr/bin/env")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let given: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("GIVEN"))
        .collect();
    assert_eq!(given, ["GIVEN=new"]);
}

#[test]
fn exec_runs_as_another_account() {
    let sandbox = waiting("user", "");
    let output = sandbox
        .exec_as("nobody", &["sh", "-c", "id -un; echo $USER; cat /root/x"])
        .unwrap();
    assert_eq!(output.stdout, "nobody\nnobody\n");
    assert!(
        output.stderr.contains("Permission denied"),
        "{}",
        output.stderr
    );
}

#[test]
fn exec_gives_a_terminal_of_the_sandboxs_own() {
    let sandbox = waiting("tty", "");
    let mut command = sandbox.exec_command(None);
    let words: Vec<String> = std::iter::once(command.get_program().to_owned())
        .chain(command.get_args().map(std::ffi::OsStr::to_owned))
        .map(|word| word.into_string().unwrap())
        .map(|word| {
            if word == "--" {
                "--tty --".to_owned()
            } else {
                word
            }
        })
        .collect();
    command = Command::new("script");
    let line = format!("{} sh -c 'tty; exit 9'", words.join(" "));
    let output = command.args(["-qec", &line, "/dev/null"]).output().unwrap();
    assert_eq!(output.status.code(), Some(9));
    // Without a terminal of its own, `script` types a NUL, which is echoed.
    assert!(
        output.stdout.ends_with(b"/dev/pts/0\r\n"),
        "{:?}",
        output.stdout
    );
}

#[test]
fn a_taken_port_is_refused_before_anything_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let states = tempfile::tempdir().unwrap();
    let output = tool()
        .args([
            "run",
            "--name",
            "late",
            "--publish",
            &format!("{port}:80"),
            "--state-dir",
        ])
        .arg(states.path())
        .args(["--", "true"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        text.contains(&format!(
            "port {port} on 127.0.0.1 is taken; choose another"
        )),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1);
    assert_eq!(fs::read_dir(states.path()).unwrap().count(), 0);
}

#[test]
fn a_detached_one_runs_until_stop_which_says_its_exit_code() {
    let states = tempfile::tempdir().unwrap();
    let script = "trap 'echo told; exit 3' TERM; echo up; while :; do sleep 0.01; done";
    let run = tool()
        .args(["run", "--detach", "--name", "apart", "--state-dir"])
        .arg(states.path())
        .args(["--", "sh", "-c", script])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&run.stdout), "apart\n");
    let console = states.path().join("apart/console.log");
    let read = || fs::read_to_string(&console).unwrap_or_default();
    wait_for("the first words", LONG, || {
        read().contains("up").then_some(())
    })
    .unwrap();

    let again = tool()
        .args(["run", "--name", "apart", "--state-dir"])
        .arg(states.path())
        .args(["--", "true"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(text.contains("a sandbox named apart is running"), "{text}");

    let stop = tool()
        .args(["stop", "apart", "--state-dir"])
        .arg(states.path())
        .output()
        .unwrap();
    assert!(stop.status.success());
    let text = String::from_utf8_lossy(&stop.stdout).into_owned();
    assert_eq!(text, "stopped \"apart\", exit code 3\n");
    assert!(!states.path().join("apart").exists());
}

#[test]
fn a_second_signal_kills() {
    let actor = program("actor").unwrap();
    let mut sandbox = bare("stubborn")
        .bind_read_only(&actor, "/usr/local/bin/actor")
        .command(&["actor", "--ignore-term", "--print", "up"])
        .start()
        .unwrap();
    wait_for("the actor", LONG, || {
        sandbox.console_contains("up").then_some(())
    })
    .unwrap();
    // Signals that come close together are one request, so it is made until it is a second one.
    let status = wait_for("the end", LONG, || {
        signal_outer(&sandbox, Signal::SIGTERM);
        sandbox.wait_exit(Duration::from_millis(50))
    });
    assert_eq!(status.unwrap().code(), Some(137));
}

#[test]
fn one_ctrl_c_that_arrives_as_two_signals_ends_in_order() {
    let script = "trap 'kill $!; exit 5' TERM; echo up; sleep 1000 & wait";
    let mut sandbox = shell("ctrl-c", script);
    wait_for("the trap", LONG, || {
        sandbox.console_contains("up").then_some(())
    })
    .unwrap();
    signal_outer(&sandbox, Signal::SIGINT);
    signal_outer(&sandbox, Signal::SIGTERM);
    assert_eq!(sandbox.wait_exit(LONG).unwrap().code(), Some(5));
}

#[test]
fn the_sandbox_has_the_capabilities_of_a_container() {
    let sandbox = waiting("caps", "");
    let output = sandbox
        .exec(&["sh", "-c", "mount -t tmpfs x /mnt || mknod /tmp/n c 1 3"])
        .unwrap();
    assert!(output.status.success(), "{}", output.stderr);
    assert!(output.stderr.contains("mount"), "{}", output.stderr);
}

#[test]
fn an_overlay_and_a_bind_land_inside_with_their_modes() {
    let outside = tempfile::tempdir().unwrap();
    let script = outside.path().join("etc/berth-test/run.sh");
    fs::create_dir_all(script.parent().unwrap()).unwrap();
    fs::write(&script, "#!/bin/sh\necho ran\n").unwrap();
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o750)).unwrap();
    let sandbox = bare("overlay")
        .copy(outside.path(), "/")
        .bind(outside.path(), "/workspace")
        .command(&["sleep", "1000"])
        .start()
        .unwrap();
    let check = "/etc/berth-test/run.sh; stat -c '%a %U' /etc/berth-test/run.sh /etc; echo x > /workspace/new";
    let output = sandbox.exec(&["sh", "-c", check]).unwrap();
    assert_eq!(
        output.stdout, "ran\n750 root\n755 root\n",
        "{}",
        output.stderr
    );
    assert_eq!(
        fs::read_to_string(outside.path().join("new")).unwrap(),
        "x\n"
    );
}

#[test]
fn writes_to_an_overlaid_directory_stay_inside() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("old"), "old\n").unwrap();
    let sandbox = bare("layers")
        .overlay(outside.path(), "/venv/main")
        .file("/etc/planted.sh", "#!/bin/sh\necho planted\n", true)
        .command(&["sleep", "1000"])
        .start()
        .unwrap();
    let script = "cd /venv/main && cat old && rm old && echo new > new && ls && /etc/planted.sh";
    let output = sandbox.exec(&["sh", "-c", script]).unwrap();
    assert_eq!(output.stdout, "old\nnew\nplanted\n", "{}", output.stderr);
    assert!(outside.path().join("old").exists());
    assert!(!outside.path().join("new").exists());
}

#[test]
fn published_ports_are_announced_as_the_platform_does() {
    let mut sandbox = bare("announced")
        .publish(PORT)
        .map_ports_like_a_platform()
        .command(&["/usr/bin/env"])
        .start()
        .unwrap();
    sandbox.wait_exit(LONG).unwrap();
    let wanted = format!("VAST_TCP_PORT_{PORT}={}\n", sandbox.host_port(PORT));
    assert!(sandbox.console_contains(&wanted), "{}", sandbox.console());
}

#[test]
fn a_sandbox_is_made_quickly() {
    // On a busy machine that may take some tries; something in it that is slow makes every one slow.
    wait_for("one made within half a second", LONG, || {
        let started = Instant::now();
        let _sandbox = waiting("quick", "");
        let taken = started.elapsed();
        if taken < Duration::from_millis(500) {
            Ok(())
        } else {
            Err(format!("{taken:?}"))
        }
    })
    .unwrap();
}

#[test]
fn init_killed_by_a_signal_is_128_and_its_number() {
    let mut sandbox = waiting("killed", "");
    sandbox.signal(Signal::SIGKILL).unwrap();
    let status = sandbox.wait_exit(LONG).unwrap();
    assert_eq!((status.code(), status.signal()), (Some(137), None));
}

fn signal_outer(sandbox: &Sandbox, signal: Signal) {
    let outer = i32::try_from(sandbox.outer_pid()).expect("pids are small");
    kill(Pid::from_raw(outer), signal).expect("it was not waited for");
}

fn tool() -> Command {
    Command::new(env!("CARGO_BIN_EXE_berth-sandbox"))
}

fn bare(prefix: &str) -> Builder {
    Sandbox::builder(prefix).bare()
}

fn shell(prefix: &str, script: &str) -> Sandbox {
    bare(prefix)
        .command(&["/bin/sh", "-c", script])
        .start()
        .expect("make a sandbox")
}

/// A sandbox that stays. `assignments` precede its command.
fn waiting(prefix: &str, assignments: &str) -> Sandbox {
    shell(prefix, &format!("{assignments} exec sleep 1000"))
}

fn serving(prefix: &str) -> Sandbox {
    bare(prefix)
        .bind_read_only(
            program("actor").expect("actor is built"),
            "/usr/local/bin/actor",
        )
        .publish(PORT)
        .command(&["actor", "--listen", &PORT.to_string(), "--http"])
        .start()
        .expect("make a sandbox")
}

fn fetch(port: u16) -> Option<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).ok()?;
    connection
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200 OK").then_some(answer)
}

/// How many living processes of the host sleep for `mark` seconds.
fn processes(mark: &str) -> usize {
    let wanted = format!("sleep\0{mark}\0");
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    pids.filter(|pid| fs::read(pid.path().join("cmdline")).is_ok_and(|c| c == wanted.as_bytes()))
        .count()
}

/// The port that programs inside listen on.
const PORT: u16 = 18080;

/// Longer than any of this takes on a busy machine.
const LONG: Duration = Duration::from_secs(20);
