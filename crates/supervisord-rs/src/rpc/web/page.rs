//! The pages as HTML.

use std::{fmt::Write as _, time::SystemTime};

use supervisor_core::StateName;

use crate::{
    driver::{ProgramStatus, Snapshot},
    rpc::info::{describe, state_name},
};

/// All programs with what can be done to them.
pub(super) fn status(snapshot: &Snapshot, message: Option<&str>) -> String {
    let mut rows = String::new();
    let now = SystemTime::now();
    for program in &snapshot.programs {
        row(program, now, &mut rows);
    }
    let table = match rows.as_str() {
        "" => "<p>No programs to manage</p>".to_owned(),
        rows => format!(
            "<table>\n<thead><tr><th scope=\"col\">State</th><th scope=\"col\">Description</th>\
             <th scope=\"col\">Name</th><th scope=\"col\">Action</th></tr></thead>\n\
             <tbody>\n{rows}</tbody>\n</table>"
        ),
    };
    let message = message.map_or_else(String::new, |message| {
        format!(
            "<p class=\"message\" role=\"status\">{}</p>\n",
            escape(message)
        )
    });
    let all: String = [
        ("refresh", "Refresh"),
        ("restartall", "Restart all"),
        ("stopall", "Stop all"),
    ]
    .map(|(action, label)| button(action, None, label))
    .concat();
    let body = format!(
        "<h1>Supervisor Status</h1>\n{message}<nav>{all}</nav>\n{table}\n\
         <footer>Supervisor {} · {}</footer>",
        crate::SUPERVISOR_VERSION,
        escape(&snapshot.identifier)
    );
    page("Supervisor Status", &body)
}

/// The end of a program's log.
pub(super) fn tail(name: Option<&str>, limit: u64, text: &str) -> String {
    let shown = name.unwrap_or("None");
    let again = name.map_or_else(String::new, |name| {
        format!(
            "<a class=\"button\" href=\"tail.html?processname={}&amp;limit={limit}\">Refresh</a>",
            quote(name)
        )
    });
    let title = format!("Supervisor tail of process {shown}");
    let body = format!(
        "<h1>{}</h1>\n<nav>{again}<a class=\"button\" href=\"./\">All programs</a></nav>\n\
         <pre tabindex=\"0\">{}</pre>",
        escape(shown),
        escape(text)
    );
    page(&title, &body)
}

fn row(program: &ProgramStatus, now: SystemTime, out: &mut String) {
    let id = &program.view.id;
    let state = program.view.state;
    let (name, address) = (escape(&id.to_string()), quote(&id.to_string()));
    let mut buttons = String::new();
    let action = |action, label| button(action, Some(&id.to_string()), label);
    match state {
        StateName::Running => {
            buttons += &action("restart", "Restart");
            buttons += &action("stop", "Stop");
        }
        StateName::Stopped | StateName::Exited | StateName::Fatal => {
            buttons += &action("start", "Start");
        }
        StateName::Waiting
        | StateName::Starting
        | StateName::Backoff
        | StateName::Stopping
        | StateName::Unknown => {}
    }
    buttons += &action("clearlog", "Clear log");
    let class = match state {
        StateName::Running => "running",
        StateName::Fatal | StateName::Backoff => "error",
        StateName::Stopped
        | StateName::Waiting
        | StateName::Starting
        | StateName::Stopping
        | StateName::Exited
        | StateName::Unknown => "nominal",
    };
    let _ = writeln!(
        out,
        "<tr><td><span class=\"state {class}\">{}</span></td><td>{}</td>\
         <td><a href=\"tail.html?processname={address}\">{name}</a></td><td>{buttons}\
         <a class=\"button\" href=\"logtail/{address}\">Follow stdout</a>\
         <a class=\"button\" href=\"logtail/{address}/stderr\">Follow stderr</a></td></tr>",
        state_name(state).to_lowercase(),
        escape(&describe(program, now)),
    );
}

/// A button that does something. It posts, so that nothing that only looks ahead presses it.
fn button(action: &str, name: Option<&str>, label: &str) -> String {
    let name = name.map_or_else(String::new, |name| {
        format!(
            "<input type=\"hidden\" name=\"processname\" value=\"{}\">",
            escape(name)
        )
    });
    format!(
        "<form method=\"post\" action=\"index.html\">{name}\
         <button name=\"action\" value=\"{action}\">{label}</button></form>"
    )
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n\
         <link rel=\"stylesheet\" href=\"stylesheets/supervisor.css\">\n</head>\n\
         <body>\n<main>\n{body}\n</main>\n</body>\n</html>\n",
        escape(title)
    )
}

/// `text` as it may stand in HTML, in attributes too.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\0' => out.push(char::REPLACEMENT_CHARACTER),
            char => out.push(char),
        }
    }
    out
}

/// `text` as it may stand in an address.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            byte => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_and_addresses_say_never_becomes_html() {
        let page = tail(Some("<a'\">:&"), 2048, "<script>\0</script>");
        assert!(!page.contains("<script>") && !page.contains('\0'));
        assert!(page.contains("&lt;a&#39;&quot;&gt;:&amp;"));
        assert!(page.contains("tail.html?processname=%3Ca%27%22%3E%3A%26&amp;limit=2048"));
        let page = status(&Snapshot::empty(0), Some("<b>"));
        assert!(page.contains("&lt;b&gt;") && page.contains("No programs to manage"));
    }
}
