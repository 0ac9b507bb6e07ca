//! Deaths at every step of every write.

use super::*;
use crate::logs::Outlets;
use std::{
    io::Write as _,
    os::{fd::AsFd as _, unix::fs::MetadataExt as _},
};

struct Bench {
    dir: tempfile::TempDir,
    outlets: Outlets,
    limit: u64,
}

impl Bench {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            outlets: Outlets::start().unwrap(),
            limit: 1000,
        }
    }

    fn open(&self, begin: Begin) -> Tiers {
        let at = |name: &str| self.dir.path().join(name);
        let plan = TierPlan {
            raw: at("raw"),
            clean: at("clean"),
            checkpoint: Some(at("checkpoint")),
            json: None,
            limit: self.limit,
        };
        let mut lost = Vec::new();
        let tiers = Tiers::open(&plan, self.outlets.stdout(), begin, &mut lost);
        assert!(lost.is_empty(), "{lost:?}");
        tiers
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }
}

#[test]
fn a_pipe_goes_raw_and_clean() {
    let bench = Bench::new();
    let mut tiers = bench.open(Begin::Fresh);
    let (pipe, mut writer) = io::pipe().unwrap();
    writer.write_all(b"\x1b[1mred\x1b[0m\n10%\r20%").unwrap();
    tiers.take_from(pipe.as_fd()).unwrap();
    assert_eq!(bench.text("clean"), "red\n");
    tiers.finish();
    assert_eq!(bench.text("raw"), "\x1b[1mred\x1b[0m\n10%\r20%");
    assert_eq!(bench.text("clean"), "red\n20%\n");
}

#[test]
fn a_successor_goes_on_wherever_its_predecessor_died() {
    let text = "one\ntwo\r\n\x1b[31mthree\x1b[0m\nfour\n";
    for raw_end in 0..=text.len() {
        for behind in 0..4 {
            let bench = Bench::new();
            let mut tiers = bench.open(Begin::Fresh);
            tiers.write(&text.as_bytes()[..raw_end]);
            // It died after lines went into the clean file, or before: the checkpoint is old.
            drop(tiers);
            let clean = bench.text("clean");
            let kept: String = clean.split_inclusive('\n').take(behind).collect();
            let file = File::options()
                .write(true)
                .open(bench.dir.path().join("clean"))
                .unwrap();
            file.set_len(kept.len() as u64).unwrap();
            let meta = |name: &str| {
                use std::os::unix::fs::MetadataExt as _;
                fs::metadata(bench.dir.path().join(name)).unwrap().ino()
            };
            let old = Checkpoint {
                raw_inode: meta("raw"),
                raw_offset: 0,
                clean_inode: meta("clean"),
                clean_size: 0,
            };
            fs::write(bench.dir.path().join("checkpoint"), old.bytes()).unwrap();
            let mut tiers = bench.open(Begin::GoOn);
            tiers.write(&text.as_bytes()[raw_end..]);
            tiers.finish();
            assert_eq!(bench.text("raw"), text);
            assert_eq!(
                bench.text("clean"),
                "one\ntwo\nthree\nfour\n",
                "{raw_end} {behind}"
            );
        }
    }
}

/// Where a supervisor dies, of all the places between two steps of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    RawOnly,
    BeforeRotation,
    WithoutCleanFile,
    BeforeCheckpoint,
    BeforeRawCheckpoint,
    AfterCheckpoint,
}

impl Bench {
    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn meta(&self, name: &str) -> Option<fs::Metadata> {
        fs::metadata(self.at(name)).ok()
    }

    fn place(&self, name: &str) -> (u64, u64) {
        let meta = self.meta(name).unwrap();
        (meta.ino(), meta.len())
    }

    fn before(&self) -> Before {
        Before {
            checkpoint: fs::read(self.at("checkpoint")).unwrap(),
            raw: self.place("raw"),
            clean: self.place("clean"),
        }
    }

    /// Makes the files of a completed step look as if its supervisor had died in it.
    fn die(&self, death: Death, before: &Before) {
        let is_aside = |name: &str, place: (u64, u64)| {
            let old = self.meta(&format!("{name}.old"));
            old.is_some_and(|old| old.ino() == place.0)
        };
        let back = |name: &str, place| {
            if is_aside(name, place) {
                fs::rename(self.at(&format!("{name}.old")), self.at(name)).unwrap();
            }
        };
        match death {
            Death::AfterCheckpoint => return,
            Death::BeforeRawCheckpoint if is_aside("raw", before.raw) => {
                let (raw, clean) = (self.place("raw.old"), self.place("clean"));
                let last = Checkpoint {
                    raw_inode: raw.0,
                    raw_offset: raw.1,
                    clean_inode: clean.0,
                    clean_size: clean.1,
                };
                return fs::write(self.at("checkpoint"), last.bytes()).unwrap();
            }
            Death::BeforeRawCheckpoint => return,
            Death::BeforeCheckpoint => {}
            Death::WithoutCleanFile => {
                if is_aside("clean", before.clean) {
                    fs::remove_file(self.at("clean")).unwrap();
                }
            }
            Death::BeforeRotation => back("clean", before.clean),
            Death::RawOnly => {
                back("clean", before.clean);
                let clean = File::options().write(true).open(self.at("clean"));
                clean.unwrap().set_len(before.clean.1).unwrap();
            }
        }
        back("raw", before.raw);
        fs::write(self.at("checkpoint"), &before.checkpoint).unwrap();
    }
}

/// The files before the step in which a supervisor dies, as inodes and sizes.
struct Before {
    checkpoint: Vec<u8>,
    raw: (u64, u64),
    clean: (u64, u64),
}

/// How output comes in.
#[derive(Clone, Copy, Debug)]
enum Way {
    Moved,
    Written,
}

impl Way {
    fn carry(self, tiers: &mut Tiers, piece: &[u8]) {
        match self {
            Self::Written => tiers.write(piece),
            Self::Moved => {
                let (pipe, mut writer) = io::pipe().unwrap();
                writer.write_all(piece).unwrap();
                assert_eq!(tiers.take_from(pipe.as_fd()).unwrap(), piece.len());
            }
        }
    }
}

/// Fifteen lines of 100 bytes and a half: each file is set aside once.
fn fifteen_lines() -> String {
    let lines = (0..15).map(|number| format!("{number:099}\n"));
    lines.chain(["half".to_owned()]).collect()
}

#[test]
fn a_death_beside_a_rotation_loses_no_line_and_doubles_none() {
    let deaths = [
        Death::RawOnly,
        Death::BeforeRotation,
        Death::WithoutCleanFile,
        Death::BeforeCheckpoint,
        Death::BeforeRawCheckpoint,
        Death::AfterCheckpoint,
    ];
    for way in [Way::Moved, Way::Written] {
        for size in [100, 37, 250] {
            for victim in 0..=fifteen_lines().len().div_ceil(size) {
                for death in deaths {
                    die_and_go_on(size, victim, death, way);
                }
            }
        }
    }
}

/// Output comes in pieces of a size; its supervisor dies at one of them, and another goes on.
fn die_and_go_on(size: usize, victim: usize, death: Death, way: Way) {
    let text = fifteen_lines();
    let pieces: Vec<_> = text.as_bytes().chunks(size).collect();
    let bench = Bench::new();
    let mut tiers = bench.open(Begin::Fresh);
    for piece in &pieces[..victim] {
        way.carry(&mut tiers, piece);
    }
    let before = bench.before();
    match pieces.get(victim) {
        Some(piece) => way.carry(&mut tiers, piece),
        None => tiers.finish(),
    }
    drop(tiers);
    bench.die(death, &before);
    let mut tiers = bench.open(Begin::GoOn);
    for piece in pieces.iter().skip(victim + 1) {
        way.carry(&mut tiers, piece);
    }
    tiers.finish();
    let all = |name: &str| bench.text(&format!("{name}.old")) + &bench.text(name);
    let case = format!("pieces of {size}, {death:?} at number {victim}, {way:?}");
    assert!(bench.meta("clean.old").is_some(), "{case}");
    assert_eq!(all("raw"), text, "{case}");
    assert_eq!(all("clean"), text + "\n", "{case}");
}

#[test]
fn a_full_raw_file_is_set_aside_between_lines() {
    let bench = Bench::new();
    let mut tiers = bench.open(Begin::Fresh);
    let line = "x".repeat(99);
    for _ in 0..10 {
        tiers.write(format!("{line}\n").as_bytes());
    }
    tiers.write(b"half");
    tiers.write(b" and half\n");
    assert_eq!(bench.text("raw.old").len(), 1000);
    assert_eq!(bench.text("raw"), "half and half\n");
    tiers.finish();
    let clean = bench.text("clean.old") + &bench.text("clean");
    assert_eq!(clean, format!("{line}\n").repeat(10) + "half and half\n");
}

/// Text of which every part is another: numbers, with a line end after so many of them.
fn numbers(count: usize, per_line: usize) -> String {
    let number = |number| match number % per_line {
        0 => format!("{number:07}\n"),
        _ => format!("{number:07} "),
    };
    (1..=count).map(number).collect()
}

const NO_LINE_END: usize = usize::MAX;

/// Text without its line ends, as a line that is too long is broken somewhere.
fn unbroken(text: &str) -> String {
    text.replace(['\n', ' '], "")
}

#[test]
fn the_files_are_bounded_whatever_is_written() {
    let cases = [
        // Not a line end anywhere.
        (numbers(60_000, NO_LINE_END), 10_000),
        // Line ends, and never at the end of a piece.
        (numbers(60_000, 10), 844),
        // A progress bar.
        (numbers(60_000, NO_LINE_END).replace(' ', "\r"), 8 * 1001),
    ];
    for (text, size) in cases {
        let mut bench = Bench::new();
        bench.limit = LEAST_CUT;
        let mut tiers = bench.open(Begin::Fresh);
        for piece in text.as_bytes().chunks(size) {
            tiers.write(piece);
            for name in ["raw", "raw.old", "clean", "clean.old"] {
                let length = bench.meta(name).map_or(0, |meta| meta.len());
                assert!(length < 2 * LEAST_CUT + 20_000, "{name} has {length} bytes");
            }
        }
        assert!(bench.meta("raw.old").is_some());
    }
}

#[test]
fn a_death_in_a_line_without_end_loses_and_doubles_nothing() {
    let deaths = [
        Death::RawOnly,
        Death::BeforeRotation,
        Death::BeforeCheckpoint,
        Death::AfterCheckpoint,
    ];
    // With the last, no piece ends with a line, and each second file is set aside within one.
    for (per_line, size) in [(NO_LINE_END, 45_001), (10, 45_001)] {
        let text = numbers(36_000, per_line);
        for victim in 0..text.len().div_ceil(size) {
            for death in deaths {
                die_in_a_line(&text, size, victim, death);
            }
        }
    }
}

fn die_in_a_line(text: &str, size: usize, victim: usize, death: Death) {
    let case = format!("pieces of {size}, {death:?} at number {victim}");
    // With one piece more what it died in is still in the files, of which there are two each.
    let text = &text[..text.len().min(size * (victim + 2))];
    let pieces: Vec<_> = text.as_bytes().chunks(size).collect();
    let whole = unbroken(text);
    let mut bench = Bench::new();
    bench.limit = LEAST_CUT;
    let mut tiers = bench.open(Begin::Fresh);
    for piece in &pieces[..victim] {
        Way::Written.carry(&mut tiers, piece);
    }
    let before = bench.before();
    Way::Written.carry(&mut tiers, pieces[victim]);
    drop(tiers);
    bench.die(death, &before);
    let mut tiers = bench.open(Begin::GoOn);
    for piece in &pieces[victim + 1..] {
        Way::Written.carry(&mut tiers, piece);
    }
    tiers.finish();
    for name in ["raw", "clean"] {
        let all = bench.text(&format!("{name}.old")) + &bench.text(name);
        assert!(whole.ends_with(&unbroken(&all)), "{name}: {case}");
    }
}

#[test]
fn what_a_full_disk_took_a_part_of_is_not_told_twice() {
    use nix::sys::{
        resource::{Resource, getrlimit, setrlimit},
        signal::{SigSet, Signal},
    };
    // The limit is one of the whole process, so that this test needs one of its own.
    if std::env::var_os("BERTH_TEST_ALONE").is_none() {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let test = std::thread::current().name().unwrap().to_owned();
        child.args(["--exact", &test]).env("BERTH_TEST_ALONE", "1");
        let output = child.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}"
        );
        return;
    }
    let file = Resource::RLIMIT_FSIZE;
    let (soft, hard) = getrlimit(file).unwrap();
    let mut told = SigSet::empty();
    told.add(Signal::SIGXFSZ);
    told.thread_block().unwrap();
    let bench = Bench::new();
    let mut tiers = bench.open(Begin::Fresh);
    // The clean file has room for what the raw one has not.
    let line = |text: &str| format!("{text}{}\n", "\x1b[0m".repeat(10));
    tiers.write(line("first").as_bytes());
    tiers.write(line("second").as_bytes());
    let size = bench.place("raw").1;
    setrlimit(file, size + 10, hard).unwrap();
    tiers.write(line("third").as_bytes());
    assert_eq!(bench.place("raw").1, size + 10, "a part was written");
    setrlimit(file, soft, hard).unwrap();
    tiers.write(line("fourth").as_bytes());
    assert_eq!(bench.text("clean"), "first\nsecond\nthird\nfourth\n");
}

#[test]
fn a_raw_file_that_cannot_be_set_aside_is_not_told_again() {
    let bench = Bench::new();
    // Nothing is renamed to it or removed for it.
    fs::create_dir(bench.at("raw.old")).unwrap();
    let mut tiers = bench.open(Begin::Fresh);
    let text = fifteen_lines();
    for (number, piece) in text.as_bytes().chunks(100).take(15).enumerate() {
        tiers.write(piece);
        let told = &text[..100 * (number + 1)];
        assert_eq!(bench.text("raw"), told);
        let aside = if number < 9 { 0 } else { 1000 };
        assert_eq!(bench.text("clean"), told[aside..]);
    }
}

#[test]
fn logs_opened_again_within_a_line_cost_a_successor_nothing_of_it() {
    let bench = Bench::new();
    let mut tiers = bench.open(Begin::Fresh);
    tiers.write(b"first\nsecond ");
    tiers.files().for_each(LogFile::reopen);
    tiers.start_over();
    drop(tiers);
    let mut tiers = bench.open(Begin::GoOn);
    tiers.write(b"line\n");
    assert_eq!(bench.text("clean"), "first\nsecond line\n");
}

#[test]
fn logs_emptied_within_a_line_go_on_with_what_follows() {
    for is_last in [false, true] {
        let bench = Bench::new();
        let mut tiers = bench.open(Begin::Fresh);
        tiers.write(b"first\nsecond ");
        tiers.files().try_for_each(LogFile::clear).unwrap();
        tiers.start_over();
        if is_last {
            tiers = bench.open(Begin::GoOn);
        }
        tiers.write(b"line\nthird\n");
        drop(tiers);
        let mut tiers = bench.open(Begin::GoOn);
        tiers.write(b"fourth\n");
        let begun = if is_last { "" } else { "second " };
        assert_eq!(bench.text("raw"), "line\nthird\nfourth\n");
        let clean = format!("{begun}line\nthird\nfourth\n");
        assert_eq!(bench.text("clean"), clean);
    }
}
