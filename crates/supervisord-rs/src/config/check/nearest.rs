//! What somebody probably meant.

/// The name that is closest to `word`, if one is close at all.
pub(super) fn nearest<'a>(
    word: &str,
    names: impl IntoIterator<Item = &'a &'static str>,
) -> Option<&'static str> {
    let word: Vec<char> = word.to_lowercase().chars().take(LONGEST).collect();
    let most = (word.len() / 3).clamp(1, 3);
    names
        .into_iter()
        .map(|name| (distance(&word, name), *name))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, name)| name)
}

/// How many characters must be put in, taken out, replaced or swapped with their neighbour.
fn distance(word: &[char], name: &str) -> usize {
    let name: Vec<char> = name.chars().collect();
    let mut before = Vec::new();
    let mut last: Vec<usize> = (0..=name.len()).collect();
    for (at, char) in word.iter().enumerate() {
        let mut row = vec![at + 1];
        for (on, other) in name.iter().enumerate() {
            let replaced = last[on] + usize::from(char != other);
            let mut best = replaced.min(last[on + 1] + 1).min(row[on] + 1);
            let swapped = at > 0 && on > 0 && word[at - 1] == *other && *char == name[on - 1];
            if swapped {
                best = best.min(before[on - 1] + 1);
            }
            row.push(best);
        }
        before = last;
        last = row;
    }
    last[name.len()]
}

/// No name is longer.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let names = ["command", "directory", "user", "group"];
        for (word, meant) in [
            ("comand", Some("command")),
            ("cmomand", Some("command")),
            ("Directroy", Some("directory")),
            ("usr", Some("user")),
            ("grup", Some("group")),
            ("x", None),
            ("colour", None),
        ] {
            assert_eq!(nearest(word, &names), meant, "{word}");
        }
    }
}
