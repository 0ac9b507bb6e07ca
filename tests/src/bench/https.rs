//! The smallest client that can ask a page for its status over TLS.
//!
//! It trusts any certificate, because an instance signs its own, and must therefore never be used
//! for anything but a loopback measurement.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

/// Asks for `/` of a server on loopback, one connection per request.
#[derive(Debug)]
pub(crate) struct Client {
    config: Arc<ClientConfig>,
}

/// Whether a request shows the instance's token.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Credential<'a> {
    Bearer(&'a str),
    Nothing,
}

impl Client {
    /// # Errors
    /// When the TLS library refuses its own defaults.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate { provider }))
            .with_no_client_auth();
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// The status of one complete answer.
    ///
    /// # Errors
    /// When there is no complete answer.
    pub(crate) fn status(
        &self,
        address: SocketAddr,
        credential: Credential<'_>,
    ) -> anyhow::Result<u16> {
        let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let session = ClientConnection::new(Arc::clone(&self.config), name)?;
        let mut stream = StreamOwned::new(session, socket);
        stream.write_all(request(address, credential).as_bytes())?;
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            // A server may close the socket without the TLS farewell.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && !answer.is_empty() => {}
            Err(error) => return Err(error.into()),
        }
        status_of(&answer)
    }
}

fn request(address: SocketAddr, credential: Credential<'_>) -> String {
    let authorization = match credential {
        Credential::Bearer(token) => format!("Authorization: Bearer {token}\r\n"),
        Credential::Nothing => String::new(),
    };
    format!("GET / HTTP/1.1\r\nHost: {address}\r\n{authorization}Connection: close\r\n\r\n")
}

fn status_of(answer: &[u8]) -> anyhow::Result<u16> {
    let head = String::from_utf8_lossy(answer.get(..12).context("the answer is too short")?);
    let code = head
        .strip_prefix("HTTP/1.1 ")
        .context("the answer is not HTTP/1.1")?;
    code.parse()
        .with_context(|| format!("the status {code:?} is not a number"))
}

#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Longer than any answer of a working stack takes, so that a stuck one is a failure.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_status_of_an_answer() {
        assert_eq!(
            status_of(b"HTTP/1.1 401 Unauthorized\r\n\r\n").unwrap(),
            401
        );
    }

    #[test]
    fn half_an_answer_is_no_answer() {
        assert!(status_of(b"HTTP/1.1 2").is_err());
        assert!(status_of(b"SSH-2.0-OpenSSH_9.2").is_err());
    }
}
