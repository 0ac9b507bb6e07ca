//! Text that must not be shown.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// A credential. It cannot be printed, is compared in constant time and wiped on drop.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a credential as templates give it: line ends and surrounding blanks are not part of
    /// it. Nothing is returned for an empty value and for the placeholder `1`, with which a
    /// template asks the platform for a real token.
    pub fn parse(value: &str) -> Option<Self> {
        let value: String = value
            .chars()
            .filter(|c| !matches!(c, '\r' | '\n' | '\0'))
            .collect();
        let value = value.trim();
        (!value.is_empty() && value != "1").then(|| Self(Zeroizing::new(value.to_owned())))
    }

    /// Whether `candidate` is this credential, in time that depends on the lengths alone.
    pub fn matches(&self, candidate: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(candidate).into()
    }

    /// The credential itself, for handing it on; never for a log, a message or a command line.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_not_credentials() {
        for value in ["", "1", " 1 ", "\r\n", "  "] {
            assert!(Secret::parse(value).is_none(), "{value:?}");
        }
    }

    #[test]
    fn a_credential_matches_itself_only_and_does_not_print() {
        let secret = Secret::parse("pässword;$x\n").unwrap();
        assert!(secret.matches("pässword;$x".as_bytes()));
        assert!(!secret.matches(b"p"));
        assert!(!secret.matches(b""));
        assert!(!format!("{secret:?}").contains("ssword"));
    }
}
