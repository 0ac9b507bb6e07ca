//! Bad input costs only itself and is visible.

use anyhow::Result;
use e2e::{Instance, Options, SOON};
use testkit::wait_for;

/// Bad input is seen in `berth status`, which then says so by its exit code, and on the portal.
fn is_seen(instance: &Instance, words: &[&str]) -> Result<()> {
    let status = instance.exec(&["berth", "status"])?;
    let text = &status.stdout;
    let problems = text.split_once("\nProblems").map_or("", |(_, rest)| rest);
    for word in words {
        assert!(
            problems.contains(word),
            "{word} among the problems of {text}"
        );
        wait_for(&format!("the portal to show {word}"), SOON, || {
            let topic = instance.get(1111, "/api/v1/instance").ok()?;
            let topic: serde_json::Value = serde_json::from_str(&topic.body).ok()?;
            topic["attention"].to_string().contains(word).then_some(())
        })?;
    }
    assert_ne!(status.status.code(), Some(0));
    Ok(())
}

#[test]
fn a_malformed_portal_config_entry_is_refused_alone() -> Result<()> {
    let config = "localhost:1111:11111:/:Instance Portal|localhost:8080:18080:/:Jupyter|localhost:99999:1:/:Broken|nonsense";
    let instance = Options::default()
        .env("PORTAL_CONFIG", config)
        .boot("badportal")?;
    let apps = instance.sh("cat /etc/portal.yaml")?;
    assert!(
        apps.contains("Jupyter") && !apps.contains("Broken"),
        "{apps}"
    );
    is_seen(
        &instance,
        &["PORTAL_CONFIG entry 3", "PORTAL_CONFIG entry 4"],
    )?;
    let events = instance.get(1111, "/api/v1/events")?;
    assert!(
        events.body.contains("PORTAL_CONFIG entry 3"),
        "{}",
        events.body
    );
    Ok(())
}

#[test]
fn an_unreadable_conf_d_file_and_a_missing_program_cost_only_themselves() -> Result<()> {
    let instance = Options::default()
        .file(
            "/etc/supervisor/conf.d/broken.conf",
            "[program:broken]\ncommand=/bin/true\nstartsecs=soon\n",
        )
        .file(
            "/etc/supervisor/conf.d/noise.conf",
            "this is not a section\n",
        )
        .file(
            "/etc/supervisor/conf.d/absent.conf",
            "[program:absent]\ncommand=/opt/no/such/program\n",
        )
        .boot("badconf")?;
    instance.wait_state("jupyter", "RUNNING")?;
    instance.wait_state("absent", "FATAL")?;
    let problems = instance.snapshot("supervisord")?["problems"].to_string();
    for word in ["broken.conf", "startsecs", "noise.conf"] {
        assert!(problems.contains(word), "{word} in {problems}");
    }
    is_seen(&instance, &["broken.conf", "noise.conf", "absent"])?;
    let refused = instance.stock_ctl(&["status", "broken"])?;
    assert!(
        refused.stdout.contains("FATAL") && refused.stdout.contains("startsecs"),
        "{}",
        refused.stdout
    );
    let ctl = instance.stock_ctl(&["status", "absent"])?;
    assert!(
        ctl.stdout.contains("FATAL") && ctl.stdout.contains("can't find command"),
        "{}",
        ctl.stdout
    );
    let events = instance.get(1111, "/api/v1/events")?;
    assert!(events.body.contains("broken.conf"), "{}", events.body);
    Ok(())
}

#[test]
fn a_busy_port_costs_one_app_and_is_named() -> Result<()> {
    // A boot script takes TensorBoard's outside port before proxyd starts.
    let script = "exec 9< <(:)\npython3 -c 'import socket,time\ns=socket.socket()\ns.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)\ns.bind((\"0.0.0.0\",6006))\ns.listen()\nopen(\"/tmp/taken\",\"w\").close()\ntime.sleep(3600)' &\nuntil [ -e /tmp/taken ]; do :; done\n";
    let instance = Options::default()
        .file("/etc/vast_boot.d/60-take-port.sh", script)
        .boot("busyport")?;
    let routes = instance.snapshot("proxyd")?["routes"].clone();
    let states: Vec<(u64, String)> = routes
        .as_array()
        .unwrap()
        .iter()
        .map(|r| {
            (
                r["listenPort"].as_u64().unwrap(),
                r["listen"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    for (port, state) in states {
        let wanted = if port == 6006 {
            "LISTEN_STATE_FAILED"
        } else {
            "LISTEN_STATE_LISTENING"
        };
        assert_eq!(state, wanted, "port {port}");
    }
    is_seen(&instance, &["6006"])?;
    // The app itself runs; only its way from outside is taken.
    instance.wait_state("tensorboard", "RUNNING")?;
    let ctl = instance.stock_ctl(&["status", "tensorboard"])?;
    assert!(ctl.stdout.contains("RUNNING"), "{}", ctl.stdout);
    Ok(())
}

#[test]
fn an_unknown_setting_is_ignored_at_run_time_and_refused_by_check() -> Result<()> {
    let instance = Options::default()
        .file(
            "/etc/berth/gpuprobe.toml",
            "interval = 2\ncolour = \"red\"\n",
        )
        .boot("badkey")?;
    instance.wait_state("gpuprobe", "RUNNING")?;
    let health = instance.grpc("gpuprobe", "grpc.health.v1.Health/Check")?;
    assert_eq!(health["status"], "NOT_SERVING", "degraded health");
    let check = instance.exec(&["gpuprobe", "--check"])?;
    assert_eq!(check.status.code(), Some(2));
    assert!(
        check.stderr.contains("colour") && check.stderr.contains("gpuprobe.toml"),
        "{}",
        check.stderr
    );
    is_seen(&instance, &["colour"])
}

#[test]
fn a_setting_that_makes_no_sense_is_refused_by_check_and_costs_only_itself() -> Result<()> {
    let instance = Options::default()
        .file("/etc/berth/gpuprobe.toml", "interval = 0\n")
        .file(
            "/etc/berth/tunneld.toml",
            "relay = \"wss://relay.example\"\n",
        )
        .boot("badvalue")?;
    for (daemon, program, key) in [
        ("gpuprobe", "gpuprobe", "interval"),
        ("tunneld", "tunnel_manager", "relay"),
    ] {
        instance.wait_state(program, "RUNNING")?;
        let check = instance.exec(&[daemon, "--check"])?;
        assert_eq!(check.status.code(), Some(2), "{daemon}: {}", check.stderr);
        assert!(check.stderr.contains(key), "{}", check.stderr);
    }
    wait_for("both to answer", SOON, || {
        instance
            .snapshot("gpuprobe")
            .and_then(|_| instance.snapshot("tunneld"))
            .ok()
    })?;
    is_seen(&instance, &["interval: 0", "relay:"])
}

#[test]
fn a_broken_certificate_is_told_and_costs_no_connection() -> Result<()> {
    let instance = Instance::boot("badcert")?;
    instance.sh("echo 'an error page' > /etc/instance.crt")?;
    wait_for("proxyd to refuse it", SOON, || {
        let snapshot = instance.snapshot("proxyd").ok()?;
        snapshot["problems"]
            .to_string()
            .contains("instance.crt")
            .then_some(())
    })?;
    is_seen(&instance, &["instance.crt"])
}
