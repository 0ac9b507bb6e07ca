//! Signed sessions: what our cookie holds. Pure; randomness and time are arguments.
//!
//! ```text
//! base64url( version 1 | id 16 | expiry 8, seconds, big endian | HMAC-SHA256 32 )
//! ```
//!
//! The password is never in it. The signing key depends on the stored random key and on the
//! instance's credentials, so a changed password ends every session like a revocation does.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use instance::{Credentials, Secret};
use sha2::Sha256;

/// One login of one browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Random, and nothing but a name.
    pub id: [u8; 16],
    /// When it ends by itself, in seconds since the Unix epoch.
    pub expiry: u64,
}

/// Sessions that were ended before their time: one line each, the id in hexadecimal and the expiry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended(BTreeMap<[u8; 16], u64>);

impl Ended {
    /// Reads what [`to_text`](Self::to_text) wrote; a line that is none is left out.
    pub fn parse(text: &str) -> Self {
        let line = |line: &str| {
            let (id, expiry) = line.split_once(' ')?;
            let id = u128::from_str_radix(id, 16).ok()?;
            Some((id.to_be_bytes(), expiry.parse().ok()?))
        };
        Self(text.lines().filter_map(line).collect())
    }

    /// The text of a file.
    pub fn to_text(&self) -> String {
        let lines = self.0.iter();
        lines
            .map(|(id, expiry)| format!("{:032x} {expiry}\n", u128::from_be_bytes(*id)))
            .collect()
    }

    /// Ends a session, and forgets those that have ended by themselves.
    pub fn end(&mut self, session: Session, now: u64) {
        self.0.retain(|_, expiry| *expiry > now);
        self.0.insert(session.id, session.expiry);
    }

    /// Whether a session was ended.
    pub fn contains(&self, session: &Session) -> bool {
        self.0.contains_key(&session.id)
    }
}

/// Signs sessions and checks them.
#[derive(Clone)]
pub struct SessionKey(Hmac<Sha256>);

impl SessionKey {
    /// Derives the key from 32 stored random bytes and the credentials.
    pub fn new(stored: &[u8; 32], credentials: &Credentials) -> Self {
        let mut derive = hmac(stored);
        derive.update(b"berth session v1");
        for secret in [&credentials.token, &credentials.password] {
            let text = secret.as_ref().map_or("", Secret::expose);
            derive.update(&(text.len() as u64).to_be_bytes());
            derive.update(text.as_bytes());
        }
        Self(hmac(&derive.finalize().into_bytes()))
    }

    /// The cookie value of a session that ends at `expiry`, in seconds since the Unix epoch.
    pub fn issue(&self, id: [u8; 16], expiry: u64) -> String {
        let mut value = vec![VERSION];
        value.extend_from_slice(&id);
        value.extend_from_slice(&expiry.to_be_bytes());
        let signature = self.0.clone().chain_update(&value).finalize().into_bytes();
        value.extend_from_slice(&signature);
        URL_SAFE_NO_PAD.encode(value)
    }

    /// The session that `value` is, if we signed it and it has not ended by itself at `now`.
    pub fn open(&self, value: &str, now: u64) -> Option<Session> {
        let mut bytes = [0; LENGTH];
        if URL_SAFE_NO_PAD.decode_slice(value, &mut bytes) != Ok(LENGTH) {
            return None;
        }
        let (signed, signature) = bytes.split_at(SIGNED);
        let genuine = self
            .0
            .clone()
            .chain_update(signed)
            .verify_slice(signature)
            .is_ok();
        let (mut id, mut expiry) = ([0; 16], [0; 8]);
        id.copy_from_slice(&signed[1..17]);
        expiry.copy_from_slice(&signed[17..]);
        let expiry = u64::from_be_bytes(expiry);
        let holds = genuine && signed[0] == VERSION && now < expiry;
        holds.then_some(Session { id, expiry })
    }
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

const VERSION: u8 = 1;
const SIGNED: usize = 1 + 16 + 8;
const LENGTH: usize = SIGNED + 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(token: &str) -> Credentials {
        Credentials {
            token: Secret::parse(token),
            password: None,
            username: String::new(),
        }
    }

    #[test]
    fn a_session_holds_until_its_end_under_its_key_and_credentials() {
        let key = SessionKey::new(&[7; 32], &credentials("secret"));
        let value = key.issue([3; 16], 1000);
        let session = Session {
            id: [3; 16],
            expiry: 1000,
        };
        assert!(key.open(&value, 999) == Some(session));
        assert!(key.open(&value, 1000).is_none());
        let opens = |key: SessionKey| key.open(&value, 0).is_some();
        assert!(!opens(SessionKey::new(&[8; 32], &credentials("secret"))));
        assert!(!opens(SessionKey::new(&[7; 32], &credentials("other"))));
        assert!(!value.contains("secret"));
    }

    #[test]
    fn a_changed_session_is_refused() {
        let key = SessionKey::new(&[7; 32], &credentials("secret"));
        let value = key.issue([3; 16], u64::MAX);
        for position in 0..value.len() {
            let mut changed = value.clone().into_bytes();
            changed[position] = if changed[position] == b'A' {
                b'B'
            } else {
                b'A'
            };
            let changed = std::str::from_utf8(&changed).unwrap();
            assert_eq!(key.open(changed, 0), None, "{position}");
        }
        for wrong in ["", "secret", &value[1..], &format!("{value}A")] {
            assert_eq!(key.open(wrong, 0), None, "{wrong}");
        }
    }

    #[test]
    fn ended_sessions_are_kept_until_their_end_and_survive_a_file() {
        let session = |id: u8, expiry| Session {
            id: [id; 16],
            expiry,
        };
        let mut ended = Ended::default();
        ended.end(session(1, 100), 0);
        ended.end(session(0, 200), 0);
        assert_eq!(Ended::parse(&ended.to_text()), ended);
        assert!(ended.contains(&session(1, 100)) && !ended.contains(&session(2, 100)));
        ended.end(session(2, 300), 150);
        assert_eq!(ended.to_text().lines().count(), 2);
        let damaged = format!("nonsense\n\n{}x", ended.to_text());
        assert_eq!(Ended::parse(&damaged), ended);
    }
}
