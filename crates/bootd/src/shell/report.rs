//! What the shell reports after each script.

use instance::Variables;

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) environment: Variables,
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
                return Some(Report {
                    environment: std::mem::take(&mut self.environment),
                    status: status.parse().unwrap_or(0),
                    is_exit: how == "exit",
                });
            }
            if let Some((name, value)) = entry.split_once('=')
                && !is_of_the_shell(name)
            {
                self.environment.insert(name.to_owned(), value.to_owned());
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
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    set.chain(unset).filter(|(name, _)| is_name(name)).collect()
}

/// Variables by which a shell keeps account of itself.
fn is_of_the_shell(name: &str) -> bool {
    matches!(name, "_" | "SHLVL" | "PWD" | "OLDPWD")
}

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
            Variables::from([("A".to_owned(), "1\nx".to_owned())])
        );
        assert_eq!(reports.next(), None);
        reports.push(b"\0m:exit:3\0");
        let last = reports.next().unwrap();
        assert!(last.is_exit);
        assert_eq!(last.environment["B"], "2");
    }
}
