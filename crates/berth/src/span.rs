//! Times for people.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds since the Unix epoch at this moment.
pub(crate) fn now() -> u64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

/// The time since `then`, such as "3h 2m"; a dash if `then` is 0, which means never.
pub(crate) fn since(now: u64, then: u64) -> String {
    if then == 0 {
        return "-".to_owned();
    }
    long(Duration::from_micros(now.saturating_sub(then)))
}

/// A span in its two largest units.
pub(crate) fn long(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    if days > 0 {
        format!("{days}d {hours}h")
    } else if hours > 0 {
        format!("{hours}h {minutes}m")
    } else if minutes > 0 {
        format!("{minutes}m {}s", seconds % 60)
    } else {
        format!("{seconds}s")
    }
}

/// A short span, such as "12.3 ms" or "1.25 s".
pub(crate) fn short(micros: u64) -> String {
    let whole = micros / 1000;
    if micros < 1000 {
        format!("{micros} µs")
    } else if whole < 1000 {
        format!("{whole}.{} ms", micros % 1000 / 100)
    } else if whole < 60_000 {
        format!("{}.{:02} s", whole / 1000, whole % 1000 / 10)
    } else {
        long(Duration::from_millis(whole))
    }
}

/// A size, such as "21.4 GiB".
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut divisor = 1_u64;
    while unit + 1 < UNITS.len() && bytes / divisor >= 1024 {
        divisor *= 1024;
        unit += 1;
    }
    let name = UNITS[unit];
    if unit == 0 {
        return format!("{bytes} {name}");
    }
    let tenths = bytes % divisor / (divisor / 10).max(1);
    format!("{}.{} {name}", bytes / divisor, tenths.min(9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_show_their_two_largest_units() {
        let cases = [
            (0, "0s"),
            (59, "59s"),
            (61, "1m 1s"),
            (3 * 3600 + 120, "3h 2m"),
            (90_000, "1d 1h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(long(Duration::from_secs(seconds)), text);
        }
        assert_eq!(since(5, 0), "-");
        // A clock that was set back is no reason for a huge number.
        assert_eq!(since(5, 9), "0s");
    }

    #[test]
    fn short_spans_and_sizes_read_well() {
        assert_eq!(short(950), "950 µs");
        assert_eq!(short(12_345), "12.3 ms");
        assert_eq!(short(1_250_000), "1.25 s");
        assert_eq!(size(512), "512 B");
        assert_eq!(size(24 << 30), "24.0 GiB");
        assert_eq!(size(1536 << 20), "1.5 GiB");
        // Cut off, not rounded: what is not there is not shown.
        assert_eq!(size(u64::MAX), "16777215.9 TiB");
    }
}
