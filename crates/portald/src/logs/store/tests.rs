//! What readers get.

use super::*;

fn texts(batch: &Batch) -> Vec<&str> {
    batch.lines.iter().map(|line| line.t.as_str()).collect()
}

fn name(name: &str) -> Arc<str> {
    Arc::from(name)
}

fn one(name: &str) -> Selection {
    Selection::One(name.to_owned())
}

#[test]
fn the_merged_view_is_in_the_order_of_arrival() {
    let store = Store::new();
    store.feed(&name("a"), b"a1\n", Some(1));
    store.feed(&name("b"), b"b1\n", Some(2));
    store.feed(&name("a"), b"a2\n", Some(3));
    assert_eq!(texts(&store.since(&Selection::All, 0)), ["a1", "b1", "a2"]);
    assert_eq!(texts(&store.since(&one("a"), 0)), ["a1", "a2"]);
    assert!(store.since(&one("no such"), 0).lines.is_empty());
}

#[test]
fn a_reader_gets_only_what_changed() {
    let store = Store::new();
    store.feed(&name("a"), b"done\n10%", None);
    let first = store.since(&one("a"), 0);
    store.feed(&name("a"), b"\r20%", None);
    let second = store.since(&one("a"), first.seq);
    assert_eq!(texts(&second), ["20%"]);
    assert_eq!(second.lines[0].id, first.lines[1].id);
    assert!(store.since(&one("a"), second.seq).lines.is_empty());
}

#[test]
fn a_slow_reader_sees_by_the_numbers_what_it_missed() {
    let store = Store::new();
    store.feed(&name("a"), b"first\n", None);
    let first = store.since(&one("a"), 0);
    for number in 0..LINES + 10 {
        store.feed(&name("a"), format!("{number}\n").as_bytes(), None);
    }
    let rest = store.since(&one("a"), first.seq);
    assert_eq!(rest.lines.len(), LINES);
    assert!(rest.lines[0].n > first.lines[0].n + 1);
    assert_eq!(
        rest.lines.last().unwrap().n,
        u64::try_from(LINES + 11).unwrap()
    );
}

#[test]
fn memory_is_bounded_by_bytes_too() {
    let store = Store::new();
    let line = "x".repeat(10_000) + "\n";
    for _ in 0..1_000 {
        store.feed(&name("a"), line.as_bytes(), None);
    }
    let inner = store.lock();
    let ring = &inner.sources.get("a").unwrap().ring;
    assert!(ring.bytes <= BYTES);
    let counted: usize = ring.lines.iter().map(|line| line.row.text().len()).sum();
    assert_eq!(ring.bytes, counted);
}
