//! Whole numbers as Python reads them.

/// A number of any size; what does not fit is as good as endless.
pub(crate) fn integer(text: &str) -> Result<i64, String> {
    python_int(text, 10).ok_or_else(|| format!("not a whole number: '{text}'"))
}

/// A number, or one with KB, MB or GB.
pub(crate) fn byte_size(text: &str) -> Result<i64, String> {
    let lower = text.to_lowercase();
    let (digits, factor) = [("kb", 1i64 << 10), ("mb", 1 << 20), ("gb", 1 << 30)]
        .iter()
        .find_map(|(suffix, factor)| lower.strip_suffix(suffix).map(|d| (d, *factor)))
        .unwrap_or((&lower, 1));
    python_int(digits, 10)
        .map(|number| number.saturating_mul(factor))
        .ok_or_else(|| format!("not a size (digits, or digits with KB, MB or GB): '{text}'"))
}

/// Bits of a file mode. The original takes negative numbers, too; of those the lowest bits count.
pub(crate) fn octal(text: &str) -> Result<u32, String> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the lowest twelve bits are meant"
    )]
    python_int(text, 8)
        .map(|number| number as u32 & 0o7777)
        .ok_or_else(|| format!("not an octal number: '{text}'"))
}

/// A comma list of exit codes, in its order.
pub(crate) fn exit_codes(text: &str) -> Result<Vec<i32>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let code = |part| u8::try_from(python_int(part, 10)?).ok().map(i32::from);
    text.split(',')
        .map(code)
        .collect::<Option<_>>()
        .ok_or_else(|| format!("not a valid list of exit codes from 0 to 255: '{text}'"))
}

/// Python's `int(text, base)`.
fn python_int(text: &str, base: u32) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let digits = match digits.get(..2) {
        Some("0o" | "0O") if base == 8 => {
            let rest = &digits[2..];
            rest.strip_prefix('_').unwrap_or(rest)
        }
        _ => digits,
    };
    let misplaced = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    if digits.is_empty() || misplaced || digits.len() > MOST_DIGITS {
        return None;
    }
    let mut value = 0i64;
    for char in digits.chars().filter(|char| *char != '_') {
        let digit = i64::from(char.to_digit(base)?);
        value = value.saturating_mul(i64::from(base)).saturating_add(digit);
    }
    Some(if negative { -value } else { value })
}

/// Python refuses longer ones.
const MOST_DIGITS: usize = 4300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_follow_the_original() {
        assert_eq!(integer(" 1_000 "), Ok(1000));
        assert_eq!(integer("-3"), Ok(-3));
        assert_eq!(integer("+03"), Ok(3));
        assert_eq!(integer("99999999999999999999"), Ok(i64::MAX));
        for bad in ["1.0", "0x10", "", "_1", "1__0", "--1", "-"] {
            assert!(integer(bad).is_err(), "{bad}");
        }
        assert_eq!(byte_size("50 mb"), Ok(50 << 20));
        assert_eq!(byte_size("-1"), Ok(-1));
        for bad in ["5M", "1.5MB", "1TB", "MB"] {
            assert!(byte_size(bad).is_err(), "{bad}");
        }
        assert_eq!(octal("0o22"), Ok(0o22));
        assert_eq!(octal("-1"), Ok(0o7777));
        for bad in ["8", "", "0x2", "0o"] {
            assert!(octal(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn exit_codes_are_bytes_and_keep_their_order() {
        assert_eq!(exit_codes("2, 0,2"), Ok(vec![2, 0, 2]));
        assert_eq!(exit_codes(""), Ok(Vec::new()));
        for bad in ["256", "-1", "0,,2", "0,"] {
            assert!(exit_codes(bad).is_err(), "{bad}");
        }
    }
}
