//! Coming in through the front door.

use anyhow::Result;
use e2e::{Instance, Options, SOON, curl};
use testkit::wait_for;

const APPS: [u16; 4] = [1111, 8080, 8188, 6006];

#[test]
fn without_a_credential_every_app_port_answers_401() -> Result<()> {
    let instance = Instance::boot("door401")?;
    for port in APPS {
        for path in ["/", "/api/kernels", "/?token=wrong"] {
            let reply = curl(&[&instance.url(port, path)])?;
            assert_eq!(reply.status, 401, "port {port} path {path}");
        }
        let wrong = curl(&[
            "-H",
            "Authorization: Bearer wrong",
            &instance.url(port, "/"),
        ])?;
        assert_eq!(wrong.status, 401, "port {port}");
    }
    Ok(())
}

#[test]
fn the_login_link_opens_every_app_and_leaves_no_trace_of_the_token() -> Result<()> {
    let instance = Instance::boot("doorlink")?;
    instance.wait_ready("jupyter")?;
    let jar = tempfile::NamedTempFile::new()?;
    let jar = jar.path().to_str().unwrap();
    let login = curl(&["-c", jar, "-H", "Accept: text/html", &instance.link(1111)])?;
    assert_eq!(login.status, 302);
    let cookie = login.header("set-cookie").unwrap();
    assert!(
        cookie.contains("_auth_token=") && cookie.contains("Secure") && cookie.contains("HttpOnly")
    );
    assert!(!cookie.contains(&instance.token), "{cookie}");
    assert!(!login.header("location").unwrap().contains("token"));

    let portal = curl(&["-b", jar, &instance.url(1111, "/")])?;
    assert_eq!(portal.status, 200);
    let jupyter = curl(&["-b", jar, &instance.url(8080, "/api/status")])?;
    assert_eq!(
        jupyter.status, 200,
        "one login for all ports: {}",
        jupyter.body
    );

    let logs = instance.sh("cat /var/log/*.log /var/log/*/*.log /etc/portal.yaml")?;
    assert!(!logs.contains(&instance.token), "the token stands in a log");
    let commands = instance.sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")?;
    assert!(
        !commands.contains(&instance.token),
        "the token stands in a command line"
    );
    assert!(!instance.sandbox.console().contains(&instance.token));
    Ok(())
}

#[test]
fn bearer_basic_and_the_password_are_accepted() -> Result<()> {
    let instance = Options::default()
        .env("WEB_PASSWORD", "pa$$ w`rd\"x")
        .boot("doorauth")?;
    assert_eq!(instance.get(1111, "/")?.status, 200);
    let basic = curl(&["-u", "vastai:pa$$ w`rd\"x", &instance.url(1111, "/")])?;
    assert_eq!(basic.status, 200);
    let wrong = curl(&["-u", "vastai:nope", &instance.url(1111, "/")])?;
    assert_eq!(wrong.status, 401);
    Ok(())
}

#[test]
fn tensorboard_answers_behind_the_door() -> Result<()> {
    let instance = Instance::boot("doortb")?;
    instance.wait_ready("tensorboard")?;
    let reply = instance.get(6006, "/")?;
    assert_eq!(reply.status, 200);
    assert!(
        reply.body.contains("<title>TensorBoard</title>"),
        "{}",
        reply.head
    );
    Ok(())
}

#[test]
fn plain_http_on_the_same_port_is_sent_to_https() -> Result<()> {
    let instance = Instance::boot("doorhttp")?;
    let port = instance.sandbox.host_port(1111);
    let reply = curl(&[&format!("http://127.0.0.1:{port}/x?y=1")])?;
    assert!(matches!(reply.status, 307 | 308), "{}", reply.head);
    assert_eq!(
        reply.header("location"),
        Some(format!("https://127.0.0.1:{port}/x?y=1").as_str())
    );
    Ok(())
}

#[test]
fn an_app_that_is_not_there_gets_a_page_that_says_so() -> Result<()> {
    let instance = Instance::boot("door502")?;
    let reply = wait_for("the not-ready page", SOON, || {
        let arguments = [
            "-H",
            &instance.bearer(),
            "-H",
            "Accept: text/html",
            &instance.url(8188, "/"),
        ];
        curl(&arguments).ok().filter(|reply| reply.status == 502)
    })?;
    assert_eq!(reply.header("x-portal-placeholder"), Some("true"));
    assert!(reply.body.contains("ComfyUI"), "{}", reply.body);
    Ok(())
}

#[test]
fn a_plain_container_shows_the_portal_on_its_own_ports() -> Result<()> {
    let instance = Options::default().plain().boot("doorplain")?;
    let proxy = instance.snapshot("proxyd")?;
    assert_eq!(proxy["routes"].as_array().unwrap().len(), 4, "{proxy}");
    assert_eq!(instance.get(1111, "/health")?.status, 200);
    Ok(())
}
