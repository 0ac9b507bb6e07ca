//! `/api/v1`: the topics as JSON, and the actions.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{Desk, problem::Problem};
use crate::{
    feeds::Command,
    hub::{Fact, Topic},
};

/// `GET /api/v1/{topic}`: the present value of a topic of the stream.
pub(crate) async fn topic(
    State(desk): State<Desk>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let name = path.map_err(unreadable)?.0;
    let topic = Topic::named(&name).ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, format!("no topic is named {name:?}"))
    })?;
    let frame = desk.published.borrow().frame(topic);
    let etag = format!("\"{}-{}\"", desk.epoch.micros(), frame.seq);
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|tag| tag.as_bytes() == etag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        (
            [(header::CONTENT_TYPE, "application/json")],
            frame.json.to_string(),
        )
            .into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    Ok(response)
}

/// `POST /api/v1/programs/{name}/{action}`: 202 once the supervisor has accepted it.
pub(crate) async fn command(
    State(desk): State<Desk>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let (name, action) = path.map_err(unreadable)?.0;
    let command = carry_out(&desk, &name, &action).await?;
    let body = json!({ "program": name, "action": command.name(), "accepted": true });
    Ok((StatusCode::ACCEPTED, axum::Json(body)).into_response())
}

/// Checks a command and has the supervisor carry it out; tells the hub what came of it.
pub(super) async fn carry_out(desk: &Desk, name: &str, action: &str) -> Result<Command, Problem> {
    let command: Command = action.parse().map_err(|()| {
        let detail = format!("no action is named {action:?}; there are start, stop and restart");
        Problem::new(StatusCode::NOT_FOUND, detail)
    })?;
    if !is_program_name(name) {
        let detail = format!("{name:?} is not a program name");
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let protected = desk.published.borrow().world.is_protected(name);
    if command == Command::Stop && protected {
        let detail = format!("{name} carries this page and cannot be stopped from it; restart it");
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let done = desk.supervisor.carry_out(command, name).await;
    let fact = Fact::Asked {
        command,
        program: name.to_owned(),
        refused: done.as_ref().err().map(ToString::to_string),
    };
    let _ = desk.facts.send(fact).await;
    done?;
    Ok(command)
}

/// What a program name can look like at all; whether there is one, the supervisor knows.
fn is_program_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '*')
}

pub(super) fn unreadable(rejection: PathRejection) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, rejection.body_text())
}
