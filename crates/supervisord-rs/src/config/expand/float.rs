//! `e`, `f` and `g` of a whole number, as C writes them.

/// Formats `number`; `conversion` is one of `eEfFgG`.
pub(super) fn format(
    number: i64,
    conversion: char,
    precision: Option<usize>,
    alternate: bool,
) -> String {
    #[expect(clippy::cast_precision_loss, reason = "so does Python")]
    let value = number as f64;
    let precision = precision.unwrap_or(6);
    let text = match conversion.to_ascii_lowercase() {
        'e' => exponential(value, precision, alternate),
        'g' => general(value, precision.max(1), alternate),
        _ => fixed(value, precision, alternate),
    };
    match conversion.is_ascii_uppercase() {
        true => text.to_uppercase(),
        false => text,
    }
}

fn fixed(value: f64, precision: usize, alternate: bool) -> String {
    let point = if alternate && precision == 0 { "." } else { "" };
    format!("{value:.precision$}{point}")
}

fn exponential(value: f64, precision: usize, alternate: bool) -> String {
    let (mantissa, exponent) = scientific(value, precision);
    let point = if alternate && precision == 0 { "." } else { "" };
    format!("{mantissa}{point}e+{exponent:02}")
}

/// The shorter of the two forms, without the zeros at its end.
fn general(value: f64, precision: usize, alternate: bool) -> String {
    let (mantissa, exponent) = scientific(value, precision - 1);
    if exponent >= precision {
        let mantissa = if alternate {
            mantissa
        } else {
            stripped(&mantissa)
        };
        let point = if alternate && precision == 1 { "." } else { "" };
        return format!("{mantissa}{point}e+{exponent:02}");
    }
    let text = fixed(value, precision - 1 - exponent, alternate);
    if alternate { text } else { stripped(&text) }
}

/// Mantissa and exponent; a whole number has no negative exponent.
fn scientific(value: f64, precision: usize) -> (String, usize) {
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.to_owned(), exponent.parse().unwrap_or(0))
}

fn stripped(text: &str) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    }
}
