//! The printf language; every expectation was printed by Python 3.11.

use std::collections::BTreeMap;

use super::*;
use crate::config::names::Value;

fn run(text: &str) -> Result<String, String> {
    let environment: BTreeMap<&str, &str> = [("PORT", "7"), ("Q", "it's"), ("U", "é\t")].into();
    let names = Names::of_environment(&environment)
        .with("n", Value::Number(65))
        .with("m", Value::Number(-12))
        .with("program_name", Value::Text("web".to_owned()))
        .with("x", Value::Text("x".to_owned()));
    expand(text, &names)
}

#[test]
fn numbers_take_every_conversion() {
    for (text, expected) in [
        ("%(n)d|%(n)i|%(n)u", "65|65|65"),
        ("%(n)03d|%(m)05d|%(m)03d", "065|-0012|-12"),
        ("%(n)-5d|%(n)-05d|", "65   |65   |"),
        ("%(n)+d|%(n) d|%(m)+d", "+65| 65|-12"),
        ("%(n).3d|%(m).4d|%(n)6.3d", "065|-0012|   065"),
        ("%(n)x|%(m)x|%(n)X|%(n)o", "41|-c|41|101"),
        ("%(n)#x|%(n)#X|%(n)#o", "0x41|0X41|0o101"),
        ("%(n)#06x|%(m)#06x|%(n)#6x", "0x0041|-0x00c|  0x41"),
        ("%(n)ld|%(n)hd|%(n)Ld", "65|65|65"),
        ("%(n)c|%(x)c|%(n)3c", "A|x|  A"),
        ("%(n)s|%(n)r|%(n)a|%(n).1s", "65|65|65|6"),
        ("%(n)f|%(n).0f|%(n)#.0f|%(n)F", "65.000000|65|65.|65.000000"),
        (
            "%(n)e|%(n).1e|%(n)E|%(n).0e",
            "6.500000e+01|6.5e+01|6.500000E+01|6e+01",
        ),
        ("%(n)g|%(n).1g|%(n)#g|%(n)G", "65|6e+01|65.0000|65"),
        (
            "%(m)010.2f|%(m)+.1f|%(n)+08.2f",
            "-000012.00|-12.0|+0065.00",
        ),
    ] {
        assert_eq!(run(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn texts_are_padded_cut_and_quoted() {
    for (text, expected) in [
        ("%(program_name)s_%(n)02d", "web_65"),
        (
            "%(program_name)-5s|%(program_name)5s|%(program_name).2s",
            "web  |  web|we",
        ),
        ("%(program_name)05s", "  web"),
        (
            "%(program_name)r|%(ENV_Q)r|%(ENV_U)r|%(ENV_U)a",
            "'web'|\"it's\"|'é\\t'|'\\xe9\\t'",
        ),
        ("%%|100%%", "%|100%"),
        ("%(ENV_PORT)s", "7"),
    ] {
        assert_eq!(run(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for text in [
        "%(nope)s",
        "50%",
        "%d",
        "%(n)",
        "%(n)q",
        "%(n)5%",
        "%(program_name)d",
        "%(ENV_PORT)d",
        "%(ENV_PORT)f",
        "%(program_name)c",
        "%(m)c",
        "%(n",
        "%(n)lld",
        "%(n)*d",
        "%(n)99999d",
        "%(a(b)s",
    ] {
        assert!(run(text).is_err(), "{text}");
    }
}
