//! What is found where.

use std::{path::Path, time::SystemTime};

use super::{
    admission::{is_authorized, is_foreign},
    follow::Following,
    http::{Answer, Body, Reply, Request, Served, http_date, unquote},
    logs::Channel,
    methods::Methods,
    web,
};
use crate::{
    config::{Credentials, LogLevel},
    xmlrpc::{read_call, write_fault, write_response},
};

/// Everything one server offers.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) methods: Methods,
    pub(super) credentials: Option<Credentials>,
}

impl Served for Site {
    async fn answer(&self, request: &Request) -> Answer {
        if !is_authorized(self.credentials.as_ref(), request) {
            return Answer::AndClose(unauthorized());
        }
        // These are beginnings of the whole target, as in the original: `/RPC2x` is `/RPC2`.
        let (target, is_get) = (request.target.as_str(), request.method == "GET");
        if target.starts_with("/RPC2") {
            return match request.method.as_str() {
                "POST" if is_foreign(request) => Answer::Now(Reply::error(Reply::FORBIDDEN)),
                "POST" => Answer::WithBody,
                _ => Answer::Now(Reply::error(Reply::BAD_REQUEST)),
            };
        }
        if target.starts_with("/logtail") {
            return Answer::Now(match is_get {
                true => self.log_tail(request.path()),
                false => Reply::error(Reply::BAD_REQUEST),
            });
        }
        if target.starts_with("/mainlogtail") {
            return Answer::Now(match is_get {
                true => follow(self.methods.handle.snapshot().main_log.as_deref(), &[]),
                false => Reply::error(Reply::BAD_REQUEST),
            });
        }
        match (web::find(request), request.method.as_str()) {
            (Some(web::Found::Page(_)), "GET" | "POST") => Answer::WithBody,
            (Some(web::Found::File(file)), "GET" | "HEAD") => Answer::Now(web::file(file)),
            (_, "GET" | "HEAD") => Answer::Now(Reply::error(Reply::NOT_FOUND)),
            _ => Answer::Now(Reply::error(Reply::BAD_REQUEST)),
        }
    }

    async fn answer_with(&self, request: &Request, body: &[u8]) -> Reply {
        match web::find(request) {
            Some(web::Found::Page(page)) => web::show(&self.methods, page, request, body).await,
            Some(web::Found::File(_)) | None => self.call(body).await,
        }
    }
}

impl Site {
    async fn call(&self, body: &[u8]) -> Reply {
        let read = str::from_utf8(body).map(read_call);
        let Ok(Ok((method, params))) = read else {
            let log = &self.methods.log;
            log.error("XML-RPC request is invalid: it names no method or is no XML");
            return Reply::error(Reply::BAD_REQUEST);
        };
        let log = |text: &str| self.methods.log.log(LogLevel::Trace, text);
        log(&format!("XML-RPC method called: {method}()"));
        let document = match self.methods.call(&method, params).await {
            Ok(value) => write_response(&value),
            Err(fault) => {
                log(&format!(
                    "XML-RPC method {method}() returned fault: {fault}"
                ));
                write_fault(fault.code.number(), &fault.to_string())
            }
        };
        let reply = Reply::xml(document).await;
        reply.unwrap_or_else(|_| Reply::error(Reply::CRASHED))
    }

    /// `/logtail/NAME`, `/logtail/NAME/stdout` or `/logtail/NAME/stderr`.
    fn log_tail(&self, path: &str) -> Reply {
        let path = unquote(path);
        let Some((_, rest)) = path.trim_start_matches('/').split_once('/') else {
            return Reply::error(Reply::CRASHED);
        };
        let (name, channel) = match rest.split_once('/') {
            None => (rest, Some(Channel::Stdout)),
            Some((name, "stdout")) => (name, Some(Channel::Stdout)),
            Some((name, "stderr")) => (name, Some(Channel::Stderr)),
            Some((name, _)) => (name, None),
        };
        let log = channel.and_then(|channel| self.methods.log_of(name, channel).ok().flatten());
        follow(log.as_deref(), &[("X-Accel-Buffering", "no")])
    }
}

fn follow(log: Option<&Path>, more: &[(&'static str, &str)]) -> Reply {
    let found = log.and_then(|path| {
        let changed = path.metadata().and_then(|meta| meta.modified()).ok();
        let following = Following::open(path, FIRST_BYTES).ok()?;
        Some((changed.unwrap_or(SystemTime::UNIX_EPOCH), following))
    });
    let Some((changed, following)) = found else {
        return Reply::error(Reply::NOT_FOUND);
    };
    let mut headers = vec![
        ("Last-Modified", http_date(changed)),
        ("Content-Type", "text/plain;charset=utf-8".to_owned()),
    ];
    headers.extend(
        more.iter()
            .map(|(name, value)| (*name, (*value).to_owned())),
    );
    Reply {
        status: Reply::OK,
        headers,
        body: Body::Tail(following),
    }
}

pub(super) fn unauthorized() -> Reply {
    let headers = vec![
        ("Connection", "close".to_owned()),
        ("WWW-Authenticate", "Basic realm=\"default\"".to_owned()),
    ];
    Reply::error_with(Reply::UNAUTHORIZED, headers)
}

/// How much of what is already there a tail begins with.
const FIRST_BYTES: u64 = 1024;
