//! Who may come in.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::{Port, Secret, Variables};

/// The instance's credentials, from `OPEN_BUTTON_TOKEN`, `WEB_PASSWORD` and `WEB_USERNAME`.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Token of the platform's Open button.
    pub token: Option<Secret>,
    /// Password for HTTP Basic; also accepted as token and Bearer.
    pub password: Option<Secret>,
    /// User name for HTTP Basic.
    pub username: String,
}

/// The access rules of an instance.
#[derive(Clone, Debug)]
pub struct Access {
    /// Whether a credential is asked for at all: `ENABLE_AUTH` is anything but `false`.
    pub auth: bool,
    /// External ports that ask for none: `AUTH_EXCLUDE`.
    pub auth_exclude: BTreeSet<Port>,
    /// Whether HTTPS is wanted: `ENABLE_HTTPS` is `true`.
    pub https: bool,
    /// The credentials.
    pub credentials: Credentials,
    /// Name that prefixes cookies: `VAST_CONTAINERLABEL`, `CONTAINER_LABEL` or `berth`.
    pub label: String,
}

/// An environment value that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{variable}: {text}")]
pub struct Problem {
    /// Name of the variable.
    pub variable: &'static str,
    /// What is wrong and what to do; never the value of a secret.
    pub text: String,
}

impl Access {
    /// Reads the rules from an environment; a wrong value costs only itself.
    pub fn from_variables(variables: &Variables) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let get = |name: &str| variables.get(name).map_or("", String::as_str).trim();
        let access = Self {
            auth: !get("ENABLE_AUTH").eq_ignore_ascii_case("false"),
            auth_exclude: exclusions(get("AUTH_EXCLUDE"), &mut problems),
            https: get("ENABLE_HTTPS").eq_ignore_ascii_case("true"),
            credentials: Credentials::from_variables(variables, &mut problems),
            label: label(variables),
        };
        (access, problems)
    }

    /// Whether this external port asks for a credential.
    pub fn requires_auth(&self, external: Port) -> bool {
        self.auth && !self.auth_exclude.contains(&external)
    }
}

impl Credentials {
    fn from_variables(variables: &Variables, problems: &mut Vec<Problem>) -> Self {
        let mut secret = |name: &'static str| {
            let value = variables.get(name)?;
            let secret = Secret::parse(value);
            if secret.is_none() && !value.trim().is_empty() {
                problems.push(Problem {
                    variable: name,
                    text: "the placeholder \"1\" is not accepted as a credential; set a real one"
                        .to_owned(),
                });
            }
            secret
        };
        let username = variables
            .get("WEB_USERNAME")
            .map_or("", String::as_str)
            .trim();
        Self {
            token: secret("OPEN_BUTTON_TOKEN"),
            password: secret("WEB_PASSWORD"),
            username: if username.is_empty() {
                "vastai"
            } else {
                username
            }
            .to_owned(),
        }
    }

    /// Whether there is any credential to log in with.
    pub fn any(&self) -> bool {
        self.token.is_some() || self.password.is_some()
    }

    /// Whether `candidate` is the token or the password. Both are always compared.
    pub fn accepts_token(&self, candidate: &[u8]) -> bool {
        let matches =
            |secret: &Option<Secret>| secret.as_ref().is_some_and(|s| s.matches(candidate));
        matches(&self.token) | matches(&self.password)
    }

    /// Whether user name and password are those of HTTP Basic. Without `WEB_PASSWORD` the token
    /// stands in for it.
    pub fn accepts_basic(&self, username: &[u8], password: &[u8]) -> bool {
        let user: bool = subtle::ConstantTimeEq::ct_eq(self.username.as_bytes(), username).into();
        let secret = self.password.as_ref().or(self.token.as_ref());
        secret.is_some_and(|secret| secret.matches(password)) & user
    }
}

fn exclusions(list: &str, problems: &mut Vec<Problem>) -> BTreeSet<Port> {
    let mut ports = BTreeSet::new();
    for entry in list
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
    {
        match entry.parse() {
            Ok(port) => drop(ports.insert(port)),
            Err(_) => problems.push(Problem {
                variable: "AUTH_EXCLUDE",
                text: format!("{entry:?} is not a port; expected numbers separated by commas"),
            }),
        }
    }
    ports
}

/// Cookie names allow few characters; others become `_`.
fn label(variables: &Variables) -> String {
    let label = ["VAST_CONTAINERLABEL", "CONTAINER_LABEL"]
        .iter()
        .find_map(|name| {
            variables
                .get(*name)
                .map(|v| v.trim())
                .filter(|v| !v.is_empty())
        })
        .unwrap_or("berth");
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    label
        .chars()
        .map(|c| if legal(c) { c } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(pairs: &[(&str, &str)]) -> (Access, Vec<Problem>) {
        Access::from_variables(
            &pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn a_bad_exclusion_costs_only_itself() {
        let (access, problems) = access(&[("AUTH_EXCLUDE", "8080, x,70000,6006,")]);
        let ports: Vec<_> = access.auth_exclude.iter().map(|p| p.get()).collect();
        assert_eq!(ports, [6006, 8080]);
        assert_eq!(problems.len(), 2);
        assert!(access.requires_auth(Port::new(1111).unwrap()));
        assert!(!access.requires_auth(Port::new(8080).unwrap()));
    }

    #[test]
    fn the_placeholder_token_is_refused_by_name_and_not_by_value() {
        let (access, problems) = access(&[("OPEN_BUTTON_TOKEN", "1"), ("WEB_PASSWORD", "hunter2")]);
        assert!(!access.credentials.accepts_token(b"1"));
        assert!(access.credentials.accepts_token(b"hunter2"));
        assert_eq!(problems[0].variable, "OPEN_BUTTON_TOKEN");
        assert!(!format!("{access:?}{problems:?}").contains("hunter2"));
    }

    #[test]
    fn basic_needs_the_user_name_and_the_password() {
        let (access, _) = access(&[("OPEN_BUTTON_TOKEN", "tok"), ("WEB_PASSWORD", "pw")]);
        assert!(access.credentials.accepts_basic(b"vastai", b"pw"));
        assert!(!access.credentials.accepts_basic(b"vastai", b"tok"));
        assert!(!access.credentials.accepts_basic(b"root", b"pw"));
    }

    #[test]
    fn the_label_is_fit_for_a_cookie_name() {
        assert_eq!(
            access(&[("VAST_CONTAINERLABEL", "C.12 ;=3")]).0.label,
            "C.12___3"
        );
        assert_eq!(access(&[]).0.label, "berth");
    }

    #[test]
    fn https_is_off_and_auth_is_on_unless_said_otherwise() {
        let (access, _) = access(&[]);
        assert!(access.auth && !access.https);
    }
}
