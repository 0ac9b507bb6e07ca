//! The HTTP side: the page, REST under `/api/v1`, one WebSocket, and the routes of the original's
//! portal that templates and scripts call.
//!
//! Nothing here owns state: requests read what the hub published and pass commands on. Errors
//! become responses in [`problem`] and nowhere else.

mod assets;
mod compat;
mod guard;
mod problem;
mod rest;
mod stream;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    http::{HeaderName, HeaderValue},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use daemon::{Epoch, Stop};
use tokio::sync::{mpsc, watch};

use crate::{
    feeds::Supervisor,
    hub::{Fact, Published},
    logs::Store,
};

pub(crate) use compat::protected;

/// What every request may use.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) published: watch::Receiver<Published>,
    pub(crate) facts: mpsc::Sender<Fact>,
    pub(crate) supervisor: Supervisor,
    pub(crate) logs: Store,
    pub(crate) epoch: Epoch,
    pub(crate) stop: Stop,
    pub(crate) web_dir: Option<Arc<PathBuf>>,
}

/// Every route of the daemon.
pub(crate) fn router(desk: Desk) -> Router {
    Router::new()
        .route("/api/v1/stream", get(stream::open))
        .route("/api/v1/programs/{name}/{action}", post(rest::command))
        .route("/api/v1/{topic}", get(rest::topic))
        .route("/health", get(compat::health))
        .route("/get-applications", get(compat::applications))
        .route("/get-direct-url/{port}", get(compat::direct_url))
        .route("/supervisor/processes", get(compat::processes))
        .route("/supervisor/process/{name}/{action}", post(compat::command))
        .route("/system-metrics", get(compat::metrics))
        .fallback(assets::serve)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::from_fn(guard::same_origin))
        .layer(middleware::from_fn(security_headers))
        .with_state(desk)
}

/// The same promises on every response.
async fn security_headers(request: axum::extract::Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}

const HEADERS: [(&str, &str); 4] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
];
