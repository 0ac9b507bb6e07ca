//! What the page shows in each situation.

use std::collections::BTreeSet;

use instance::{Port, PortMap, ProgramName, Variables};
use serde_json::{Value, json};

use super::*;
use crate::{
    neighbours::{Exit, Proxy, Route, Said},
    world::AppList,
};

fn world() -> World {
    let mut world = World::new(
        PortMap::from_variables(&Variables::new()),
        Vec::new(),
        BTreeSet::from([PORTAL_PROGRAM.to_owned()]),
    );
    world.apps = AppList {
        apps: vec![App {
            name: "Jupyter".to_owned(),
            hostname: "localhost".to_owned(),
            external_port: Port::new(8080).unwrap(),
            internal_port: Port::new(18080).unwrap(),
            open_path: "/".to_owned(),
            program: Some(ProgramName::new("jupyter")),
            access: None,
            compression: true,
        }],
        ..AppList::default()
    };
    world
}

fn with_program(change: impl FnOnce(&mut Program)) -> World {
    let mut program = Program {
        name: "jupyter".to_owned(),
        state: ProgramState::Running,
        readiness: Readiness::Ready,
        ..Program::default()
    };
    change(&mut program);
    let mut world = world();
    let said = crate::neighbours::Supervisor {
        epoch: 5,
        programs: vec![program],
        ..Default::default()
    };
    world.said(Daemon::Supervisord, Said::Supervisor(said));
    world
}

fn app(world: &World) -> Value {
    serde_json::to_value(apps(world)).unwrap()["apps"][0].clone()
}

#[test]
fn an_app_is_ready_when_its_program_answers() {
    assert_eq!(app(&with_program(|_| {}))["state"], "ready");
    let waiting = app(&with_program(|p| p.readiness = Readiness::NotReady));
    assert_eq!(waiting["state"], "starting");
    assert_eq!(waiting["reason"], "jupyter runs and does not answer yet");
    let failed = app(&with_program(|p| {
        p.state = ProgramState::Exited;
        p.last_exit = Some(Exit {
            code: Some(3),
            signal: None,
            expected: false,
        });
    }));
    assert_eq!(
        (&failed["state"], &failed["reason"]),
        (&json!("failed"), &json!("ended with code 3"))
    );
}

#[test]
fn an_app_whose_port_cannot_be_bound_has_failed_with_the_reason() {
    let mut world = with_program(|_| {});
    let proxy = Proxy {
        epoch: 6,
        routes: vec![Route {
            app: "Jupyter".to_owned(),
            listen_port: 8080,
            listening: false,
            listen_error: "address already in use".to_owned(),
        }],
        tls: true,
        auth: true,
        ..Proxy::default()
    };
    world.said(Daemon::Proxyd, Said::Proxy(proxy));
    assert_eq!(app(&world)["state"], "failed");
    assert_eq!(
        app(&world)["reason"],
        "port 8080 is not served: address already in use"
    );
}

#[test]
fn an_app_has_the_scheme_of_whoever_serves_its_port() {
    let mut world = world();
    assert!(app(&world)["scheme"].is_null());
    let mut proxy = Proxy {
        epoch: 6,
        tls: true,
        routes: vec![Route {
            app: "Jupyter".to_owned(),
            listen_port: 8080,
            listening: true,
            listen_error: String::new(),
        }],
        ..Proxy::default()
    };
    world.said(Daemon::Proxyd, Said::Proxy(proxy.clone()));
    assert_eq!(app(&world)["scheme"], "https");
    // An app that serves itself is none of the proxy's business.
    proxy.routes.clear();
    world.said(Daemon::Proxyd, Said::Proxy(proxy));
    let access = AppAccess {
        app: "Jupyter".to_owned(),
        direct_url: "http://h:8080/".to_owned(),
        direct_problem: String::new(),
        ssh_command: String::new(),
        ssh_url: String::new(),
    };
    let tunnel = crate::neighbours::Tunnel {
        epoch: 7,
        apps: vec![access],
        ..Default::default()
    };
    world.said(Daemon::Tunneld, Said::Tunnel(tunnel));
    assert_eq!(app(&world)["scheme"], "http");
}

#[test]
fn a_lost_neighbour_leaves_its_values_and_marks_them() {
    let mut world = with_program(|_| {});
    world.lost(Daemon::Supervisord, "not running".to_owned(), 77);
    let value = serde_json::to_value(services(&world)).unwrap();
    assert_eq!(value["programs"][0]["state"], "running");
    assert_eq!(
        value["stale"],
        json!({ "daemon": "supervisord", "problem": "not running", "since_unix_us": 77, "known": true })
    );
    let subjects: Vec<String> = attention(&world).into_iter().map(|a| a.subject).collect();
    assert_eq!(subjects, ["supervisord"]);
}

#[test]
fn a_neighbour_never_heard_of_is_missing_and_not_stale() {
    let mut world = world();
    assert!(serde_json::to_value(gpu(&world)).unwrap()["stale"].is_null());
    world.lost(Daemon::Gpuprobe, "no socket".to_owned(), 7);
    let value = serde_json::to_value(gpu(&world)).unwrap();
    assert_eq!(value["stale"]["known"], false);
    assert!(value["said"].is_null());
}

#[test]
fn on_a_platform_an_unmapped_port_has_no_link() {
    let mut world = with_program(|_| {});
    let variables = [("CONTAINER_ID", "7"), ("VAST_TCP_PORT_1111", "40001")];
    let variables = variables.map(|(k, v)| (k.to_owned(), v.to_owned()));
    world.ports = PortMap::from_variables(&variables.into());
    assert!(app(&world)["outside_port"].is_null());
}

#[test]
fn an_app_without_a_named_program_finds_one_by_its_name() {
    let mut world = with_program(|_| {});
    world.apps.apps[0].program = None;
    world.apps.apps[0].name = "Jupyter Lab (dev)".to_owned();
    assert_eq!(app(&world)["program"], "jupyter");
}

#[test]
fn what_any_daemon_refused_is_told_once() {
    let mut world = with_program(|_| {});
    let both = "app \"B\": the port is missing";
    world.apps.problems = vec![both.to_owned()];
    let tunnel = crate::neighbours::Tunnel {
        epoch: 6,
        problems: vec![both.to_owned(), "relay: not in this version".to_owned()],
        ..Default::default()
    };
    world.said(Daemon::Tunneld, Said::Tunnel(tunnel));
    let gpu = Gpu {
        epoch: 7,
        problems: vec!["interval: 0 is too short".to_owned()],
        ..Gpu::default()
    };
    world.said(Daemon::Gpuprobe, Said::Gpu(gpu));
    let subjects: Vec<String> = attention(&world).into_iter().map(|a| a.subject).collect();
    assert_eq!(subjects, ["portal.yaml", "tunneld", "gpuprobe"]);
}

#[test]
fn the_worst_comes_first() {
    let mut world = with_program(|p| p.state = ProgramState::Fatal);
    world.apps.problems = vec!["entry 2: the name is empty".to_owned()];
    world.lost(Daemon::Tunneld, "no socket".to_owned(), 7);
    let found = attention(&world);
    assert_eq!(found[0].severity, Severity::Error);
    assert_eq!(found.len(), 3);
}
