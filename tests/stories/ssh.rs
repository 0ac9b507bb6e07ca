//! Logging in with OpenSSH.

use std::process::Command;

use anyhow::Result;
use e2e::{Options, SOON, ssh};
use testkit::wait_for;

#[test]
fn the_injected_key_opens_root_and_user_and_no_password_is_offered() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let key = dir.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status()?;
    assert!(made.success());
    let public = std::fs::read_to_string(key.with_extension("pub"))?;

    let instance = Options::default()
        .env("SSH_PUBLIC_KEY", &format!("{}\nnot a key", public.trim()))
        .env("MY_SETTING", "seen by ssh")
        .boot("ssh")?;
    instance.wait_ready("sshd")?;
    let port = instance.sandbox.host_port(22);
    let who = wait_for("a login", SOON, || ssh(port, "root", &key, "id -un").ok())?;
    assert_eq!(who.trim(), "root");
    assert_eq!(ssh(port, "user", &key, "id -un")?.trim(), "user");
    assert!(ssh(port, "user", &key, "id -Gn")?.contains("berth"));
    assert!(
        ssh(
            port,
            "user",
            &key,
            "supervisorctl version; berth status || true"
        )?
        .contains("jupyter")
    );

    let methods = Command::new("ssh")
        .args([
            "-F",
            "none",
            "-v",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ])
        .args([
            "-o",
            "PreferredAuthentications=none",
            "-o",
            "BatchMode=yes",
            "-p",
            &port.to_string(),
        ])
        .args(["root@127.0.0.1", "true"])
        .output()?;
    let text = String::from_utf8_lossy(&methods.stderr);
    let offered = text
        .lines()
        .find(|line| line.contains("Authentications that can continue"));
    assert!(
        offered.is_some_and(|line| line.trim_end().ends_with(": publickey")),
        "{text}"
    );

    let notices = instance.snapshot("bootd")?["notices"].to_string();
    assert!(
        notices.contains("SSH_PUBLIC_KEY"),
        "the bad line is reported: {notices}"
    );
    Ok(())
}
