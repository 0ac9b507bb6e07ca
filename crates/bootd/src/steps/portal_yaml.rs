//! `60-portal-yaml`: the apps of `PORTAL_CONFIG` become `/etc/portal.yaml`.
//!
//! The file is the runtime truth and people may edit it. A copy of what was last written tells an
//! edited file from an untouched one: the untouched one follows a changed `PORTAL_CONFIG`, the
//! edited one wins. One that cannot be read at all is put aside.

use std::path::Path;

use instance::{
    App, DEFAULT_PORTAL_CONFIG, portal_config,
    portal_yaml::{self, ParseError},
};

use super::{Report, Work, failed_to};
use crate::system::{Access, Published, read_if_there};

pub(super) fn run(work: &mut Work<'_>) -> Result<Report, String> {
    let apps = configured(work);
    let text = portal_yaml::render(&apps);
    let path = Path::new(portal_yaml::PATH);
    let record = work.settings.state_dir.join("portal.yaml.written");
    let current = failed_to("read", path, read_if_there(work.system, path))?;
    let edited = current.filter(|current| {
        current != text.as_bytes() && work.system.read(&record).ok().as_ref() != Some(current)
    });
    let mut refused = None;
    if let Some(edited) = edited {
        match portal_yaml::parse(&String::from_utf8_lossy(&edited)) {
            Ok(read) => return Ok(keep(work, &read, &apps)),
            Err(ParseError::Empty) => {}
            Err(ParseError::Malformed { reason }) => {
                put_aside(work, &edited, &reason)?;
                refused = Some(reason);
            }
        }
    }
    let written = work
        .system
        .publish(path, text.as_bytes(), Access::root(0o644));
    let published = failed_to("write", path, written)?;
    let recorded = work
        .system
        .publish(&record, text.as_bytes(), Access::root(0o600));
    failed_to("write", &record, recorded)?;
    let apps = apps.len();
    Ok(match (refused, published) {
        (Some(reason), _) => Report::degraded(format!(
            "{apps} apps written; the edited file is {REFUSED}: {reason}"
        )),
        (None, Published::Written) => Report::done(format!("{apps} apps written")),
        (None, Published::Unchanged) => Report::done(format!("{apps} apps, unchanged")),
    })
}

/// Keeps what somebody wrote, where they find it again. The file itself may be a link and stays.
fn put_aside(work: &mut Work<'_>, edited: &[u8], reason: &str) -> Result<(), String> {
    let refused = Path::new(REFUSED);
    let written = work.system.publish(refused, edited, Access::root(0o644));
    failed_to("write", refused, written)?;
    work.notice(
        portal_yaml::PATH,
        format!(
            "was edited and cannot be read: {reason}. It is kept as {REFUSED} and written again \
             from PORTAL_CONFIG; correct it and move it back"
        ),
    );
    Ok(())
}

/// The apps of `PORTAL_CONFIG`, or the default ones if it names no valid app.
fn configured(work: &mut Work<'_>) -> Vec<App> {
    let (apps, errors) = portal_config::parse(work.variable("PORTAL_CONFIG"));
    for error in errors {
        work.notice(
            format!("PORTAL_CONFIG entry {}", error.number),
            format!("{:?} is refused: {}", error.entry, error.reason),
        );
    }
    if !apps.is_empty() {
        return apps;
    }
    work.notice(
        "PORTAL_CONFIG",
        "names no valid app; the default apps are shown",
    );
    portal_config::parse(DEFAULT_PORTAL_CONFIG).0
}

fn keep(work: &mut Work<'_>, edited: &portal_yaml::Read, wanted: &[App]) -> Report {
    for problem in &edited.problems {
        work.notice(portal_yaml::PATH, problem.clone());
    }
    if edited.apps != wanted {
        work.notice(
            portal_yaml::PATH,
            "was edited and is kept; PORTAL_CONFIG is not applied. Delete the file to have it \
             written again",
        );
    }
    Report::done(format!(
        "{} apps of the edited file kept",
        edited.apps.len()
    ))
}

const REFUSED: &str = "/etc/portal.yaml.refused";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{board::Outcome, steps::tests::Bench, system::recording::Recording};

    const ONE: &str = "localhost:1111:11111:/:Instance Portal";

    fn bench(config: &str, system: Recording) -> Bench {
        Bench::new(system).variable("PORTAL_CONFIG", config)
    }

    #[test]
    fn an_untouched_file_follows_a_changed_configuration() {
        let first = bench(ONE, Recording::default());
        first.run(run).unwrap();
        let second = bench(
            &format!("{ONE}|localhost:8080:18080:/:Jupyter"),
            first.system,
        );
        second.run(run).unwrap();
        assert!(second.system.text(portal_yaml::PATH).contains("Jupyter"));
        assert!(second.notices().is_empty());
        assert!(
            second
                .system
                .journal()
                .contains(&"publish /etc/portal.yaml 644".to_owned())
        );
    }

    #[test]
    fn an_edited_file_wins_and_says_so() {
        let first = bench(ONE, Recording::default());
        first.run(run).unwrap();
        let edited = first
            .system
            .text(portal_yaml::PATH)
            .replace("11111", "11999");
        first.system.put(portal_yaml::PATH, &edited);
        let second = bench(ONE, first.system);
        second.run(run).unwrap();
        assert_eq!(second.system.text(portal_yaml::PATH), edited);
        assert_eq!(second.notices().len(), 1);
    }

    #[test]
    fn a_file_without_apps_counts_as_absent() {
        for text in ["", "applications: {}\n", "applications:\n"] {
            let bench = bench(ONE, Recording::with(&[(portal_yaml::PATH, text)]));
            bench.run(run).unwrap();
            assert!(
                bench
                    .system
                    .text(portal_yaml::PATH)
                    .contains("Instance Portal")
            );
            assert!(bench.notices().is_empty());
        }
    }

    #[test]
    fn an_edited_file_that_cannot_be_read_is_put_aside_and_told() {
        let edited = "applications:\n  Jupyter: {hostname\n";
        let bench = bench(ONE, Recording::with(&[(portal_yaml::PATH, edited)]));
        let report = bench.run(run).unwrap();
        assert_eq!(report.outcome, Outcome::Degraded);
        assert_eq!(bench.system.text(REFUSED), edited);
        let text = bench.system.text(portal_yaml::PATH);
        assert!(text.contains("Instance Portal"), "{text}");
        let (subject, text) = bench.notices().remove(0);
        assert_eq!(subject, portal_yaml::PATH);
        assert!(text.contains("line 2") && text.contains(REFUSED), "{text}");
    }

    #[test]
    fn a_wrong_application_in_an_edited_file_costs_only_itself() {
        let edited = "applications:\n  Broken: [1]\n  Mine:\n    hostname: localhost\n    \
                      external_port: 7000\n    internal_port: 17000\n";
        let bench = bench(ONE, Recording::with(&[(portal_yaml::PATH, edited)]));
        bench.run(run).unwrap();
        assert_eq!(bench.system.text(portal_yaml::PATH), edited);
        let notices = bench.notices();
        assert!(notices[0].1.contains("\"Broken\""), "{notices:?}");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_not_replaced() {
        let bench = bench(ONE, Recording::with(&[(portal_yaml::PATH, "kept")]));
        bench.system.make_unreadable(portal_yaml::PATH);
        let error = bench.run(run).unwrap_err();
        assert!(error.contains("failed to read /etc/portal.yaml"), "{error}");
        assert!(bench.system.journal().is_empty());
    }

    #[test]
    fn a_wrong_entry_costs_only_itself() {
        let bench = bench(&format!("nonsense|{ONE}"), Recording::default());
        bench.run(run).unwrap();
        let text = bench.system.text(portal_yaml::PATH);
        assert!(text.contains("Instance Portal") && !text.contains("nonsense"));
        let notices = bench.notices();
        assert_eq!(notices[0].0, "PORTAL_CONFIG entry 1");
        assert!(notices[0].1.contains("nonsense"), "{notices:?}");
    }

    #[test]
    fn without_one_valid_entry_the_default_apps_are_shown() {
        let bench = bench("a|b", Recording::default());
        bench.run(run).unwrap();
        assert!(bench.system.text(portal_yaml::PATH).contains("Jupyter"));
        assert_eq!(bench.notices().len(), 3);
    }
}
