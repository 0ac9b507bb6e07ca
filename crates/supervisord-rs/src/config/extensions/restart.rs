//! `restart_…`: how long to wait before a program is started again.

use std::time::Duration;

/// A number in thousandths, so that it can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thousandths(pub u32);

impl Thousandths {
    /// The number.
    pub fn number(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

/// The pause between the end of a program and its next start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartPolicy {
    /// The first pause; `None` keeps the original's behaviour.
    pub delay: Option<Duration>,
    /// What the pause is multiplied with after each further end.
    pub backoff: Thousandths,
    /// The longest pause.
    pub delay_max: Option<Duration>,
    /// Largest part of the pause that is added or taken off at random.
    pub jitter: Thousandths,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            delay: None,
            backoff: Thousandths(1000),
            delay_max: None,
            jitter: Thousandths(0),
        }
    }
}

impl RestartPolicy {
    /// What the core needs to know.
    pub fn spec(&self) -> supervisor_core::RestartPolicy {
        let original = supervisor_core::RestartPolicy::default();
        supervisor_core::RestartPolicy {
            delay: self.delay.unwrap_or(original.delay),
            factor: self.backoff.number(),
            max: self.delay_max.unwrap_or(original.max),
            jitter: self.jitter.number(),
        }
    }
}

/// A number of seconds.
pub(in crate::config) fn seconds(text: &str) -> Result<Duration, String> {
    let longest = LONGEST.as_secs_f64();
    number(text)
        .filter(|seconds| (0.0..=longest).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("not a number of seconds from 0 to {longest}: '{text}'"))
}

/// A factor by which pauses grow.
pub(in crate::config) fn factor(text: &str) -> Result<Thousandths, String> {
    thousandths(text, 1.0, 100.0)
}

/// A part of a whole.
pub(in crate::config) fn fraction(text: &str) -> Result<Thousandths, String> {
    thousandths(text, 0.0, 1.0)
}

fn thousandths(text: &str, least: f64, most: f64) -> Result<Thousandths, String> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked"
    )]
    number(text)
        .filter(|number| (least..=most).contains(number))
        .map(|number| Thousandths((number * 1000.0).round() as u32))
        .ok_or_else(|| format!("not a number from {least} to {most}: '{text}'"))
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|n| n.is_finite())
}

/// A month; more is a slip of the keyboard.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_limits() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for bad in ["-1", "x", "inf", "1e99", "nan", ""] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
        assert_eq!(factor("1.5"), Ok(Thousandths(1500)));
        assert!(factor("0.5").is_err());
        assert!(fraction("1.1").is_err());
    }
}
