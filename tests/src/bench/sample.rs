//! The values of one figure over all rounds. Pure.

use std::fmt;

use anyhow::ensure;

/// At least one finite value, in the order they were measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    values: Vec<f64>,
}

impl Sample {
    /// # Errors
    /// When there is no value, or one that is not a number.
    pub(crate) fn new(values: Vec<f64>) -> anyhow::Result<Self> {
        ensure!(!values.is_empty(), "no value was measured");
        ensure!(
            values.iter().all(|value| value.is_finite()),
            "a value is not a number"
        );
        Ok(Self { values })
    }

    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    /// The middle value, or the mean of the two in the middle.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let upper = sorted.len() / 2;
        let lower = (sorted.len() - 1) / 2;
        f64::midpoint(sorted[lower], sorted[upper])
    }

    pub(crate) fn lowest(&self) -> f64 {
        self.values.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(crate) fn highest(&self) -> f64 {
        self.values
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max)
    }
}

impl fmt::Display for Sample {
    /// Median and range: `141 (138..160)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (median, lowest, highest) = (self.median(), self.lowest(), self.highest());
        write!(
            f,
            "{} ({}..{})",
            figure(median),
            figure(lowest),
            figure(highest)
        )
    }
}

/// Three significant digits where that is readable.
pub(crate) fn figure(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_order() {
        assert_eq!(
            sample(&[3.0, 1.0, 2.0]).median().to_bits(),
            2.0_f64.to_bits()
        );
        assert_eq!(
            sample(&[4.0, 1.0, 2.0, 3.0]).median().to_bits(),
            2.5_f64.to_bits()
        );
        assert_eq!(sample(&[7.0]).median().to_bits(), 7.0_f64.to_bits());
    }

    #[test]
    fn prints_median_and_range() {
        assert_eq!(sample(&[141.2, 160.0, 138.4]).to_string(), "141 (138..160)");
        assert_eq!(sample(&[0.5]).to_string(), "0.500 (0.500..0.500)");
    }

    #[test]
    fn refuses_what_is_not_a_measurement() {
        assert!(Sample::new(Vec::new()).is_err());
        assert!(Sample::new(vec![f64::NAN]).is_err());
    }

    fn sample(values: &[f64]) -> Sample {
        Sample::new(values.to_vec()).unwrap()
    }
}
