//! One line of the results: what was measured, beside what, and whether the promise holds. Pure.

use std::fmt;

use serde::Serialize;

use super::sample::Sample;

/// A part of Berth that can be measured on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Group {
    Boot,
    Supervisor,
    Proxy,
    Sync,
    Tunnel,
    Gpu,
    Portal,
}

/// What a figure of ours is compared with.
#[derive(Debug, Clone)]
pub(crate) enum Peer {
    /// Measured in the same rounds on the same machine.
    Live {
        sample: Sample,
        program: String,
        version: String,
    },
    /// A figure of the contracts, measured on another machine.
    Recorded {
        value: f64,
        program: &'static str,
        version: &'static str,
    },
}

/// What ours showed.
#[derive(Debug, Clone)]
pub(crate) enum Ours {
    Measured(Sample),
    /// It cannot do yet what the row is about.
    NotServed,
}

/// What was promised about a figure of ours, in the row's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    AtMost(f64),
    /// No more than the peer.
    AtMostPeer,
    /// No more than the peer's figure times this.
    AtMostTimesPeer(f64),
    /// No less than the peer's figure times this.
    AtLeastTimesPeer(f64),
    /// Nothing: the figure is there to be seen.
    Unstated,
}

/// One measured figure with its comparison.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) group: Group,
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) ours: Ours,
    /// None: the goal is absolute.
    pub(crate) peer: Option<Peer>,
    pub(crate) goal: Goal,
}

/// A row in the form of results.json.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    group: Group,
    name: &'static str,
    unit: &'static str,
    ours: Option<f64>,
    peer: Option<f64>,
    peer_kind: &'static str,
    peer_program: Option<String>,
    peer_version: Option<String>,
    ratio: Option<f64>,
    goal: String,
    holds: bool,
}

/// What a group showed.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) rows: Vec<Row>,
    /// The measurements that could not be made: they have no rows.
    pub(crate) failures: Vec<anyhow::Error>,
}

impl From<anyhow::Result<Vec<Row>>> for Found {
    fn from(result: anyhow::Result<Vec<Row>>) -> Self {
        match result {
            Ok(rows) => Self {
                rows,
                ..Self::default()
            },
            Err(error) => Self {
                failures: vec![error],
                ..Self::default()
            },
        }
    }
}

impl Group {
    pub(crate) const ALL: [Self; 7] = [
        Self::Boot,
        Self::Supervisor,
        Self::Proxy,
        Self::Sync,
        Self::Tunnel,
        Self::Gpu,
        Self::Portal,
    ];
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boot => "boot",
            Self::Supervisor => "supervisor",
            Self::Proxy => "proxy",
            Self::Sync => "sync",
            Self::Tunnel => "tunnel",
            Self::Gpu => "gpu",
            Self::Portal => "portal",
        })
    }
}

impl Peer {
    /// The figure to compare with: a median where there is more than one.
    fn value(&self) -> f64 {
        match self {
            Self::Live { sample, .. } => sample.median(),
            Self::Recorded { value, .. } => *value,
        }
    }

    fn program(&self) -> &str {
        match self {
            Self::Live { program, .. } => program,
            Self::Recorded { program, .. } => program,
        }
    }

    fn version(&self) -> &str {
        match self {
            Self::Live { version, .. } => version,
            Self::Recorded { version, .. } => version,
        }
    }
}

impl Goal {
    fn holds(self, ours: f64, peer: Option<f64>) -> bool {
        match self {
            Self::AtMost(limit) => ours <= limit,
            Self::AtMostPeer => peer.is_some_and(|peer| ours <= peer),
            Self::AtMostTimesPeer(factor) => peer.is_some_and(|peer| ours <= peer * factor),
            Self::AtLeastTimesPeer(factor) => peer.is_some_and(|peer| ours >= peer * factor),
            Self::Unstated => true,
        }
    }
}

impl Ours {
    pub(crate) fn median(&self) -> Option<f64> {
        self.sample().map(Sample::median)
    }

    pub(crate) fn sample(&self) -> Option<&Sample> {
        match self {
            Self::Measured(sample) => Some(sample),
            Self::NotServed => None,
        }
    }
}

impl From<Sample> for Ours {
    fn from(sample: Sample) -> Self {
        Self::Measured(sample)
    }
}

impl fmt::Display for Ours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measured(sample) => sample.fmt(f),
            Self::NotServed => f.write_str("not served"),
        }
    }
}

impl Row {
    pub(crate) fn peer_kind(&self) -> &'static str {
        match self.peer {
            Some(Peer::Live { .. }) => "live",
            Some(Peer::Recorded { .. }) => "recorded",
            None => "none",
        }
    }

    pub(crate) fn peer_program(&self) -> Option<String> {
        self.peer.as_ref().map(|peer| peer.program().to_owned())
    }

    pub(crate) fn peer_version(&self) -> Option<String> {
        self.peer.as_ref().map(|peer| peer.version().to_owned())
    }

    pub(crate) fn ratio(&self) -> Option<f64> {
        let peer = self.peer.as_ref()?.value();
        let ours = self.ours.median()?;
        (peer > 0.0).then(|| ours / peer)
    }

    /// What is not served holds no goal, not even one that was never stated.
    pub(crate) fn holds(&self) -> bool {
        let peer = self.peer.as_ref().map(Peer::value);
        self.ours
            .median()
            .is_some_and(|ours| self.goal.holds(ours, peer))
    }

    /// The last word of a line.
    pub(crate) fn result(&self) -> &'static str {
        match (&self.ours, self.goal) {
            (Ours::NotServed, _) => "NOT SERVED",
            (Ours::Measured(_), Goal::Unstated) => "-",
            (Ours::Measured(_), _) if self.holds() => "holds",
            (Ours::Measured(_), _) => "DOES NOT HOLD",
        }
    }

    /// The goal in words that need no other column.
    pub(crate) fn goal_text(&self) -> String {
        match self.goal {
            Goal::AtMost(limit) => format!("<= {limit} {}", self.unit),
            Goal::AtMostPeer => "<= peer".to_owned(),
            Goal::AtMostTimesPeer(factor) => format!("<= {factor} x peer"),
            Goal::AtLeastTimesPeer(factor) => format!(">= {factor} x peer"),
            Goal::Unstated => "none".to_owned(),
        }
    }

    pub(crate) fn record(&self) -> Record {
        Record {
            group: self.group,
            name: self.name,
            unit: self.unit,
            ours: self.ours.median().map(rounded),
            peer: self.peer.as_ref().map(|peer| rounded(peer.value())),
            peer_kind: self.peer_kind(),
            peer_program: self.peer_program(),
            peer_version: self.peer_version(),
            ratio: self.ratio().map(rounded),
            goal: self.goal_text(),
            holds: self.holds(),
        }
    }
}

/// More digits than these are noise.
fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_goal_is_a_row_that_does_not_hold() {
        let row = row(
            310.0,
            Some(Peer::Recorded {
                value: 3100.0,
                program: "image",
                version: "1",
            }),
        );
        assert!(!row.holds());
        assert_eq!(row.ratio(), Some(0.1));
        assert_eq!(row.goal_text(), "<= 300 ms");
    }

    #[test]
    fn a_goal_may_be_the_peer() {
        let recorded = |value| Peer::Recorded {
            value,
            program: "image",
            version: "1",
        };
        for (peer, holds) in [
            (Some(recorded(3.0)), true),
            (Some(recorded(1.9)), false),
            (None, false),
        ] {
            let row = Row {
                goal: Goal::AtMostPeer,
                ..row(2.0, peer)
            };
            assert_eq!(row.holds(), holds);
            assert_eq!(row.goal_text(), "<= peer");
        }
    }

    #[test]
    fn a_goal_may_be_a_share_of_the_peer() {
        let peer = || {
            Some(Peer::Recorded {
                value: 10.0,
                program: "image",
                version: "1",
            })
        };
        for (ours, goal, holds, text) in [
            (11.0, Goal::AtMostTimesPeer(1.15), true, "<= 1.15 x peer"),
            (12.0, Goal::AtMostTimesPeer(1.15), false, "<= 1.15 x peer"),
            (8.6, Goal::AtLeastTimesPeer(0.85), true, ">= 0.85 x peer"),
            (8.4, Goal::AtLeastTimesPeer(0.85), false, ">= 0.85 x peer"),
            (99.0, Goal::Unstated, true, "none"),
        ] {
            let row = Row {
                goal,
                ..row(ours, peer())
            };
            assert_eq!((row.holds(), row.goal_text().as_str()), (holds, text));
        }
    }

    #[test]
    fn what_is_not_served_has_no_figure_and_holds_nothing() {
        for goal in [Goal::AtMost(1.0), Goal::Unstated] {
            let row = Row {
                ours: Ours::NotServed,
                goal,
                ..row(0.0, None)
            };
            assert_eq!((row.holds(), row.result()), (false, "NOT SERVED"));
            let record = serde_json::to_value(row.record()).unwrap();
            assert_eq!(record["ours"], serde_json::Value::Null);
        }
    }

    #[test]
    fn a_row_without_peer_has_no_ratio() {
        let record = serde_json::to_value(row(300.0, None).record()).unwrap();
        assert_eq!(record["ratio"], serde_json::Value::Null);
        assert_eq!(record["peer_kind"], "none");
        assert_eq!(record["holds"], true);
        assert_eq!(record["group"], "boot");
    }

    fn row(ours: f64, peer: Option<Peer>) -> Row {
        Row {
            group: Group::Boot,
            name: "a figure",
            unit: "ms",
            ours: Sample::new(vec![ours]).unwrap().into(),
            peer,
            goal: Goal::AtMost(300.0),
        }
    }
}
