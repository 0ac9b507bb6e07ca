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

use crate::{
    auth::session::{Ended, Session},
    rules::Rules,
};

/// The rules that hold now, and the random part of the key of the sessions.
#[derive(Debug)]
pub(crate) struct Gate {
    rules: ArcSwap<Rules>,
    ended: ArcSwap<Ended>,
    /// The variables that the rules are of; whoever changes them holds this.
    state: Mutex<State>,
    /// Where the random part and the ended sessions are kept.
    dir: PathBuf,
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
        let dir = state_dir.to_owned();
        let (stored, unkept) = match read(&dir) {
            Some(stored) => (stored, None),
            None => {
                let fresh = random();
                (fresh, keep(&dir, KEY, &key_text(&fresh)).err())
            }
        };
        let ended = fs::read_to_string(dir.join(ENDED)).unwrap_or_default();
        let (rules, mut problems) = Rules::new(&variables, &stored);
        problems.extend(unkept.map(|error| {
            format!(
                "{error}: {}; sessions end with the next restart",
                error.source
            )
        }));
        let gate = Self {
            rules: ArcSwap::from_pointee(rules),
            ended: ArcSwap::from_pointee(Ended::parse(&ended)),
            state: Mutex::new(State { variables, stored }),
            dir,
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
        keep(&self.dir, KEY, &key_text(&fresh))?;
        state.stored = fresh;
        self.renew(&state);
        Ok(())
    }

    pub(crate) fn ended(&self) -> Arc<Ended> {
        self.ended.load_full()
    }

    /// Ends one session. It has ended even if that cannot be kept over a restart.
    pub(crate) fn end(&self, session: Session) -> Result<(), KeepError> {
        let _held = self.state();
        let mut ended = Ended::clone(&self.ended.load());
        ended.end(session, now());
        let text = ended.to_text();
        self.ended.store(Arc::new(ended));
        keep(&self.dir, ENDED, &text)
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
    cookie(rules, transport, &value, LIFETIME)
}

/// A `Set-Cookie` value that makes a browser forget its session.
pub(crate) fn no_session(rules: &Rules, transport: Transport) -> Option<HeaderValue> {
    cookie(rules, transport, "", Duration::ZERO)
}

fn cookie(
    rules: &Rules,
    transport: Transport,
    value: &str,
    lifetime: Duration,
) -> Option<HeaderValue> {
    let secure = match transport {
        Transport::Tls => "; Secure",
        Transport::Plain => "",
    };
    let line = format!(
        "{}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
        rules.cookie,
        lifetime.as_secs()
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
fn read(dir: &Path) -> Option<[u8; 32]> {
    let text = fs::read_to_string(dir.join(KEY)).ok()?;
    let encoded = text.trim_end().strip_prefix(FORMAT)?;
    STANDARD.decode(encoded).ok()?.try_into().ok()
}

fn key_text(key: &[u8; 32]) -> String {
    format!("{FORMAT}{}\n", STANDARD.encode(key))
}

/// Replaces a file that only its owner may read.
fn keep(dir: &Path, name: &str, text: &str) -> Result<(), KeepError> {
    let file = dir.join(name);
    let write = || -> io::Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)?;
        let temporary = dir.join(format!("{name}.tmp"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut out = options.open(&temporary)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        fs::rename(&temporary, &file)
    };
    write().map_err(|source| KeepError {
        path: file.clone(),
        source,
    })
}

const KEY: &str = "session.key";
const ENDED: &str = "ended-sessions";
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
        assert!(again.rules().key.open(&session, now()).is_some());
        again.revoke().unwrap();
        assert_eq!(again.rules().key.open(&session, now()), None);
        assert_eq!(gate(&state).rules().key.open(&session, now()), None);
    }

    #[test]
    fn an_ended_session_stays_ended_over_a_restart_and_others_go_on() {
        let dir = tempfile::tempdir().unwrap();
        let first = gate(dir.path());
        let open = |gate: &Gate| {
            let line = session(&gate.rules(), Transport::Tls).unwrap();
            gate.rules().key.open(&value(&line), now()).unwrap()
        };
        let (one, other) = (open(&first), open(&first));
        first.end(one).unwrap();
        for gate in [first, gate(dir.path())] {
            assert!(gate.ended().contains(&one) && !gate.ended().contains(&other));
        }
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
        assert!(gate(dir.path()).rules().key.open(&session, now()).is_some());
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
