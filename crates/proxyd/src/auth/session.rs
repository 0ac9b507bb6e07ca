//! Signed sessions: what our cookie holds. Pure; randomness and time are arguments.
//!
//! ```text
//! base64url( version 1 | id 16 | expiry 8, seconds, big endian | HMAC-SHA256 32 )
//! ```
//!
//! The password is never in it. The signing key depends on the stored random key and on the
//! instance's credentials, so a changed password ends every session like a revocation does.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use instance::{Credentials, Secret};
use sha2::Sha256;

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

    /// Whether `value` is a session of ours that has not ended at `now`.
    pub fn accepts(&self, value: &str, now: u64) -> bool {
        let mut bytes = [0; LENGTH];
        if URL_SAFE_NO_PAD.decode_slice(value, &mut bytes) != Ok(LENGTH) {
            return false;
        }
        let (signed, signature) = bytes.split_at(SIGNED);
        let genuine = self
            .0
            .clone()
            .chain_update(signed)
            .verify_slice(signature)
            .is_ok();
        let mut expiry = [0; 8];
        expiry.copy_from_slice(&signed[SIGNED - 8..]);
        genuine && signed[0] == VERSION && now < u64::from_be_bytes(expiry)
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
        assert!(key.accepts(&value, 999));
        assert!(!key.accepts(&value, 1000));
        assert!(!SessionKey::new(&[8; 32], &credentials("secret")).accepts(&value, 0));
        assert!(!SessionKey::new(&[7; 32], &credentials("other")).accepts(&value, 0));
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
            assert!(
                !key.accepts(std::str::from_utf8(&changed).unwrap(), 0),
                "{position}"
            );
        }
        for wrong in ["", "secret", &value[1..], &format!("{value}A")] {
            assert!(!key.accepts(wrong, 0), "{wrong}");
        }
    }
}
