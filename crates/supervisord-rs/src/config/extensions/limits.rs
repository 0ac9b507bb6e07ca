//! `rlimit_…`, `nice` and `oom_score_adj`: what the kernel allows a program.

use crate::config::values::{byte_size, integer};

/// A soft and a hard limit; `None` is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What applies.
    pub soft: Option<u64>,
    /// How far the program itself may raise it.
    pub hard: Option<u64>,
}

/// What is set for a program before it is executed; `None` leaves what it inherits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Open files.
    pub nofile: Option<Limit>,
    /// Processes of its account.
    pub nproc: Option<Limit>,
    /// Bytes of a core file.
    pub core: Option<Limit>,
    /// Bytes of address space.
    pub address_space: Option<Limit>,
    /// Bytes that may be locked into memory.
    pub memlock: Option<Limit>,
    /// Bytes of stack.
    pub stack: Option<Limit>,
    /// Scheduling niceness, -20 to 19.
    pub nice: Option<i32>,
    /// Preference of the kernel's out-of-memory killer, -1000 to 1000.
    pub oom_score_adj: Option<i32>,
}

/// `N`, `unlimited` or `soft:hard`, each with an optional KB, MB or GB.
pub(in crate::config) fn limit(text: &str) -> Result<Limit, String> {
    let (soft, hard) = text.split_once(':').unwrap_or((text, text));
    let (soft, hard) = (one(soft)?, one(hard)?);
    let above = match (soft, hard) {
        (Some(soft), Some(hard)) => soft > hard,
        (None, Some(_)) => true,
        (_, None) => false,
    };
    match above {
        true => Err(format!("the soft limit is above the hard one: '{text}'")),
        false => Ok(Limit { soft, hard }),
    }
}

fn one(text: &str) -> Result<Option<u64>, String> {
    if text.trim().eq_ignore_ascii_case("unlimited") {
        return Ok(None);
    }
    let number = byte_size(text).ok().and_then(|n| u64::try_from(n).ok());
    number
        .map(Some)
        .ok_or_else(|| format!("not a limit (a number, unlimited, or soft:hard): '{text}'"))
}

/// A niceness.
pub(in crate::config) fn nice(text: &str) -> Result<i32, String> {
    between(text, -20, 19)
}

/// A preference of the out-of-memory killer.
pub(in crate::config) fn oom_score_adj(text: &str) -> Result<i32, String> {
    between(text, -1000, 1000)
}

fn between(text: &str, least: i32, most: i32) -> Result<i32, String> {
    integer(text)
        .ok()
        .and_then(|number| i32::try_from(number).ok())
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("not a whole number from {least} to {most}: '{text}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_one_number_or_two_or_none() {
        let both = |soft, hard| Ok(Limit { soft, hard });
        assert_eq!(limit("1024"), both(Some(1024), Some(1024)));
        assert_eq!(limit("1KB:unlimited"), both(Some(1024), None));
        assert_eq!(limit("Unlimited"), both(None, None));
        for bad in ["", "x", "-1", "2:1", "unlimited:5", "1:2:3"] {
            assert!(limit(bad).is_err(), "{bad}");
        }
        assert_eq!(nice("-20"), Ok(-20));
        assert!(nice("20").is_err());
        assert!(oom_score_adj("-1001").is_err());
    }
}
