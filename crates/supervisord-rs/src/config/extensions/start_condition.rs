//! `start_when`: what must be so before a program starts at all.

use std::{fmt, path::PathBuf, str::FromStr};

use super::dependency::items;

/// One condition; a program starts when all of its conditions are met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartCondition {
    /// `portal:NAME`: an app whose name contains this, in any case, is in `portal.yaml`. Decided
    /// once; a program whose app is not listed does not start.
    Portal(String),
    /// `file:PATH`: there is such a file. Waited for.
    FilePresent(PathBuf),
    /// `no-file:PATH`: there is no such file. Waited for.
    FileAbsent(PathBuf),
    /// `not-serverless`: the instance is not a serverless worker. Decided once.
    NotServerless,
    /// `provisioned`: provisioning is over. Waited for.
    Provisioned,
}

impl FromStr for StartCondition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, value) = match text.split_once(':') {
            Some((kind, value)) => (kind.trim(), value.trim()),
            None => (text.trim(), ""),
        };
        let path = || match value.starts_with('/') {
            true => Ok(PathBuf::from(value)),
            false => Err(format!("'{text}' needs an absolute path")),
        };
        match (kind, value) {
            ("portal", "") => Err("'portal:' needs the name of an app".to_owned()),
            ("portal", name) => Ok(Self::Portal(name.to_owned())),
            ("file", _) => path().map(Self::FilePresent),
            ("no-file", _) => path().map(Self::FileAbsent),
            ("not-serverless", "") => Ok(Self::NotServerless),
            ("provisioned", "") => Ok(Self::Provisioned),
            _ => Err(format!(
                "unknown condition '{text}'; use portal:NAME, file:/PATH, no-file:/PATH, \
                 not-serverless or provisioned"
            )),
        }
    }
}

impl fmt::Display for StartCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Portal(name) => write!(f, "portal:{name}"),
            Self::FilePresent(path) => write!(f, "file:{}", path.display()),
            Self::FileAbsent(path) => write!(f, "no-file:{}", path.display()),
            Self::NotServerless => f.write_str("not-serverless"),
            Self::Provisioned => f.write_str("provisioned"),
        }
    }
}

/// A comma list of conditions.
pub(in crate::config) fn start_conditions(text: &str) -> Result<Vec<StartCondition>, String> {
    items(text).map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_back_as_they_are_written() {
        let text = "portal:jupyter, file:/a, no-file:/b:c, not-serverless, provisioned";
        let shown: Vec<_> = start_conditions(text)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(shown.join(", "), text);
        for bad in ["portal:", "file:x", "provisioned:x", "weekday"] {
            assert!(start_conditions(bad).is_err(), "{bad}");
        }
    }
}
