//! A running portald with its own directories, and clients for it.

#![expect(clippy::unwrap_used, reason = "a test's helper fails the test")]

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use api::portal::{
    PortalSnapshot, WatchSnapshotRequest, portal_service_client::PortalServiceClient,
};
use daemon::{Context, Stop, Tasks};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

/// The daemon under test.
pub(crate) struct Portal {
    dir: tempfile::TempDir,
    run: PathBuf,
    stop: Stop,
    running: Option<JoinHandle<anyhow::Result<()>>>,
    address: String,
}

/// An HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    headers: BTreeMap<String, String>,
}

/// A browser's connection.
pub(crate) struct Stream {
    socket: WebSocketStream<TcpStream>,
    seen: BTreeMap<String, Value>,
    lines: Vec<Value>,
}

impl Portal {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("run")).unwrap();
        fs::create_dir(dir.path().join("log")).unwrap();
        let mut portal = Self {
            run: dir.path().join("run"),
            dir,
            stop: Stop::new(),
            running: None,
            address: String::new(),
        };
        portal.write_apps(
            "applications:\n  Jupyter: {hostname: localhost, external_port: 8080, \
             internal_port: 18080, open_path: /, name: Jupyter}\n",
        );
        portal.launch().await;
        portal
    }

    pub(crate) async fn restart(&mut self) {
        self.stop.request();
        if let Some(running) = self.running.take() {
            running.await.unwrap().unwrap();
        }
        self.launch().await;
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the daemon under test is the one whose tasks are counted"
    )]
    async fn launch(&mut self) {
        let path = |name: &str| self.dir.path().join(name);
        let settings = portald::Settings {
            listen: "127.0.0.1:0".to_owned(),
            socket: path("run/portald.sock"),
            sockets: path("run"),
            state_dir: path("state"),
            log_dir: path("log"),
            portal_yaml: path("portal.yaml"),
            workspace: path("workspace"),
            web_dir: None,
        };
        self.stop = Stop::new();
        let tasks = Tasks::new(self.stop.clone());
        let context = Context {
            tasks: tasks.clone(),
            environment: BTreeMap::new(),
            problems: Vec::new(),
        };
        self.running = Some(tokio::spawn(async move {
            let result = portald::run(settings, context).await;
            let outcome = tasks.shut_down(Duration::from_secs(5)).await;
            assert_eq!(outcome, daemon::Outcome::Drained);
            result
        }));
        self.address = self.snapshot(|_| true).await.listen;
    }

    pub(crate) fn run_dir(&self) -> &Path {
        &self.run
    }

    /// Writes to the end of a program's log.
    pub(crate) fn log(&self, name: &str, text: &str) {
        let path = self.dir.path().join(format!("log/{name}.log"));
        let mut options = fs::OpenOptions::new();
        let mut file = options.append(true).create(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn write_apps(&self, yaml: &str) {
        let path = self.dir.path().join("portal.yaml");
        let temporary = path.with_extension("tmp");
        fs::write(&temporary, yaml).unwrap();
        fs::rename(temporary, path).unwrap();
    }

    /// The gRPC snapshot, once it is as wanted.
    pub(crate) async fn snapshot(
        &self,
        wanted: impl Fn(&PortalSnapshot) -> bool,
    ) -> PortalSnapshot {
        let socket = self.dir.path().join("run/portald.sock");
        let mut client = PortalServiceClient::new(ipc::connect(&socket));
        in_time(async {
            loop {
                // Until the socket is there, every call fails at once.
                let Ok(answer) = client.watch_snapshot(WatchSnapshotRequest {}).await else {
                    tokio::task::yield_now().await;
                    continue;
                };
                let mut snapshots = answer.into_inner();
                while let Ok(Some(message)) = snapshots.message().await {
                    if let Some(snapshot) = message.snapshot.filter(&wanted) {
                        return snapshot;
                    }
                }
            }
        })
        .await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.request("GET", path, headers).await
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.request("POST", path, headers).await
    }

    async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("Content-Length: 0\r\nConnection: close\r\n\r\n");
        let mut bytes = Vec::new();
        in_time(async {
            let mut stream = TcpStream::connect(&self.address).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            stream.read_to_end(&mut bytes).await.unwrap();
        })
        .await;
        Answer::parse(&String::from_utf8(bytes).unwrap())
    }

    pub(crate) async fn stream(&self, topics: &[&str]) -> Stream {
        let origin = format!("http://{}", self.address);
        let mut stream = self.try_stream(&origin).await.unwrap();
        stream.ask(&json!({ "sub": topics })).await;
        stream
    }

    pub(crate) async fn try_stream(&self, origin: &str) -> Result<Stream, Box<Error>> {
        let url = format!("ws://{}/api/v1/stream", self.address);
        let mut request = url.into_client_request().unwrap();
        request
            .headers_mut()
            .insert("Origin", origin.parse().unwrap());
        let tcp = TcpStream::connect(&self.address).await.unwrap();
        let (socket, _) = client_async(request, tcp).await.map_err(Box::new)?;
        Ok(Stream {
            socket,
            seen: BTreeMap::new(),
            lines: Vec::new(),
        })
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        self.stop.request();
    }
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse();
        Self {
            status: status.unwrap(),
            body: body.to_owned(),
            headers: lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.get(name).cloned().unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Stream {
    pub(crate) async fn ask(&mut self, wish: &Value) {
        let message = Message::text(wish.to_string());
        self.socket.send(message).await.unwrap();
    }

    /// The value of a topic, once it is as wanted.
    pub(crate) async fn until(&mut self, topic: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let what = format!("topic {topic}");
        loop {
            if let Some(data) = self.seen.get(topic)
                && wanted(data)
            {
                return data.clone();
            }
            self.hear(&what).await;
        }
    }

    /// The newest state of a log line that contains `text`.
    pub(crate) async fn log_line(&mut self, text: &str) -> Value {
        loop {
            let found = self.lines.iter().rev();
            let mut found = found.filter(|line| line["t"].as_str().unwrap().contains(text));
            if let Some(line) = found.next() {
                return line.clone();
            }
            self.hear(text).await;
        }
    }

    async fn hear(&mut self, waiting_for: &str) {
        let message = tokio::time::timeout(LIMIT, self.socket.next()).await;
        let Ok(message) = message else {
            panic!("waited in vain for {waiting_for}; seen: {:?}", self.seen);
        };
        let Message::Text(text) = message.unwrap().unwrap() else {
            return;
        };
        let mut message: Value = serde_json::from_str(&text).unwrap();
        match message["topic"].as_str().unwrap() {
            "log" => self.lines.append(message["lines"].as_array_mut().unwrap()),
            topic => {
                let topic = topic.to_owned();
                self.seen.insert(topic, message["data"].take());
            }
        }
    }
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, work).await.unwrap()
}

const LIMIT: Duration = Duration::from_secs(10);
