//! What the environment says about reaching this instance from outside. Pure.

use std::net::{IpAddr, Ipv4Addr};

use instance::{Access, Port, PortMap, Variables};

/// Facts that do not change while tunneld runs.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    ports: PortMap,
    https: bool,
    address: Option<IpAddr>,
    problems: Vec<String>,
    notices: Vec<String>,
}

impl Facts {
    pub(crate) fn from_variables(variables: &Variables) -> Self {
        let (mut problems, mut notices) = (Vec::new(), Vec::new());
        // Mistakes in access variables are proxyd's to report.
        let (access, _) = Access::from_variables(variables);
        let stated = variables.get("PUBLIC_IPADDR").map_or("", |v| v.trim());
        let address = stated.parse().ok();
        if address.is_none() && !stated.is_empty() {
            problems.push(format!(
                "PUBLIC_IPADDR: {stated:?} is not an IP address; it is ignored"
            ));
        }
        if variables
            .get("CF_TUNNEL_TOKEN")
            .is_some_and(|token| !token.trim().is_empty())
        {
            notices.push(CLOUDFLARE.to_owned());
        }
        Self {
            ports: PortMap::from_variables(variables),
            https: access.https,
            address,
            problems,
            notices,
        }
    }

    /// Whether proxied apps are served over HTTPS.
    pub(crate) fn https(&self) -> bool {
        self.https
    }

    /// The outside port that leads to `port`.
    pub(crate) fn outside(&self, port: Port) -> Option<Port> {
        self.ports.outside(port)
    }

    /// The host to name in addresses; `set` is what a visitor's browser has shown us. Without a
    /// platform the instance is a container or a sandbox on the reader's own machine.
    pub(crate) fn host(&self, set: Option<Ipv4Addr>) -> Option<String> {
        let address = set.map(IpAddr::V4).or(self.address);
        match address {
            Some(address) => Some(address.to_string()),
            None if self.ports.is_platform() => None,
            None => Some("localhost".to_owned()),
        }
    }

    /// Variables that were refused.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Variables that mean nothing here.
    pub(crate) fn notices(&self) -> &[String] {
        &self.notices
    }
}

const CLOUDFLARE: &str = "CF_TUNNEL_TOKEN is set, but Cloudflare tunnels are not used here and the \
token is ignored; open the apps by their direct links or the ssh lines, and remove the variable \
from the template to silence this";

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pairs: &[(&str, &str)]) -> Facts {
        let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        Facts::from_variables(&pairs.iter().map(owned).collect())
    }

    #[test]
    fn a_cloudflare_token_is_answered_with_one_notice_that_does_not_show_it() {
        let facts = facts(&[("CF_TUNNEL_TOKEN", "eyJhIjoi")]);
        assert_eq!(facts.notices().len(), 1);
        assert!(facts.notices()[0].contains("not used"));
        assert!(!format!("{facts:?}").contains("eyJhIjoi"));
    }

    #[test]
    fn the_host_is_what_was_set_then_what_was_given_then_this_machine() {
        let given = facts(&[("PUBLIC_IPADDR", "65.130.162.74")]);
        let seen = Some(Ipv4Addr::new(9, 9, 9, 9));
        assert_eq!(given.host(seen).unwrap(), "9.9.9.9");
        assert_eq!(given.host(None).unwrap(), "65.130.162.74");
        assert_eq!(facts(&[]).host(None).unwrap(), "localhost");
        assert_eq!(facts(&[("CONTAINER_ID", "1")]).host(None), None);
    }

    #[test]
    fn an_address_that_is_none_is_refused_by_name() {
        let facts = facts(&[("PUBLIC_IPADDR", "None")]);
        assert!(facts.problems()[0].starts_with("PUBLIC_IPADDR: \"None\""));
        assert_eq!(facts.host(None), None);
    }
}
