//! Asking a program that is up whether it still does its work.

use std::time::Duration;

use supervisor_core::{Exit, Run};
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

use super::network::ask;
use crate::{
    config::{Liveness, LivenessProbe},
    process::Fact,
};

/// A command that shall be run to find out whether a program lives. Only the driver creates
/// processes.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) run: Run,
    pub(crate) command: String,
    /// Gets the number of the process and its end, or why there is none.
    pub(crate) reply: oneshot::Sender<Result<(i32, oneshot::Receiver<Exit>), String>>,
}

/// Asks until the answer is no as often in a row as is too much; gives the last reason.
pub(crate) async fn watch_life(
    liveness: &Liveness,
    run: &Run,
    facts: &mpsc::Sender<Fact>,
) -> String {
    sleep(liveness.start).await;
    let mut failures = 0;
    loop {
        sleep(liveness.interval).await;
        match question(liveness, run, facts).await {
            Ok(()) => failures = 0,
            Err(reason) => {
                failures += 1;
                if failures >= liveness.failures {
                    return match failures {
                        1 => reason,
                        times => format!("{reason} ({times} times)"),
                    };
                }
            }
        }
    }
}

async fn question(
    liveness: &Liveness,
    run: &Run,
    facts: &mpsc::Sender<Fact>,
) -> Result<(), String> {
    match &liveness.probe {
        LivenessProbe::Network(target) => ask(target, liveness.timeout).await,
        LivenessProbe::Command(command) => {
            let (reply, answer) = oneshot::channel();
            let check = Check {
                run: run.clone(),
                command: command.clone(),
                reply,
            };
            let _ = facts.send(Fact::Check(check)).await;
            let (pid, end) = answer.await.map_err(|_| "supervisord stops".to_owned())??;
            finish(command, pid, end, liveness.timeout, facts).await
        }
    }
}

async fn finish(
    command: &str,
    pid: i32,
    end: oneshot::Receiver<Exit>,
    patience: Duration,
    facts: &mpsc::Sender<Fact>,
) -> Result<(), String> {
    match timeout(patience, end).await {
        Ok(Ok(Exit::Code(0))) => Ok(()),
        Ok(Ok(Exit::Code(code))) => Err(format!("'{command}' exits with {code}")),
        Ok(Ok(Exit::Signal { number, .. })) => {
            Err(format!("'{command}' is killed by signal {number}"))
        }
        Ok(Err(_)) => Err(format!("'{command}' was lost")),
        Err(_) => {
            let _ = facts.send(Fact::EndCheck(pid)).await;
            Err(format!(
                "'{command}' does not end in {} s",
                patience.as_secs_f64()
            ))
        }
    }
}
