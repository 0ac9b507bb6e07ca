//! The servers of the configuration.

use std::{sync::Arc, time::Duration};

use daemon::Tasks;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{info_span, warn};

use super::{
    doors::{Door, Guest},
    http::attend,
    methods::Methods,
    site::Site,
};
use crate::{
    config::{Config, Credentials},
    driver::Handle,
    logs::MainLog,
};

/// Opens all servers and serves them until the stop of `tasks`.
///
/// # Errors
/// In the original's words, when one of them cannot be opened.
pub(crate) async fn open(
    config: &Config,
    handle: &Handle,
    log: &MainLog,
    tasks: &Tasks,
) -> Result<(), String> {
    let mut doors = Vec::new();
    for inet in &config.inet {
        let door = Door::inet(inet).await.map_err(|error| error.to_string())?;
        doors.push((inet.section.as_str(), door, inet.credentials.clone()));
    }
    for unix in &config.unix {
        let door = Door::unix(unix).map_err(|error| error.to_string())?;
        doors.push((unix.section.as_str(), door, unix.credentials.clone()));
    }
    for (section, door, credentials) in doors {
        if config.rpc {
            log.info("RPC interface 'supervisor' initialized");
        }
        if credentials.is_none() {
            log.critical(&format!(
                "Server '{section}' running without any HTTP authentication checking"
            ));
        }
        let server = Server {
            site: Arc::new(site(config, handle, log, credentials)),
            tasks: tasks.clone(),
            room: Arc::new(Semaphore::new(MOST_GUESTS)),
        };
        let stop = tasks.stop().token();
        tasks.spawn(
            "http server",
            info_span!("http", section),
            server.serve(door, stop),
        );
    }
    Ok(())
}

fn site(config: &Config, handle: &Handle, log: &MainLog, credentials: Option<Credentials>) -> Site {
    let methods = Methods {
        handle: handle.clone(),
        log: log.clone(),
        enabled: config.rpc,
    };
    Site {
        methods,
        credentials,
    }
}

/// What serves the connections of one door.
#[derive(Debug)]
struct Server {
    site: Arc<Site>,
    tasks: Tasks,
    /// Connections take descriptors, which programs need too.
    room: Arc<Semaphore>,
}

impl Server {
    /// Accepts connections until `stop`.
    async fn serve(self, door: Door, stop: CancellationToken) {
        let accept = async {
            self.site.methods.handle.begun().await;
            loop {
                let Ok(room) = Arc::clone(&self.room).acquire_owned().await else {
                    return;
                };
                match door.accept().await {
                    Ok(guest) => {
                        let (site, stop) = (Arc::clone(&self.site), stop.clone());
                        let span = info_span!("xmlrpc");
                        self.tasks.spawn("xml-rpc connection", span, async move {
                            tokio::select! {
                                () = receive(guest, &site) => {}
                                () = stop.cancelled() => {}
                            }
                            drop(room);
                        });
                    }
                    Err(error) => {
                        // Usually we are out of descriptors; trying again at once would only spin.
                        warn!(%error, "connection not accepted");
                        tokio::time::sleep(ACCEPT_AGAIN).await;
                    }
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = accept => {}
        }
    }
}

async fn receive(guest: Guest, site: &Site) {
    match guest {
        Guest::Unix(stream) => attend(stream, site).await,
        Guest::Inet(stream) => {
            // Answers are written in several pieces, and no piece shall wait for another.
            let _ = stream.set_nodelay(true);
            attend(stream, site).await;
        }
    }
}

const MOST_GUESTS: usize = 256;
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
