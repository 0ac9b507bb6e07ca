//! `00-accounts`: group `berth`, the account `user`, the directories that depend on them.
//!
//! Edits the account files as text instead of running `useradd`: four programs less on the way to
//! a portal that answers. The editing is pure; every line that stands there is kept.

use std::path::{Path, PathBuf};

use super::{Report, Work, failed_to};
use crate::system::{Access, System, read_if_there, read_text};

pub(super) fn run(work: &mut Work<'_>) -> Result<Report, String> {
    let files = Files::read(work.system)?;
    let wanted = files.completed();
    let changed = publish(work.system, &files, &wanted)?;
    let berth = number(&wanted.group, GROUP).ok_or("group berth has no number")?;
    let account = Account::find(&wanted.passwd, USER).ok_or("account user is malformed")?;
    make_home(work.system, &account)?;
    for (dir, access) in [
        ("/run/berth", Access::group(0o750, berth)),
        ("/var/lib/berth", Access::root(0o755)),
    ] {
        let made = work.system.make_dir(Path::new(dir), access);
        failed_to("make directory", Path::new(dir), made)?;
    }
    let state_dir = &work.settings.state_dir;
    let made = work.system.make_dir(state_dir, Access::root(0o700));
    failed_to("make directory", state_dir, made)?;
    Ok(Report::done(if changed == 0 {
        "group berth and account user exist".to_owned()
    } else {
        format!("group berth ({berth}) and account user ({})", account.uid)
    }))
}

/// The number of a group, from `/etc/group`.
pub(crate) fn group_id(system: &dyn System, name: &str) -> Option<u32> {
    number(&read_text(system, Path::new("/etc/group"))?, name)
}

/// An account that can have SSH keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: PathBuf,
}

impl Account {
    /// Accounts of people: those with a home below `/home`.
    pub(super) fn people(passwd: &str) -> Vec<Self> {
        let accounts = passwd.lines().filter_map(Self::parse);
        accounts
            .filter(|account| account.home.starts_with("/home"))
            .collect()
    }

    fn find(passwd: &str, name: &str) -> Option<Self> {
        Self::parse(line_of(passwd, name)?)
    }

    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, _] = fields[..] else {
            return None;
        };
        Some(Self {
            name: name.to_owned(),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            home: home.into(),
        })
    }
}

/// The account files as text. The shadow files may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Files {
    passwd: String,
    group: String,
    shadow: Option<String>,
    gshadow: Option<String>,
}

impl Files {
    /// A file that cannot be read or is no text fails the step: it would be replaced by a part of
    /// itself.
    fn read(system: &dyn System) -> Result<Self, String> {
        let text = |path: &str| {
            let path = Path::new(path);
            let Some(bytes) = failed_to("read", path, read_if_there(system, path))? else {
                return Ok(None);
            };
            let text = String::from_utf8(bytes);
            text.map(Some)
                .map_err(|_| format!("{} is not valid UTF-8; correct it", path.display()))
        };
        Ok(Self {
            passwd: text("/etc/passwd")?.unwrap_or_default(),
            group: text("/etc/group")?.unwrap_or_default(),
            shadow: text("/etc/shadow")?,
            gshadow: text("/etc/gshadow")?,
        })
    }

    /// The files with group and account in them.
    fn completed(&self) -> Self {
        let mut files = self.clone();
        if number(&files.group, GROUP).is_none() {
            let gid = free_number(&files.group, SYSTEM_GROUPS.rev());
            files.add_group(GROUP, gid);
        }
        if line_of(&files.passwd, USER).is_none() {
            let uid = free_number(&files.passwd, FIRST_UID..LAST_UID);
            let gid = match number(&files.group, USER) {
                Some(gid) => gid,
                None => {
                    let gid = free_number(&files.group, uid..LAST_UID);
                    files.add_group(USER, gid);
                    gid
                }
            };
            append(
                &mut files.passwd,
                &format!("{USER}:x:{uid}:{gid}::/home/{USER}:/bin/bash"),
            );
        }
        if let Some(shadow) = &mut files.shadow
            && line_of(shadow, USER).is_none()
        {
            // "*": no password fits, and unlike "!" the account does not count as locked.
            append(shadow, &format!("{USER}:*:19000:0:99999:7:::"));
        }
        add_member(&mut files.group, GROUP, USER);
        if let Some(gshadow) = &mut files.gshadow {
            add_member(gshadow, GROUP, USER);
        }
        files
    }

    fn add_group(&mut self, name: &str, gid: u32) {
        append(&mut self.group, &format!("{name}:x:{gid}:"));
        if let Some(gshadow) = &mut self.gshadow
            && line_of(gshadow, name).is_none()
        {
            append(gshadow, &format!("{name}:!::"));
        }
    }
}

/// Writes what differs, the shadow files first: an account without a shadow entry cannot log in.
fn publish(system: &dyn System, old: &Files, new: &Files) -> Result<usize, String> {
    let pairs = [
        ("/etc/gshadow", &old.gshadow, &new.gshadow),
        ("/etc/shadow", &old.shadow, &new.shadow),
        (
            "/etc/group",
            &Some(old.group.clone()),
            &Some(new.group.clone()),
        ),
        (
            "/etc/passwd",
            &Some(old.passwd.clone()),
            &Some(new.passwd.clone()),
        ),
    ];
    let mut changed = 0;
    for (path, old, new) in pairs {
        let (Some(text), true) = (new, old != new) else {
            continue;
        };
        let path = Path::new(path);
        let access = system
            .stat(path)
            .map_or_else(|| Access::root(0o644), Access::from);
        failed_to("write", path, system.publish(path, text.as_bytes(), access))?;
        changed += 1;
    }
    Ok(changed)
}

/// Makes the home with the files new accounts get; an existing home is the user's.
fn make_home(system: &dyn System, account: &Account) -> Result<(), String> {
    if system.stat(&account.home).is_some() {
        return Ok(());
    }
    let owner = Some((account.uid, account.gid));
    let made = system.make_dir(&account.home, Access { mode: 0o750, owner });
    failed_to("make directory", &account.home, made)?;
    let skeleton = Path::new("/etc/skel");
    for name in system.list(skeleton) {
        if let Ok(content) = system.read(&skeleton.join(&name)) {
            let path = account.home.join(&name);
            let access = Access { mode: 0o644, owner };
            failed_to("write", &path, system.publish(&path, &content, access))?;
        }
    }
    Ok(())
}

fn line_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find(|line| line.split(':').next() == Some(name))
}

/// The third field, which is the number in both `passwd` and `group`.
fn number(text: &str, name: &str) -> Option<u32> {
    line_of(text, name)?.split(':').nth(2)?.parse().ok()
}

fn free_number(text: &str, mut range: impl Iterator<Item = u32>) -> u32 {
    let taken: Vec<u32> = text
        .lines()
        .filter_map(|line| line.split(':').nth(2)?.parse().ok())
        .collect();
    range
        .find(|number| !taken.contains(number))
        .unwrap_or(LAST_UID)
}

fn append(text: &mut String, line: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
}

/// Adds a member to the fourth field of a group.
fn add_member(text: &mut String, group: &str, member: &str) {
    let lines = text.lines().map(|line| {
        let mut fields: Vec<&str> = line.split(':').collect();
        let [name, _, _, members] = &mut fields[..] else {
            return line.to_owned();
        };
        if *name != group || members.split(',').any(|m| m == member) {
            return line.to_owned();
        }
        let separator = if members.is_empty() { "" } else { "," };
        format!("{line}{separator}{member}")
    });
    let mut changed: String = lines.map(|line| line + "\n").collect();
    std::mem::swap(text, &mut changed);
}

const GROUP: &str = ipc::GROUP;
const USER: &str = "user";
/// Where Debian's tools look for numbers of system groups, from the top.
const SYSTEM_GROUPS: std::ops::RangeInclusive<u32> = 100..=999;
const FIRST_UID: u32 = 1001;
const LAST_UID: u32 = 60000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{steps::tests::Bench, system::recording::Recording};

    fn files() -> Files {
        Files {
            passwd: "root:x:0:0:root:/root:/bin/bash\n".to_owned(),
            group: "root:x:0:\nsystemd:x:999:".to_owned(),
            shadow: Some("root:*:1:0:99999:7:::\n".to_owned()),
            gshadow: None,
        }
    }

    #[test]
    fn group_and_account_are_added_and_nothing_else_changes() {
        let completed = files().completed();
        assert_eq!(
            completed.passwd,
            "root:x:0:0:root:/root:/bin/bash\nuser:x:1001:1001::/home/user:/bin/bash\n"
        );
        assert_eq!(
            completed.group,
            "root:x:0:\nsystemd:x:999:\nberth:x:998:user\nuser:x:1001:\n"
        );
        assert!(completed.shadow.as_ref().unwrap().contains("\nuser:*:"));
        assert_eq!(completed.gshadow, None);
    }

    #[test]
    fn completing_twice_changes_nothing() {
        let once = files().completed();
        assert_eq!(once.completed(), once);
    }

    #[test]
    fn a_taken_number_is_not_used_twice() {
        let mut files = files();
        append(
            &mut files.passwd,
            "ubuntu:x:1001:1001::/home/ubuntu:/bin/sh",
        );
        append(&mut files.group, "ubuntu:x:1001:");
        let completed = files.completed();
        assert_eq!(number(&completed.passwd, "user"), Some(1002));
        assert_eq!(number(&completed.group, "user"), Some(1002));
    }

    #[test]
    fn an_existing_user_joins_the_group_and_keeps_everything() {
        let mut files = files();
        append(&mut files.passwd, "user:x:1500:100:Me:/data/me:/bin/zsh");
        append(&mut files.group, "berth:x:77:alice");
        let completed = files.completed();
        assert!(
            completed
                .passwd
                .contains("user:x:1500:100:Me:/data/me:/bin/zsh\n")
        );
        assert!(completed.group.contains("berth:x:77:alice,user\n"));
    }

    #[test]
    fn a_file_that_cannot_be_read_or_is_no_text_is_not_replaced() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\n";
        for file in ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"] {
            let bench = Bench::new(Recording::with(&[("/etc/passwd", passwd)]));
            bench.system.put(file, passwd);
            bench.system.make_unreadable(file);
            let error = bench.run(run).unwrap_err();
            assert!(error.contains(&format!("failed to read {file}")), "{error}");
            assert!(bench.system.journal().is_empty());

            let bench = Bench::new(Recording::with(&[("/etc/passwd", passwd)]));
            bench.system.put(file, b"root:x:0:0:\xff:/root:/bin/bash\n");
            let error = bench.run(run).unwrap_err();
            assert!(
                error.contains(&format!("{file} is not valid UTF-8")),
                "{error}"
            );
            assert!(bench.system.journal().is_empty());
        }
    }

    #[test]
    fn the_home_gets_the_skeleton_once() {
        let bench = Bench::new(Recording::with(&[
            ("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
            ("/etc/group", "root:x:0:\n"),
            ("/etc/skel/.bashrc", "alias l=ls\n"),
        ]));
        bench.run(run).unwrap();
        assert_eq!(bench.system.text("/home/user/.bashrc"), "alias l=ls\n");
        assert_eq!(group_id(&bench.system, "berth"), Some(999));
        let before = bench.system.journal().len();
        bench.run(run).unwrap();
        let later = bench.system.journal().split_off(before);
        assert!(
            later.iter().all(|line| line.starts_with("dir ")),
            "{later:?}"
        );
    }
}
