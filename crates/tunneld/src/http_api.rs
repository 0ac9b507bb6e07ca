//! The HTTP API that templates call, with the original's paths and shapes of answers.
//!
//! Errors are `{"detail": "…"}`, as those clients expect.

use std::{net::Ipv4Addr, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use daemon::Stop;
use instance::Port;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::state::Desk;

/// Serves on `listen` until `stop`. A busy port is a notice, and is tried again.
pub(crate) async fn serve(listen: String, desk: Desk, stop: Stop) {
    while !stop.is_requested() {
        match TcpListener::bind(&listen).await {
            Ok(listener) => {
                desk.change(|state| state.http_problem = None);
                tracing::info!(listen, "HTTP API is served");
                let serving = axum::serve(listener, router(desk.clone()))
                    .with_graceful_shutdown(stop.token().cancelled_owned());
                tokio::select! {
                    result = serving => if let Err(error) = result {
                        tracing::error!(%error, "HTTP API failed");
                    },
                    // Connections that are kept open must not hold up the end.
                    () = async { stop.requested().await; tokio::time::sleep(DRAIN).await } => {}
                }
            }
            Err(error) => {
                let problem = format!(
                    "the HTTP API is not served: failed to bind {listen}: {error}; it is tried again every few seconds"
                );
                if desk.change(|state| state.http_problem = Some(problem)) {
                    tracing::error!(%error, listen, "HTTP API is not served");
                }
            }
        }
        tokio::select! {
            () = stop.requested() => {}
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

/// The API on the state of `desk`.
pub(crate) fn router(desk: Desk) -> Router {
    Router::new()
        .route("/set-public-ip/{ip}", put(set_public_ip))
        .route("/get-direct-url/{port}", get(direct_url))
        .route("/get-all-quick-tunnels", get(none))
        .route("/get-named-tunnels", get(none))
        .route("/get-named-tunnel/{port}", get(named_tunnel))
        .route("/get-quick-tunnel/{*url}", get(quick_tunnel))
        .route("/get-quick-tunnel-if-exists/{*url}", get(unknown_tunnel))
        .route("/stop-quick-tunnel/{*url}", post(unknown_tunnel))
        .route("/refresh-quick-tunnel/{*url}", post(unknown_tunnel))
        .fallback(|| async { Problem(StatusCode::NOT_FOUND, "Not Found".to_owned()) })
        .with_state(desk)
}

async fn set_public_ip(
    State(desk): State<Desk>,
    Path(text): Path<String>,
) -> Result<Json<Value>, Problem> {
    let ip: Ipv4Addr = text.parse().map_err(|_| {
        Problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("{text:?} is not an IPv4 address"),
        )
    })?;
    desk.change(|state| state.public_ip = Some(ip));
    Ok(Json(json!({ "status": "success", "ip": ip.to_string() })))
}

async fn direct_url(
    State(desk): State<Desk>,
    Path(text): Path<String>,
) -> Result<Json<Value>, Problem> {
    let url = desk.state().direct(port(&text)?);
    match url {
        Ok(url) => Ok(Json(json!({ "result": url }))),
        Err(why) => Err(Problem(StatusCode::NOT_FOUND, why)),
    }
}

async fn none() -> Json<Value> {
    Json(json!([]))
}

async fn named_tunnel(Path(text): Path<String>) -> Problem {
    match port(&text) {
        Ok(port) => Problem(
            StatusCode::NOT_FOUND,
            format!("no named tunnel leads to port {port}: no relay is configured"),
        ),
        Err(problem) => problem,
    }
}

async fn quick_tunnel(State(desk): State<Desk>) -> Problem {
    Problem(
        StatusCode::INTERNAL_SERVER_ERROR,
        desk.state().relay_advice().to_owned(),
    )
}

async fn unknown_tunnel() -> Problem {
    Problem(
        StatusCode::NOT_FOUND,
        "Quick tunnel not found: no relay is configured, so there are no tunnels".to_owned(),
    )
}

fn port(text: &str) -> Result<Port, Problem> {
    text.parse().map_err(|_| {
        Problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("{text:?} is not a port from 1 to 65535"),
        )
    })
}

/// An error answer.
struct Problem(StatusCode, String);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "detail": self.1 }))).into_response()
    }
}

const RETRY: Duration = Duration::from_secs(5);
const DRAIN: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use instance::Variables;
    use tower::ServiceExt as _;

    use super::*;
    use crate::facts::Facts;

    async fn ask(router: &Router, method: &str, path: &str) -> (u16, Value) {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .body(axum::body::Body::empty())
            .unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    fn api(pairs: &[(&str, &str)]) -> Router {
        let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        let variables: Variables = pairs.iter().map(owned).collect();
        router(Desk::new(Facts::from_variables(&variables), Vec::new()))
    }

    #[tokio::test]
    async fn a_set_address_replaces_the_given_one() {
        let api = api(&[
            ("PUBLIC_IPADDR", "65.130.162.74"),
            ("VAST_TCP_PORT_1111", "40001"),
        ]);
        let (status, body) = ask(&api, "GET", "/get-direct-url/1111").await;
        assert_eq!(
            (status, &body["result"]),
            (200, &json!("http://65.130.162.74:40001"))
        );
        let (status, body) = ask(&api, "PUT", "/set-public-ip/203.0.113.9").await;
        assert_eq!(status, 200);
        assert_eq!(body, json!({"status": "success", "ip": "203.0.113.9"}));
        let (_, body) = ask(&api, "GET", "/get-direct-url/1111").await;
        assert_eq!(body["result"], "http://203.0.113.9:40001");
    }

    #[tokio::test]
    async fn wrong_input_is_answered_and_changes_nothing() {
        let api = api(&[("PUBLIC_IPADDR", "65.130.162.74")]);
        for ip in ["::1", "300.1.1.1", "x", "1.2.3.4%20;id"] {
            let (status, body) = ask(&api, "PUT", &format!("/set-public-ip/{ip}")).await;
            assert_eq!(status, 422, "{ip}");
            assert!(body["detail"].as_str().unwrap().contains("IPv4"), "{body}");
        }
        for port in ["0", "70000", "x", "-1"] {
            let (status, _) = ask(&api, "GET", &format!("/get-direct-url/{port}")).await;
            assert_eq!(status, 422, "{port}");
        }
        let (status, body) = ask(&api, "GET", "/get-direct-url/1111").await;
        assert_eq!(status, 404);
        assert!(body["detail"].as_str().unwrap().contains("-p 1111:1111"));
    }

    #[tokio::test]
    async fn tunnels_are_absent_and_say_why() {
        let api = api(&[]);
        let url = "http://localhost:8080/x?y=1";
        for path in ["/get-all-quick-tunnels", "/get-named-tunnels"] {
            assert_eq!(ask(&api, "GET", path).await, (200, json!([])));
        }
        let (status, body) = ask(&api, "GET", &format!("/get-quick-tunnel/{url}")).await;
        assert_eq!(status, 500);
        assert!(body["detail"].as_str().unwrap().contains("relay"));
        for (method, path) in [
            ("GET", "get-quick-tunnel-if-exists"),
            ("POST", "stop-quick-tunnel"),
            ("POST", "refresh-quick-tunnel"),
        ] {
            let (status, body) = ask(&api, method, &format!("/{path}/{url}")).await;
            assert_eq!(status, 404, "{path}");
            assert!(body["detail"].is_string());
        }
        assert_eq!(ask(&api, "GET", "/get-named-tunnel/8080").await.0, 404);
        assert_eq!(ask(&api, "GET", "/nothing").await.0, 404);
    }
}
