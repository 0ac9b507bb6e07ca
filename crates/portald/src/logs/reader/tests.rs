//! Files that grow, move and shrink.

use std::io::Write as _;

use super::*;
use crate::logs::Selection;

struct Fixture {
    _dir: tempfile::TempDir,
    path: PathBuf,
    tail: Tail,
    store: Store,
    seq: u64,
}

impl Fixture {
    fn new(first: &[u8]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("web.log");
        fs::write(&path, first).unwrap();
        Self {
            tail: Tail::new(path.clone()),
            path,
            store: Store::new(),
            seq: 0,
            _dir: dir,
        }
    }

    fn append(&self, text: &str) {
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(&self.path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// The lines that came since the last call, as the page reads them.
    async fn read(&mut self) -> Vec<String> {
        self.tail.catch_up(&self.store).await;
        let batch = self.store.since(&Selection::All, self.seq);
        self.seq = batch.seq;
        let value = serde_json::to_value(&batch.lines).unwrap();
        let lines = value.as_array().unwrap().iter();
        lines
            .map(|line| line["t"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[tokio::test]
async fn lines_are_read_as_they_are_appended() {
    let mut log = Fixture::new(b"old\n");
    assert_eq!(log.read().await, ["old"]);
    log.append("new\nhalf");
    assert_eq!(log.read().await, ["new", "half"]);
    log.append(" line\n");
    assert_eq!(log.read().await, ["half line"]);
    assert!(log.read().await.is_empty());
}

#[tokio::test]
async fn nothing_is_lost_when_the_file_is_renamed_away() {
    let mut log = Fixture::new(b"one\n");
    log.read().await;
    log.append("last of the old\n");
    fs::rename(&log.path, log.path.with_extension("log.old")).unwrap();
    fs::write(&log.path, "first of the fresh\n").unwrap();
    assert_eq!(log.read().await, ["last of the old", "first of the fresh"]);
}

#[tokio::test]
async fn a_truncated_file_is_read_from_its_beginning() {
    let mut log = Fixture::new(b"a long first line\n");
    log.read().await;
    fs::write(&log.path, "x\n").unwrap();
    assert_eq!(log.read().await, ["x"]);
}

#[tokio::test]
async fn a_large_file_is_read_from_near_its_end_at_a_line() {
    let line = format!("{}\n", "y".repeat(99));
    let mut log = Fixture::new(line.repeat(100_000).as_bytes());
    let lines = log.read().await;
    assert!(
        lines.len() > 2_000 && lines.len() < 3_000,
        "{}",
        lines.len()
    );
    assert!(lines.iter().all(|line| line.len() == 99));
}

#[tokio::test]
async fn a_flood_is_cut_short_and_says_so() {
    let mut log = Fixture::new(b"");
    log.read().await;
    let line = format!("{}\n", "z".repeat(199));
    log.append(&line.repeat(30_000));
    let lines = log.read().await;
    assert!(lines.iter().any(|line| line.contains("too fast to show")));
    assert_eq!(lines.last().map(String::len), Some(199));
}

#[tokio::test]
async fn a_missing_file_waits_for_its_return() {
    let mut log = Fixture::new(b"one\n");
    log.read().await;
    fs::remove_file(&log.path).unwrap();
    assert!(log.read().await.is_empty());
    fs::write(&log.path, "two\n").unwrap();
    assert_eq!(log.read().await, ["two"]);
}

#[tokio::test]
async fn a_file_that_stays_away_is_given_up_and_one_that_is_rotated_is_not() {
    let mut log = Fixture::new(b"one\n");
    log.read().await;
    let start = Instant::now();
    assert!(!log.tail.is_gone(start));
    fs::remove_file(&log.path).unwrap();
    assert!(!log.tail.is_gone(start));
    fs::write(&log.path, "two\n").unwrap();
    assert!(!log.tail.is_gone(start + GONE));
    fs::remove_file(&log.path).unwrap();
    assert!(!log.tail.is_gone(start + GONE));
    assert!(log.tail.is_gone(start + 2 * GONE));
    log.store.forget(&log.tail.name);
    assert!(log.store.since(&Selection::All, 0).lines.is_empty());
}
