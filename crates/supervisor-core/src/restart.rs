//! How long a program waits before it is started again unasked.

use std::time::Duration;

use crate::spec::{Incarnation, ProgramId};

/// The pause before the n-th restart in a row: `delay` × `factor`ⁿ⁻¹, at most `max`, give or take
/// `jitter`. The row ends when somebody starts the program, and with a run that lived longer than
/// 10 s, than `delay` and than its startsecs.
///
/// The default is the original's behaviour: no pause, apart from the brake on crash loops. With a
/// `delay` the pauses between failed starts follow the same rule instead of growing by a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RestartPolicy {
    /// The first pause; zero for none at all.
    pub delay: Duration,
    /// How much longer each pause is than the one before; at least 1.
    pub factor: f64,
    /// No pause is longer, apart from its jitter.
    pub max: Duration,
    /// The largest part of a pause that is added or taken away, from 0 to 1.
    pub jitter: f64,
}

impl RestartPolicy {
    /// The pause after a run, which is the `row`-th in a row to be followed by a restart. The jitter
    /// is different for each run of each program, and always the same for one.
    pub(crate) fn pause(&self, row: u32, id: &ProgramId, incarnation: Incarnation) -> Duration {
        let exponent = i32::try_from(row.saturating_sub(1)).unwrap_or(i32::MAX);
        // `max` and `min` of floats also get rid of what is not a number, and of the infinite.
        let grown = self.delay.as_secs_f64() * self.factor.max(1.0).powi(exponent);
        let capped = grown.min(self.max.as_secs_f64());
        let share = self.jitter.clamp(0.0, 1.0) * scatter(id, incarnation);
        Duration::try_from_secs_f64(capped * (1.0 + share)).unwrap_or(self.max)
    }
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            factor: 1.0,
            max: Duration::from_secs(300),
            jitter: 0.0,
        }
    }
}

/// A number from -1 to 1 that looks random: FNV-1a, then the mixing steps of MurmurHash3.
fn scatter(id: &ProgramId, incarnation: Incarnation) -> f64 {
    let number = incarnation.0.to_le_bytes();
    let parts = [id.group.as_bytes(), &[0], id.name.as_bytes(), &number];
    let mut hash = parts
        .into_iter()
        .flatten()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    for factor in [0xff51_afd7_ed55_8ccd_u64, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    let top = u32::try_from(hash >> 32).unwrap_or(u32::MAX);
    f64::from(top) / f64::from(u32::MAX) * 2.0 - 1.0
}
