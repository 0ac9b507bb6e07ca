//! The smallest client that can ask a page for its status over TLS.
//!
//! It speaks TLS 1.3 and resumes nothing: every connection costs the server a whole handshake. It
//! trusts any certificate, because an instance signs its own, and must therefore never be used for
//! anything but a loopback measurement.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::TLS13;
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
    /// A whole `Cookie` header.
    Cookie(&'a str),
    Nothing,
}

/// A connection that is kept, one request after the other.
#[derive(Debug)]
pub(crate) struct Session {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
}

/// An answer with a body of known length.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Client {
    /// # Errors
    /// When the TLS library refuses its own defaults.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate { provider }))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
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
        let mut stream = dial(address, Arc::clone(&self.config))?;
        stream.write_all(request(address, credential, "Connection: close").as_bytes())?;
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            // A server may close the socket without the TLS farewell.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && !answer.is_empty() => {}
            Err(error) => return Err(error.into()),
        }
        status_of(&answer)
    }

    /// A connection to be kept. Its handshake comes with the first bytes.
    ///
    /// # Errors
    /// When nothing accepts it.
    pub(crate) fn connect(&self, address: SocketAddr) -> anyhow::Result<Session> {
        let stream = dial(address, Arc::clone(&self.config))?;
        Ok(Session {
            stream: BufReader::with_capacity(READ_AHEAD, stream),
        })
    }

    /// Whether the server would speak HTTP/2.
    ///
    /// # Errors
    /// When there is no handshake.
    pub(crate) fn is_offered_h2(&self, address: SocketAddr) -> anyhow::Result<bool> {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let StreamOwned { mut conn, mut sock } = dial(address, Arc::new(config))?;
        while conn.is_handshaking() {
            conn.complete_io(&mut sock)?;
        }
        Ok(conn.alpn_protocol() == Some(b"h2"))
    }
}

impl Session {
    /// # Errors
    /// When the connection is broken.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(bytes)?;
        Ok(stream.flush()?)
    }

    /// The next answer. A body of unknown length is left unread.
    ///
    /// # Errors
    /// When it is not whole.
    pub(crate) fn answer(&mut self) -> anyhow::Result<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let length = self.stream.read_line(&mut head)?;
            ensure!(length > 0, "the connection ended in the head {head:?}");
        }
        let mut answer = Answer {
            status: status_of(head.as_bytes())?,
            head,
            body: Vec::new(),
        };
        let length = answer.header("content-length").unwrap_or("0").parse()?;
        answer.body = self.receive(length)?;
        Ok(answer)
    }

    /// # Errors
    /// When there is less.
    pub(crate) fn receive(&mut self, length: usize) -> anyhow::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

fn dial(
    address: SocketAddr,
    config: Arc<ClientConfig>,
) -> anyhow::Result<StreamOwned<ClientConnection, TcpStream>> {
    let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.set_nodelay(true)?;
    let name = ServerName::try_from("localhost")?;
    Ok(StreamOwned::new(
        ClientConnection::new(config, name)?,
        socket,
    ))
}

/// `GET /` with a credential and whatever other header lines are wanted.
pub(crate) fn request(address: SocketAddr, credential: Credential<'_>, headers: &str) -> String {
    let authorization = match credential {
        Credential::Bearer(token) => format!("Authorization: Bearer {token}\r\n"),
        Credential::Cookie(cookie) => format!("Cookie: {cookie}\r\n"),
        Credential::Nothing => String::new(),
    };
    format!("GET / HTTP/1.1\r\nHost: {address}\r\n{authorization}{headers}\r\n\r\n")
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
/// Small, because thousands of sessions may be open.
const READ_AHEAD: usize = 2 << 10;

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
