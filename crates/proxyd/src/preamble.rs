//! What tunneld says before the first byte of a visitor: the PROXY protocol, version 2, of HAProxy
//! (`proxy-protocol.txt`), with the name of the app in a type of its own. Pure.
//!
//! ```text
//! signature 12 | version and command 1 | family 1 | length 2 | addresses | type 1 length 2 value ...
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// A visitor of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preamble {
    /// Whose address it is that the relay saw.
    pub(crate) client: IpAddr,
    /// The app as portal.yaml names it.
    pub(crate) app: String,
    /// Whether the visitor speaks TLS to the relay.
    pub(crate) tls: bool,
}

/// Why a preamble is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum PreambleError {
    #[error("no PROXY protocol of version 2")]
    NotProxy,
    #[error("it is {0} bytes long, which is more than {LONGEST}")]
    TooLong(usize),
    #[error("it is for no TCP connection of IPv4 or IPv6")]
    Family,
    #[error("it ends within a part")]
    Cut,
    #[error("it names no app (type 0xE0)")]
    NoApp,
}

/// The part of fixed length.
pub(crate) const HEAD: usize = 16;

/// How much follows the part of fixed length.
pub(crate) fn length(head: &[u8; HEAD]) -> Result<usize, PreambleError> {
    let (signature, rest) = head.split_at(SIGNATURE.len());
    if signature != SIGNATURE || rest[0] != PROXY {
        return Err(PreambleError::NotProxy);
    }
    let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
    match length > LONGEST {
        true => Err(PreambleError::TooLong(length)),
        false => Ok(length),
    }
}

/// Reads a whole preamble: the part of fixed length, and what follows it.
pub(crate) fn parse(head: &[u8; HEAD], rest: &[u8]) -> Result<Preamble, PreambleError> {
    let (client, mut rest) = match head[13] {
        TCP4 => {
            let (addresses, rest) = rest.split_at_checked(12).ok_or(PreambleError::Cut)?;
            let mut octets = [0; 4];
            octets.copy_from_slice(&addresses[..4]);
            (Ipv4Addr::from(octets).into(), rest)
        }
        TCP6 => {
            let (addresses, rest) = rest.split_at_checked(36).ok_or(PreambleError::Cut)?;
            let mut octets = [0; 16];
            octets.copy_from_slice(&addresses[..16]);
            (Ipv6Addr::from(octets).into(), rest)
        }
        _ => return Err(PreambleError::Family),
    };
    let (mut app, mut tls) = (None, false);
    while let [kind, high, low, more @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, next) = more.split_at_checked(length).ok_or(PreambleError::Cut)?;
        match *kind {
            APP => app = std::str::from_utf8(value).ok().map(str::to_owned),
            SSL => tls = value.first().is_some_and(|client| client & BY_TLS != 0),
            // Others are of no concern, as the protocol says.
            _ => {}
        }
        rest = next;
    }
    if !rest.is_empty() {
        return Err(PreambleError::Cut);
    }
    Ok(Preamble {
        client,
        app: app.ok_or(PreambleError::NoApp)?,
        tls,
    })
}

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, command PROXY.
const PROXY: u8 = 0x21;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;
/// Of the types that are free for anybody's use.
const APP: u8 = 0xe0;
const SSL: u8 = 0x20;
/// `PP2_CLIENT_SSL`.
const BY_TLS: u8 = 0x01;
const LONGEST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Preamble, PreambleError> {
        let (head, rest) = bytes.split_first_chunk().expect("a whole head");
        assert_eq!(length(head)?, rest.len());
        parse(head, rest)
    }

    fn preamble(family: u8, addresses: &[u8], types: &[(u8, &[u8])]) -> Vec<u8> {
        let mut rest = addresses.to_vec();
        for (kind, value) in types {
            rest.push(*kind);
            rest.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
            rest.extend_from_slice(value);
        }
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[PROXY, family][..], &length, &rest].concat()
    }

    const V4: [u8; 12] = [203, 0, 113, 9, 127, 0, 0, 1, 1, 2, 3, 4];

    #[test]
    fn the_client_the_app_and_the_protocol_are_read() {
        let bytes = preamble(TCP4, &V4, &[(APP, "Jüpyter".as_bytes()), (4, b"x")]);
        let read_back = read(&bytes).unwrap();
        assert_eq!(read_back.client, IpAddr::from([203, 0, 113, 9]));
        assert_eq!((read_back.app.as_str(), read_back.tls), ("Jüpyter", false));
        let mut v6 = [0; 36];
        v6[15] = 1;
        let bytes = preamble(TCP6, &v6, &[(SSL, &[1, 0, 0, 0, 0]), (APP, b"A")]);
        let read_back = read(&bytes).unwrap();
        assert_eq!(read_back.client, IpAddr::from(Ipv6Addr::LOCALHOST));
        assert!(read_back.tls);
    }

    #[test]
    fn what_is_no_preamble_is_refused_and_nothing_is_read_beyond_it() {
        let good = preamble(TCP4, &V4, &[(APP, b"A")]);
        for cut in 1..good.len() - HEAD {
            let (head, rest) = good.split_first_chunk().unwrap();
            assert!(parse(head, &rest[..rest.len() - cut]).is_err(), "{cut}");
        }
        let changed = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            read(&bytes)
        };
        assert_eq!(changed(0, b'G'), Err(PreambleError::NotProxy));
        assert_eq!(changed(12, 0x20), Err(PreambleError::NotProxy));
        assert_eq!(changed(13, 0x12), Err(PreambleError::Family));
        assert_eq!(read(&preamble(TCP4, &V4, &[])), Err(PreambleError::NoApp));
        let not_text = preamble(TCP4, &V4, &[(APP, &[0xff])]);
        assert_eq!(read(&not_text), Err(PreambleError::NoApp));
        let long = preamble(TCP4, &V4, &[(4, &[0; LONGEST])]);
        let length = length(long.first_chunk().unwrap());
        assert!(matches!(length, Err(PreambleError::TooLong(_))));
    }
}
