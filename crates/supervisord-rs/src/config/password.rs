//! Names and passwords that clients must give.

use std::fmt;

use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;

use super::{Refused, form::Form, names::Names};

/// A name and password that clients must give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The password.
    pub password: Password,
}

/// A password as configured. It has no way to be printed.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    /// The password itself.
    Plain(String),
    /// The hexadecimal SHA-1 of the password.
    Sha1(String),
}

impl Credentials {
    /// Whether a client gave both. How long it takes tells nothing but the lengths.
    pub fn admit(&self, username: &str, password: &str) -> bool {
        let name = self.username.as_bytes().ct_eq(username.as_bytes());
        bool::from(name) & self.password.is(password)
    }
}

impl Password {
    /// A configured password; `{SHA}` and a hash mean that only the hash is known.
    pub fn new(text: &str) -> Self {
        match text.strip_prefix("{SHA}") {
            Some(hash) => Self::Sha1(hash.to_owned()),
            None => Self::Plain(text.to_owned()),
        }
    }

    /// The password as a client sends it.
    pub fn to_send(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Sha1(text) => text,
        }
    }

    /// Whether `given` is the password.
    pub fn is(&self, given: &str) -> bool {
        match self {
            Self::Plain(password) => password.as_bytes().ct_eq(given.as_bytes()).into(),
            Self::Sha1(hash) => {
                let mut hex = String::new();
                for byte in Sha1::digest(given.as_bytes()) {
                    hex.push_str(&format!("{byte:02x}"));
                }
                hash.as_bytes().ct_eq(hex.as_bytes()).into()
            }
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain(..)",
            Self::Sha1(_) => "Sha1(..)",
        })
    }
}

/// `username` and `password`; an empty name asks for nothing.
pub(super) fn credentials(form: &Form<'_>, names: &Names) -> Option<Credentials> {
    let given = ["username", "password"].map(|key| form.section.raw(key).is_some());
    if given[0] != given[1] {
        form.note(Refused {
            place: form.section.place.clone(),
            text: "contains incomplete authentication: give both username and password".to_owned(),
        });
    }
    let username = form.text("username", names);
    let password = form.text("password", names);
    match (username, password) {
        (Some(username), Some(password)) if !username.is_empty() => Some(Credentials {
            username,
            password: Password::new(&password),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_itself_or_by_its_hash() {
        let hashed = Password::new("{SHA}82ab876d1387bfafe46cc1c8a2ef074eae50cb1d");
        assert!(hashed.is("thepassword"));
        assert!(!hashed.is("Thepassword"));
        let plain = Password::new("secret");
        assert!(plain.is("secret"));
        assert!(!plain.is("secret "));
        assert_eq!(format!("{plain:?}"), "Plain(..)");
    }

    #[test]
    fn both_name_and_password_must_be_right() {
        let credentials = Credentials {
            username: "u".to_owned(),
            password: Password::new("p"),
        };
        assert!(credentials.admit("u", "p"));
        for (name, password) in [("u", "q"), ("v", "p"), ("", ""), ("u", "")] {
            assert!(!credentials.admit(name, password));
        }
    }
}
