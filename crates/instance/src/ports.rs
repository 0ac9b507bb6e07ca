//! Which port of the outside leads to which port of the instance.

use std::collections::BTreeMap;

use crate::{Port, Variables};

/// The platform's port mapping.
///
/// A platform gives each port that a template asked for a random outside port and tells it in
/// `VAST_TCP_PORT_<port>`; a port without that variable cannot be reached. Where no platform
/// variable exists at all (a plain container, a developer's machine), a port maps to itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortMap {
    mapped: BTreeMap<Port, Port>,
    platform: bool,
}

impl PortMap {
    /// Reads the mapping from an environment. Values that are no port count as not mapped.
    pub fn from_variables(variables: &Variables) -> Self {
        let mapped = variables
            .iter()
            .filter_map(|(name, value)| {
                // Numbers above 65535 are tokens of self-mapped ports, not ports.
                let inside = name.strip_prefix("VAST_TCP_PORT_")?.parse().ok()?;
                Some((inside, value.parse().ok()?))
            })
            .collect();
        let platform = variables.keys().any(|name| is_platform_variable(name));
        Self { mapped, platform }
    }

    /// The outside port that leads to `port`, if there is one.
    pub fn outside(&self, port: Port) -> Option<Port> {
        match self.mapped.get(&port) {
            Some(outside) => Some(*outside),
            None if self.platform => None,
            None => Some(port),
        }
    }

    /// Whether a platform runs this instance.
    pub fn is_platform(&self) -> bool {
        self.platform
    }
}

fn is_platform_variable(name: &str) -> bool {
    name.starts_with("VAST_")
        || name.starts_with("RUNPOD_")
        || matches!(
            name,
            "CONTAINER_ID" | "CONTAINER_API_KEY" | "CONTAINER_LABEL" | "PUBLIC_IPADDR"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> PortMap {
        PortMap::from_variables(
            &pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        )
    }
    fn port(number: u16) -> Port {
        Port::new(number).unwrap()
    }

    #[test]
    fn a_plain_container_maps_each_port_to_itself() {
        assert_eq!(
            map(&[("HOME", "/root")]).outside(port(1111)),
            Some(port(1111))
        );
    }

    #[test]
    fn on_a_platform_only_mapped_ports_are_reachable() {
        let map = map(&[
            ("VAST_TCP_PORT_1111", "40001"),
            ("VAST_TCP_PORT_72299", "40002"),
            ("VAST_TCP_PORT_8080", "none"),
        ]);
        assert_eq!(map.outside(port(1111)), Some(port(40001)));
        assert_eq!(map.outside(port(8080)), None);
        assert_eq!(map.outside(port(22)), None);
    }
}
