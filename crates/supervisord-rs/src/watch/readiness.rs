//! Waiting until a program is ready.

use std::time::Duration;

use tokio::time::sleep;

use super::network::ask;
use crate::config::{Readiness, ReadinessProbe};

/// Asks until the answer is yes. Output and notification descriptors are watched where they are
/// read, so for these it waits for ever.
pub(crate) async fn become_ready(readiness: &Readiness) {
    let mut interval = readiness.interval;
    loop {
        let ready = match &readiness.probe {
            ReadinessProbe::Network(target) => ask(target, PATIENCE).await.is_ok(),
            ReadinessProbe::File(path) => tokio::fs::try_exists(path).await.unwrap_or(false),
            ReadinessProbe::Log(_) | ReadinessProbe::Notify(_) => {
                return std::future::pending().await;
            }
        };
        if ready {
            return;
        }
        sleep(interval).await;
        interval = (interval * 2).min(SLOWEST.max(readiness.interval));
    }
}

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(2);
const SLOWEST: Duration = Duration::from_secs(1);
