//! The end of an instance.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::{Instance, Options};

const STUBBORN: &str = "[program:stubborn]
command=/bin/bash -c 'trap \"\" TERM INT; while :; do read -t 1000 <> <(:); done'
stopwaitsecs=60
stdout_logfile=/dev/stdout
stdout_logfile_maxbytes=0
";

#[test]
fn sigterm_ends_a_stubborn_instance_within_eight_seconds_with_exit_code_0() -> Result<()> {
    let mut instance = Options::default()
        .file("/etc/supervisor/conf.d/stubborn.conf", STUBBORN)
        .boot("stubborn")?;
    instance.wait_state("stubborn", "RUNNING")?;
    let asked = Instant::now();
    instance.sandbox.terminate()?;
    let status = instance.sandbox.wait_exit(Duration::from_secs(12))?;
    assert_eq!(status.code(), Some(0));
    assert!(
        asked.elapsed() < Duration::from_secs(8),
        "{:?}",
        asked.elapsed()
    );
    Ok(())
}

#[test]
fn programs_that_stop_at_once_are_gone_at_once() -> Result<()> {
    let mut instance = Instance::boot("obedient")?;
    // JupyterLab and TensorBoard take their own time to end; what is left ends at once.
    for app in ["jupyter", "tensorboard"] {
        instance.exec(&["supervisorctl", "stop", app])?;
    }
    let asked = Instant::now();
    instance.sandbox.terminate()?;
    let status = instance.sandbox.wait_exit(Duration::from_secs(12))?;
    assert_eq!(status.code(), Some(0));
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
    Ok(())
}
