//! The page for people: what runs, with buttons, at the original's addresses.

mod actions;
mod page;

use super::{
    admission::is_foreign,
    http::{Reply, Request, http_date, query_pairs},
    logs::Channel,
    methods::Methods,
};
use crate::fault::{Fault, FaultCode};

/// What is found at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Page(Page),
    File(File),
}

/// A page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// All programs.
    Status,
    /// The end of a program's log.
    Tail,
    /// A sign of life for load balancers.
    Ok,
}

/// A file that never changes: its type and text.
pub(super) type File = (&'static str, &'static str);

/// What a request asks for.
pub(super) fn find(request: &Request) -> Option<Found> {
    match request.path().trim_start_matches('/') {
        "" | "index.html" => Some(Found::Page(Page::Status)),
        "tail.html" => Some(Found::Page(Page::Tail)),
        "ok.html" => Some(Found::Page(Page::Ok)),
        "stylesheets/supervisor.css" => Some(Found::File(STYLE)),
        _ => None,
    }
}

/// The answer to a request for a file.
pub(super) fn file((kind, text): File) -> Reply {
    Reply::text(vec![("Content-Type", kind.to_owned())], text)
}

/// The answer to a request for a page; `body` is a form that was sent with it.
pub(super) async fn show(methods: &Methods, page: Page, request: &Request, body: &[u8]) -> Reply {
    let mut form = query_pairs(&String::from_utf8_lossy(body));
    form.extend(query_pairs(request.query()));
    let value = |name: &str| {
        let found = form.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    };
    match page {
        Page::Ok => Reply::text(vec![("Content-Type", "text/plain".to_owned())], "OK"),
        Page::Tail => {
            let name = value("processname");
            let limit = value("limit").and_then(|limit| limit.parse().ok());
            let limit = limit.unwrap_or(0).clamp(SHORTEST, LONGEST);
            let text = match name {
                None => "No process name found".to_owned(),
                Some(name) => tail(methods, name, limit),
            };
            html(page::tail(name, limit, &text))
        }
        Page::Status => match value("action") {
            None => html(page::status(&methods.handle.snapshot(), value("message"))),
            Some(_) if is_foreign(request) => Reply::error(Reply::FORBIDDEN),
            Some(action) => match actions::act(methods, action, value("processname")).await {
                Some(message) => moved(&message),
                None => Reply::error(Reply::CRASHED),
            },
        },
    }
}

/// The end of what a program has written.
fn tail(methods: &Methods, name: &str, limit: u64) -> String {
    let read = methods.end_of_log(name, Channel::Stdout, limit);
    read.unwrap_or_else(|fault| match fault.code == FaultCode::NoFile {
        true => format!("No file for {name}"),
        false => format!("ERROR: {}", unexpected(&fault)),
    })
}

fn unexpected(fault: &Fault) -> String {
    format!("unexpected rpc fault [{}] {fault}", fault.code.number())
}

fn html(text: String) -> Reply {
    let mut all = headers("text/html;charset=utf-8");
    // Nothing on the page comes from elsewhere, and nobody shall put buttons over ours.
    let policy = "default-src 'none'; style-src 'self'; form-action 'self'; \
                  frame-ancestors 'self'; base-uri 'none'";
    all.push(("Content-Security-Policy", policy.to_owned()));
    Reply::text(all, text)
}

/// Back to the list. The address is relative, so that it is right behind a proxy, too.
pub(super) fn moved(message: &str) -> Reply {
    let location = format!("./?message={}", page::quote(message));
    let mut all = vec![("Location", location)];
    all.extend(headers("text/html"));
    Reply::error_with(Reply::MOVED, all)
}

fn headers(kind: &str) -> Vec<(&'static str, String)> {
    vec![
        ("Content-Type", kind.to_owned()),
        ("Pragma", "no-cache".to_owned()),
        ("Cache-Control", "no-cache".to_owned()),
        ("Expires", http_date(std::time::SystemTime::UNIX_EPOCH)),
    ]
}

const STYLE: File = ("text/css", include_str!("web/style.css"));
const SHORTEST: u64 = 1024;
const LONGEST: u64 = 1 << 20;
