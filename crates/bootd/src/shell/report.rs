//! What the shell reports after each script.

use instance::Variables;

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// The exported variables; nothing if the shell could not list them.
    pub(super) environment: Option<Variables>,
    pub(super) status: i32,
    /// The shell is about to end.
    pub(super) is_exit: bool,
}

/// Collects bytes until a report is complete.
#[derive(Debug)]
pub(super) struct Reports {
    mark: String,
    buffer: Vec<u8>,
    environment: Variables,
}

impl Reports {
    /// Reports that end with this marker.
    pub(super) fn new(mark: &str) -> Self {
        Self {
            mark: format!("{mark}:"),
            buffer: Vec::new(),
            environment: Variables::new(),
        }
    }

    /// Adds bytes as they were read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete report.
    pub(super) fn next(&mut self) -> Option<Report> {
        while let Some(end) = self.buffer.iter().position(|byte| *byte == 0) {
            let entry: Vec<u8> = self.buffer.drain(..=end).collect();
            let entry = String::from_utf8_lossy(&entry[..end]).into_owned();
            if let Some(status) = entry.strip_prefix(&self.mark) {
                let (how, status) = status.split_once(':').unwrap_or((status, ""));
                let environment = std::mem::take(&mut self.environment);
                return Some(Report {
                    environment: (!environment.is_empty()).then_some(environment),
                    status: status.parse().unwrap_or(0),
                    is_exit: how == "exit",
                });
            }
            if let Some((name, value)) = entry.split_once('=')
                && !is_of_the_shell(name)
            {
                let value = if name.starts_with(FUNCTION) {
                    function(value)
                } else {
                    value.to_owned()
                };
                self.environment.insert(name.to_owned(), value);
            }
        }
        None
    }
}

/// What must be exported or unset (`None`) to turn `from` into `to`.
pub(super) fn changes(from: &Variables, to: &Variables) -> Vec<(String, Option<String>)> {
    let set = to
        .iter()
        .filter(|(name, value)| from.get(*name) != Some(value))
        .map(|(name, value)| (name.clone(), Some(value.clone())));
    let unset = from
        .keys()
        .filter(|name| !to.contains_key(*name))
        .map(|name| (name.clone(), None));
    set.chain(unset).filter(|(name, _)| is_name(name)).collect()
}

/// What of `before` a shell hands on without knowing it: variables with names it has no use for.
pub(super) fn unseen(before: &Variables) -> impl Iterator<Item = (&String, &String)> {
    before
        .iter()
        .filter(|(name, _)| !is_name(name) && !name.starts_with(FUNCTION))
}

/// A function as bash expects it in an environment, from how it prints it.
fn function(printed: &str) -> String {
    let body = printed.split_once("\n{").map_or("", |(_, body)| body);
    format!("() {{{}", body.trim_end())
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Variables by which a shell keeps account of itself.
fn is_of_the_shell(name: &str) -> bool {
    matches!(name, "_" | "SHLVL" | "PWD" | "OLDPWD")
}

/// With what names of exported functions start.
const FUNCTION: &str = "BASH_FUNC_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_complete_with_its_marker_however_it_arrives() {
        let mut reports = Reports::new("m");
        for byte in b"A=1\nx\0PWD=/\0nonsense\0m:done:7\0B=2" {
            reports.push(&[*byte]);
        }
        let report = reports.next().unwrap();
        assert_eq!(report.status, 7);
        assert!(!report.is_exit);
        assert_eq!(
            report.environment,
            Some(Variables::from([("A".to_owned(), "1\nx".to_owned())]))
        );
        assert_eq!(reports.next(), None);
        reports.push(b"\0m:exit:3\0");
        let last = reports.next().unwrap();
        assert!(last.is_exit);
        assert_eq!(last.environment.unwrap()["B"], "2");
        reports.push(b"m:done:0\0");
        assert_eq!(reports.next().unwrap().environment, None);
    }
}
