//! Nothing that anybody writes makes reading panic or take for ever.

use std::{collections::BTreeMap, fs, path::Path};

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    Config, LoadError,
    check::keys,
    client_section,
    environment::pairs,
    expand::expand,
    include::Disk,
    ini::Ini,
    names::{Names, Value},
    read::understand,
};

#[test]
fn processes_are_counted_over_all_sections() {
    let section = |name: &str| {
        format!(
            "[program:{name}]\ncommand=x\nprocess_name=%(process_num)d\nnumprocs=6000\n\
             [group:g{name}]\nprograms={name}\n"
        )
    };
    let config = read(&["[supervisord]\n", &section("a"), &section("b")].concat());
    let sizes: Vec<_> = config.groups.iter().map(|g| g.programs.len()).collect();
    assert_eq!(sizes, [6000, 1]);
    let refused = config.groups[1].programs[0].refused.as_deref();
    assert!(refused.is_some_and(|text| text.contains("more than 10000 processes in all")));
}

#[test]
fn a_main_file_without_end_is_refused() {
    let environment: BTreeMap<&str, &str> = BTreeMap::new();
    let endless = Path::new("/dev/zero");
    let loaded = Config::load(endless, &environment);
    assert!(matches!(loaded, Err(LoadError::Unreadable { .. })));
    assert!(client_section(endless, &environment).is_err());
}

#[test]
fn no_file_becomes_a_text_without_measure() {
    let many = "process_name=%(process_num)d\nnumprocs=10000\n";
    let long = "%(process_num)4000d".repeat(20);
    let command = format!("[supervisord]\n[program:a]\ncommand={long}\n{many}");
    let variables = format!(
        "[supervisord]\nenvironment=X=\"{}\"\n[program:a]\ncommand=x\n{many}",
        "%(ENV_A)4000s".repeat(20)
    );
    for text in [command, variables] {
        let config = read(&text);
        let [program] = config.groups[0].programs.as_slice() else {
            panic!("a program that is refused as a whole");
        };
        let refused = program.refused.as_deref();
        assert!(
            refused.is_some_and(|text| text.contains("64 MiB")),
            "{refused:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_as_a_file(bytes in vec(any::<u8>(), 0..2048)) {
        read_bytes(&bytes);
    }

    #[test]
    fn any_lines_are_read_as_a_file(lines in vec("[ \t]{0,3}[\\[\\]=:;#%a-c \r\u{85}]{0,12}", 0..40)) {
        read_bytes(lines.join("\n").as_bytes());
    }

    #[test]
    fn any_text_is_read_as_an_environment(text in "[A-C=,'\" #\n\\\\é/+-]{0,60}|\\PC{0,60}") {
        if let Ok(pairs) = pairs(&text) {
            prop_assert!(pairs.len() <= text.len());
        }
    }

    #[test]
    fn any_text_is_expanded(text in "[%()# 0-9.+lhLdiouxXeEfFgGcrsan*-]{0,40}|\\PC{0,60}") {
        let names = names();
        let _ = expand(&text, &names);
        for (name, conversion) in [("n", 'd'), ("t", 's')] {
            let _ = expand(&format!("%({name}){text}{conversion}"), &names);
        }
    }

    #[test]
    fn what_is_doubled_comes_back(text in "\\PC{0,60}") {
        let doubled = text.replace('%', "%%");
        prop_assert_eq!(expand(&doubled, &names()), Ok(text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_configuration_is_read(lines in vec(line(), 0..60), tail in vec(any::<u8>(), 0..40)) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("main.conf");
        let mut bytes = b"[supervisord]\n".to_vec();
        bytes.extend(lines.join("\n").into_bytes());
        bytes.extend(tail);
        fs::write(&file, bytes).expect("a fresh file");
        let environment: BTreeMap<&str, &str> = [("A", "1")].into();
        if let Ok(config) = Config::load(&file, &environment) {
            for program in config.groups.iter().flat_map(|group| &group.programs) {
                prop_assert!(!program.depends_on.iter().any(|d| d.program == program.id));
                let _ = program.spec();
            }
        }
        let _ = Config::check(&file, &environment);
    }
}

fn read(text: &str) -> Config {
    let environment: BTreeMap<&str, &str> = [("A", "1")].into();
    let names = Names::of_environment(&environment);
    let reading = understand("/x/main.conf".into(), text.as_bytes(), &names, &Disk);
    reading.expect("a [supervisord] section").config
}

fn read_bytes(bytes: &[u8]) {
    let mut ini = Ini::default();
    ini.read(Path::new("/x"), bytes);
    ini.expand_here(Path::new("/y"));
    for section in ini.sections() {
        for key in section.keys() {
            let _ = section.text(key, &names());
        }
    }
}

fn names() -> Names {
    let environment: BTreeMap<&str, &str> = [("A", "1")].into();
    Names::of_environment(&environment)
        .with("n", Value::Number(-7))
        .with("t", Value::Text("é'".to_owned()))
}

/// A line that may well stand in a file.
fn line() -> impl Strategy<Value = String> {
    let header = (
        select(vec![
            "program",
            "group",
            "eventlistener",
            "fcgi-program",
            "unix_http_server",
            "inet_http_server",
            "rpcinterface",
            "supervisord",
            "supervisorctl",
            "DEFAULT",
        ]),
        select(vec!["", ":a", ":b", ":c", ": a ", ":a b", ":"]),
    )
        .prop_map(|(kind, name)| format!("[{kind}{name}]"));
    let known: Vec<&'static str> = [
        "program:x",
        "fcgi-program:x",
        "eventlistener:x",
        "group:x",
        "supervisord",
        "unix_http_server",
        "inet_http_server",
    ]
    .iter()
    .filter_map(|section| keys::kind_of(section)?.keys())
    .flatten()
    .flat_map(|keys| keys.iter().copied())
    .collect();
    let value = prop_oneof![
        3 => select(vec![
            "a", "a,b", "b=ready, c", "a:a", "a:*", "1", "0", "-1", "true", "cat %(process_num)02d",
            "%(program_name)s_%(process_num)d", "TERM", "50MB", "http://h:1/", "h:1", "EVENT,TICK",
            "tcp://x:1", "unix:///tmp/x", "A=1,B=\"%(ENV_A)s\"", "10:unlimited", "/tmp/x", "~/x",
            "provisioned, file:/x", "%(nope)s", "100%", "root", "{SHA}00", "",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,20}",
        1 => "-?[0-9]{1,4}",
    ];
    prop_oneof![
        2 => header,
        6 => (select(known), value).prop_map(|(key, value)| format!("{key}={value}")),
        1 => "\\PC{0,30}",
        1 => "  [a-z,]{0,9}",
    ]
}
