//! `10-prep-env`: the workspace, the variables everything else sees, and `/etc/environment`.
//!
//! Weakest first: defaults, the environment bootd was started with, the user's own lines of
//! `/etc/environment`. No value is ever interpreted, and no secret appears in a message.

use std::{fmt::Write as _, path::Path};

use instance::{Credentials, DEFAULT_PORTAL_CONFIG, Secret, Variables, environment_file};

use super::{Report, Work, failed_to, group_id};
use crate::system::{Access, Published, System, read_if_there, read_text};

pub(super) fn run(work: &mut Work<'_>) -> Result<Report, String> {
    take_user_lines(work);
    let flags = work.options.variables.clone();
    work.environment.extend(flags);
    set_defaults(work);
    let mut missing = make_directories(work);
    if let Err(error) = ensure_credential(work) {
        missing.push(error);
    }
    let written = write_environment_file(work);
    match written {
        Ok(message) if missing.is_empty() => Ok(Report::done(message)),
        Ok(message) => Ok(Report::degraded(format!(
            "{message}; {}",
            missing.join("; ")
        ))),
        Err(error) => {
            missing.push(error);
            Err(missing.join("; "))
        }
    }
}

/// Writes the managed block of `/etc/environment` from the variables as they are.
pub(crate) fn write_environment_file(work: &mut Work<'_>) -> Result<String, String> {
    let path = Path::new(ENVIRONMENT);
    let current = failed_to("read", path, read_if_there(work.system, path))?.unwrap_or_default();
    let mut managed = work.environment.clone();
    managed.retain(|name, _| !is_personal(name));
    let rendered = environment_file::render(&current, &managed);
    for name in rendered.for_shells_only {
        work.notice(
            name,
            "holds a # or a quote, which PAM cannot read from /etc/environment: services and login \
             shells get it, other programs of a login and cron jobs do not",
        );
    }
    for name in rendered.left_out {
        work.notice(
            name,
            "holds a line end, is longer than 8000 bytes or has an odd name and cannot stand in \
             /etc/environment; services get it, logins do not",
        );
    }
    let berth = group_id(work.system, ipc::GROUP).unwrap_or(0);
    let written = work
        .system
        .publish(path, &rendered.bytes, Access::group(0o640, berth));
    Ok(match failed_to("write", path, written)? {
        Published::Written => format!("{} variables in {}", managed.len(), path.display()),
        Published::Unchanged => format!("{} is up to date", path.display()),
    })
}

fn take_user_lines(work: &mut Work<'_>) {
    if work.options.no_export_env {
        return;
    }
    // A file that cannot be read fails the step when it comes to be written.
    let Ok(Some(bytes)) = read_if_there(work.system, Path::new(ENVIRONMENT)) else {
        return;
    };
    let assigned = environment_file::parse_user(&bytes);
    for name in assigned.refused {
        work.notice(
            name,
            "holds a NUL byte in /etc/environment and is ignored; correct that line",
        );
    }
    work.environment.extend(assigned.variables);
}

fn set_defaults(work: &mut Work<'_>) {
    if !work.variable("WORKSPACE").starts_with('/') {
        if !work.variable("WORKSPACE").is_empty() {
            work.notice(
                "WORKSPACE",
                "is not an absolute path; /workspace is used instead",
            );
        }
        set(work.environment, "WORKSPACE", "/workspace");
    }
    let workspace = work.variable("WORKSPACE").trim_end_matches('/').to_owned();
    let defaults = [
        ("DATA_DIRECTORY", format!("{workspace}/")),
        ("HF_HOME", format!("{workspace}/.hf_home")),
        ("HOME", "/root".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("PATH", DEFAULT_PATH.to_owned()),
        ("PIP_BREAK_SYSTEM_PACKAGES", "1".to_owned()),
        ("PORTAL_CONFIG", DEFAULT_PORTAL_CONFIG.to_owned()),
        ("PYTHONUNBUFFERED", "1".to_owned()),
    ];
    for (name, value) in defaults {
        if work.variable(name).trim().is_empty() {
            set(work.environment, name, value);
        }
    }
    let path = work.variable("PATH").to_owned();
    if !path.split(':').any(|dir| dir == TOOLS) {
        set(work.environment, "PATH", format!("{path}:{TOOLS}"));
    }
}

/// Makes the workspace and the cache in it. Without them the instance still boots.
fn make_directories(work: &Work<'_>) -> Vec<String> {
    let mut missing = Vec::new();
    for name in ["WORKSPACE", "HF_HOME"] {
        let path = Path::new(work.variable(name));
        if work.system.stat(path).is_some_and(|stat| stat.is_dir) {
            continue;
        }
        let access = Access {
            mode: 0o775,
            owner: None,
        };
        let made = work.system.make_dir(path, access);
        missing.extend(failed_to("make directory", path, made).err());
    }
    missing
}

/// Without any usable credential nobody could log in; one is made, kept, and named by its file.
fn ensure_credential(work: &mut Work<'_>) -> Result<(), String> {
    let (access, problems) = instance::Access::from_variables(work.environment);
    for problem in problems {
        work.notice(problem.variable, problem.text);
    }
    let Credentials {
        token, password, ..
    } = access.credentials;
    if token.is_some() || password.is_some() {
        return Ok(());
    }
    let path = Path::new(TOKEN_FILE);
    let kept = read_text(work.system, path).and_then(|text| Secret::parse(&text));
    let token = match kept {
        Some(token) => token,
        None => generate(work.system)?,
    };
    let berth = group_id(work.system, ipc::GROUP).unwrap_or(0);
    let written = work
        .system
        .publish(path, token.expose().as_bytes(), Access::group(0o640, berth));
    work.environment
        .insert("OPEN_BUTTON_TOKEN".to_owned(), token.expose().to_owned());
    work.notice(
        "OPEN_BUTTON_TOKEN",
        format!("none was given; the one made for this instance is in {TOKEN_FILE}"),
    );
    failed_to("write", path, written)?;
    Ok(())
}

fn generate(system: &dyn System) -> Result<Secret, String> {
    let mut bytes = [0_u8; 32];
    let filled = system.random(&mut bytes);
    failed_to("read random bytes for", Path::new(TOKEN_FILE), filled)?;
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Secret::parse(&text).ok_or_else(|| "random token is empty".to_owned())
}

/// Variables of one process or one account, which a file for all must not hold.
fn is_personal(name: &str) -> bool {
    matches!(
        name,
        "HOME" | "SHLVL" | "PWD" | "OLDPWD" | "_" | "TERM" | "USER" | "LOGNAME" | "SHELL" | "MAIL"
    ) || name.starts_with("BERTH_")
        || name.starts_with("BASH_FUNC_")
}

fn set(environment: &mut Variables, name: &str, value: impl Into<String>) {
    environment.insert(name.to_owned(), value.into());
}

const ENVIRONMENT: &str = "/etc/environment";
const TOKEN_FILE: &str = "/var/lib/berth/open_button_token";
const TOOLS: &str = "/opt/instance-tools/bin";
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{board::Outcome, steps::tests::Bench, system::recording::Recording};

    #[test]
    fn the_users_lines_win_and_survive() {
        let bench = Bench::new(Recording::with(&[(
            "/etc/environment",
            "EDITOR=vim\nWORKSPACE=\"/data\"\n",
        )]))
        .variable("WORKSPACE", "/workspace")
        .variable("WEB_PASSWORD", "pa$$ `w`");
        assert_eq!(bench.run(run).unwrap().outcome, Outcome::Done);
        assert_eq!(bench.get("WORKSPACE"), "/data");
        assert_eq!(bench.get("HF_HOME"), "/data/.hf_home");
        let text = bench.system.text("/etc/environment");
        assert!(
            text.ends_with("EDITOR=vim\nWORKSPACE=\"/data\"\n"),
            "{text}"
        );
        assert_eq!(
            environment_file::parse(text.as_bytes())["WEB_PASSWORD"],
            "pa$$ `w`"
        );
        assert!(
            bench
                .system
                .journal()
                .contains(&"publish /etc/environment 640".to_owned())
        );
    }

    #[test]
    fn a_flag_can_keep_the_users_lines_out() {
        let mut bench = Bench::new(Recording::with(&[(
            "/etc/environment",
            "WORKSPACE=/data\n",
        )]));
        bench.options.no_export_env = true;
        bench.run(run).unwrap();
        assert_eq!(bench.get("WORKSPACE"), "/workspace");
    }

    #[test]
    fn a_token_is_made_once_and_not_shown() {
        let bench = Bench::new(Recording::default()).variable("OPEN_BUTTON_TOKEN", "1");
        let report = bench.run(run).unwrap();
        let token = bench.get("OPEN_BUTTON_TOKEN");
        assert_eq!(token.len(), 64);
        assert_eq!(bench.system.text(TOKEN_FILE), token);
        assert!(!format!("{report:?}{:?}", bench.notices()).contains(&token));
        bench.system.put(TOKEN_FILE, "kept-from-the-last-boot");
        let again = Bench::new(bench.system);
        again.run(run).unwrap();
        assert_eq!(again.get("OPEN_BUTTON_TOKEN"), "kept-from-the-last-boot");
    }

    #[test]
    fn a_value_with_a_line_end_is_left_out_by_name() {
        let bench = Bench::new(Recording::default())
            .variable("WEB_PASSWORD", "x")
            .variable("NOTES", "a\nb");
        bench.run(run).unwrap();
        assert!(!bench.system.text("/etc/environment").contains("NOTES"));
        assert!(
            bench
                .notices()
                .iter()
                .any(|(subject, _)| subject == "NOTES")
        );
    }

    #[test]
    fn a_users_line_with_a_nul_byte_costs_only_itself() {
        let bench = Bench::new(Recording::with(&[(
            "/etc/environment",
            "BROKEN=a\0b\nEDITOR=vim\n",
        )]));
        bench.run(run).unwrap();
        assert_eq!(bench.get("EDITOR"), "vim");
        assert!(bench.find("BROKEN").is_none());
        let notices = bench.notices();
        let notice = notices.iter().find(|(subject, _)| subject == "BROKEN");
        assert!(notice.unwrap().1.contains("NUL"), "{notices:?}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_replaced() {
        let bench = Bench::new(Recording::with(&[("/etc/environment", "EDITOR=vim\n")]));
        bench.system.make_unreadable("/etc/environment");
        let error = bench.run(run).unwrap_err();
        assert!(error.contains("failed to read /etc/environment"), "{error}");
        let journal = bench.system.journal();
        assert!(
            !journal.iter().any(|line| line.contains("/etc/environment")),
            "{journal:?}"
        );
    }

    #[test]
    fn a_password_that_pam_cannot_read_is_told_and_stands_there_for_shells() {
        let bench = Bench::new(Recording::default()).variable("WEB_PASSWORD", "pa#ss");
        bench.run(run).unwrap();
        let text = bench.system.text("/etc/environment");
        assert!(
            text.contains("\nexport -- WEB_PASSWORD='pa#ss'\n"),
            "{text}"
        );
        let notices = bench.notices();
        let notice = notices
            .iter()
            .find(|(subject, _)| subject == "WEB_PASSWORD");
        assert!(notice.unwrap().1.contains("PAM"), "{notices:?}");
    }

    #[test]
    fn a_read_only_workspace_degrades_the_step_and_costs_nothing_else() {
        let bench = Bench::new(Recording::default()).variable("WORKSPACE", "relative");
        bench.system.make_read_only("/workspace");
        let report = bench.run(run).unwrap();
        assert_eq!(report.outcome, Outcome::Degraded);
        assert!(report.message.contains("/workspace"), "{report:?}");
        assert!(
            bench
                .system
                .text("/etc/environment")
                .contains("PORTAL_CONFIG")
        );
    }
}
