//! What a run leaves behind: the table on screen, results.json, all rounds, a Markdown table.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;

use super::machine::Machine;
use super::row::{Peer, Record, Row};
use super::sample::{Sample, figure};

/// The rows of a run in the order they were measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
}

impl Report {
    /// The table for a terminal.
    pub(crate) fn table(&self) -> String {
        let mut lines = vec![HEADINGS.map(str::to_owned)];
        lines.extend(self.rows.iter().map(cells));
        let width = |column: usize| {
            lines
                .iter()
                .map(|line| line[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: [usize; COLUMNS] = std::array::from_fn(width);
        let mut text = String::new();
        for line in &lines {
            let padded = line
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:<width$}"));
            text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        }
        text
    }

    /// Writes the files of the run into `dir`, and answers the path of results.json.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn write(&self, dir: &Path, machine: &Machine) -> anyhow::Result<PathBuf> {
        fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
        let records: Vec<Record> = self.rows.iter().map(Row::record).collect();
        let results = dir.join("results.json");
        publish(&results, &(serde_json::to_string_pretty(&records)? + "\n"))?;
        let rounds = serde_json::to_string_pretty(&self.rounds(machine))? + "\n";
        publish(&dir.join("rounds.json"), &rounds)?;
        publish(&dir.join("results.md"), &self.markdown(machine))?;
        Ok(results)
    }

    /// Every single value, for those who want to look behind a median.
    fn rounds(&self, machine: &Machine) -> serde_json::Value {
        let row = |row: &Row| {
            let peer = match &row.peer {
                Some(Peer::Live { sample, .. }) => Some(sample.values()),
                Some(Peer::Recorded { .. }) | None => None,
            };
            json!({
                "group": row.group,
                "name": row.name,
                "unit": row.unit,
                "ours": row.ours.sample().map(Sample::values),
                "peer": peer,
            })
        };
        json!({ "machine": machine.to_string(), "rows": self.rows.iter().map(row).collect::<Vec<_>>() })
    }

    fn markdown(&self, machine: &Machine) -> String {
        let mut text = format!("```\n{machine}\n```\n\n| {} |\n", HEADINGS.join(" | "));
        text.push_str(&"|---".repeat(COLUMNS));
        text.push_str("|\n");
        for row in &self.rows {
            // A String never refuses to be written to.
            let _ = writeln!(text, "| {} |", cells(row).join(" | "));
        }
        text
    }
}

fn cells(row: &Row) -> [String; COLUMNS] {
    let dash = || "-".to_owned();
    let peer = match &row.peer {
        Some(Peer::Live { sample, .. }) => sample.to_string(),
        Some(Peer::Recorded { value, .. }) => figure(*value),
        None => dash(),
    };
    [
        row.group.to_string(),
        row.name.to_owned(),
        row.unit.to_owned(),
        row.ours.to_string(),
        peer,
        row.peer_kind().to_owned(),
        row.peer_program().unwrap_or_else(dash),
        row.peer_version().unwrap_or_else(dash),
        row.ratio().map_or_else(dash, figure),
        row.goal_text(),
        row.result().to_owned(),
    ]
}

/// A reader never sees half a file.
fn publish(path: &Path, text: &str) -> anyhow::Result<()> {
    let draft = path.with_extension("draft");
    fs::write(&draft, text).with_context(|| format!("write {}", draft.display()))?;
    fs::rename(&draft, path).with_context(|| format!("publish {}", path.display()))
}

const COLUMNS: usize = 11;
const HEADINGS: [&str; COLUMNS] = [
    "group",
    "name",
    "unit",
    "ours (range)",
    "peer (range)",
    "kind",
    "peer program",
    "version",
    "ratio",
    "goal",
    "result",
];

#[cfg(test)]
mod tests {
    use super::super::row::{Goal, Group};
    use super::*;

    #[test]
    fn the_table_has_one_line_per_row_below_its_headings() {
        let report = Report {
            rows: vec![row(None), row(Some(recorded()))],
        };
        let table = report.table();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 3, "{table}");
        assert!(lines[1].ends_with("holds"), "{table}");
        assert!(lines[2].contains("9400"), "{table}");
    }

    fn recorded() -> Peer {
        Peer::Recorded {
            value: 9400.0,
            program: "base-image",
            version: "August 2026",
        }
    }

    fn row(peer: Option<Peer>) -> Row {
        Row {
            group: Group::Boot,
            name: "time to the portal",
            unit: "ms",
            ours: Sample::new(vec![1.0, 2.0, 3.0]).unwrap().into(),
            peer,
            goal: Goal::AtMost(300.0),
        }
    }
}
