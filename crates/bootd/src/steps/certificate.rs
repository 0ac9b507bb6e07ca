//! `55-tls-cert-gen`: a pair that HTTPS can start with, at once and without the network.
//!
//! An existing pair stays as long as it can be used, whoever made it: the platform and its
//! programs write the same files.

use std::{net::IpAddr, path::Path, time::UNIX_EPOCH};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};
use rustls::{
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};

use super::{Report, Work, failed_to, group_id};
use crate::system::Access;

mod validity;

pub(super) fn run(work: &mut Work<'_>) -> Result<Report, String> {
    let (certificate, key) = (Path::new(CERTIFICATE), Path::new(KEY));
    let reason = match examine(work) {
        Ok(()) => {
            tighten(work);
            return Ok(Report::done("a usable certificate exists"));
        }
        Err(reason) => reason,
    };
    let pair = make(work).map_err(|error| format!("failed to make a certificate: {error}"))?;
    let berth = group_id(work.system, ipc::GROUP).unwrap_or(0);
    let written = work
        .system
        .publish(key, pair.key.as_bytes(), Access::group(0o640, berth));
    failed_to("write", key, written)?;
    let written = work.system.publish(
        certificate,
        pair.certificate.as_bytes(),
        Access::root(0o644),
    );
    failed_to("write", certificate, written)?;
    Ok(Report::done(format!("self-signed, because {reason}")))
}

struct Pair {
    certificate: String,
    key: String,
}

/// Why the existing pair cannot be used.
fn examine(work: &Work<'_>) -> Result<(), &'static str> {
    let read = |path| work.system.read(Path::new(path));
    let (Ok(certificate), Ok(key)) = (read(CERTIFICATE), read(KEY)) else {
        return Err("there is none");
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| "the certificate is malformed")?;
    let first = chain
        .first()
        .ok_or("the certificate file holds none")?
        .clone();
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| "the key is malformed")?;
    let key = aws_lc_rs::sign::any_supported_type(&key).map_err(|_| "the key is unusable")?;
    CertifiedKey::new(chain, key)
        .keys_match()
        .map_err(|_| "certificate and key do not belong together")?;
    let end = validity::not_after(&first).ok_or("the certificate is malformed")?;
    let now = std::time::SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    if end < now {
        return Err("the certificate has expired");
    }
    Ok(())
}

/// The proxy reads the key as a member of the group; nobody else may.
fn tighten(work: &Work<'_>) {
    let berth = group_id(work.system, ipc::GROUP).unwrap_or(0);
    let _ = work
        .system
        .set_access(Path::new(KEY), Access::group(0o640, berth));
}

fn make(work: &Work<'_>) -> Result<Pair, rcgen::Error> {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    let mut addresses = vec![IpAddr::from([127, 0, 0, 1])];
    addresses.extend(work.variable("PUBLIC_IPADDR").trim().parse::<IpAddr>().ok());
    let names = addresses.into_iter().map(SanType::IpAddress);
    params.subject_alt_names.extend(names);
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "Berth instance");
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.self_signed(&key)?;
    Ok(Pair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

const CERTIFICATE: &str = "/etc/instance.crt";
const KEY: &str = "/etc/instance.key";

#[cfg(test)]
mod tests;
