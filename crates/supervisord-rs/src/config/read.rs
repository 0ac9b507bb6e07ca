//! Reading a configuration from its main file to its groups.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::{
    Config, DaemonSection, InetServer, LoadError, Problem, ProblemKind, Refused, UnixServer,
    absolute,
    assemble::{self, Notes},
    form::Form,
    include::{Disk, Files, LARGEST, include},
    ini::{Ini, Section},
    interfaces,
    names::{Names, Value},
};

/// A configuration, and everything that is wrong with it.
#[derive(Debug)]
pub(super) struct Reading {
    /// Complete only if nothing is fatal.
    pub(super) config: Config,
    /// What keeps supervisord from starting.
    pub(super) fatal: Vec<Problem>,
    /// What is certainly not meant so, although the original takes it in silence.
    pub(super) suspicions: Vec<Problem>,
    pub(super) ini: Ini,
}

/// Reads `file` and what it includes; `names` hold supervisord's own variables.
pub(super) fn read(file: &Path, names: &Names) -> Result<Reading, LoadError> {
    let file = absolute(file);
    let bytes = contents(&file).map_err(|source| {
        let path = file.clone();
        match source.kind() == io::ErrorKind::NotFound {
            true => LoadError::NotFound { path },
            false => LoadError::Unreadable { path, source },
        }
    })?;
    understand(file, &bytes, names, &Disk)
}

/// What the main file holds. It may be a pipe, and even one without end.
pub(super) fn contents(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LARGEST {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(bytes),
    }
}

/// Understands the main file, which is called `file` and holds `bytes`; `files` has the others.
pub(super) fn understand(
    file: PathBuf,
    bytes: &[u8],
    names: &Names,
    files: &impl Files,
) -> Result<Reading, LoadError> {
    let mut ini = Ini::default();
    ini.read(&file, bytes);
    let host = nix::unistd::gethostname().unwrap_or_default();
    let host = host.to_string_lossy().into_owned();
    let with_here = here(names, &file);
    let with_host = with_here.with("host_node_name", Value::Text(host.clone()));
    let mut fatal = Vec::new();
    let mut notes = Notes::default();
    if let Err(refused) = include(&mut ini, &file, &with_host, files, &mut notes.remarks) {
        let section = ini.section("include").cloned();
        fatal.extend(section.iter().flat_map(|s| problems(s, refused.clone())));
    }
    // What was refused of the main file as a whole explains why there is nothing.
    let of_main = ini.problems().iter();
    fatal.extend(
        of_main
            .filter(|p| p.section.is_empty() && p.file == file)
            .cloned(),
    );
    let Some(section) = ini.section("supervisord") else {
        return match fatal.is_empty() {
            true => Err(LoadError::NoDaemonSection { path: file }),
            false => Err(LoadError::Refused(fatal)),
        };
    };
    let daemon = understood(section, &mut fatal, |form| {
        DaemonSection::parse(form, &with_here, &host)
    });
    let names = names.with_variables(&daemon.environment);
    let with_here = here(&names, &file);
    let (inet, unix) = servers(&ini, &names, &with_here, &mut fatal);
    let refused = ini.problems().iter().filter(|p| !fatal.contains(p));
    notes.problems.extend(refused.cloned());
    let rpc = interfaces::supervisor_enabled(&ini, &names, &mut notes);
    let groups = assemble::groups(&ini, &with_here, &host, &daemon.environment, &mut notes);
    Ok(Reading {
        config: Config {
            file,
            daemon,
            unix,
            inet,
            rpc,
            groups,
            problems: notes.problems,
            remarks: notes.remarks,
        },
        fatal,
        suspicions: notes.suspicions,
        ini,
    })
}

fn servers(
    ini: &Ini,
    names: &Names,
    with_here: &Names,
    fatal: &mut Vec<Problem>,
) -> (Vec<InetServer>, Vec<UnixServer>) {
    let (mut inet, mut unix) = (Vec::new(), Vec::new());
    for section in ini.sections() {
        if section.name.starts_with("inet_http_server") {
            inet.extend(understood(section, fatal, |form| {
                InetServer::parse(form, names)
            }));
        } else if section.name.starts_with("unix_http_server") {
            unix.extend(understood(section, fatal, |form| {
                UnixServer::parse(form, names, with_here)
            }));
        }
    }
    (inet, unix)
}

/// What `parse` makes of a section; its mistakes are fatal.
fn understood<T>(
    section: &Section,
    fatal: &mut Vec<Problem>,
    parse: impl FnOnce(&Form<'_>) -> T,
) -> T {
    let form = Form::new(section);
    let value = parse(&form);
    if let Err(refused) = form.finish(()) {
        fatal.extend(problems(section, refused));
    }
    value
}

fn problems(section: &Section, refused: Vec<Refused>) -> Vec<Problem> {
    refused
        .into_iter()
        .map(|refused| section.problem(refused, ProblemKind::Mistake))
        .collect()
}

fn here(names: &Names, file: &Path) -> Names {
    let here = file.parent().unwrap_or_else(|| Path::new("/"));
    names.with("here", Value::Text(here.to_string_lossy().into_owned()))
}
