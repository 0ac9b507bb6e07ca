//! A running proxyd of one test.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use api::proxy::{
    GetSnapshotRequest, ListenState, ProxySnapshot, WatchSnapshotRequest,
    proxy_service_client::ProxyServiceClient,
};
use daemon::{Context, Outcome, Stop, Tasks};
use rustls::{ClientConfig, RootCertStore, pki_types::pem::PemObject as _};
use tempfile::TempDir;
use tonic::transport::Channel;

use crate::client::{Answer, Client};

/// What differs between tests.
pub(crate) struct Plan {
    variables: BTreeMap<String, String>,
    apps: Vec<(String, u16, u16, &'static str)>,
    certificate: bool,
    supervisor: Option<PathBuf>,
    environment_file: String,
    tunnel_uid: Option<u32>,
    max_connections: Option<usize>,
    body_timeout: u64,
    problems: Vec<String>,
}

/// A running proxyd and what belongs to it.
pub(crate) struct Door {
    pub(crate) dir: TempDir,
    pub(crate) address: IpAddr,
    pub(crate) tasks: Tasks,
    /// External ports in the order of the apps.
    pub(crate) ports: Vec<u16>,
    pub(crate) grpc: ProxyServiceClient<Channel>,
    https: bool,
}

pub(crate) const TOKEN: &str = "tok-5ecret";
pub(crate) const PASSWORD: &str = "pass w0rd";
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

impl Plan {
    /// HTTPS, a token and a password.
    pub(crate) fn new() -> Self {
        Self {
            variables: BTreeMap::new(),
            apps: Vec::new(),
            certificate: true,
            supervisor: None,
            environment_file: String::new(),
            tunnel_uid: None,
            max_connections: None,
            body_timeout: 60,
            problems: Vec::new(),
        }
        .set("ENABLE_HTTPS", "true")
        .set("OPEN_BUTTON_TOKEN", TOKEN)
        .set("WEB_PASSWORD", PASSWORD)
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn plain(self) -> Self {
        self.set("ENABLE_HTTPS", "false")
    }

    pub(crate) fn without_certificate(mut self) -> Self {
        self.certificate = false;
        self
    }

    pub(crate) fn supervisor(mut self, socket: PathBuf) -> Self {
        self.supervisor = Some(socket);
        self
    }

    pub(crate) fn environment_file(mut self, text: &str) -> Self {
        text.clone_into(&mut self.environment_file);
        self
    }

    /// Who tunneld runs as.
    pub(crate) fn tunnel_uid(mut self, uid: u32) -> Self {
        self.tunnel_uid = Some(uid);
        self
    }

    pub(crate) fn max_connections(mut self, most: usize) -> Self {
        self.max_connections = Some(most);
        self
    }

    /// How long a body may stall, in seconds.
    pub(crate) fn body_timeout(mut self, seconds: u64) -> Self {
        self.body_timeout = seconds;
        self
    }

    /// A setting that was refused before the daemon started.
    pub(crate) fn refused_setting(mut self, problem: &str) -> Self {
        self.problems.push(problem.to_owned());
        self
    }

    /// An app on a free external port.
    pub(crate) fn app(self, name: &str, upstream: u16) -> Self {
        let port = testkit::free_port();
        self.app_on(name, port, upstream)
    }

    pub(crate) fn app_on(mut self, name: &str, external: u16, upstream: u16) -> Self {
        self.apps
            .push((name.to_owned(), external, upstream, "jupyter"));
        self
    }

    /// The external port of the first app.
    pub(crate) fn first_port(&self) -> u16 {
        self.apps[0].1
    }

    /// Starts proxyd and waits until no port is in doubt.
    pub(crate) async fn start(self) -> Door {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        if self.certificate {
            write_certificate(&dir);
        }
        std::fs::write(at("environment"), &self.environment_file).unwrap();
        let tasks = Tasks::new(Stop::new());
        let settings = proxyd::Settings {
            bind: own_address(),
            socket: at("proxyd.sock"),
            portal_yaml: at("portal.yaml"),
            certificate: at("instance.crt"),
            key: at("instance.key"),
            state_dir: at("state"),
            environment_file: at("environment"),
            tunnel_socket: at("tunnel.sock"),
            tunnel_uid: self.tunnel_uid,
            max_connections: self.max_connections,
            body_timeout: self.body_timeout,
            access_log_every: 1,
            supervisor_socket: self.supervisor.unwrap_or_else(|| at("absent.sock")),
        };
        let door = Door {
            address: settings.bind,
            https: self.variables["ENABLE_HTTPS"] == "true",
            ports: self.apps.iter().map(|(_, port, _, _)| *port).collect(),
            grpc: ProxyServiceClient::new(ipc::connect(&settings.socket)),
            tasks: tasks.clone(),
            dir,
        };
        door.write_apps(&self.apps);
        let context = Context {
            tasks: tasks.clone(),
            environment: self.variables,
            problems: self.problems,
        };
        let socket = settings.socket.clone();
        tasks.spawn("proxyd", tracing::Span::none(), async move {
            proxyd::run(settings, context).await.unwrap();
        });
        let appears = async {
            let mut look = tokio::time::interval(Duration::from_millis(5));
            // The file is there a moment before the socket listens.
            while tokio::net::UnixStream::connect(&socket).await.is_err() {
                look.tick().await;
            }
        };
        tokio::time::timeout(LIMIT, appears)
            .await
            .expect("the socket in time");
        let count = door.ports.len();
        door.wait(|snapshot| {
            snapshot.routes.len() == count
                && snapshot
                    .routes
                    .iter()
                    .all(|route| route.listen() != ListenState::Unspecified)
        })
        .await;
        door
    }
}

impl Door {
    /// Replaces `portal.yaml`; `(name, external, internal, program)`.
    pub(crate) fn write_apps(&self, apps: &[(String, u16, u16, &str)]) {
        let mut text = String::from("applications:\n");
        for (name, external, internal, program) in apps {
            write!(
                text,
                "  {name}:\n    hostname: localhost\n    external_port: {external}\n    \
                 internal_port: {internal}\n    open_path: /\n    program: {program}\n"
            )
            .unwrap();
        }
        let path = self.dir.path().join("portal.yaml");
        let temporary = path.with_extension("new");
        std::fs::write(&temporary, text).unwrap();
        std::fs::rename(temporary, path).unwrap();
    }

    pub(crate) fn write_certificate(&self) {
        write_certificate(&self.dir);
    }

    /// `address:port` as a client would write it.
    pub(crate) fn authority(&self, app: usize) -> String {
        format!("{}:{}", self.address, self.ports[app])
    }

    /// A connection to an app's port, with TLS if that is on.
    pub(crate) async fn connect(&self, app: usize) -> Client {
        if self.https {
            self.connect_tls(app).await
        } else {
            self.connect_plain(app).await
        }
    }

    pub(crate) async fn connect_plain(&self, app: usize) -> Client {
        Client::plain((self.address, self.ports[app]).into()).await
    }

    /// A connection as tunneld brings it.
    pub(crate) async fn connect_tunnelled(&self, preamble: &[u8]) -> Client {
        let path = self.dir.path().join("tunnel.sock");
        let stream = tokio::net::UnixStream::connect(path).await.unwrap();
        let mut client = Client::over(stream);
        client.send(preamble).await;
        client
    }

    pub(crate) async fn connect_tls(&self, app: usize) -> Client {
        let address = (self.address, self.ports[app]).into();
        Client::tls(address, self.trust()).await.unwrap()
    }

    /// TLS settings that trust the certificate that lies on disk, and no other.
    pub(crate) fn trust(&self) -> Arc<ClientConfig> {
        let pem = std::fs::read(self.dir.path().join("instance.crt")).unwrap();
        let mut roots = RootCertStore::empty();
        let certificate = rustls::pki_types::CertificateDer::from_pem_slice(&pem).unwrap();
        roots.add(certificate).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, app: usize, request: &str, headers: &[(&str, &str)]) -> Answer {
        let mut client = self.connect(app).await;
        client
            .request(request, &self.authority(app), headers, "")
            .await;
        client.answer().await
    }

    /// The value of a session, as a `Cookie` header.
    pub(crate) async fn session(&self) -> String {
        let target = format!("/?token={TOKEN}");
        let answer = self
            .ask(0, &format!("GET {target}"), &[("Accept", "text/html")])
            .await;
        let line = answer.header("set-cookie").expect("a cookie").to_owned();
        line.split(';').next().unwrap().to_owned()
    }

    pub(crate) async fn snapshot(&self) -> ProxySnapshot {
        let response = self.grpc.clone().get_snapshot(GetSnapshotRequest {}).await;
        response.unwrap().into_inner().snapshot.unwrap()
    }

    /// Follows the snapshots until one satisfies `condition`.
    pub(crate) async fn wait(&self, condition: impl Fn(&ProxySnapshot) -> bool) -> ProxySnapshot {
        let waiting = async {
            let watching = self
                .grpc
                .clone()
                .watch_snapshot(WatchSnapshotRequest {})
                .await;
            let mut stream = watching.unwrap().into_inner();
            let mut last = None;
            while let Some(message) = stream.message().await.unwrap() {
                let snapshot = message.snapshot.unwrap();
                if condition(&snapshot) {
                    return snapshot;
                }
                last = Some(snapshot);
            }
            panic!("the stream ended; last {last:?}");
        };
        tokio::time::timeout(LIMIT, waiting)
            .await
            .expect("the state in time")
    }

    /// Stops proxyd and expects that nothing is left behind.
    pub(crate) async fn stop(self) {
        self.tasks.stop().request();
        assert_eq!(self.tasks.shut_down(LIMIT).await, Outcome::Drained);
    }
}

fn write_certificate(dir: &TempDir) {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("instance.key"), pair.signing_key.serialize_pem()).unwrap();
    std::fs::write(at("instance.crt"), pair.cert.pem()).unwrap();
}

/// A loopback address that no other test uses, so that free ports stay free.
fn own_address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let salt = NEXT.fetch_add(1, Ordering::Relaxed);
    Ipv4Addr::new(127, 128 | (a & 63) ^ (salt & 63), b, c.clamp(1, 254)).into()
}
