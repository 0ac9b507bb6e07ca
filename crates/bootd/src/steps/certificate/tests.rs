use super::*;
use crate::{
    steps::tests::Bench,
    system::{System as _, recording::Recording},
};

fn made(system: Recording) -> Bench {
    let bench = Bench::new(system).variable("PUBLIC_IPADDR", "203.0.113.9");
    bench.run(run).unwrap();
    bench
}

#[test]
fn a_missing_pair_is_made_once() {
    let first = made(Recording::with(&[("/etc/group", "berth:x:77:\n")]));
    let pair = first.system.text(CERTIFICATE);
    let access = first.system.stat(Path::new(KEY)).unwrap();
    assert_eq!((access.mode, access.gid), (0o640, 77));
    let second = made(first.system);
    assert_eq!(second.system.text(CERTIFICATE), pair);
}

#[test]
fn the_public_address_is_in_the_certificate() {
    let bench = made(Recording::default());
    let pem = bench.system.text(CERTIFICATE);
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    assert!(der.windows(4).any(|bytes| bytes == [203, 0, 113, 9]));
    assert!(der.windows(9).any(|bytes| bytes == b"localhost"));
}

#[test]
fn an_unusable_pair_is_replaced() {
    let other = made(Recording::default());
    let foreign_key = other.system.text(KEY);
    for (certificate, key) in [
        (None, Some("<html>not found</html>")),
        (Some("<html>not found</html>"), None),
        (None, Some(foreign_key.as_str())),
    ] {
        let bench = made(Recording::default());
        if let Some(text) = certificate {
            bench.system.put(CERTIFICATE, text);
        }
        if let Some(text) = key {
            bench.system.put(KEY, text);
        }
        let report = bench.run(run).unwrap();
        assert!(report.message.starts_with("self-signed"), "{report:?}");
        assert_eq!(
            bench.run(run).unwrap().message,
            "a usable certificate exists"
        );
    }
}

#[test]
fn an_expired_certificate_is_replaced() {
    let bench = Bench::new(Recording::default());
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let key = KeyPair::generate().unwrap();
    bench
        .system
        .put(CERTIFICATE, params.self_signed(&key).unwrap().pem());
    bench.system.put(KEY, key.serialize_pem());
    let report = bench.run(run).unwrap();
    assert!(report.message.contains("expired"), "{report:?}");
}
