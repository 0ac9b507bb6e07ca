//! What must hold of any file, and of any value in it; see [`crate::fuzzing`].

use std::{
    collections::BTreeMap,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use instance::environment_file;

use super::{
    Config, LoadError, Problem,
    check::all_problems,
    client::section_in,
    difference,
    environment::pairs,
    expand::expand,
    extensions::variables,
    include::{Files, is_match},
    ini::Ini,
    names::{Names, Value},
    program::MOST_PROCESSES,
    read::understand,
};

/// A configuration: the main file, and after each form feed one that it may include.
///
/// Whatever is read is the same when it is read again, refuses only what is there, and holds what
/// the driver relies on.
pub fn ini(data: &[u8]) {
    let files = InMemory::divide(data);
    shape_survives(&files.main);
    let _ = section_in(Path::new(MAIN), &files.main, &names());
    let read = || understand(MAIN.into(), &files.main, &names(), &files);
    match read() {
        Ok(reading) => {
            is_sound(&reading.config);
            let again = read().expect("what was read once is read again");
            let changes = difference(reading.config.groups.iter(), &again.config.groups);
            assert_eq!(changes, difference([].iter(), &[]));
            let refused = reading.fatal.len() + reading.config.problems.len();
            let problems = all_problems(reading, &names());
            assert!(refused == 0 || !problems.is_empty());
            files.have(&problems);
        }
        Err(LoadError::Refused(problems)) => files.have(&problems),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A value of `environment=`, with names in it, or a file of variables.
pub fn environment(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    pairs_survive(&text);
    expansion_is_local(&text);
    env_file_survives(data);
    user_lines_survive(data);
}

/// What the driver and the core rely on.
fn is_sound(config: &Config) {
    let _ = config.server_url();
    let programs = config.groups.iter().flat_map(|group| &group.programs);
    let started = programs.filter(|program| program.refused.is_none()).count();
    assert!(i64::try_from(started).is_ok_and(|started| started <= MOST_PROCESSES));
    let order = |group: &super::GroupConfig| (group.priority, group.name.clone());
    assert!(config.groups.is_sorted_by(|a, b| order(a) < order(b)));
    for group in &config.groups {
        let mut names: Vec<_> = group.programs.iter().map(|p| p.id.to_string()).collect();
        names.sort();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        let spec = group.spec();
        for (program, spec) in group.programs.iter().zip(&spec.programs) {
            assert_eq!((&program.id, &program.refused), (&spec.id, &spec.refused));
            assert_eq!(program.differences(program), Vec::<&str>::new());
            let mut wanted = program.depends_on.iter();
            assert!(wanted.all(|dependency| dependency.program != program.id));
        }
    }
}

/// Sections, their keys, and the values of these.
type Shape = Vec<(String, Vec<(String, String)>)>;

/// Neither the kind of line ends nor being written anew changes what a file says.
fn shape_survives(bytes: &[u8]) {
    let shape = shape(bytes);
    if !bytes.contains(&b'\r') {
        let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
        assert_eq!(self::shape(&lines.join(&b"\r\n"[..])), shape);
        assert_eq!(self::shape(&lines.join(&b"\r"[..])), shape);
    }
    let written = written(&shape);
    // A comment that ends another has no form in which it is read back.
    if !written.contains([';', '#']) {
        assert_eq!(self::shape(written.as_bytes()), shape);
    }
}

fn shape(bytes: &[u8]) -> Shape {
    let mut ini = Ini::default();
    ini.read(Path::new(MAIN), bytes);
    let sections = ini.sections().map(|section| {
        let value = |key: &str| section.raw(key).unwrap_or_default().to_owned();
        let keys = section.keys().map(|key| (key.to_owned(), value(key)));
        let mut keys: Vec<_> = keys.collect();
        keys.sort();
        (section.name.clone(), keys)
    });
    sections.collect()
}

fn written(shape: &Shape) -> String {
    let mut written = String::new();
    for (name, keys) in shape {
        written += &format!("[{name}]\n");
        for (key, value) in keys {
            let value = value.replace('\n', "\n ").replace("\n \n", "\n\n");
            written += &format!("{key} = {value}\n");
        }
    }
    written
}

/// Pairs mean the same with blanks around them, and can be written so that they are read back.
fn pairs_survive(text: &str) {
    let read = pairs(text);
    assert_eq!(pairs(&format!(" \t{text}\n")).ok(), read.clone().ok());
    let Ok(read) = read else {
        return;
    };
    assert!(read.len() <= text.len());
    let plain = |key: &str| key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let written: BTreeMap<_, _> = read
        .into_iter()
        .filter(|(key, value)| plain(key) && !(value.contains('"') && value.contains('\'')))
        .collect();
    let pair = |(key, value): (&String, &String)| match value.contains('"') {
        true => format!("{key}='{value}'"),
        false => format!("{key}=\"{value}\""),
    };
    let text: Vec<_> = written.iter().map(pair).collect();
    assert_eq!(pairs(&text.join(",")), Ok(written));
}

/// What an expansion makes of a text it makes of it beside others, too.
fn expansion_is_local(text: &str) {
    let names = names();
    let doubled = text.replace('%', "%%");
    assert_eq!(expand(&doubled, &names).as_deref(), Ok(text));
    let whole = expand(text, &names);
    if let Ok(whole) = &whole {
        assert!(whole.len() <= text.len() * LARGEST_FACTOR);
    }
    let middle = text.len() / 2;
    let Some((first, second)) = text.split_at_checked(middle) else {
        return;
    };
    if let (Ok(first), Ok(second)) = (expand(first, &names), expand(second, &names)) {
        assert_eq!(whole, Ok(first + &second));
    }
}

fn env_file_survives(bytes: &[u8]) {
    let Ok(read) = variables(bytes) else {
        return;
    };
    let mut written = Vec::new();
    for (name, value) in &read {
        let line = [b"export ", name.as_bytes(), b"='", value.as_bytes(), b"'\n"];
        written.extend(line.concat());
    }
    assert_eq!(variables(&written).ok(), Some(read));
}

/// Rewriting `/etc/environment` leaves what its user wrote, and once is enough.
fn user_lines_survive(bytes: &[u8]) {
    let users = environment_file::parse_user(bytes);
    let ours = BTreeMap::from([("OURS".to_owned(), "it's".to_owned())]);
    let once = environment_file::render(bytes, &ours).bytes;
    assert_eq!(environment_file::parse_user(&once), users);
    let mut all = ours.clone();
    all.extend(users.variables);
    assert_eq!(environment_file::parse(&once), all);
    assert_eq!(environment_file::render(&once, &ours).bytes, once);
}

fn names() -> Names {
    let environment = BTreeMap::from([("A", "1"), ("HOME", "/root"), ("B", "%(ENV_A)s é'\"")]);
    Names::of_environment(&environment)
        .with("program_name", Value::Text("x".to_owned()))
        .with("process_num", Value::Number(-7))
}

/// Files that exist only here.
#[derive(Debug)]
struct InMemory {
    main: Vec<u8>,
    included: BTreeMap<PathBuf, Vec<u8>>,
}

impl InMemory {
    fn divide(data: &[u8]) -> Self {
        let mut files = data.split(|byte| *byte == b'\x0c').map(<[u8]>::to_vec);
        let main = files.next().unwrap_or_default();
        let path = |number: usize| PathBuf::from(format!("/fuzz/conf.d/{number}.conf"));
        let included = files.take(MOST_FILES).enumerate();
        Self {
            main,
            included: included.map(|(n, bytes)| (path(n), bytes)).collect(),
        }
    }

    /// A problem is somewhere, and it is told what it is.
    fn have(&self, problems: &[Problem]) {
        for problem in problems {
            let bytes = match problem.file == Path::new(MAIN) {
                true => &self.main,
                false => &self.included[&problem.file],
            };
            let ends = bytes.iter().filter(|byte| b"\r\n".contains(byte)).count();
            assert!(problem.line as usize <= ends + 1, "{problem}");
            assert!(!problem.text.is_empty());
        }
    }
}

impl Files for InMemory {
    fn matches(&self, pattern: &Path) -> Vec<PathBuf> {
        let name = |path: &Path| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        let fits = |path: &&PathBuf| is_match(&name(pattern), &name(path));
        self.included.keys().filter(fits).cloned().collect()
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, String> {
        Ok(self.included.get(path).cloned())
    }
}

const MAIN: &str = "/fuzz/main.conf";
const MOST_FILES: usize = 8;
/// `%(x)4096d` is the most that so few characters become.
const LARGEST_FACTOR: usize = 4096;
