//! Sessions and credentials at run time: the signing key on disk, and the cookies it signs.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use instance::Variables;
use thiserror::Error;

use crate::rules::Rules;

/// The rules that hold now, and the random part of the key of the sessions.
#[derive(Debug)]
pub(crate) struct Gate {
    rules: ArcSwap<Rules>,
    /// The variables that the rules are of; whoever changes them holds this.
    state: Mutex<State>,
    file: PathBuf,
}

#[derive(Debug)]
struct State {
    variables: Variables,
    stored: [u8; 32],
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
    /// the second value says so, and what of the variables was refused.
    pub(crate) fn open(variables: Variables, state_dir: &Path) -> (Self, Vec<String>) {
        let file = state_dir.join("session.key");
        let (stored, unkept) = match read(&file) {
            Some(stored) => (stored, None),
            None => {
                let fresh = random();
                (fresh, keep(&file, &fresh).err())
            }
        };
        let (rules, mut problems) = Rules::new(&variables, &stored);
        problems.extend(unkept.map(|error| {
            format!(
                "{error}: {}; sessions end with the next restart",
                error.source
            )
        }));
        let gate = Self {
            rules: ArcSwap::from_pointee(rules),
            state: Mutex::new(State { variables, stored }),
            file,
        };
        (gate, problems)
    }

    pub(crate) fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// Puts the rules of other variables into effect, for the next request of every connection.
    /// What of them was refused, or nothing if they are the same.
    pub(crate) fn change(&self, variables: Variables) -> Option<Vec<String>> {
        let mut state = self.state();
        if state.variables == variables {
            return None;
        }
        state.variables = variables;
        Some(self.renew(&state))
    }

    /// Ends every session by changing the key.
    pub(crate) fn revoke(&self) -> Result<(), KeepError> {
        let mut state = self.state();
        let fresh = random();
        keep(&self.file, &fresh)?;
        state.stored = fresh;
        self.renew(&state);
        Ok(())
    }

    fn renew(&self, state: &State) -> Vec<String> {
        let (rules, problems) = Rules::new(&state.variables, &state.stored);
        self.rules.store(Arc::new(rules));
        problems
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A `Set-Cookie` value that starts a session.
pub(crate) fn session(rules: &Rules, transport: Transport) -> Option<HeaderValue> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).ok()?;
    let value = rules.key.issue(id, now() + LIFETIME.as_secs());
    let secure = match transport {
        Transport::Tls => "; Secure",
        Transport::Plain => "",
    };
    let line = format!(
        "{}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
        rules.cookie,
        LIFETIME.as_secs()
    );
    let mut line = HeaderValue::try_from(line).ok()?;
    line.set_sensitive(true);
    Some(line)
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
        let (gate, problems) = Gate::open(variables.into(), dir);
        assert_eq!(problems, [""; 0]);
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
        let session = value(&session(&gate(&state).rules(), Transport::Tls).unwrap());
        let again = gate(&state);
        assert!(again.rules().key.accepts(&session, now()));
        again.revoke().unwrap();
        assert!(!again.rules().key.accepts(&session, now()));
        assert!(!gate(&state).rules().key.accepts(&session, now()));
    }

    #[test]
    fn the_key_is_for_its_owner_alone_and_a_damaged_one_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("session.key");
        fs::write(&file, "v1 nonsense").unwrap();
        let session = value(&session(&gate(dir.path()).rules(), Transport::Plain).unwrap());
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(gate(dir.path()).rules().key.accepts(&session, now()));
    }

    #[test]
    fn the_cookie_has_its_attributes() {
        let dir = tempfile::tempdir().unwrap();
        let gate = gate(dir.path());
        let line = session(&gate.rules(), Transport::Tls).unwrap();
        let line = line.to_str().unwrap();
        assert!(line.starts_with("C.1_auth_token="), "{line}");
        assert!(line.ends_with("; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure"));
        let plain = session(&gate.rules(), Transport::Plain).unwrap();
        assert!(!plain.to_str().unwrap().contains("Secure"));
    }
}
