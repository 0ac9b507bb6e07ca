//! `berth apps`: how each app is opened from outside.

use api::{
    proxy::{ListenState, ProxySnapshot, Route},
    tunnel::{AppAccess, TunnelSnapshot},
};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Exit, Failure},
    paint::{Paint, Tone},
    sockets::Sockets,
    words,
};

pub(crate) async fn run(sockets: &Sockets, paint: Paint) -> Result<Answer, Failure> {
    let (tunnel, proxy) = tokio::join!(sockets.tunnel(), sockets.proxy());
    let tunnel = tunnel?.snapshot;
    // Links can be told without proxyd, though they will not open.
    let (proxy, missing) = match proxy {
        Ok(seen) => (Some(seen.snapshot), None),
        Err(unreachable) => (None, Some(unreachable.to_string())),
    };
    let failed = proxy.as_ref().is_some_and(|proxy| {
        let mut routes = proxy.routes.iter();
        routes.any(|route| route.listen() == ListenState::Failed)
    });
    let well = missing.is_none() && !failed && !tunnel.apps.is_empty();
    Ok(Answer {
        text: text(&tunnel, proxy.as_ref(), missing.as_deref(), paint),
        json: json(&tunnel, proxy.as_ref()),
        exit: Exit::when(well),
    })
}

fn text(
    tunnel: &TunnelSnapshot,
    proxy: Option<&ProxySnapshot>,
    missing: Option<&str>,
    paint: Paint,
) -> String {
    let mut text = String::new();
    if let Some(missing) = missing {
        let line = format!("{missing}; the links below do not open until it runs\n\n");
        text.push_str(&paint.apply(Tone::Bad, &line));
    }
    if tunnel.apps.is_empty() {
        text.push_str("No apps.\n");
        for notice in &tunnel.notices {
            text.push_str(&format!("  {notice}\n"));
        }
    }
    for app in &tunnel.apps {
        text.push_str(&one(app, route(proxy, app), paint));
    }
    text
}

fn one(app: &AppAccess, route: Option<&Route>, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.apply(Tone::Strong, &app.app));
    if let Some(route) = route.filter(|route| route.listen() == ListenState::Failed) {
        let why = format!("port {}: {}", route.listen_port, route.listen_error);
        text.push_str(&format!("  broken  {}\n", paint.apply(Tone::Bad, &why)));
    }
    if app.direct_problem.is_empty() {
        text.push_str(&format!("  open    {}\n", app.direct_url));
    } else {
        let why = paint.apply(Tone::Caution, &app.direct_problem);
        text.push_str(&format!("  closed  {why}\n"));
    }
    if app.ssh_command.is_empty() {
        text.push_str("  ssh     not reachable\n");
    } else {
        text.push_str(&format!("  ssh     {}\n", app.ssh_command));
        text.push_str(&format!("          then open {}\n", app.ssh_url));
    }
    text
}

fn route<'a>(proxy: Option<&'a ProxySnapshot>, app: &AppAccess) -> Option<&'a Route> {
    proxy?.routes.iter().find(|route| route.app == app.app)
}

fn json(tunnel: &TunnelSnapshot, proxy: Option<&ProxySnapshot>) -> Value {
    let app = |app: &AppAccess| {
        json!({
            "app": app.app,
            "direct_url": app.direct_url,
            "direct_problem": app.direct_problem,
            "ssh_command": app.ssh_command,
            "ssh_url": app.ssh_url,
            "route": route(proxy, app).map(|route| json!({
                "listen_port": route.listen_port,
                "upstream_port": route.upstream_port,
                "auth": route.auth,
                "listen": words::listen(route.listen()),
                "listen_error": route.listen_error,
                "upstream": words::upstream(route.upstream()),
            })),
        })
    };
    json!({
        "apps": tunnel.apps.iter().map(app).collect::<Vec<_>>(),
        "notices": tunnel.notices,
    })
}
