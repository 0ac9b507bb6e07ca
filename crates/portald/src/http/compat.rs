//! Routes of the original's portal that templates and scripts call, with its shapes.
//!
//! One thing is left out on purpose: no link carries a token.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

use super::{Desk, problem::Problem, rest};
use crate::{
    neighbours::{DriverState, Gpu, Program, ProgramState},
    system::{System, share},
    view::PORTAL_PROGRAM,
    world::World,
};

pub(crate) async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

pub(crate) async fn applications(State(desk): State<Desk>) -> Json<Value> {
    let world = world(&desk);
    let mut apps = Map::new();
    for app in &world.apps.apps {
        let outside = world.ports.outside(app.external_port);
        apps.insert(
            app.name.clone(),
            json!({
                "name": app.name,
                "hostname": app.hostname,
                "external_port": app.external_port.get(),
                "internal_port": app.internal_port.get(),
                "open_path": app.open_path,
                "target_url": format!("http://{}:{}", app.hostname, app.internal_port),
                "mapped_port": outside.map_or_else(String::new, |port| port.to_string()),
            }),
        );
    }
    Json(Value::Object(apps))
}

/// The address that tunneld knows for the app on an external port.
pub(crate) async fn direct_url(
    State(desk): State<Desk>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Problem> {
    let text = path.map_err(rest::unreadable)?.0;
    let port: u16 = text.parse().map_err(|_| {
        let detail = format!("{text:?} is not a port");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    })?;
    let world = world(&desk);
    let url = world
        .apps
        .apps
        .iter()
        .find(|app| app.external_port.get() == port)
        .and_then(|app| {
            let known = &world.tunnel.as_ref()?.apps;
            known.iter().find(|access| access.app == app.name)
        })
        .map(|access| access.direct_url.as_str())
        .filter(|url| !url.is_empty());
    match url {
        Some(url) => Ok(Json(json!({ "result": url }))),
        None => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "Direct URL unavailable",
        )),
    }
}

pub(crate) async fn processes(State(desk): State<Desk>) -> Result<Json<Value>, Problem> {
    let world = world(&desk);
    let Some(supervisor) = &world.supervisor else {
        let detail = "supervisord has not answered yet";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    };
    let now = daemon::unix_micros(std::time::SystemTime::now()) / MICROS;
    let rows = supervisor
        .programs
        .iter()
        .map(|program| {
            json!({
                "name": program.name,
                "group": program.group,
                "state": state_name(program),
                "description": program.description,
                "pid": program.pid,
                "start": program.started_unix_us / MICROS,
                "now": now,
                "unstoppable": world.protected.contains(&program.name),
            })
        })
        .collect();
    Ok(Json(Value::Array(rows)))
}

pub(crate) async fn command(
    State(desk): State<Desk>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let (name, action) = path.map_err(rest::unreadable)?.0;
    let command = rest::carry_out(&desk, &name, &action).await?;
    let body = json!({ "status": "ok", "name": name, "action": command.name() });
    Ok(Json(body).into_response())
}

pub(crate) async fn metrics(State(desk): State<Desk>) -> Result<Json<Value>, Problem> {
    let world = world(&desk);
    let Some(system) = &world.system else {
        let detail = "no sample has been taken yet; try again in a second";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    };
    Ok(Json(metrics_of(system, world.gpu.as_ref())))
}

fn metrics_of(system: &System, gpu: Option<&Gpu>) -> Value {
    let (used, total) = (system.memory_used_bytes, system.memory_total_bytes);
    let mut body = json!({
        "environment": if system.memory_limited { "container" } else { "host" },
        "cpu": { "percent": system.cpu_percent, "count": system.cpu_cores.ceil() },
        "ram": { "total": total, "used": used, "percent": share(used, total) },
        "gpu": gpu_metrics(gpu),
    });
    let mut disks = system.disks.iter().map(|disk| {
        let known = |bytes: u64| disk.problem.is_empty().then_some(bytes);
        let (used, total) = (known(disk.used_bytes), known(disk.total_bytes));
        json!({
            "path": disk.path, "total": total, "used": used, "percent": share(used, total),
        })
    });
    body["disk"] = disks.next().unwrap_or(Value::Null);
    if let Some(volume) = disks.next() {
        body["volume"] = volume;
    }
    body
}

/// The original has one figure for all GPUs; a figure that no device offers is null.
fn gpu_metrics(gpu: Option<&Gpu>) -> Value {
    let devices = gpu.map_or(&[][..], |gpu| &gpu.devices);
    let loads: Vec<u32> = devices
        .iter()
        .filter_map(|device| device.utilization_percent)
        .collect();
    let average = u32::try_from(loads.len())
        .ok()
        .and_then(|count| loads.iter().sum::<u32>().checked_div(count));
    let sum = |bytes: Vec<u64>| (!bytes.is_empty()).then(|| bytes.iter().sum::<u64>());
    let used = sum(devices.iter().filter_map(|d| d.memory_used_bytes).collect());
    let total = sum(devices
        .iter()
        .filter_map(|d| d.memory_total_bytes)
        .collect());
    let errors: Vec<&str> = gpu
        .filter(|gpu| gpu.state != DriverState::Ok)
        .map(|gpu| gpu.state_text.as_str())
        .into_iter()
        .collect();
    json!({
        "count": devices.len(),
        "avg_load_percent": average,
        "memory_used": used.map(|bytes| bytes >> 20),
        "memory_total": total.map(|bytes| bytes >> 20),
        "memory_percent": share(used, total),
        "memory_unit": "MB",
        "nvidia_count": devices.len(),
        "amd_count": 0,
        "errors": errors,
    })
}

fn state_name(program: &Program) -> &'static str {
    match program.state {
        ProgramState::Stopped => "STOPPED",
        ProgramState::Starting => "STARTING",
        ProgramState::Running => "RUNNING",
        ProgramState::Backoff => "BACKOFF",
        ProgramState::Stopping => "STOPPING",
        ProgramState::Exited => "EXITED",
        ProgramState::Fatal => "FATAL",
        ProgramState::Unknown => "UNKNOWN",
    }
}

fn world(desk: &Desk) -> std::sync::Arc<World> {
    std::sync::Arc::clone(&desk.published.borrow().world)
}

/// Programs that carry the page, and those that the user adds with `PORTAL_UNSTOPPABLE`.
pub(crate) fn protected(extra: Option<&str>) -> std::collections::BTreeSet<String> {
    let own = [PORTAL_PROGRAM, "caddy", "tunnel_manager"];
    let extra = extra.unwrap_or_default().split(',').map(str::trim);
    own.into_iter()
        .chain(extra)
        .filter(|name| !name.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

const MICROS: u64 = 1_000_000;
