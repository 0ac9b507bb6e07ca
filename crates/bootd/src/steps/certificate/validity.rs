//! The end of a certificate's validity, from its DER form.
//!
//! Reads just as much of the structure as lies before the date. Whatever does not look as
//! expected is no date; nothing here can panic.

/// Seconds since the Unix epoch after which a certificate is no longer valid.
pub(super) fn not_after(certificate: &[u8]) -> Option<u64> {
    let (_, certificate, _) = element(certificate)?;
    let (_, mut rest, _) = element(certificate)?;
    // An explicit version stands before the serial number.
    if rest.first() == Some(&0xa0) {
        (_, _, rest) = element(rest)?;
    }
    for _serial_algorithm_issuer in 0..3 {
        (_, _, rest) = element(rest)?;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, after) = element(validity)?;
    let (tag, date, _) = element(after)?;
    seconds(tag, date)
}

/// Tag, content and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        let length = digits
            .iter()
            .fold(0, |length, digit| length << 8 | usize::from(*digit));
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ` (tag 0x17) or `YYYYMMDDHHMMSSZ` (tag 0x18).
fn seconds(tag: u8, date: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(date).ok()?;
    if !text.is_ascii() {
        return None;
    }
    let (year, rest) = match tag {
        0x17 => {
            let year: u64 = text.get(..2)?.parse().ok()?;
            (
                if year < 50 { 2000 + year } else { 1900 + year },
                text.get(2..)?,
            )
        }
        0x18 => (text.get(..4)?.parse().ok()?, text.get(4..)?),
        _ => return None,
    };
    let field = |at: usize| rest.get(at..at + 2)?.parse::<u64>().ok();
    let (month, day) = (field(0)?, field(2)?);
    let days = days(year, month, day)?;
    Some(((days * 24 + field(4)?) * 60 + field(6)?) * 60 + field(8)?)
}

/// Days from 1970-01-01 in the Gregorian calendar; years count from March so that the leap day is
/// the last of a year.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    let total = year * 365 + year / 4 - year / 100 + year / 400 + of_year;
    total.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_both_forms() {
        assert_eq!(seconds(0x17, b"700101000000Z"), Some(0));
        assert_eq!(seconds(0x17, b"240229123456Z"), Some(1_709_210_096));
        assert_eq!(seconds(0x18, b"40960101000000Z"), Some(67_090_118_400));
        assert_eq!(seconds(0x18, b"20263301000000Z"), None);
        assert_eq!(seconds(0x18, b"2026"), None);
    }

    #[test]
    fn cut_and_odd_structures_are_no_date() {
        for bytes in [
            &b""[..],
            b"\x30",
            b"\x30\x85\xff\xff\xff\xff\xff",
            b"\x30\x02\x30\x00",
        ] {
            assert_eq!(not_after(bytes), None);
        }
    }
}
