//! Signals by name and number, as Python's `signal` module has them.

use nix::sys::signal::Signal;

/// The number of a signal, by its name with or without `SIG`, or by its number.
///
/// # Errors
/// When there is no such signal.
pub fn signal_number(text: &str) -> Result<i32, String> {
    if let Ok(number) = super::integer(text) {
        return i32::try_from(number)
            .ok()
            .filter(|number| is_known(*number))
            .ok_or_else(|| format!("value '{text}' is not a valid signal number"));
    }
    let name = text.trim().to_uppercase();
    let full = match name.starts_with("SIG") {
        true => name,
        false => format!("SIG{name}"),
    };
    let further = FURTHER.iter().find(|(name, _)| *name == full);
    further
        .map(|(_, number)| *number)
        .or_else(|| full.parse::<Signal>().ok().map(|signal| signal as i32))
        .ok_or_else(|| format!("value '{text}' is not a valid signal name"))
}

/// `SIGTERM` for 15; the original's `signal N` for numbers without a name.
pub fn signal_name(number: i32) -> String {
    match number {
        // Linux calls it SIGIO as well; Python takes the other name.
        29 => "SIGPOLL".to_owned(),
        RTMIN => "SIGRTMIN".to_owned(),
        RTMAX => "SIGRTMAX".to_owned(),
        number => Signal::try_from(number).map_or_else(
            |_| format!("signal {number}"),
            |signal| signal.as_str().to_owned(),
        ),
    }
}

fn is_known(number: i32) -> bool {
    number == 0 || number == RTMIN || number == RTMAX || Signal::try_from(number).is_ok()
}

const RTMIN: i32 = 34;
const RTMAX: i32 = 64;

/// Names that Python has besides, among them constants that only look like signals.
const FURTHER: &[(&str, i32)] = &[
    ("SIGCLD", Signal::SIGCHLD as i32),
    ("SIGIOT", Signal::SIGABRT as i32),
    ("SIGPOLL", Signal::SIGIO as i32),
    ("SIGRTMAX", RTMAX),
    ("SIGRTMIN", RTMIN),
    ("SIG_BLOCK", 0),
    ("SIG_DFL", 0),
    ("SIG_IGN", 1),
    ("SIG_SETMASK", 2),
    ("SIG_UNBLOCK", 1),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_go_by_name_or_number() {
        for (text, number) in [
            ("sigterm", 15),
            ("HUP", 1),
            ("9", 9),
            ("0", 0),
            ("64", 64),
            ("rtmin", 34),
            ("SIGRTMAX", 64),
            ("CLD", 17),
            ("poll", 29),
            ("IOT", 6),
            ("_ign", 1),
            ("SIG_DFL", 0),
        ] {
            assert_eq!(signal_number(text), Ok(number), "{text}");
        }
        for bad in ["FOO", "35", "33", "63", "-1", "", "SIG", "1.0"] {
            assert!(signal_number(bad).is_err(), "{bad}");
        }
        assert_eq!(signal_name(9), "SIGKILL");
        assert_eq!(signal_name(40), "signal 40");
        assert_eq!([29, 34].map(signal_name), ["SIGPOLL", "SIGRTMIN"]);
    }
}
