//! Every input that was ever worth keeping is tried again.

use std::{fs, panic, path::PathBuf};

use super::{TARGETS, cut};

/// Tries the corpus of one target.
fn replay(name: &str) {
    let (_, target) = TARGETS.iter().find(|(other, _)| *other == name).unwrap();
    let mut inputs: Vec<_> = fs::read_dir(corpora().join(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "the corpus of {name} is empty");
    for input in inputs {
        let bytes = fs::read(&input).unwrap();
        let outcome = panic::catch_unwind(|| target(&bytes));
        assert!(outcome.is_ok(), "{} breaks {name}", input.display());
    }
}

fn corpora() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fuzz/corpus"
    ))
}

#[test]
fn environments_of_the_corpus_are_read() {
    replay("environment");
}

#[test]
fn connections_of_the_corpus_are_served() {
    replay("http");
}

#[test]
fn files_of_the_corpus_are_read() {
    replay("ini");
}

#[test]
fn listeners_of_the_corpus_are_heard() {
    replay("listener");
}

#[test]
fn outputs_of_the_corpus_are_cleaned() {
    replay("output");
}

#[test]
fn documents_of_the_corpus_are_read() {
    replay("xmlrpc");
}

#[test]
fn every_corpus_has_a_target_and_every_target_a_corpus() {
    // Some are another daemon's, which replays them itself.
    let targets = corpora().join("../targets");
    for corpus in fs::read_dir(corpora()).unwrap() {
        let name = corpus.unwrap().file_name().into_string().unwrap();
        assert!(targets.join(format!("{name}.rs")).exists(), "{name}");
    }
    for (name, _) in TARGETS {
        assert!(corpora().join(name).is_dir(), "{name}");
    }
}

#[test]
fn pieces_are_the_whole_in_its_order() {
    let stream: Vec<u8> = (0..=255).cycle().take(3000).collect();
    for seed in 0..=255 {
        let data = [&[seed], stream.as_slice()].concat();
        let (rest, pieces) = cut(&data).unwrap();
        let pieces: Vec<_> = pieces.collect();
        assert_eq!((rest, pieces.concat()), (stream.as_slice(), stream.clone()));
        assert_eq!(pieces.len() == 1, seed == 0);
    }
    assert!(cut(&[]).is_none());
}
