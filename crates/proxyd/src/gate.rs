//! Sessions and credentials at run time: the signing key on disk, and the cookies it signs.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use instance::Access;
use thiserror::Error;

use crate::auth::{Policy, session::SessionKey};

/// Access rules with the key of the sessions.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) access: Access,
    cookie: String,
    key: ArcSwap<SessionKey>,
    file: PathBuf,
}

/// Why a key could not be kept.
#[derive(Debug, Error)]
#[error("failed to write {path}")]
pub(crate) struct KeepError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl Gate {
    /// Takes the stored key or makes one. A key that cannot be stored holds until the next start;
    /// the second value says so.
    pub(crate) fn open(access: Access, state_dir: &Path) -> (Self, Option<String>) {
        let file = state_dir.join("session.key");
        let (stored, problem) = match read(&file) {
            Some(stored) => (stored, None),
            None => {
                let fresh = random();
                let kept = keep(&file, &fresh);
                (
                    fresh,
                    kept.err().map(|error| {
                        format!(
                            "{error}: {}; sessions end with the next restart",
                            error.source
                        )
                    }),
                )
            }
        };
        let gate = Self {
            cookie: format!("{}_auth_token", access.label),
            key: ArcSwap::from_pointee(SessionKey::new(&stored, &access.credentials)),
            access,
            file,
        };
        (gate, problem)
    }

    pub(crate) fn key(&self) -> Arc<SessionKey> {
        self.key.load_full()
    }

    /// Name of our cookie.
    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }

    pub(crate) fn policy<'a>(&'a self, key: &'a SessionKey, required: bool) -> Policy<'a> {
        Policy {
            required,
            credentials: &self.access.credentials,
            cookie: &self.cookie,
            key,
        }
    }

    /// A `Set-Cookie` value that starts a session.
    pub(crate) fn start_session(&self, transport: Transport) -> Option<HeaderValue> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).ok()?;
        let value = self.key.load().issue(id, now() + LIFETIME.as_secs());
        let secure = match transport {
            Transport::Tls => "; Secure",
            Transport::Plain => "",
        };
        let line = format!(
            "{}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
            self.cookie,
            LIFETIME.as_secs()
        );
        let mut line = HeaderValue::try_from(line).ok()?;
        line.set_sensitive(true);
        Some(line)
    }

    /// Ends every session by changing the key.
    pub(crate) fn revoke(&self) -> Result<(), KeepError> {
        let fresh = random();
        keep(&self.file, &fresh)?;
        let key = SessionKey::new(&fresh, &self.access.credentials);
        self.key.store(Arc::new(key));
        Ok(())
    }
}

/// How a client is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Plain,
    Tls,
}

/// Seconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

/// # Panics
/// When the kernel has no randomness: nothing can be signed then, and the caller must not go on.
fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}

/// The stored key; one that is missing or damaged only ends the sessions it signed.
fn read(file: &Path) -> Option<[u8; 32]> {
    let text = fs::read_to_string(file).ok()?;
    let encoded = text.trim_end().strip_prefix(FORMAT)?;
    STANDARD.decode(encoded).ok()?.try_into().ok()
}

fn keep(file: &Path, key: &[u8; 32]) -> Result<(), KeepError> {
    let write = || -> io::Result<()> {
        let dir = file.parent().unwrap_or_else(|| Path::new("/"));
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)?;
        let temporary = file.with_extension("key.tmp");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut out = options.open(&temporary)?;
        out.write_all(format!("{FORMAT}{}\n", STANDARD.encode(key)).as_bytes())?;
        out.sync_all()?;
        fs::rename(&temporary, file)
    };
    write().map_err(|source| KeepError {
        path: file.to_owned(),
        source,
    })
}

/// First bytes of the key file: its version.
const FORMAT: &str = "v1 ";
const LIFETIME: Duration = Duration::from_hours(7 * 24);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn gate(dir: &Path) -> Gate {
        let variables = [("OPEN_BUTTON_TOKEN", "tok"), ("CONTAINER_LABEL", "C.1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (access, _) = Access::from_variables(&variables.into());
        let (gate, problem) = Gate::open(access, dir);
        assert_eq!(problem, None);
        gate
    }

    fn value(line: &HeaderValue) -> String {
        let line = line.to_str().unwrap();
        line.split(['=', ';']).nth(1).unwrap().to_owned()
    }

    #[test]
    fn sessions_outlive_a_restart_but_not_a_revocation() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("proxyd");
        let session = value(&gate(&state).start_session(Transport::Tls).unwrap());
        let again = gate(&state);
        assert!(again.key().accepts(&session, now()));
        again.revoke().unwrap();
        assert!(!again.key().accepts(&session, now()));
        assert!(!gate(&state).key().accepts(&session, now()));
    }

    #[test]
    fn the_key_is_for_its_owner_alone_and_a_damaged_one_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("session.key");
        fs::write(&file, "v1 nonsense").unwrap();
        let session = value(&gate(dir.path()).start_session(Transport::Plain).unwrap());
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(gate(dir.path()).key().accepts(&session, now()));
    }

    #[test]
    fn the_cookie_has_its_attributes() {
        let dir = tempfile::tempdir().unwrap();
        let gate = gate(dir.path());
        let line = gate.start_session(Transport::Tls).unwrap();
        let line = line.to_str().unwrap();
        assert!(line.starts_with("C.1_auth_token="), "{line}");
        assert!(line.ends_with("; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure"));
        let plain = gate.start_session(Transport::Plain).unwrap();
        assert!(!plain.to_str().unwrap().contains("Secure"));
    }
}
