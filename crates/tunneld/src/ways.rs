//! The ways to one app. Pure.

use std::net::Ipv4Addr;

use instance::{App, Port};

use crate::facts::Facts;

/// How an app is reached from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ways {
    /// Name of the app.
    pub(crate) app: String,
    /// Address without tunnel, or why there is none.
    pub(crate) direct: Result<String, String>,
    /// A port forwarding, if SSH is reachable.
    pub(crate) ssh: Option<Ssh>,
}

/// A port forwarding through SSH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ssh {
    /// The command to type.
    pub(crate) command: String,
    /// The address to open once it runs.
    pub(crate) url: String,
}

/// The ways to every app, in their order.
pub(crate) fn to_all(apps: &[App], facts: &Facts, set: Option<Ipv4Addr>) -> Vec<Ways> {
    let ways = apps.iter().map(|app| Ways {
        app: app.name.clone(),
        direct: direct(apps, app.external_port, facts, set)
            .map(|base| format!("{base}{}", app.open_path)),
        ssh: ssh(apps, app, facts, set),
    });
    ways.collect()
}

/// The direct address of a port, without a path.
pub(crate) fn direct(
    apps: &[App],
    port: Port,
    facts: &Facts,
    set: Option<Ipv4Addr>,
) -> Result<String, String> {
    let outside = facts.outside(port).ok_or_else(|| {
        format!(
            "port {port} is not open to the outside; add \"-p {port}:{port}\" to the template's \
             Docker options"
        )
    })?;
    let host = facts.host(set).ok_or_else(|| {
        "the public address of this machine is unknown; PUBLIC_IPADDR is not set".to_owned()
    })?;
    let scheme = if is_https(apps, port, facts) {
        "https"
    } else {
        "http"
    };
    Ok(format!("{scheme}://{}:{outside}", in_url(&host)))
}

/// Whether a port answers HTTPS. A proxied one does as the proxy does. An app that serves itself
/// speaks plain HTTP, but for the platform's own Jupyter on 8080.
fn is_https(apps: &[App], port: Port, facts: &Facts) -> bool {
    let mut there = apps.iter().filter(|app| app.external_port == port);
    if there.any(App::is_proxied) {
        return facts.https();
    }
    port.get() == PLATFORM_JUPYTER && apps.iter().any(|app| app.external_port == port)
}

fn ssh(apps: &[App], app: &App, facts: &Facts, set: Option<Ipv4Addr>) -> Option<Ssh> {
    let port = facts.outside(Port::new(SSH)?)?;
    let host = facts.host(set)?;
    let (target, behind) = upstream(apps, app);
    let remote = behind.get();
    // Ports below 1024 need root on the caller's machine.
    let local = if remote < 1024 {
        remote + 10_000
    } else {
        remote
    };
    let scheme = if app.is_proxied() || behind != app.external_port {
        "http"
    } else if is_https(apps, behind, facts) {
        "https"
    } else {
        "http"
    };
    Some(Ssh {
        command: format!("ssh -p {port} root@{host} -L {local}:{target}:{remote}"),
        url: format!("{scheme}://localhost:{local}{}", app.open_path),
    })
}

/// Where the app itself listens. An unproxied entry on a proxied port is a link into that app.
fn upstream<'a>(apps: &'a [App], app: &'a App) -> (&'a str, Port) {
    let serves = |other: &&App| other.is_proxied() && other.external_port == app.external_port;
    let server = if app.is_proxied() {
        app
    } else {
        apps.iter().find(serves).unwrap_or(app)
    };
    (&server.hostname, server.internal_port)
}

fn in_url(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

const SSH: u16 = 22;
const PLATFORM_JUPYTER: u16 = 8080;

#[cfg(test)]
mod tests {
    use super::*;

    fn apps(config: &str) -> Vec<App> {
        let (apps, errors) = instance::portal_config::parse(config);
        assert_eq!(errors, []);
        apps
    }

    fn facts(pairs: &[(&str, &str)]) -> Facts {
        let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        Facts::from_variables(&pairs.iter().map(owned).collect())
    }

    const PLATFORM: [(&str, &str); 4] = [
        ("PUBLIC_IPADDR", "65.130.162.74"),
        ("VAST_TCP_PORT_22", "40022"),
        ("VAST_TCP_PORT_8080", "40080"),
        ("ENABLE_HTTPS", "true"),
    ];

    #[test]
    fn a_mapped_app_has_a_link_and_a_forwarding() {
        let apps = apps("localhost:8080:18080:/lab:Jupyter");
        let ways = to_all(&apps, &facts(&PLATFORM), None);
        assert_eq!(
            ways[0].direct,
            Ok("https://65.130.162.74:40080/lab".to_owned())
        );
        assert_eq!(
            ways[0].ssh,
            Some(Ssh {
                command: "ssh -p 40022 root@65.130.162.74 -L 18080:localhost:18080".to_owned(),
                url: "http://localhost:18080/lab".to_owned(),
            })
        );
    }

    #[test]
    fn an_unmapped_port_says_what_to_add() {
        let apps = apps("localhost:6006:16006:/:TensorBoard");
        let ways = to_all(&apps, &facts(&PLATFORM), None);
        let problem = ways[0].direct.clone().unwrap_err();
        assert!(problem.contains("-p 6006:6006"), "{problem}");
        assert!(ways[0].ssh.is_some());
    }

    #[test]
    fn a_plain_container_is_reached_on_its_own_ports() {
        let apps = apps(instance::DEFAULT_PORTAL_CONFIG);
        let ways = to_all(&apps, &facts(&[]), None);
        assert_eq!(ways[0].direct, Ok("http://localhost:1111/".to_owned()));
        assert_eq!(
            ways[3].ssh.as_ref().unwrap().command,
            "ssh -p 22 root@localhost -L 16006:localhost:16006"
        );
    }

    #[test]
    fn without_a_public_address_there_is_neither() {
        let apps = apps("localhost:8080:18080:/:Jupyter");
        let ways = to_all(&apps, &facts(&PLATFORM[1..]), None);
        // VAST_TCP_PORT_22 marks a platform.
        assert!(
            ways[0]
                .direct
                .as_ref()
                .unwrap_err()
                .contains("PUBLIC_IPADDR")
        );
        assert_eq!(ways[0].ssh, None);
    }

    #[test]
    fn a_link_into_a_proxied_app_is_forwarded_to_that_app() {
        let apps = apps("localhost:8080:18080:/:Jupyter|localhost:8080:8080:/terminals/1:Terminal");
        let ways = to_all(&apps, &facts(&PLATFORM), None);
        let ssh = ways[1].ssh.clone().unwrap();
        assert!(ssh.command.ends_with("-L 18080:localhost:18080"), "{ssh:?}");
        assert_eq!(ssh.url, "http://localhost:18080/terminals/1");
    }

    #[test]
    fn an_app_that_serves_itself_is_http_whatever_the_proxy_does() {
        let apps = apps("localhost:8080:18080:/:Jupyter|localhost:7860:7860:/ui:Own");
        let facts = facts(&[("ENABLE_HTTPS", "true")]);
        let ways = to_all(&apps, &facts, None);
        assert_eq!(ways[0].direct, Ok("https://localhost:8080/".to_owned()));
        assert_eq!(ways[1].direct, Ok("http://localhost:7860/ui".to_owned()));
        assert_eq!(
            ways[1].ssh.as_ref().unwrap().url,
            "http://localhost:7860/ui"
        );
    }

    #[test]
    fn the_platforms_own_jupyter_is_https_whatever_the_proxy_does() {
        let apps = apps("localhost:8080:8080:/:Jupyter|localhost:9:9:/:Other");
        let facts = facts(&[]);
        let ways = to_all(&apps, &facts, None);
        assert_eq!(ways[0].direct, Ok("https://localhost:8080/".to_owned()));
        assert_eq!(ways[0].ssh.as_ref().unwrap().url, "https://localhost:8080/");
        assert_eq!(ways[1].direct, Ok("http://localhost:9/".to_owned()));
        // Nobody forwards to a port below 1024 of their own machine without being root.
        assert!(
            ways[1]
                .ssh
                .as_ref()
                .unwrap()
                .command
                .ends_with("-L 10009:localhost:9")
        );
    }
}
