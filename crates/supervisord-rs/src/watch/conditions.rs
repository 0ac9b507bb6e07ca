//! Start conditions: waiting for what may come, deciding what is decided once.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::config::StartCondition;

/// Whether a program may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    /// It does not, and why.
    Refused(String),
}

/// Waits until all conditions are decided.
pub(crate) async fn decide(
    conditions: Vec<StartCondition>,
    environment: &BTreeMap<OsString, OsString>,
) -> Verdict {
    let serverless = environment
        .get(OsStr::new("SERVERLESS"))
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    for condition in conditions {
        match condition {
            StartCondition::NotServerless if serverless => {
                return Verdict::Refused("not started: the instance is serverless".to_owned());
            }
            StartCondition::NotServerless => {}
            // A serverless worker has no portal to be listed in.
            StartCondition::Portal(_) if serverless => {}
            StartCondition::Portal(name) => {
                if let Some(refusal) = unlisted(&name).await {
                    return Verdict::Refused(refusal);
                }
            }
            StartCondition::FilePresent(path) => until(|| path.exists()).await,
            StartCondition::FileAbsent(path) => until(|| !path.exists()).await,
            StartCondition::Provisioned => until(|| !Path::new(PROVISIONING).exists()).await,
        }
    }
    Verdict::Met
}

/// Why an app does not count as listed in `portal.yaml`, which may come a little later than we.
async fn unlisted(name: &str) -> Option<String> {
    let path = PathBuf::from(instance::portal_yaml::PATH);
    let deadline = Instant::now() + LISTED_WITHIN;
    loop {
        if let Ok(read) = instance::portal_yaml::read(&path) {
            let wanted = name.to_lowercase();
            let listed = read
                .apps
                .iter()
                .any(|app| app.name.to_lowercase().contains(&wanted));
            return (!listed).then(|| {
                format!(
                    "not started: no app named '{name}' is in {}",
                    path.display()
                )
            });
        }
        if Instant::now() >= deadline {
            return Some(format!(
                "not started: there is no usable {} after {} s",
                path.display(),
                LISTED_WITHIN.as_secs()
            ));
        }
        sleep(LOOK_AGAIN).await;
    }
}

async fn until(so: impl Fn() -> bool) {
    while !so() {
        sleep(LOOK_AGAIN).await;
    }
}

/// There while provisioning is under way.
const PROVISIONING: &str = "/.provisioning";
/// As long as the original's scripts wait.
const LISTED_WITHIN: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(250);
