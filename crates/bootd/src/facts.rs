//! What bootd finds when it starts. Reading only: nothing is decided or changed here.

use std::path::Path;

use instance::Variables;

use crate::{
    options::Options,
    settings::Settings,
    system::{System, read_text},
};

/// The facts a plan is made from.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The environment bootd was started with.
    pub(crate) environment: Variables,
    /// What the command line asks for.
    pub(crate) options: Options,
    /// Whether bootd is PID 1.
    pub(crate) is_init: bool,
    /// Whether bootd runs as root.
    pub(crate) is_root: bool,
    /// The scripts of the boot directory by name; nothing if there is no such directory.
    pub(crate) scripts: Option<Vec<Script>>,
    /// How the platform started this container.
    pub(crate) launch: Launch,
}

/// A file of the boot directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) name: String,
    /// The content; nothing if it cannot be read.
    pub(crate) content: Option<String>,
}

/// How the platform started this container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Launch {
    /// The image's own entry point.
    Entrypoint,
    /// The platform's script, with SSH.
    Ssh,
    /// The platform's script, with its own Jupyter.
    Jupyter,
}

impl Facts {
    /// Reads the facts.
    pub(crate) fn read(
        system: &dyn System,
        settings: &Settings,
        environment: Variables,
        options: Options,
    ) -> Self {
        Self {
            environment: without_inherited(environment),
            options,
            is_init: std::process::id() == 1,
            is_root: nix::unistd::geteuid().is_root(),
            scripts: scripts(system, &settings.boot_dir),
            launch: launch(system),
        }
    }
}

/// Marks of another Berth around this one are not ours to hand on.
fn without_inherited(mut environment: Variables) -> Variables {
    for name in ["BERTH_INCARNATION", "BERTH_BOOTD_FD", "NOTIFY_SOCKET"] {
        environment.remove(name);
    }
    environment
}

fn scripts(system: &dyn System, dir: &Path) -> Option<Vec<Script>> {
    let names = system.list(dir);
    if names.is_empty() && !system.stat(dir).is_some_and(|stat| stat.is_dir) {
        return None;
    }
    let scripts = names
        .into_iter()
        .filter(|name| name.ends_with(".sh") && !name.starts_with('.'))
        .filter(|name| {
            let stat = system.stat(&dir.join(name));
            stat.is_none_or(|stat| !stat.is_dir)
        })
        .map(|name| Script {
            content: read_text(system, &dir.join(&name)),
            name,
        });
    Some(scripts.collect())
}

fn launch(system: &dyn System) -> Launch {
    match read_text(system, Path::new("/.launch")) {
        None => Launch::Entrypoint,
        Some(text) if text.to_lowercase().contains("jupyter") => Launch::Jupyter,
        Some(_) => Launch::Ssh,
    }
}
