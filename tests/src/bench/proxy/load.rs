//! Other people's clients, and one of ours, as fast as they can. A single error makes a run invalid.

use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use serde::Deserialize;

use super::super::https::Credential;
use super::door::Door;
use super::scene::{BIG, PAGE, Scene};

/// What a client did.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) requests: f64,
    pub(crate) per_second: f64,
}

/// The line of tests/peers/proxy/wrk.lua.
#[derive(Debug, Deserialize)]
struct Seen {
    requests: u32,
    microseconds: u32,
    bytes: f64,
    errors: u32,
}

/// HTTP/1.1 on kept connections.
///
/// # Errors
/// When one answer is not the page.
pub(crate) fn wrk(scene: &Scene, door: &Door) -> anyhow::Result<Load> {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c32", &format!("-d{}s", LENGTH.as_secs())]);
    wrk.arg("-s").arg(scene.recipes.join("wrk.lua"));
    wrk.args(["-H", &format!("Cookie: {}", door.cookie)]);
    let printed = output(wrk.arg(url(door.address, "")))?;
    let line = printed.lines().find(|line| line.starts_with('{'));
    let seen: Seen = serde_json::from_str(line.context("wrk printed no result")?)?;
    let requests = f64::from(seen.requests);
    let page = u32::try_from(PAGE).map(f64::from)?;
    // Its count of errors leaves out redirects; those are shorter than the page.
    ensure!(
        seen.errors == 0 && requests > 0.0 && seen.bytes >= requests * page,
        "invalid: {seen:?}"
    );
    Ok(Load {
        requests,
        per_second: requests * 1e6 / f64::from(seen.microseconds),
    })
}

/// HTTP/2 with several streams on each connection.
///
/// # Errors
/// When one answer is not 2xx.
pub(crate) fn h2load(door: &Door) -> anyhow::Result<Load> {
    let mut h2load = Command::new("h2load");
    h2load.args(["-t1", "-c16", "-m8", "--duration"]);
    h2load.arg(LENGTH.as_secs().to_string());
    h2load.args(["-H", &format!("cookie: {}", door.cookie)]);
    let printed = output(h2load.arg(url(door.address, "")))?;
    let number = |before: &str| {
        number_before(&printed, before).with_context(|| format!("no {before:?} in {printed}"))
    };
    let requests = number(" succeeded")?;
    let mut failures = 0.0;
    for kind in [" failed", " errored", " timeout", " 3xx", " 4xx", " 5xx"] {
        failures += number(kind)?;
    }
    let is_h2 = printed.contains("Application protocol: h2");
    ensure!(
        is_h2 && failures == 0.0 && requests > 0.0,
        "invalid: {printed}"
    );
    Ok(Load {
        requests,
        per_second: number(" req/s")?,
    })
}

/// One connection per request, each with a whole TLS 1.3 handshake; gives how many.
///
/// # Errors
/// When one is refused or its answer is not 200.
pub(crate) fn new_connections(scene: &Scene, door: &Door) -> anyhow::Result<f64> {
    let credential = Credential::Cookie(&door.cookie);
    let one = || {
        for _ in 0..CONNECTIONS / CLIENTS {
            let status = scene.client.status(door.address, credential)?;
            ensure!(status == 200, "status {status} on a new connection");
        }
        Ok(())
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(one)).collect();
        let mut ended = clients.into_iter().map(|client| client.join());
        ended.try_for_each(|end| end.map_err(|_| anyhow!("a client panicked"))?)
    })?;
    Ok(f64::from(CONNECTIONS))
}

/// A version of HTTP, in curl's words.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Http {
    One,
    Two,
}

/// Downloads the large file several times over one connection; gives the gigabytes (10^9).
///
/// # Errors
/// When a byte is missing.
pub(crate) fn download(door: &Door, http: Http) -> anyhow::Result<f64> {
    let (option, version) = match http {
        Http::One => ("--http1.1", "1.1"),
        Http::Two => ("--http2", "2"),
    };
    let mut curl = Command::new("curl");
    curl.args(["-k", "-sS", "-o", "/dev/null", "--cookie", &door.cookie]);
    curl.args([
        option,
        "-w",
        "%{http_code} %{http_version} %{size_download}\n",
    ]);
    let printed = output(curl.arg(url(door.address, &format!("big?[1-{DOWNLOADS}]"))))?;
    let wanted = format!("200 {version} {BIG}\n").repeat(DOWNLOADS);
    ensure!(printed == wanted, "invalid: curl printed {printed:?}");
    Ok(u32::try_from(BIG * DOWNLOADS).map(f64::from)? / 1e9)
}

fn url(address: SocketAddr, path: &str) -> String {
    format!("https://{address}/{path}")
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("run {program}"))?;
    ensure!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The number that ends where `text` has `after`.
fn number_before(text: &str, after: &str) -> Option<f64> {
    let (before, _) = text.split_once(after)?;
    before.rsplit(' ').next()?.parse().ok()
}

const LENGTH: Duration = Duration::from_secs(5);
const CONNECTIONS: u32 = 8000;
const CLIENTS: u32 = 8;
/// Of 256 MiB each: 1 GiB.
const DOWNLOADS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_summary_of_h2load() {
        let summary = "finished in 5.00s, 4162.60 req/s, 4.30MB/s\n\
                       requests: 20813 total, 20941 started, 20813 done, 20813 succeeded, 1 failed";
        assert_eq!(number_before(summary, " req/s"), Some(4162.6));
        assert_eq!(number_before(summary, " succeeded"), Some(20813.0));
        assert_eq!(number_before(summary, " failed"), Some(1.0));
        assert_eq!(number_before(summary, " errored"), None);
    }
}
