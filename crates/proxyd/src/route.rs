//! Which app is served on which port. Pure.

use instance::{Access, App, AppAccess, Port, PortMap, ProgramName};

/// One app and how it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Name of the app.
    pub app: String,
    /// Host the app listens on.
    pub host: String,
    /// Port the app listens on.
    pub upstream: Port,
    /// Port to listen on.
    pub listen: Port,
    /// The platform's port that leads to `listen`.
    pub outside: Port,
    /// Whether a credential is asked for.
    pub auth: bool,
    /// Whether its answers may be compressed.
    pub compression: bool,
    /// The program that is this app, where that is known.
    pub program: Option<ProgramName>,
}

/// The sites of an instance.
///
/// An app with equal ports serves itself, and a port that the platform does not map cannot be
/// reached; neither gets a site. Of two apps on one port the first is kept.
pub fn route(apps: &[App], ports: &PortMap, access: &Access) -> Vec<Site> {
    let mut sites: Vec<Site> = Vec::new();
    for app in apps.iter().filter(|app| app.is_proxied()) {
        let listen = app.external_port;
        let Some(outside) = ports.outside(listen) else {
            continue;
        };
        if sites.iter().any(|site| site.listen == listen) {
            continue;
        }
        sites.push(Site {
            app: app.name.clone(),
            host: app.hostname.clone(),
            upstream: app.internal_port,
            listen,
            outside,
            auth: match app.access {
                None => access.requires_auth(listen),
                Some(AppAccess::Public) => false,
                Some(AppAccess::Token) => true,
            },
            compression: app.compression,
            program: app.program.clone(),
        });
    }
    sites
}

#[cfg(test)]
mod tests {
    use instance::{Variables, portal_config};

    use super::*;

    fn sites(config: &str, pairs: &[(&str, &str)]) -> Vec<Site> {
        let variables: Variables = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let (apps, _) = portal_config::parse(config);
        let (access, _) = Access::from_variables(&variables);
        route(&apps, &PortMap::from_variables(&variables), &access)
    }

    const CONFIG: &str =
        "localhost:1111:11111:/:Portal|localhost:8080:18080:/:Jupyter|localhost:22:22:/:SSH";

    #[test]
    fn a_plain_container_serves_every_app_that_does_not_serve_itself() {
        let sites = sites(CONFIG, &[("AUTH_EXCLUDE", "8080")]);
        let seen: Vec<_> = sites
            .iter()
            .map(|site| (site.app.as_str(), site.outside.get(), site.auth))
            .collect();
        assert_eq!(seen, [("Portal", 1111, true), ("Jupyter", 8080, false)]);
    }

    #[test]
    fn on_a_platform_only_mapped_ports_are_served() {
        let sites = sites(
            CONFIG,
            &[("VAST_TCP_PORT_8080", "40001"), ("ENABLE_AUTH", "False")],
        );
        assert_eq!(sites.len(), 1);
        assert_eq!(
            (sites[0].listen.get(), sites[0].outside.get()),
            (8080, 40001)
        );
        assert!(!sites[0].auth);
    }
}
