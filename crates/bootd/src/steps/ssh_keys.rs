//! `46-user-propagate-ssh-keys`: who may log in.
//!
//! Keys of `SSH_PUBLIC_KEY` go to a directory of our own, which sshd reads besides
//! `~/.ssh/authorized_keys`: the platform owns and rewrites that file. The accounts of people also
//! get root's keys. A refused line is named by its number, never quoted.

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Report, Work, accounts::Account, failed_to};
use crate::system::{Access, read_text};

pub(super) fn run(work: &mut Work<'_>) -> Result<Report, String> {
    assert_modes(work);
    let given = given_keys(work);
    let of_root = read_text(work.system, Path::new(ROOT_KEYS)).unwrap_or_default();
    let of_root = valid(&of_root);
    let dir = Path::new(KEY_DIR);
    let made = work.system.make_dir(dir, Access::root(0o755));
    failed_to("make directory", dir, made)?;
    write_keys(work, "root", &given)?;
    let accounts = 1 + write_keys_of_people(work, &given, &of_root)?;
    if given.is_empty() && of_root.is_empty() {
        work.notice(
            "SSH_PUBLIC_KEY",
            "no SSH key is known, so nobody can log in by SSH; set the variable or add a key to \
             /root/.ssh/authorized_keys",
        );
        return Ok(Report::done("no keys"));
    }
    let keys = given.len() + of_root.len();
    Ok(Report::done(format!("{keys} keys for {accounts} accounts")))
}

/// Writes the keys of every account of a person; answers how many there are.
fn write_keys_of_people(
    work: &Work<'_>,
    given: &[String],
    of_root: &[String],
) -> Result<usize, String> {
    let passwd = read_text(work.system, Path::new("/etc/passwd")).unwrap_or_default();
    let people = Account::people(&passwd);
    let both: Vec<String> = given.iter().chain(of_root).cloned().collect();
    for account in &people {
        if !work.options.no_user_keys {
            write_keys(work, &account.name, &both)?;
        } else if work.system.stat(&key_file(&account.name)).is_some() {
            // Keys of an earlier boot without the flag must not stay valid.
            write_keys(work, &account.name, &[])?;
        }
    }
    Ok(if work.options.no_user_keys {
        0
    } else {
        people.len()
    })
}

fn given_keys(work: &mut Work<'_>) -> Vec<String> {
    let text = work.variable("SSH_PUBLIC_KEY").to_owned();
    let mut keys = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if is_key(line) {
            keys.push(line.to_owned());
        } else {
            work.notice(
                format!("SSH_PUBLIC_KEY line {}", index + 1),
                "is not a public key and is refused; expected \"ssh-ed25519 AAAA… name\"",
            );
        }
    }
    keys
}

fn valid(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| is_key(line))
        .map(str::to_owned)
        .collect()
}

/// sshd reads the file as the account that logs in, and accepts it only from root or that account.
fn write_keys(work: &Work<'_>, account: &str, keys: &[String]) -> Result<(), String> {
    let path = key_file(account);
    let mut text = String::from("# Written by bootd at every boot.\n");
    for key in keys {
        text.push_str(key);
        text.push('\n');
    }
    let written = work
        .system
        .publish(&path, text.as_bytes(), Access::root(0o644));
    failed_to("write", &path, written).map(drop)
}

fn key_file(account: &str) -> PathBuf {
    Path::new(KEY_DIR).join(account)
}

/// sshd refuses keys below directories that others may write; copies onto `/root` break that.
fn assert_modes(work: &mut Work<'_>) {
    for (path, mode) in [("/root", 0o700), ("/root/.ssh", 0o700), (ROOT_KEYS, 0o600)] {
        let path = Path::new(path);
        if work.system.stat(path).is_none() {
            continue;
        }
        let set = work.system.set_access(path, Access::root(mode));
        if let Err(error) = failed_to("set the mode of", path, set) {
            work.notice(path.display().to_string(), error);
        }
    }
    // The platform's sshd runs before any of our code, and ours needs the same directory.
    let made = work
        .system
        .make_dir(Path::new("/run/sshd"), Access::root(0o755));
    if let Err(error) = failed_to("make directory", Path::new("/run/sshd"), made) {
        work.notice("/run/sshd", error);
    }
}

/// Whether a line is a public key: known type, base64 that names the same type, options before it.
fn is_key(line: &str) -> bool {
    let fields = fields(line);
    fields
        .windows(2)
        .take(2)
        .any(|pair| TYPES.contains(&pair[0]) && holds(pair[1], pair[0]))
}

/// Splits at blanks outside double quotes, in which options may hold some.
fn fields(line: &str) -> Vec<&str> {
    let mut quoted = false;
    line.split(move |c: char| {
        quoted ^= c == '"';
        c.is_whitespace() && !quoted
    })
    .filter(|field| !field.is_empty())
    .collect()
}

/// A key blob starts with the length and text of its type.
fn holds(blob: &str, kind: &str) -> bool {
    let Ok(bytes) = STANDARD.decode(blob) else {
        return false;
    };
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return false;
    };
    usize::try_from(u32::from_be_bytes(*length)) == Ok(kind.len())
        && rest.starts_with(kind.as_bytes())
        && rest.len() > kind.len()
}

const KEY_DIR: &str = "/etc/ssh/authorized_keys.d";
const ROOT_KEYS: &str = "/root/.ssh/authorized_keys";
const TYPES: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{steps::tests::Bench, system::recording::Recording};

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6ZnGJz0mTJfVqPQO8qk0m3Wl5rIu1T0JkJ0d0h8Vb1 a@b";

    #[test]
    fn each_line_is_taken_or_refused_by_itself() {
        let bench = Bench::new(Recording::with(&[(
            "/etc/passwd",
            "user:x:1001:1001::/home/user:/bin/bash\n",
        )]))
        .variable(
            "SSH_PUBLIC_KEY",
            &format!("{KEY}\r\nnot a key\n\n{KEY} two\n"),
        );
        bench.run(run).unwrap();
        let root = bench.system.text("/etc/ssh/authorized_keys.d/root");
        assert_eq!(root.lines().count(), 3, "{root}");
        assert!(!root.contains("not a key"));
        assert_eq!(bench.notices()[0].0, "SSH_PUBLIC_KEY line 2");
        assert_eq!(bench.system.text("/etc/ssh/authorized_keys.d/user"), root);
    }

    #[test]
    fn roots_keys_reach_people_unless_a_flag_says_no() {
        let files = [
            (
                "/etc/passwd",
                "user:x:1001:1001::/home/user:/bin/bash\ndaemon:x:1:1::/usr:/bin/sh\n",
            ),
            (ROOT_KEYS, KEY),
        ];
        let bench = Bench::new(Recording::with(&files));
        bench.run(run).unwrap();
        assert!(
            bench
                .system
                .text("/etc/ssh/authorized_keys.d/user")
                .contains(KEY)
        );
        assert!(
            bench
                .system
                .journal()
                .contains(&format!("access {ROOT_KEYS} 600"))
        );

        let mut bench = Bench::new(Recording::with(&files));
        bench.options.no_user_keys = true;
        bench.run(run).unwrap();
        assert!(
            bench
                .system
                .read(Path::new("/etc/ssh/authorized_keys.d/user"))
                .is_err()
        );
        bench.system.put("/etc/ssh/authorized_keys.d/user", KEY);
        bench.run(run).unwrap();
        assert!(
            !bench
                .system
                .text("/etc/ssh/authorized_keys.d/user")
                .contains(KEY)
        );
    }

    #[test]
    fn keys_are_recognised_by_their_content() {
        assert!(is_key(KEY));
        assert!(is_key(&format!("from=\"10.0.0.1 , x\",no-pty {KEY}")));
        for line in [
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIJ6ZnGJz0mTJfVqPQO8qk0m3Wl5rIu1T0JkJ0d0h8Vb1",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            "command=\"ssh-ed25519 AAAA",
            "ssh-ed25519 ????",
        ] {
            assert!(!is_key(line), "{line}");
        }
    }

    use crate::system::System as _;
}
