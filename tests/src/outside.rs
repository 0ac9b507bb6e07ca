//! The world outside an instance.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, bail};
use testkit::Checkout;

/// An HTTP answer as curl saw it.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Head of the answer, lower-cased names.
    pub head: String,
    /// Body as text.
    pub body: String,
}

/// curl without certificate check, with the answer's head.
///
/// # Errors
/// When nothing answers.
pub fn curl(arguments: &[&str]) -> Result<Reply> {
    let output = Command::new("curl")
        .args(["-k", "-sS", "-i", "--max-time", "20"])
        .args(arguments)
        .output()
        .context("failed to run curl")?;
    if !output.status.success() {
        bail!("curl: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0);
    Ok(Reply {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

impl Reply {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Runs a script of `tests/browser/` in headless Chromium; it exits non-zero if its story fails.
///
/// # Errors
/// When the story fails; what it printed is in the message.
pub fn browser(script: &str, arguments: &[&str]) -> Result<String> {
    let directory = Checkout::find().top().join("tests/browser");
    let output = Command::new("node")
        .arg(directory.join(script))
        .args(arguments)
        .current_dir(&directory)
        .output()
        .context("failed to run node")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!(
            "{script}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(text)
}

/// OpenSSH with a key and nothing else of the caller's settings.
///
/// # Errors
/// When ssh cannot be run or the remote command fails.
pub fn ssh(port: u16, user: &str, key: &Path, command: &str) -> Result<String> {
    let output = Command::new("ssh")
        .args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=no",
        ])
        .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"])
        .args(["-o", "IdentitiesOnly=yes", "-i"])
        .arg(key)
        .args([
            "-p",
            &port.to_string(),
            &format!("{user}@127.0.0.1"),
            command,
        ])
        .output()
        .context("failed to run ssh")?;
    if !output.status.success() {
        bail!("ssh {user}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
