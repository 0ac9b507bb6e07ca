//! What the keys of our own do for somebody who runs an app.

use anyhow::Result;
use e2e::{Options, SOON};
use testkit::wait_for;

/// An app that needs a while to be ready, and that stops answering when it is told to.
const APP: &str = r#"#!/bin/bash
exec python3 -u - <<'EOF'
import http.server, os, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        broken = self.path == "/health" and os.path.exists("/workspace/broken")
        self.send_response(503 if broken else 200)
        self.end_headers()
    def log_message(self, *_): pass
print("loading the model", flush=True)
time.sleep(5)
http.server.ThreadingHTTPServer(("127.0.0.1", 18999), Handler).serve_forever()
EOF
"#;

const PROGRAMS: &str = "\
[program:slowapp]
command=/opt/supervisor-scripts/slowapp.sh
stdout_logfile=/dev/stdout
stdout_logfile_maxbytes=0
redirect_stderr=true
stopasgroup=true
readiness_http=http://127.0.0.1:18999/
liveness_http=http://127.0.0.1:18999/health
liveness_interval=0.5
liveness_failures=2
[program:worker]
command=sh -c 'echo the app answers; exec sleep 1000'
startsecs=0
depends_on=slowapp=ready
";

#[test]
fn an_app_is_waited_for_watched_and_restarted_and_everybody_says_why() -> Result<()> {
    let instance = Options::default()
        .script("/opt/supervisor-scripts/slowapp.sh", APP)
        .file("/etc/supervisor/conf.d/slowapp.conf", PROGRAMS)
        .boot("extensions")?;

    // The dependent waits, and says for what: to supervisorctl, berth and the portal.
    let worker = instance.wait_state("worker", "WAITING")?;
    assert_eq!(worker["waitingFor"][0], "slowapp to be ready", "{worker}");
    let why = instance.exec(&["berth", "why", "worker"])?.stdout;
    assert!(why.contains("it waits for slowapp to be ready"), "{why}");
    let status = instance
        .exec(&["supervisorctl", "status", "worker"])?
        .stdout;
    assert!(
        status.contains("waiting for slowapp to be ready"),
        "{status}"
    );
    let page = instance.get(1111, "/api/v1/services")?.body;
    assert!(page.contains("waiting for slowapp to be ready"), "{page}");
    let graph = instance.exec(&["berth", "graph"])?.stdout;
    assert!(graph.contains("└─ ready:\n   worker"), "{graph}");

    let ready = instance.wait_ready("slowapp")?;
    let worker = instance.wait_state("worker", "RUNNING")?;
    let at = |program: &serde_json::Value, key: &str| -> u64 {
        program[key]
            .as_str()
            .and_then(|t| t.parse().ok())
            .unwrap_or(0)
    };
    let waited = at(&worker, "startedUnixUs") - at(&ready, "startedUnixUs");
    assert!(waited >= 5_000_000, "the worker started after {waited} µs");

    // It stops doing its work: it is restarted, and the reason is on record.
    let before = ready["pid"].clone();
    instance.sh("touch /workspace/broken")?;
    wait_for("a restart of the app", SOON, || {
        let now = instance.program("slowapp").ok()?;
        (now["pid"] != before && now["pid"].as_i64()? > 0).then_some(())
    })?;
    instance.sh("rm /workspace/broken")?;
    instance.wait_ready("slowapp")?;
    assert!(
        instance
            .sandbox
            .console()
            .contains("slowapp does not live: http://127.0.0.1:18999/health answers 503"),
        "{}",
        instance.sandbox.console()
    );
    wait_for("the portal to tell of it", SOON, || {
        let events = instance.get(1111, "/api/v1/events").ok()?.body;
        events.contains("slowapp").then_some(())
    })?;

    let top = instance.exec(&["berth", "top", "--json"])?.stdout;
    let top: serde_json::Value = serde_json::from_str(&top)?;
    let used = top["programs"]
        .as_array()
        .and_then(|programs| programs.iter().find(|program| program["name"] == "slowapp"));
    assert!(
        used.is_some_and(|used| used["resident_bytes"].as_u64() > Some(1_000_000)),
        "{top}"
    );
    Ok(())
}
