//! What is special about `[eventlistener:x]` and `[fcgi-program:x]`.

use std::path::Path;

use super::{
    GroupKind, ListenerConfig, Refused, SocketAddress, SocketConfig,
    assemble::Notes,
    form::Form,
    names::{Names, Value},
    values::{account, boolean, home, integer, normal, octal, owner, port_number},
};

/// The pool of a section of event listeners; `None` when it is refused.
pub(super) fn listeners(form: &Form<'_>, names: &Names, notes: &mut Notes) -> Option<GroupKind> {
    let buffer_size = form.value("buffer_size", names, 10, |text| {
        let number = integer(text)?;
        usize::try_from(number)
            .ok()
            .filter(|size| *size > 0)
            .map(|size| size.min(MOST_EVENTS))
            .ok_or_else(|| format!("invalid buffer_size ({number})"))
    });
    if form.value("redirect_stderr", names, false, boolean) {
        form.refuse(
            "redirect_stderr",
            "is not allowed because it will interfere with the eventlistener protocol",
        );
    }
    let events = form.text("events", names).unwrap_or_default();
    if events.is_empty() {
        form.refuse_section("requires an \"events\" line");
    }
    let mut wanted = std::collections::BTreeSet::new();
    for name in events.split(',').filter(|_| !events.is_empty()) {
        match name.parse() {
            Ok(event) => {
                wanted.insert(event);
            }
            Err(error) => form.refuse("events", &format!("{error}")),
        }
    }
    let result_handler = form
        .text("result_handler", names)
        .unwrap_or_else(|| DEFAULT_HANDLER.to_owned());
    if result_handler != DEFAULT_HANDLER {
        let text = format!(
            "result_handler: {result_handler} is Python and cannot be called; answers are judged \
             as by {DEFAULT_HANDLER}"
        );
        let place = form.section.place_of("result_handler").clone();
        notes.unsupported(form.section, Refused { place, text });
    }
    form.is_clean()
        .then_some(GroupKind::Listeners(ListenerConfig {
            events: wanted,
            buffer_size,
            result_handler,
        }))
}

/// The socket of a section of FastCGI programs; `None` when it is refused.
pub(super) fn socket(form: &Form<'_>, names: &Names) -> Option<GroupKind> {
    let backlog = form.optional("socket_backlog", names, |text| {
        port_number(text).ok_or_else(|| format!("not a number from 1 to 65535: '{text}'"))
    });
    let asked_owner = form.optional("socket_owner", names, owner);
    let asked_mode = form.optional("socket_mode", names, octal);
    let user = form.optional("user", names, account);
    let program = form.section.suffix().trim().to_owned();
    let local = names.with("program_name", Value::Text(program));
    let address = match form.text("socket", &local) {
        Some(text) if !text.is_empty() => {
            form.optional("socket", &local, |text| address(text, names.home()))
        }
        Some(_) | None => {
            if form.is_clean() {
                form.refuse_section("requires a \"socket\" line");
            }
            None
        }
    };
    let owner = match &address {
        Some(SocketAddress::Tcp { .. }) => {
            for (key, given) in [
                ("socket_owner", asked_owner.is_some()),
                ("socket_mode", asked_mode.is_some()),
            ] {
                if given {
                    form.refuse(key, "applies to a Unix socket only");
                }
            }
            None
        }
        Some(SocketAddress::Unix(_)) | None => asked_owner.or_else(|| {
            let user = user.filter(|user| user.uid != nix::unistd::Uid::current())?;
            Some((user.uid, Some(user.gid)))
        }),
    };
    let config = SocketConfig {
        address: address?,
        owner,
        mode: asked_mode.unwrap_or(0o700),
        backlog,
    };
    form.is_clean().then_some(GroupKind::Fcgi(config))
}

/// `tcp://host:port` or `unix:///path`.
fn address(text: &str, own_home: Option<&Path>) -> Result<SocketAddress, String> {
    if let Some(path) = text.strip_prefix("unix://") {
        return match path.starts_with('/') {
            true => Ok(SocketAddress::Unix(normal(&home(path, own_home)))),
            false => Err(format!("Unix socket path {path} is not an absolute path")),
        };
    }
    let parsed = text.strip_prefix("tcp://").and_then(|rest| {
        let (host, digits) = rest.split_once(':')?;
        let plain = !host.is_empty() && !host.contains(char::is_whitespace);
        let digits = digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then_some(digits)?;
        let port = port_number(digits)?;
        plain.then(|| SocketAddress::Tcp {
            host: host.to_lowercase(),
            port,
        })
    });
    parsed.ok_or_else(|| format!("Bad socket format '{text}'; use tcp://HOST:PORT or unix:///PATH"))
}

const DEFAULT_HANDLER: &str = "supervisor.dispatchers:default_handler";
/// More would be memory that nobody ever reads.
const MOST_EVENTS: usize = 1_000_000;
