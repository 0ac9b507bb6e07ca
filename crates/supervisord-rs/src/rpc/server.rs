//! The servers of the configuration.

use std::{sync::Arc, time::Duration};

use daemon::Tasks;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{info_span, warn};

use super::{
    doors::{Door, Guest},
    http::attend,
    methods::Methods,
    site::Site,
};
use crate::{
    config::{Config, Credentials, InetServer, UnixServer},
    driver::{Handle, Reopen},
    logs::MainLog,
};

/// The servers that are open. The only one who opens and closes them.
#[derive(Debug)]
pub(crate) struct Servers {
    handle: Handle,
    log: MainLog,
    tasks: Tasks,
    config: Config,
    open: Vec<Open>,
}

/// One server that is open.
#[derive(Debug)]
struct Open {
    place: Place,
    /// Ends it.
    stop: CancellationToken,
    /// Is dropped when its socket is closed.
    closed: oneshot::Receiver<()>,
}

/// Where a server is and how it serves: one of which nothing has changed stays open.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    address: Address,
    rpc: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Address {
    Inet(InetServer),
    Unix(UnixServer),
}

impl Address {
    /// The section it is configured in, and who may use it.
    fn parts(&self) -> (&str, Option<&Credentials>) {
        match self {
            Self::Inet(server) => (&server.section, server.credentials.as_ref()),
            Self::Unix(server) => (&server.section, server.credentials.as_ref()),
        }
    }
}

impl Servers {
    /// Opens all servers and serves them until the stop of `tasks`.
    ///
    /// # Errors
    /// In the original's words, when one of them cannot be opened.
    pub(crate) async fn open(
        config: &Config,
        handle: &Handle,
        log: &MainLog,
        tasks: &Tasks,
    ) -> Result<Self, String> {
        let mut servers = Self {
            handle: handle.clone(),
            log: log.clone(),
            tasks: tasks.clone(),
            config: config.clone(),
            open: Vec::new(),
        };
        servers.open_missing().await?;
        Ok(servers)
    }

    /// Opens those of every configuration that comes, until nobody sends one any more.
    pub(crate) async fn follow(mut self, mut configurations: mpsc::Receiver<Reopen>) {
        let stop = self.tasks.stop().token();
        let follow = async {
            while let Some(Reopen { config, done }) = configurations.recv().await {
                self.reopen(config).await;
                let _ = done.send(());
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = follow => {}
        }
    }

    /// A supervisor that ended for want of a server would take the instance with it, so the servers
    /// stay as they are where the others cannot be opened.
    async fn reopen(&mut self, config: Config) {
        let before = std::mem::replace(&mut self.config, config);
        self.close_others().await;
        let Err(error) = self.open_missing().await else {
            return;
        };
        self.log
            .critical(&format!("{error}  The servers stay as they were."));
        self.config = before;
        self.close_others().await;
        if let Err(error) = self.open_missing().await {
            self.log.critical(&error);
        }
    }

    /// Those of the configuration, in the original's order.
    fn wanted(&self) -> Vec<Place> {
        let inet = self.config.inet.iter().cloned().map(Address::Inet);
        let unix = self.config.unix.iter().cloned().map(Address::Unix);
        let rpc = self.config.rpc;
        inet.chain(unix)
            .map(|address| Place { address, rpc })
            .collect()
    }

    /// Closes what the configuration does not have, and waits until that is done: one with the same
    /// address may follow.
    async fn close_others(&mut self) {
        let wanted = self.wanted();
        let is_unwanted = |open: &mut Open| !wanted.contains(&open.place);
        let unwanted: Vec<_> = self.open.extract_if(.., is_unwanted).collect();
        for open in unwanted {
            open.stop.cancel();
            let _ = open.closed.await;
        }
    }

    /// Opens what the configuration has and is not open. Nobody is served before all are.
    async fn open_missing(&mut self) -> Result<(), String> {
        let mut doors = Vec::new();
        for place in self.wanted() {
            if self.open.iter().any(|open| open.place == place) {
                self.introduce(&place);
                continue;
            }
            let door = match &place.address {
                Address::Inet(inet) => Door::inet(inet).await,
                Address::Unix(unix) => Door::unix(unix),
            };
            doors.push((door.map_err(|error| error.to_string())?, place));
        }
        for (door, place) in doors {
            let open = self.serve(door, place);
            self.open.push(open);
        }
        Ok(())
    }

    /// The lines of the original about one server.
    fn introduce(&self, place: &Place) {
        if place.rpc {
            self.log.info("RPC interface 'supervisor' initialized");
        }
        if let (section, None) = place.address.parts() {
            self.log.critical(&format!(
                "Server '{section}' running without any HTTP authentication checking"
            ));
        }
    }

    fn serve(&self, door: Door, place: Place) -> Open {
        self.introduce(&place);
        let (section, credentials) = place.address.parts();
        let (section, credentials) = (section.to_owned(), credentials.cloned());
        let methods = Methods {
            handle: self.handle.clone(),
            log: self.log.clone(),
            enabled: place.rpc,
        };
        let server = Server {
            site: Arc::new(Site {
                methods,
                credentials,
            }),
            tasks: self.tasks.clone(),
            room: Arc::new(Semaphore::new(MOST_GUESTS)),
        };
        let stop = self.tasks.stop().token().child_token();
        let (is_open, closed) = oneshot::channel();
        let serve = server.serve(door, stop.clone());
        let span = info_span!("http", section);
        let handle = self.handle.clone();
        self.tasks.spawn("http server", span, async move {
            // Who is early waits a moment, and is not told that there are no programs.
            handle.begun().await;
            serve.await;
            drop(is_open);
        });
        Open {
            place,
            stop,
            closed,
        }
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
            loop {
                let Ok(room) = Arc::clone(&self.room).acquire_owned().await else {
                    return;
                };
                match door.accept().await {
                    Ok(guest) => {
                        let (site, stop) = (Arc::clone(&self.site), stop.clone());
                        let all = self.tasks.stop().token();
                        let span = info_span!("xmlrpc");
                        self.tasks.spawn("xml-rpc connection", span, async move {
                            tokio::select! {
                                () = receive(guest, &site) => {}
                                () = all.cancelled() => {}
                                () = farewell(&stop) => {}
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

/// A guest of a server that is closed may still get its answer, as who asked for a reload.
async fn farewell(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(FAREWELL).await;
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

const FAREWELL: Duration = Duration::from_secs(1);
const MOST_GUESTS: usize = 256;
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
