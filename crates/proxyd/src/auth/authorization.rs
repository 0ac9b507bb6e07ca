//! The `Authorization` header. Pure.

use base64::{Engine as _, engine::general_purpose};

/// A credential of one of the two schemes that proxyd knows.
#[derive(Clone, PartialEq, Eq)]
pub enum Authorization<'a> {
    /// `Bearer TOKEN`.
    Bearer(&'a [u8]),
    /// `Basic base64(username:password)`.
    Basic {
        /// What stands before the first colon.
        username: Vec<u8>,
        /// What stands after it.
        password: Vec<u8>,
    },
}

impl<'a> Authorization<'a> {
    /// Reads a header value; other schemes are the apps' own business.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let space = value.iter().position(|byte| *byte == b' ')?;
        let (scheme, credential) = (&value[..space], value[space..].trim_ascii());
        if scheme.eq_ignore_ascii_case(b"bearer") {
            return Some(Self::Bearer(credential));
        }
        if !scheme.eq_ignore_ascii_case(b"basic") {
            return None;
        }
        let mut username = general_purpose::STANDARD.decode(credential).ok()?;
        let colon = username.iter().position(|byte| *byte == b':')?;
        let password = username.split_off(colon + 1);
        username.pop();
        Some(Self::Basic { username, password })
    }
}

impl std::fmt::Debug for Authorization<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bearer(_) => "Bearer(…)",
            Self::Basic { .. } => "Basic(…)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_read_whatever_their_case() {
        assert_eq!(
            Authorization::parse(b"bEaRer  a b "),
            Some(Authorization::Bearer(b"a b"))
        );
        // "me:a:b"
        let basic = Authorization::parse(b"BASIC bWU6YTpi");
        assert_eq!(
            basic,
            Some(Authorization::Basic {
                username: b"me".to_vec(),
                password: b"a:b".to_vec()
            })
        );
    }

    #[test]
    fn anything_else_is_not_ours_to_read() {
        for value in [
            "",
            "Bearer",
            "token abc",
            "Basic ???",
            "Basic bWU=",
            "Digest a=b",
        ] {
            assert_eq!(Authorization::parse(value.as_bytes()), None, "{value}");
        }
    }
}
