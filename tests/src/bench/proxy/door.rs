//! The proxies: how each is started, and what is asked of a running one.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use tempfile::TempDir;

use super::super::https::{Client, Credential, request};
use super::super::{memory, processes};
use super::running::Running;
use super::scene::{App, Scene};

/// A proxy that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Proxyd,
    Nginx,
    Haproxy,
    Caddy,
}

/// A running proxy in front of one app. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Door {
    running: Running,
    pub(crate) address: SocketAddr,
    /// The `Cookie` header that every client sends.
    pub(crate) cookie: String,
    _dir: TempDir,
}

impl Program {
    pub(crate) const ALL: [Self; 4] = [Self::Proxyd, Self::Nginx, Self::Haproxy, Self::Caddy];

    fn asks_for_credentials(self) -> bool {
        match self {
            Self::Proxyd | Self::Caddy => true,
            Self::Nginx | Self::Haproxy => false,
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proxyd => "proxyd",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Caddy => "Caddy",
        })
    }
}

impl Door {
    /// Starts a proxy and waits until it lets our client in, and nobody else where it asks.
    ///
    /// # Errors
    /// When it does not work.
    pub(crate) fn open(program: Program, scene: &Scene, app: App) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("berth-bench-").tempdir()?;
        let port = testkit::free_port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut command = command(program, scene, dir.path(), port, scene.port(app))?;
        let mut running = Running::start(&mut command, dir.path())?;
        let client = &scene.client;
        let cookie = running.until(|| log_in(program, client, address))?;
        let credential = Credential::Cookie(&cookie);
        running.until(|| expect(200, client.status(address, credential)?))?;
        if program.asks_for_credentials() {
            expect(401, client.status(address, Credential::Nothing)?)?;
        }
        Ok(Self {
            running,
            address,
            cookie,
            _dir: dir,
        })
    }

    /// A request for the page on a connection that is kept.
    pub(crate) fn request(&self, headers: &str) -> String {
        request(self.address, Credential::Cookie(&self.cookie), headers)
    }

    /// Does something and gives the processor time that the proxy used meanwhile.
    ///
    /// # Errors
    /// When that fails or the proxy is gone.
    pub(crate) fn cost<T>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<(T, Duration)> {
        let before = processes::processor_time(self.running.pid()?)?;
        let done = work()?;
        let after = processes::processor_time(self.running.pid()?)?;
        let used = after.checked_sub(before);
        Ok((done, used.context("a process of the proxy is gone")?))
    }

    /// The memory of its processes, in MiB.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        memory::of_tree(self.running.pid()?)
    }
}

/// The session of ours; for the others a cookie of the same length.
fn log_in(program: Program, client: &Client, address: SocketAddr) -> anyhow::Result<String> {
    if program != Program::Proxyd {
        return Ok(format!("C.1_auth_token={TOKEN}"));
    }
    let mut session = client.connect(address)?;
    let target = format!("GET /?token={TOKEN} HTTP/1.1\r\nHost: {address}");
    session.send(format!("{target}\r\nAccept: text/html\r\n\r\n").as_bytes())?;
    let answer = session.answer()?;
    let line = answer
        .header("set-cookie")
        .with_context(|| format!("no session: {answer:?}"))?;
    let (cookie, _) = line.split_once(';').unwrap_or((line, ""));
    Ok(cookie.to_owned())
}

fn expect(wanted: u16, status: u16) -> anyhow::Result<()> {
    ensure!(status == wanted, "status {status} instead of {wanted}");
    Ok(())
}

fn command(
    program: Program,
    scene: &Scene,
    dir: &Path,
    port: u16,
    upstream: u16,
) -> anyhow::Result<Command> {
    for name in ["instance.crt", "instance.key", "instance.pem"] {
        fs::copy(scene.certificates().join(name), dir.join(name))?;
    }
    let config = |name: &str| -> anyhow::Result<_> {
        let recipe = fs::read_to_string(scene.recipes.join(name))?;
        let text = recipe
            .replace("@DIR@", &dir.display().to_string())
            .replace("@PORT@", &port.to_string())
            .replace("@UPSTREAM@", &upstream.to_string())
            .replace("@TOKEN@", TOKEN);
        let path = dir.join(name);
        fs::write(&path, text)?;
        Ok(path)
    };
    Ok(match program {
        Program::Proxyd => ours(scene, dir, port, upstream)?,
        Program::Nginx => {
            let mut nginx = Command::new("nginx");
            nginx.arg("-e").arg(dir.join("error.log"));
            nginx
                .arg("-p")
                .arg(dir)
                .arg("-c")
                .arg(config("nginx.conf")?);
            nginx
        }
        Program::Haproxy => {
            let mut haproxy = Command::new("haproxy");
            haproxy.arg("-db").arg("-f").arg(config("haproxy.cfg")?);
            haproxy
        }
        Program::Caddy => {
            let mut caddy = Command::new(&scene.caddy);
            caddy.args(["run", "--adapter", "caddyfile", "--config"]);
            caddy.arg(config("Caddyfile")?);
            caddy.env("GOMAXPROCS", "2").env("HOME", dir);
            caddy.env("XDG_DATA_HOME", dir).env("XDG_CONFIG_HOME", dir);
            caddy
        }
    })
}

fn ours(scene: &Scene, dir: &Path, port: u16, upstream: u16) -> anyhow::Result<Command> {
    let apps = format!(
        "applications:\n  bench:\n    hostname: localhost\n    external_port: {port}\n    \
         internal_port: {upstream}\n    open_path: /\n"
    );
    fs::write(dir.join("portal.yaml"), apps)?;
    let mut proxyd = Command::new(&scene.proxyd);
    proxyd.env_clear().env("BERTH_LOG_DIR", dir);
    proxyd.env("PROXYD_BIND", "127.0.0.1");
    for (setting, name) in [
        ("SOCKET", "proxyd.sock"),
        ("PORTAL_YAML", "portal.yaml"),
        ("CERTIFICATE", "instance.crt"),
        ("KEY", "instance.key"),
        ("STATE_DIR", "state"),
        ("ENVIRONMENT_FILE", "environment"),
        ("SUPERVISOR_SOCKET", "absent.sock"),
    ] {
        proxyd.env(format!("PROXYD_{setting}"), dir.join(name));
    }
    proxyd.env("ENABLE_HTTPS", "true");
    proxyd.env("VAST_CONTAINERLABEL", "C.1");
    proxyd.env(format!("VAST_TCP_PORT_{port}"), port.to_string());
    proxyd.env("OPEN_BUTTON_TOKEN", TOKEN);
    Ok(proxyd)
}

/// Not a secret: it opens a proxy that lives for seconds. As long as a session of ours, so that
/// every proxy reads requests of one length.
const TOKEN: &str = "bench-4f1c9a7e2b6d8035-4f1c9a7e2b6d8035-4f1c9a7e2b6d8035-4f1c9a7e2b6d8035-4f";
