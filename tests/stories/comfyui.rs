//! ComfyUI behind the front door, as it is shipped: no option that opens it to other sites.

use anyhow::{Context as _, Result};
use e2e::{Instance, Options, Reply, SOON, browser, curl};
use testkit::wait_for;

#[test]
fn comfyuis_page_runs_a_prompt_uploads_an_image_and_outlives_a_restart_of_the_app() -> Result<()> {
    let instance = Options::default().comfyui().boot("comfypage")?;
    instance.wait_ready("comfyui")?;
    let restart = instance.url(1111, "/api/v1/programs/comfyui/restart");
    browser("comfyui.mjs", &[&instance.link(8188), &restart])?;
    let started = instance.get(8188, "/api/system_stats")?.body;
    assert!(started.contains("\"argv\""), "{started}");
    assert!(!started.contains("--enable-cors-header"), "{started}");
    assert_eq!(
        refusals(&instance)?,
        0,
        "ComfyUI took its own page for another site"
    );
    Ok(())
}

#[test]
fn another_site_can_link_to_comfyui_and_do_nothing_to_it() -> Result<()> {
    let instance = Options::default().comfyui().boot("comfysite")?;
    instance.wait_ready("comfyui")?;
    let jar = tempfile::NamedTempFile::new()?;
    let jar = jar.path().to_str().context("a path")?;
    curl(&["-c", jar, "-H", "Accept: text/html", &instance.link(8188)])?;
    let ask = |path: &str, arguments: &[&str]| -> Result<Reply> {
        let url = instance.url(8188, path);
        curl(&[&["-b", jar], arguments, &[&url]].concat())
    };

    let link = [
        "-H",
        "Sec-Fetch-Site: cross-site",
        "-H",
        "Sec-Fetch-Mode: navigate",
    ];
    let page = ask("/", &link)?;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("<title>ComfyUI</title>"),
        "{}",
        page.head
    );
    assert_eq!(page.header("access-control-allow-origin"), None);

    let ours = format!("Origin: {}", instance.url(8188, ""));
    let neighbour = format!("Origin: {}", instance.url(6006, ""));
    let empty = [
        "-H",
        "Content-Type: application/json",
        "-d",
        "{\"clear\":true}",
    ];
    // HTTP/2 has no such headers; curl leaves them out there.
    let switch = [
        "--http1.1",
        "-H",
        "Connection: Upgrade",
        "-H",
        "Upgrade: websocket",
        "-H",
        "Sec-WebSocket-Version: 13",
        "-H",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    for path in ["/queue", "/api/queue"] {
        let reply = ask(path, &[&["-H", &ours], &empty[..]].concat())?;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    }
    for origin in ["Origin: https://evil.example", "Origin: null", &neighbour] {
        for path in ["/queue", "/api/queue"] {
            let reply = ask(path, &[&["-H", origin], &empty[..]].concat())?;
            assert_eq!(reply.status, 403, "{origin} {path}: {}", reply.body);
        }
        let reply = ask("/ws", &[&["-H", origin], &switch[..]].concat())?;
        assert_eq!(reply.status, 403, "{origin} /ws: {}", reply.body);
    }
    assert_eq!(refusals(&instance)?, 0, "the door left it to ComfyUI");

    // What only reads is let through with the origin it came with, and ComfyUI's own rule holds.
    let read = ask("/api/history", &["-H", "Origin: https://evil.example"])?;
    assert_eq!(read.status, 403, "{}", read.body);
    assert_eq!(refusals(&instance)?, 1);
    Ok(())
}

#[test]
fn the_simulator_knows_other_sites_by_comfyuis_rules() -> Result<()> {
    let instance = Options::default().comfyui().boot("comfyrules")?;
    instance.wait_ready("comfyui")?;
    for (status, headers) in [
        ("200", ""),
        ("200", "-H 'Origin: http://127.0.0.1:18188'"),
        ("403", "-H 'Origin: http://localhost:18188'"),
        ("403", "-H 'Origin: http://127.0.0.1:18080'"),
        ("403", "-H 'Origin: https://evil.example'"),
        ("200", "-H 'Origin: null'"),
        (
            "200",
            "-H 'Host: 203.0.113.9:40001' -H 'Origin: https://evil.example'",
        ),
        ("200", "-H 'Sec-Fetch-Site: same-site'"),
        ("403", "-H 'Sec-Fetch-Site: cross-site'"),
        (
            "403",
            "-H 'Host: 203.0.113.9' -H 'Sec-Fetch-Site: cross-site'",
        ),
    ] {
        for path in ["/", "/api/queue", "/assets/favicon.ico"] {
            let url = format!("http://127.0.0.1:18188{path}");
            let line = format!("curl -s -o /dev/null -w '%{{http_code}}' {headers} {url}");
            assert_eq!(instance.sh(&line)?, status, "{path} {headers}");
        }
    }
    Ok(())
}

#[test]
fn comfyui_restarts_itself_in_place_and_stays_the_same_program() -> Result<()> {
    let instance = Options::default().comfyui().boot("comfyself")?;
    let before = instance.wait_ready("comfyui")?;
    // The answer never comes: it is another program by then.
    let _ = instance.post(8188, "/api/v2/manager/reboot");
    wait_for("ComfyUI to say twice that it is up", SOON, || {
        let log = instance.sh("cat /var/log/portal/comfyui.log").ok()?;
        (log.matches("To see the GUI go to: http://127.0.0.1:18188")
            .count()
            == 2)
            .then_some(())
    })?;
    wait_for("ComfyUI behind the door", SOON, || {
        let reply = instance.get(8188, "/api/system_stats").ok()?;
        (reply.status == 200).then_some(())
    })?;
    assert_eq!(
        instance.wait_state("comfyui", "RUNNING")?["pid"],
        before["pid"]
    );
    Ok(())
}

/// How often ComfyUI itself has refused a request for where it came from.
fn refusals(instance: &Instance) -> Result<usize> {
    let log = instance.sh("cat /var/log/portal/comfyui.log")?;
    Ok(log.matches(", returning 403").count())
}
