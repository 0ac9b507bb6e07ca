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

/// A flag that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    /// Its long name.
    pub(crate) name: &'static str,
    /// As it was written: `-x` or the whole long name.
    pub(crate) spelled: String,
    /// Its value; empty for a flag without one.
    pub(crate) value: String,
}

/// Flags by their long name with their values.
type Given = Vec<(&'static str, String)>;

/// Splits `arguments` into flags and the words after them.
pub(crate) fn parse(arguments: &[String], flags: &[Flag]) -> Result<(Given, Vec<String>), String> {
    let (used, words) = parse_spelled(arguments, flags)?;
    let given = used.into_iter().map(|used| (used.name, used.value));
    Ok((given.collect(), words))
}

/// The same, with the way each flag was written.
pub(crate) fn parse_spelled(
    arguments: &[String],
    flags: &[Flag],
) -> Result<(Vec<Used>, Vec<String>), String> {
    let mut used = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.as_slice().first() {
        if argument == "--" {
            rest.next();
            break;
        }
        if let Some(long) = argument.strip_prefix("--") {
            rest.next();
            used.push(parse_long(long, &mut rest, flags)?);
        } else if argument.len() > 1 && argument.starts_with('-') {
            rest.next();
            parse_short(&argument[1..], &mut rest, flags, &mut used)?;
        } else {
            break;
        }
    }
    Ok((used, rest.cloned().collect()))
}

fn parse_long(
    text: &str,
    rest: &mut std::slice::Iter<'_, String>,
    flags: &[Flag],
) -> Result<Used, String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    let mut starting: Vec<_> = flags.iter().filter(|f| f.long.starts_with(name)).collect();
    starting.dedup_by_key(|flag| flag.long);
    let exact = starting.iter().find(|flag| flag.long == name);
    let flag = match (exact, starting.as_slice()) {
        (Some(flag), _) | (None, [flag]) => flag,
        (None, []) => return Err(format!("option --{name} not recognized")),
        (None, [_, _, ..]) => return Err(format!("option --{name} not a unique prefix")),
    };
    let value = match (flag.takes, value) {
        (Takes::Nothing, None) => String::new(),
        (Takes::Nothing, Some(_)) => {
            return Err(format!("option --{} must not have an argument", flag.long));
        }
        (Takes::Value, Some(value)) => value,
        (Takes::Value, None) => rest
            .next()
            .cloned()
            .ok_or_else(|| format!("option --{} requires argument", flag.long))?,
    };
    Ok(Used {
        name: flag.long,
        spelled: format!("--{}", flag.long),
        value,
    })
}

fn parse_short(
    text: &str,
    rest: &mut std::slice::Iter<'_, String>,
    flags: &[Flag],
    used: &mut Vec<Used>,
) -> Result<(), String> {
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        let flag = flags
            .iter()
            .find(|flag| flag.short == char && char != '\0')
            .ok_or_else(|| format!("option -{char} not recognized"))?;
        let mut take = |value| {
            used.push(Used {
                name: flag.long,
                spelled: format!("-{char}"),
                value,
            });
        };
        if flag.takes == Takes::Nothing {
            take(String::new());
            continue;
        }
        let attached = chars.as_str();
        take(match attached {
            "" => rest
                .next()
                .cloned()
                .ok_or_else(|| format!("option -{char} requires argument"))?,
            attached => attached.to_owned(),
        });
        return Ok(());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: &[Flag] = &[
        Flag::plain("help", 'h'),
        Flag::plain("help", '?'),
        Flag::valued("logfile", 'l'),
        Flag::valued("logfile_backups", 'z'),
        Flag::valued("hidden", '\0'),
    ];

    fn run(arguments: &[&str]) -> Result<String, String> {
        let arguments: Vec<_> = arguments.iter().map(|a| (*a).to_owned()).collect();
        let (used, words) = parse_spelled(&arguments, FLAGS)?;
        let mut shown: Vec<_> = used
            .iter()
            .map(|used| format!("{}({})={}", used.name, used.spelled, used.value))
            .collect();
        shown.extend(words);
        Ok(shown.join(" "))
    }

    #[test]
    fn flags_are_read_in_all_their_forms() {
        for (arguments, shown) in [
            (&["-hlx", "y"][..], "help(-h)= logfile(-l)=x y"),
            (&["-l", "x", "-?"], "logfile(-l)=x help(-?)="),
            (&["--logfile=", "--he"], "logfile(--logfile)= help(--help)="),
            (
                &["--logfile_b", "3"],
                "logfile_backups(--logfile_backups)=3",
            ),
            (&["--", "-x"], "-x"),
            (&["a", "-h"], "a -h"),
        ] {
            assert_eq!(run(arguments).as_deref(), Ok(shown), "{arguments:?}");
        }
    }

    #[test]
    fn errors_are_those_of_python() {
        for (arguments, error) in [
            (&["-x"][..], "option -x not recognized"),
            (&["-l"], "option -l requires argument"),
            (&["--logfile"], "option --logfile requires argument"),
            (&["--log", "x"], "option --log not a unique prefix"),
            (&["--nope"], "option --nope not recognized"),
            (&["--help=x"], "option --help must not have an argument"),
            (&["-\0"], "option -\0 not recognized"),
        ] {
            assert_eq!(run(arguments), Err(error.to_owned()), "{arguments:?}");
        }
    }
}
