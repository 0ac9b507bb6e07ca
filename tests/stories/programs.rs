//! Programs: seen and restarted from every side.

use anyhow::{Context as _, Result};
use e2e::{Instance, SOON};
use testkit::wait_for;

fn pid(instance: &Instance, name: &str) -> Result<i64> {
    instance.wait_state(name, "RUNNING")?["pid"]
        .as_i64()
        .context("a pid")
}

#[test]
fn jupyter_is_restarted_from_stock_supervisorctl_ours_and_the_portal() -> Result<()> {
    let instance = Instance::boot("restart")?;
    let first = pid(&instance, "jupyter")?;

    let stock = instance.stock_ctl(&["restart", "jupyter"])?;
    assert_eq!(stock.stdout, "jupyter: stopped\njupyter: started\n");
    assert_eq!(stock.status.code(), Some(0));
    let second = pid(&instance, "jupyter")?;
    assert_ne!(first, second);

    let ours = instance.exec(&["supervisorctl", "restart", "jupyter"])?;
    assert_eq!(ours.stdout, "jupyter: stopped\njupyter: started\n");
    assert_eq!(ours.status.code(), Some(0));
    let third = pid(&instance, "jupyter")?;
    assert_ne!(second, third);

    let reply = instance.post(1111, "/api/v1/programs/jupyter/restart")?;
    assert!(reply.status < 300, "{}\n{}", reply.head, reply.body);
    wait_for("a new jupyter", SOON, || {
        pid(&instance, "jupyter").ok().filter(|pid| *pid != third)
    })?;
    instance.wait_ready("jupyter")?;
    Ok(())
}

#[test]
fn stock_supervisorctl_shows_every_program_and_ours_prints_the_same() -> Result<()> {
    let instance = Instance::boot("status")?;
    for name in [
        "caddy",
        "instance_portal",
        "tunnel_manager",
        "gpuprobe",
        "jupyter",
        "sshd",
    ] {
        instance.wait_state(name, "RUNNING")?;
    }
    instance.wait_state("comfyui", "EXITED")?;
    let names = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| {
                line.split_whitespace()
                    .take(2)
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect()
    };
    let stock = instance.stock_ctl(&["status"])?;
    let ours = instance.exec(&["supervisorctl", "status"])?;
    assert_eq!(names(&stock.stdout), names(&ours.stdout));
    assert_eq!(
        (stock.status.code(), ours.status.code()),
        (Some(3), Some(3)),
        "comfyui has exited"
    );
    let version = instance.stock_ctl(&["version"])?;
    assert_eq!(
        version.stdout,
        instance.exec(&["supervisorctl", "version"])?.stdout
    );
    // So is what else comes with Supervisor.
    let sample = instance.exec(&["echo_supervisord_conf"])?;
    assert!(sample.stdout.starts_with("; Sample supervisor config file"));
    let usage = instance.exec(&["pidproxy"])?;
    assert!(format!("{}{}", usage.stdout, usage.stderr).contains("Usage: pidproxy"));
    Ok(())
}

#[test]
fn comfyui_says_that_it_is_not_installed() -> Result<()> {
    let instance = Instance::boot("comfy")?;
    instance.wait_state("comfyui", "EXITED")?;
    for log in ["/var/log/portal/comfyui.log", "/var/log/comfyui.log"] {
        assert!(
            instance
                .sh(&format!("cat {log}"))?
                .contains("ComfyUI is not installed"),
            "{log}"
        );
    }
    assert!(
        instance
            .sandbox
            .console()
            .contains("ComfyUI is not installed")
    );
    Ok(())
}

#[test]
fn a_program_added_to_conf_d_is_picked_up_by_reread_and_update() -> Result<()> {
    let instance = Instance::boot("reread")?;
    instance.sh(
        "printf '[program:mine]\\ncommand=/bin/sleep infinity\\nstdout_logfile=/dev/stdout\\nstdout_logfile_maxbytes=0\\n' > /etc/supervisor/conf.d/mine.conf",
    )?;
    assert_eq!(instance.stock_ctl(&["reread"])?.stdout, "mine: available\n");
    assert_eq!(
        instance.stock_ctl(&["update"])?.stdout,
        "mine: added process group\n"
    );
    instance.wait_state("mine", "RUNNING")?;
    instance.sh("rm /etc/supervisor/conf.d/mine.conf")?;
    assert_eq!(
        instance.exec(&["supervisorctl", "update"])?.stdout,
        "mine: stopped\nmine: removed process group\n"
    );
    Ok(())
}
