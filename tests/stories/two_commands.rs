//! `make run` and its companions, as README tells them.

use std::process::{Command, Output};

use anyhow::Result;
use e2e::curl;
use testkit::{Checkout, free_port};

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

    fn make(&self, arguments: &[&str]) -> Result<Output> {
        Ok(Command::new("make")
            .arg("-s")
            .args(arguments)
            .current_dir(Checkout::find().top())
            .env("PORTS", &self.ports)
            .env("NAME", &self.name)
            .env("WEB_PASSWORD", "known to nobody else")
            .output()?)
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

#[test]
fn make_run_detached_prints_a_link_that_works_and_make_stop_ends_it() -> Result<()> {
    let made = Made::new("made");
    let up = made.make(&["run", "DETACH=1"])?;
    assert!(up.status.success(), "{}", text(&up));
    let said = text(&up);
    let link = said
        .split_whitespace()
        .find(|word| word.contains("/?token="))
        .expect("a link");
    let reply = curl(&["-H", "Accept: text/html", link])?;
    assert_eq!(reply.status, 302, "{}", reply.head);

    let inside = made.make(&["exec", "CMD=berth status --json"])?;
    assert!(
        text(&inside).contains("instance_portal"),
        "{}",
        text(&inside)
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
