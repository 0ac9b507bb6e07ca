//! Python's `getopt`, which both programs of the original use: `-n`, `-cFILE`, `-c FILE`,
//! `--long VALUE`, `--long=VALUE` and unique prefixes of long names; words end the flags.

/// A flag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag {
    long: &'static str,
    /// NUL where there is none.
    short: char,
    takes: Takes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
}

impl Flag {
    /// A flag without a value.
    pub(crate) const fn plain(long: &'static str, short: char) -> Self {
        let takes = Takes::Nothing;
        Self { long, short, takes }
    }

    /// A flag with a value.
    pub(crate) const fn valued(long: &'static str, short: char) -> Self {
        let takes = Takes::Value;
        Self { long, short, takes }
    }
}

/// Flags by their long name with their values.
type Given = Vec<(&'static str, String)>;

/// Splits `arguments` into flags and the words after them.
pub(crate) fn parse(arguments: &[String], flags: &[Flag]) -> Result<(Given, Vec<String>), String> {
    let mut given = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.as_slice().first() {
        if argument == "--" {
            rest.next();
            break;
        }
        if let Some(long) = argument.strip_prefix("--") {
            rest.next();
            given.push(parse_long(long, &mut rest, flags)?);
        } else if argument.len() > 1 && argument.starts_with('-') {
            rest.next();
            parse_short(&argument[1..], &mut rest, flags, &mut given)?;
        } else {
            break;
        }
    }
    Ok((given, rest.cloned().collect()))
}

fn parse_long(
    text: &str,
    rest: &mut std::slice::Iter<'_, String>,
    flags: &[Flag],
) -> Result<(&'static str, String), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    let exact = flags.iter().find(|flag| flag.long == name);
    let mut starting = flags.iter().filter(|flag| flag.long.starts_with(name));
    let flag = match (exact, starting.next(), starting.next()) {
        (Some(flag), ..) | (None, Some(flag), None) => flag,
        (None, None, _) => return Err(format!("option --{name} not recognized")),
        (None, Some(_), Some(_)) => return Err(format!("option --{name} not a unique prefix")),
    };
    match (flag.takes, value) {
        (Takes::Nothing, None) => Ok((flag.long, String::new())),
        (Takes::Nothing, Some(_)) => {
            Err(format!("option --{} must not have an argument", flag.long))
        }
        (Takes::Value, Some(value)) => Ok((flag.long, value)),
        (Takes::Value, None) => {
            let value = rest.next().cloned();
            let value = value.ok_or_else(|| format!("option --{} requires argument", flag.long))?;
            Ok((flag.long, value))
        }
    }
}

fn parse_short(
    text: &str,
    rest: &mut std::slice::Iter<'_, String>,
    flags: &[Flag],
    given: &mut Given,
) -> Result<(), String> {
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        let flag = flags
            .iter()
            .find(|flag| flag.short == char)
            .ok_or_else(|| format!("option -{char} not recognized"))?;
        if flag.takes == Takes::Nothing {
            given.push((flag.long, String::new()));
            continue;
        }
        let attached = chars.as_str();
        let value = match attached {
            "" => rest
                .next()
                .cloned()
                .ok_or_else(|| format!("option -{char} requires argument"))?,
            attached => attached.to_owned(),
        };
        given.push((flag.long, value));
        return Ok(());
    }
    Ok(())
}
