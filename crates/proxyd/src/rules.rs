//! What the instance's variables say about passing. Pure.

use std::collections::BTreeSet;

use instance::{Access, Port, Variables};

use crate::{
    auth::{
        Policy,
        session::{Ended, SessionKey},
    },
    cors::Cors,
};

/// The rules that hold for every request until they are replaced as a whole.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) access: Access,
    /// What scripts of other sites may do; nothing unless it is configured.
    pub(crate) cors: Option<Cors>,
    /// Whether answers are compressed: `CADDY_ENABLE_COMPRESSION` is not `false`.
    pub(crate) compression: bool,
    pub(crate) localhost: Localhost,
    pub(crate) key: SessionKey,
    /// Name of our cookie.
    pub(crate) cookie: String,
}

/// Which apps are told that they are asked on `localhost`: `CADDY_HEADER_UP_LOCALHOST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Localhost {
    /// Those whose host it is.
    Named,
    All,
    /// Also those on these internal ports.
    Ports(BTreeSet<Port>),
}

impl Rules {
    /// Reads the rules; a wrong value costs only itself. `stored` is the random part of the key of
    /// the sessions.
    pub(crate) fn new(variables: &Variables, stored: &[u8; 32]) -> (Self, Vec<String>) {
        let (access, refused) = Access::from_variables(variables);
        let mut problems: Vec<_> = refused.iter().map(ToString::to_string).collect();
        if access.auth && !access.credentials.any() {
            problems.push(
                "no credential is set, so nobody can log in; set WEB_PASSWORD or OPEN_BUTTON_TOKEN"
                    .to_owned(),
            );
        }
        let (cors, refused) = Cors::from_variables(variables);
        problems.extend(refused);
        let get = |name: &str| variables.get(name).map_or("", |value| value.trim());
        let rules = Self {
            cors,
            compression: !get("CADDY_ENABLE_COMPRESSION").eq_ignore_ascii_case("false"),
            localhost: Localhost::parse(get(UP_LOCALHOST), &mut problems),
            key: SessionKey::new(stored, &access.credentials),
            cookie: format!("{}_auth_token", access.label),
            access,
        };
        (rules, problems)
    }

    /// `waits` says whether the client has tried too many wrong credentials.
    pub(crate) fn policy<'a>(
        &'a self,
        required: bool,
        ended: &'a Ended,
        waits: bool,
    ) -> Policy<'a> {
        Policy {
            required,
            ended,
            waits,
            credentials: &self.access.credentials,
            cookie: &self.cookie,
            key: &self.key,
        }
    }
}

impl Localhost {
    fn parse(text: &str, problems: &mut Vec<String>) -> Self {
        if text.eq_ignore_ascii_case("true") {
            return Self::All;
        }
        let entries = text.split(',').map(str::trim);
        let entries =
            entries.filter(|entry| !entry.is_empty() && !entry.eq_ignore_ascii_case("false"));
        let mut ports = BTreeSet::new();
        for entry in entries {
            match entry.parse() {
                Ok(port) => drop(ports.insert(port)),
                Err(_) => problems.push(format!(
                    "{UP_LOCALHOST}: {entry:?} is not a port; expected \"true\", or internal ports \
                     separated by commas"
                )),
            }
        }
        match ports.is_empty() {
            true => Self::Named,
            false => Self::Ports(ports),
        }
    }

    /// Whether an app on this internal port is told so whatever its host is.
    pub(crate) fn includes(&self, port: Port) -> bool {
        match self {
            Self::Named => false,
            Self::All => true,
            Self::Ports(ports) => ports.contains(&port),
        }
    }
}

const UP_LOCALHOST: &str = "CADDY_HEADER_UP_LOCALHOST";

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(pairs: &[(&str, &str)]) -> (Rules, Vec<String>) {
        let pairs = pairs.iter();
        let variables = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Rules::new(&variables.collect(), &[0; 32])
    }

    #[test]
    fn ports_that_are_none_cost_only_themselves() {
        let port = |port| Port::new(port).unwrap();
        let (read, problems) = rules(&[
            ("WEB_PASSWORD", "secret"),
            (UP_LOCALHOST, "8188, x,,18080"),
            ("CADDY_ENABLE_COMPRESSION", "False"),
        ]);
        assert!(read.localhost.includes(port(8188)) && read.localhost.includes(port(18080)));
        assert!(!read.localhost.includes(port(1)) && !read.compression);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("\"x\""), "{problems:?}");

        let (read, problems) = rules(&[("WEB_PASSWORD", "secret"), (UP_LOCALHOST, "TRUE")]);
        assert!(read.localhost.includes(port(1)) && read.compression && problems.is_empty());
        let (read, problems) = rules(&[("WEB_PASSWORD", "secret"), (UP_LOCALHOST, "false")]);
        assert_eq!((read.localhost, problems.len()), (Localhost::Named, 0));
    }
}
