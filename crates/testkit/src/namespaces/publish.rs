//! Published ports: host listeners whose connections are made inside the sandbox's network.
//!
//! The listeners are bound before anything starts. One thread moves into the network namespace and
//! connects there, so even an app that listens on loopback only is reached. It carries bytes and
//! half-closes, and knows no protocol.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, anyhow};
use nix::sched::{CloneFlags, setns};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use super::spec::{Network, Publish};

/// A host listener and the port it leads to.
#[derive(Debug)]
pub(crate) struct Bound {
    listener: TcpListener,
    pub(crate) host: SocketAddr,
    pub(crate) inside: u16,
}

/// The thread that carries connections, until dropped.
#[derive(Debug)]
pub(crate) struct Publisher {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Binds every host port, or says which one cannot be had.
pub(crate) fn bind(wanted: &[Publish], network: Network) -> Result<Vec<Bound>, String> {
    let bound: Vec<Bound> = wanted.iter().map(bind_one).collect::<Result<_, _>>()?;
    match network {
        Network::Private => Ok(bound),
        // The instance binds these ports itself; that they are free is all we can check.
        Network::Host => match wanted
            .iter()
            .find(|publish| publish.host.port() != publish.inside)
        {
            Some(Publish { host, inside }) => Err(format!(
                "port {inside} cannot become {host} on the host's own network; publish it as \
                 {inside}:{inside} or use --net private"
            )),
            None => Ok(Vec::new()),
        },
    }
}

fn bind_one(publish: &Publish) -> Result<Bound, String> {
    let Publish { host, inside } = *publish;
    let refused = |error: io::Error| {
        let (ip, port) = (host.ip(), host.port());
        if error.kind() == io::ErrorKind::AddrInUse {
            format!(
                "port {port} on {ip} is taken; choose another with --publish {ip}:PORT:{inside}"
            )
        } else {
            format!("cannot listen on {host}: {error}")
        }
    };
    let listener = TcpListener::bind(host).map_err(refused)?;
    let prepare = || {
        listener.set_nonblocking(true)?;
        listener.local_addr()
    };
    let host = prepare().map_err(refused)?;
    Ok(Bound {
        listener,
        host,
        inside,
    })
}

impl Publisher {
    /// Starts carrying connections into `network`.
    pub(crate) fn start(bound: Vec<Bound>, network: File) -> anyhow::Result<Self> {
        raise_descriptor_limit();
        let (stop, stopped) = oneshot::channel();
        let (ready, answer) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("publisher".to_owned())
            .spawn(move || match enter_and_listen(bound, &network) {
                Ok(runtime) => {
                    let _ = ready.send(Ok(()));
                    // Either way it is time to stop: asked to, or nobody is left to ask.
                    let _ = runtime.block_on(stopped);
                }
                Err(error) => drop(ready.send(Err(error))),
            })
            .context("start the publisher")?;
        answer.recv().map_err(|_| anyhow!("the publisher died"))??;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Publisher {
    /// Returns when all host ports are free again.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Each connection takes two descriptors, and the usual soft limit is 1024. Init keeps the limit it
/// was forked with.
fn raise_descriptor_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // With the lower limit fewer connections are carried at once; that is no reason to fail.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Moves this thread, and so every socket it makes, into the network namespace.
fn enter_and_listen(bound: Vec<Bound>, network: &File) -> anyhow::Result<Runtime> {
    setns(network, CloneFlags::CLONE_NEWNET).context("enter the network namespace")?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("make a runtime")?;
    for Bound {
        listener, inside, ..
    } in bound
    {
        let _context = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener).context("register a port")?;
        // Not tracked: the runtime ends its tasks when it is dropped.
        runtime.spawn(accept(listener, inside));
    }
    Ok(runtime)
}

async fn accept(listener: tokio::net::TcpListener, inside: u16) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(Handle::current().spawn(carry(client, inside))),
            // Out of descriptors, most likely; a connection that ends gives one back.
            Err(_) => tokio::time::sleep(RETRY_ACCEPT).await,
        }
    }
}

async fn carry(mut client: TcpStream, inside: u16) {
    let connected = match TcpStream::connect((Ipv4Addr::LOCALHOST, inside)).await {
        Ok(server) => Ok(server),
        Err(_) => TcpStream::connect((Ipv6Addr::LOCALHOST, inside)).await,
    };
    let Ok(mut server) = connected else {
        // The client should see a refusal, or as near to it as an accepted connection comes.
        let _ = client.set_zero_linger();
        return;
    };
    // Neither failure matters: it is only slower, and a reset on one side ends both.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let _ = copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await;
}

/// The usual 8 KiB halve the throughput of large transfers.
const BUFFER: usize = 32 * 1024;

const RETRY_ACCEPT: Duration = Duration::from_millis(50);
