//! `60-portal-yaml`: the apps of `PORTAL_CONFIG` become `/etc/portal.yaml`.
//!
//! The file is the runtime truth and people may edit it. A copy of what was last written tells an
//! edited file from an untouched one: the untouched one follows a changed `PORTAL_CONFIG`, the
//! edited one wins.

use std::path::Path;

use instance::{App, DEFAULT_PORTAL_CONFIG, portal_config, portal_yaml};

use super::{Report, Work, failed_to};
use crate::system::{Access, Published, read_text};

pub(super) fn run(work: &mut Work<'_>) -> Result<Report, String> {
    let apps = configured(work);
    let text = portal_yaml::render(&apps);
    let path = Path::new(portal_yaml::PATH);
    let record = work.settings.state_dir.join("portal.yaml.written");
    let current = read_text(work.system, path);
    let edited = current.as_ref().filter(|current| {
        **current != text && read_text(work.system, &record).as_ref() != Some(current)
    });
    if let Some(Ok(read)) = edited.map(|text| portal_yaml::parse(text)) {
        return Ok(keep(work, &read, &apps));
    }
    let written = work
        .system
        .publish(path, text.as_bytes(), Access::root(0o644));
    let published = failed_to("write", path, written)?;
    let recorded = work
        .system
        .publish(&record, text.as_bytes(), Access::root(0o600));
    failed_to("write", &record, recorded)?;
    Ok(Report::done(match published {
        Published::Written => format!("{} apps written", apps.len()),
        Published::Unchanged => format!("{} apps, unchanged", apps.len()),
    }))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{steps::tests::Bench, system::recording::Recording};

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
        for text in ["", "applications: []\n", "{{{"] {
            let bench = bench(ONE, Recording::with(&[(portal_yaml::PATH, text)]));
            bench.run(run).unwrap();
            assert!(
                bench
                    .system
                    .text(portal_yaml::PATH)
                    .contains("Instance Portal")
            );
        }
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
