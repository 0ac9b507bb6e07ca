//! `make run` and its companions, as README tells them.

use std::{
    fs::File,
    os::unix::process::CommandExt as _,
    process::{Command, Output, Stdio},
};

use anyhow::{Context as _, Result, bail};
use e2e::{SOON, curl};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use testkit::{Checkout, free_port, wait_for};

struct Made {
    ports: String,
    portal: u16,
    name: String,
}

impl Made {
    fn new(name: &str) -> Self {
        let portal = free_port();
        let ports = format!("{portal}:1111 {}:8080 {}:22", free_port(), free_port());
        Self {
            ports,
            portal,
            name: format!("{name}-{}", std::process::id()),
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(Checkout::find().top())
            .env("PORTS", &self.ports)
            .env("NAME", &self.name)
            .env("WEB_PASSWORD", "known to nobody else")
            .stdin(Stdio::null());
        command
    }

    fn make(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.command("make").arg("-s").args(arguments).output()?)
    }

    fn inside(&self, line: &str) -> Result<String> {
        let output = self.make(&["exec", &format!("CMD={line}")])?;
        if !output.status.success() {
            bail!("{line}: {}", text(&output));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let _ = self.make(&["stop"]);
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn link_in(said: &str) -> Result<&str> {
    said.split_whitespace()
        .find(|word| word.contains("/?token="))
        .with_context(|| format!("no link in: {said}"))
}

#[test]
fn make_run_detached_prints_a_link_that_works_and_make_stop_ends_it() -> Result<()> {
    let made = Made::new("made");
    let up = made.make(&["run", "DETACH=1"])?;
    assert!(up.status.success(), "{}", text(&up));
    let said = text(&up);
    let reply = curl(&["-H", "Accept: text/html", link_in(&said)?])?;
    assert_eq!(reply.status, 302, "{}", reply.head);

    assert!(
        made.inside("berth status --json || true")?
            .contains("instance_portal")
    );
    // Quotes of every kind reach the shell inside, and nothing of them a shell outside.
    assert_eq!(
        made.inside("printf '%s|' 'a b' \"c'd\" $(printf '$%s' x); hostname")?,
        format!("a b|c'd|$x|{}\n", made.name)
    );

    let again = made.make(&["run", "DETACH=1"])?;
    assert!(!again.status.success());
    let down = made.make(&["stop"])?;
    assert!(down.status.success(), "{}", text(&down));
    assert!(curl(&[&format!("https://127.0.0.1:{}/", made.portal)]).is_err());
    Ok(())
}

#[test]
fn a_taken_port_is_one_clear_error_before_anything_starts() -> Result<()> {
    let made = Made::new("taken");
    let _owner = std::net::TcpListener::bind(("127.0.0.1", made.portal))?;
    let up = made.make(&["run", "DETACH=1"])?;
    assert!(!up.status.success());
    let said = text(&up);
    assert!(
        said.contains(&made.portal.to_string()) && said.contains("taken"),
        "{said}"
    );
    Ok(())
}

#[test]
fn ctrl_c_ends_an_instance_in_the_foreground_in_order() -> Result<()> {
    let made = Made::new("front");
    let log = tempfile::NamedTempFile::new()?;
    let mut run = made
        .command("make")
        .args(["-s", "run"])
        .process_group(0)
        .stdout(File::create(log.path())?)
        .stderr(File::create(log.path())?)
        .spawn()?;
    let said = || std::fs::read_to_string(log.path()).unwrap_or_default();
    wait_for("the link", SOON, || {
        said().contains("/?token=").then_some(())
    })
    .with_context(said)?;
    // A terminal sends it to the whole foreground group.
    killpg(Pid::from_raw(i32::try_from(run.id())?), Signal::SIGINT)?;
    run.wait()?;
    assert!(said().contains("bootd stopped"), "{}", said());
    assert!(curl(&[&format!("https://127.0.0.1:{}/", made.portal)]).is_err());
    assert!(!made.make(&["exec", "CMD=true"])?.status.success());
    Ok(())
}

#[test]
fn the_hosts_own_network_can_be_shared() -> Result<()> {
    // This test's own "host": a network namespace, in which the usual ports are free.
    let made = Made::new("shared");
    let up = made
        .command("unshare")
        .args(["--net", "bash", "-c"])
        .arg(
            "ip link set lo up && tools/run.sh up && curl -ksS -o /dev/null -w '%{http_code}\\n' \
             https://127.0.0.1:1111/ && ss -Hltn && tools/run.sh down",
        )
        .env("PORTS", "1111:1111 8080:8080 2222:22")
        .env("NET", "host")
        .env("DETACH", "1")
        .output()?;
    let said = text(&up);
    assert!(up.status.success(), "{said}");
    assert!(said.contains("\n401\n"), "{said}");
    let open = said.lines().filter(|line| line.starts_with("LISTEN"));
    for line in open {
        let address = line.split_whitespace().nth(3).unwrap_or("");
        assert!(address.starts_with("127.0.0.1:"), "{line}");
    }
    Ok(())
}

#[test]
fn ports_without_the_portal_are_an_instance_without_a_link() -> Result<()> {
    let mut made = Made::new("noportal");
    made.ports = format!("{}:8080", free_port());
    let up = made.make(&["run", "DETACH=1"])?;
    assert!(up.status.success(), "{}", text(&up));
    assert!(
        text(&up).contains("1111 is not among PORTS"),
        "{}",
        text(&up)
    );
    Ok(())
}
