//! The certificate and its reloading.
//!
//! With HTTPS wanted and no usable pair, nothing falls back to plain HTTP: a password would cross
//! the network in clear. TLS clients wait a moment for a pair, HTTP clients get a 503 with the
//! reason. A pair that breaks later costs nothing: the last good one stays.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwapOption;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use thiserror::Error;
use tokio::sync::watch;

use crate::files::Files;

/// ALPN name of HTTP/2 (RFC 9113, section 3.1).
pub(crate) const H2: &[u8] = b"h2";

/// TLS of this proxy.
#[derive(Debug)]
pub(crate) struct Tls {
    wanted: bool,
    config: Arc<ServerConfig>,
    pair: Arc<Pair>,
    status: watch::Sender<Status>,
    provider: Arc<CryptoProvider>,
    certificate: PathBuf,
    key: PathBuf,
}

/// Whether HTTPS is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) served: bool,
    /// Why it is not, or why an older pair is used; empty if all is well.
    pub(crate) reason: String,
}

/// Why a certificate and key cannot be used.
#[derive(Debug, Error)]
pub(crate) enum PairError {
    #[error("failed to read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path}: no {what} in PEM form")]
    Missing { path: PathBuf, what: &'static str },
    #[error("{certificate} and {key} do not fit: {source}")]
    Mismatch {
        certificate: PathBuf,
        key: PathBuf,
        source: rustls::Error,
    },
}

/// The pair in use.
#[derive(Debug, Default)]
struct Pair(ArcSwapOption<CertifiedKey>);

impl ResolvesServerCert for Pair {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
    }
}

impl Tls {
    /// Loads the pair, if HTTPS is wanted.
    ///
    /// # Errors
    /// When the TLS library refuses its own defaults.
    pub(crate) fn new(wanted: bool, certificate: &Path, key: &Path) -> Result<Self, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let pair = Arc::new(Pair::default());
        let mut config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(pair.clone());
        // Tickets survive a change of certificate, a session cache of ours would not be shared.
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
        let off = Status {
            served: false,
            reason: "ENABLE_HTTPS is not \"true\"".to_owned(),
        };
        let tls = Self {
            wanted,
            config: Arc::new(config),
            pair,
            status: watch::Sender::new(off),
            provider,
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        if wanted {
            tls.load();
        }
        Ok(tls)
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    pub(crate) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Reloads the pair whenever a file of it changes.
    pub(crate) async fn follow(&self) {
        if !self.wanted {
            return;
        }
        let mut files = Files::watch(vec![self.certificate.clone(), self.key.clone()]);
        // A change between the first load and the start of the watch would be missed.
        self.load();
        loop {
            files.changed().await;
            self.load();
        }
    }

    fn load(&self) {
        let status = match read(&self.certificate, &self.key, &self.provider) {
            Ok(pair) => {
                self.pair.0.store(Some(Arc::new(pair)));
                Status {
                    served: true,
                    reason: String::new(),
                }
            }
            Err(error) => {
                let served = self.pair.0.load().is_some();
                let reason = if served {
                    format!("{error}; the previous pair stays in use")
                } else {
                    format!("{error}; waiting for a usable pair")
                };
                Status { served, reason }
            }
        };
        self.status.send_if_modified(|current| {
            let changed = *current != status;
            if changed && status.reason.is_empty() {
                tracing::info!(certificate = ?self.certificate, "certificate loaded");
            } else if changed {
                tracing::error!(reason = status.reason, "certificate refused");
            }
            *current = status;
            changed
        });
    }
}

/// Reads a pair and checks that the key is the certificate's. An expired certificate is used:
/// without it a token would cross the network in clear.
fn read(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, PairError> {
    let chain = bytes(certificate)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<_, _>>()
        .ok()
        .filter(|chain: &Vec<_>| !chain.is_empty())
        .ok_or_else(|| PairError::Missing {
            path: certificate.to_owned(),
            what: "certificate",
        })?;
    let secret = PrivateKeyDer::from_pem_slice(&bytes(key)?).map_err(|_| PairError::Missing {
        path: key.to_owned(),
        what: "unencrypted private key",
    })?;
    CertifiedKey::from_der(chain, secret, provider).map_err(|source| PairError::Mismatch {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    })
}

fn bytes(path: &Path) -> Result<Vec<u8>, PairError> {
    std::fs::read(path).map_err(|source| PairError::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str) {
        let pair = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        std::fs::write(dir.join("crt"), pair.cert.pem()).unwrap();
        std::fs::write(dir.join("key"), pair.signing_key.serialize_pem()).unwrap();
    }

    #[test]
    fn a_usable_pair_is_served_and_a_broken_one_keeps_the_last() {
        let dir = tempfile::tempdir().unwrap();
        let tls = || Tls::new(true, &dir.path().join("crt"), &dir.path().join("key")).unwrap();
        let status = tls().status().borrow().clone();
        assert!(
            !status.served && status.reason.contains("crt"),
            "{status:?}"
        );
        write(dir.path(), "a");
        let tls = tls();
        assert_eq!(tls.status().borrow().reason, "");
        let other = rcgen::KeyPair::generate().unwrap();
        std::fs::write(dir.path().join("key"), other.serialize_pem()).unwrap();
        tls.load();
        let status = tls.status().borrow().clone();
        assert!(
            status.served && status.reason.contains("do not fit"),
            "{status:?}"
        );
        std::fs::write(dir.path().join("crt"), "<html>an error page</html>").unwrap();
        tls.load();
        assert!(tls.status().borrow().reason.contains("no certificate"));
    }

    #[test]
    fn without_https_nothing_is_read() {
        let tls = Tls::new(false, Path::new("/absent"), Path::new("/absent")).unwrap();
        let status = tls.status().borrow().clone();
        assert!(!status.served && status.reason.contains("ENABLE_HTTPS"));
    }
}
