//! `PORTAL_CONFIG`: `host:external:internal:path:Name` entries joined by `|`.

use thiserror::Error;

use crate::{App, AppError, Port};

/// A refused entry.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("PORTAL_CONFIG entry {number} ({entry:?}): {reason}")]
pub struct EntryError {
    /// Position in the list, from 1.
    pub number: usize,
    /// The entry as it stands there.
    pub entry: String,
    /// What is wrong.
    #[source]
    pub reason: AppError,
}

/// Reads every entry; a wrong one costs only itself.
///
/// Only the first four colons separate, so a name may hold colons.
pub fn parse(text: &str) -> (Vec<App>, Vec<EntryError>) {
    let mut apps = Vec::new();
    let mut errors = Vec::new();
    let entries = text
        .split('|')
        .map(str::trim)
        .enumerate()
        .filter(|(_, entry)| !entry.is_empty());
    for (index, entry) in entries {
        match parse_entry(entry).and_then(|app| admit(app, &apps)) {
            Ok(app) => apps.push(app),
            Err(reason) => {
                errors.push(EntryError {
                    number: index + 1,
                    entry: entry.to_owned(),
                    reason,
                });
            }
        }
    }
    (apps, errors)
}

fn parse_entry(entry: &str) -> Result<App, AppError> {
    let parts: Vec<&str> = entry.splitn(5, ':').map(str::trim).collect();
    let [host, external, internal, path, name] = parts[..] else {
        return Err(AppError::Parts { found: parts.len() });
    };
    let external_port = port("external", external)?;
    let internal_port = port("internal", internal)?;
    build(host, external_port, internal_port, path, name)
}

/// Builds an app from parts that have been read, with the checks both sources share.
pub(crate) fn build(
    host: &str,
    external_port: Port,
    internal_port: Port,
    path: &str,
    name: &str,
) -> Result<App, AppError> {
    let hostname = if host.is_empty() { "localhost" } else { host };
    let legal =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':');
    if !hostname.chars().all(legal) {
        return Err(AppError::Host {
            value: hostname.to_owned(),
        });
    }
    if name.is_empty() {
        return Err(AppError::NoName);
    }
    let open_path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    Ok(App {
        name: name.to_owned(),
        hostname: hostname.to_owned(),
        external_port,
        internal_port,
        open_path,
        program: App::known_program(name),
        access: None,
        compression: true,
    })
}

/// Lets an app in unless it collides with an earlier one.
///
/// Several apps may share an external port as long as one of them is proxied: the others are links
/// into the same server.
pub(crate) fn admit(app: App, earlier: &[App]) -> Result<App, AppError> {
    if earlier.iter().any(|other| other.name == app.name) {
        return Err(AppError::DuplicateName { name: app.name });
    }
    let taken = earlier
        .iter()
        .find(|other| other.is_proxied() && other.external_port == app.external_port);
    match taken {
        Some(other) if app.is_proxied() && other.internal_port != app.internal_port => {
            Err(AppError::DuplicatePort {
                port: app.external_port,
                other: other.name.clone(),
            })
        }
        _ => Ok(app),
    }
}

fn port(which: &'static str, value: &str) -> Result<Port, AppError> {
    value.parse().map_err(|_| AppError::Port {
        which,
        value: value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_every_app_knows_its_program() {
        let (apps, errors) = parse(crate::DEFAULT_PORTAL_CONFIG);
        assert_eq!(errors, []);
        let programs: Vec<_> = apps
            .iter()
            .map(|app| app.program.as_ref().unwrap().as_str())
            .collect();
        assert_eq!(
            programs,
            ["instance_portal", "jupyter", "comfyui", "tensorboard"]
        );
    }

    #[test]
    fn a_name_may_hold_colons_and_a_path_a_query() {
        let (apps, errors) = parse("localhost:7000:17000:/ui?a=b:My: app");
        assert_eq!(errors, []);
        assert_eq!(apps[0].name, "My: app");
        assert_eq!(apps[0].open_path, "/ui?a=b");
    }

    #[test]
    fn a_wrong_entry_costs_only_itself_and_is_named() {
        let (apps, errors) = parse(
            "localhost:1111:11111:/:Portal|localhost:8080|x:99999:1:/:A|h:1:y:/:B|a b:1:2:/:C||l:5:6:/:",
        );
        assert_eq!(apps.len(), 1);
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert!(
            texts[0].starts_with("PORTAL_CONFIG entry 2 (\"localhost:8080\"): expected"),
            "{texts:?}"
        );
        assert!(texts[1].contains("external port \"99999\""), "{texts:?}");
        assert!(texts[2].contains("internal port \"y\""), "{texts:?}");
        assert!(texts[3].contains("host \"a b\""), "{texts:?}");
        assert!(
            texts[4].contains("entry 7") && texts[4].contains("name is empty"),
            "{texts:?}"
        );
    }

    #[test]
    fn the_first_app_on_a_port_is_kept_and_links_into_it_are_allowed() {
        let (apps, errors) = parse(
            "localhost:8080:18080:/:Jupyter|localhost:8080:8080:/terminals/1:Jupyter Terminal|localhost:8080:1:/:Other|localhost:9:8:/:Jupyter",
        );
        assert_eq!(apps.len(), 2);
        assert!(!apps[1].is_proxied());
        assert_eq!(errors.len(), 2);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = parse(&text);
        }
    }
}
