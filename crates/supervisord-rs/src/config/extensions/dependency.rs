//! `depends_on`: what must have happened to other programs before this one starts.

use std::{fmt, str::FromStr};

use supervisor_core::ProgramId;

/// One process that another waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The process waited for.
    pub program: ProgramId,
    /// What must have happened to it.
    pub condition: Condition,
}

/// What must have happened to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is RUNNING.
    Started,
    /// It is RUNNING and its readiness probe, if it has one, has succeeded.
    Ready,
    /// It has ended with exit status 0.
    Exited,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Started => "started",
            Self::Ready => "ready",
            Self::Exited => "exited",
        })
    }
}

/// One item of the list as written: a name, or a group and a name in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct Wish {
    pub(in crate::config) target: String,
    /// Absent where the target's nature decides.
    pub(in crate::config) condition: Option<Condition>,
}

impl FromStr for Wish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (target, condition) = match text.split_once('=') {
            None => (text, None),
            Some((target, condition)) => {
                let condition = match condition.trim().to_lowercase().as_str() {
                    "started" => Condition::Started,
                    "ready" => Condition::Ready,
                    "exited" => Condition::Exited,
                    other => {
                        return Err(format!(
                            "unknown condition '{other}'; use started, ready or exited"
                        ));
                    }
                };
                (target, Some(condition))
            }
        };
        let target = target.trim();
        let (group, name) = target.split_once(':').unwrap_or((target, target));
        if group.is_empty() || name.is_empty() || name.contains(':') {
            return Err(format!("'{text}' is not NAME or GROUP:NAME"));
        }
        let target = target.to_owned();
        Ok(Self { target, condition })
    }
}

/// A comma list of wishes.
pub(in crate::config) fn wishes(text: &str) -> Result<Vec<Wish>, String> {
    items(text).map(str::parse).collect()
}

/// The items of a comma list; empty ones are left out.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    let items = text.split(',').map(str::trim);
    items.filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_a_name_with_an_optional_condition() {
        let parsed = wishes("db = ready, web:web_0=exited ,cache").unwrap();
        let shown: Vec<_> = parsed
            .iter()
            .map(|wish| (wish.target.as_str(), wish.condition))
            .collect();
        assert_eq!(
            shown,
            [
                ("db", Some(Condition::Ready)),
                ("web:web_0", Some(Condition::Exited)),
                ("cache", None)
            ]
        );
        for bad in ["db=healthy", ":x", "a:", "a:b:c", "=ready"] {
            assert!(wishes(bad).is_err(), "{bad}");
        }
    }
}
