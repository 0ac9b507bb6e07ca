//! Berth's own keys: what they mean, and that their documentation is true.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use supervisord_rs::config::{
    Condition, Config, Limit, LogFormat, ProgramConfig, ReadinessProbe, difference,
};

#[test]
fn every_documented_example_is_understood() {
    let rows = documented();
    assert!(rows.len() > 35, "only {} rows", rows.len());
    for (key, example) in rows {
        let section = match key.starts_with("berth_") {
            true => "supervisord",
            false => "program:a",
        };
        let file = Written::new(&format!(
            "[program:a]\ncommand=x\n[program:db]\ncommand=x\n[program:migrate]\ncommand=x\n\
             [{section}]\n{key}={example}\n"
        ));
        let problems = Config::check(&file.path, &environment()).unwrap();
        assert!(problems.is_empty(), "{key}={example}: {problems:?}");
    }
}

#[test]
fn the_documented_configuration_means_what_is_said() {
    let text = fs::read_to_string(documentation()).unwrap();
    let example = text.split("```").nth(1).unwrap();
    let config = load(example.trim_start_matches("ini"));
    let api = program(&config, "api_1");
    assert_eq!(
        depends_on(api),
        [("migrate", Condition::Exited), ("redis", Condition::Ready)]
            .map(|(name, condition)| (name.to_owned(), condition))
    );
    let readiness = api.readiness.as_ref().unwrap();
    assert_eq!(readiness.probe.to_string(), "http://127.0.0.1:8001/health");
    assert_eq!(readiness.timeout, Some(Duration::from_secs(60)));
    let liveness = api.liveness.as_ref().unwrap();
    assert_eq!(liveness.failures, 3);
    assert_eq!(liveness.interval, Duration::from_secs(10));
    assert_eq!(api.restart.delay, Some(Duration::from_secs(1)));
    assert_eq!(api.restart.delay_max, Some(Duration::from_secs(60)));
    assert_eq!(api.restart.spec().factor, 2.0);
    let migrate = program(&config, "migrate");
    assert!(migrate.oneshot);
    assert_eq!(migrate.exit_on_fatal, Some(70));
}

#[test]
fn a_group_is_waited_for_as_a_whole_and_without_a_probe_as_started() {
    let config = load(
        "[program:w]\ncommand=x\nnumprocs=2\nprocess_name=w%(process_num)d\n\
         [program:solo]\ncommand=x\nreadiness_file=/run/x\n[group:g]\nprograms=solo\n\
         [program:a]\ncommand=x\ndepends_on=w, solo, w:w1=ready\n",
    );
    assert_eq!(
        depends_on(program(&config, "a")),
        [
            ("w:w0", Condition::Started),
            ("w:w1", Condition::Started),
            ("g:solo", Condition::Ready),
            ("w:w1", Condition::Ready),
        ]
        .map(|(name, condition)| (name.to_owned(), condition))
    );
}

#[test]
fn who_waits_in_vain_is_refused_and_nobody_else() {
    let config = load(
        "[program:a]\ncommand=x\ndepends_on=b\n[program:b]\ncommand=x\ndepends_on=c\n\
         [program:c]\ncommand=x\ndepends_on=a\n[program:d]\ncommand=x\ndepends_on=a\n\
         [program:e]\ncommand=x\ndepends_on=e\n[program:f]\ncommand=x\ndepends_on=nobody\n",
    );
    let refused = |name| program(&config, name).refused.clone().unwrap_or_default();
    for name in ["a", "b", "c"] {
        assert!(
            refused(name).contains("a -> b -> c -> a"),
            "{}",
            refused(name)
        );
    }
    assert_eq!(refused("d"), "");
    assert!(refused("e").contains("e -> e"), "{}", refused("e"));
    assert!(refused("f").contains("there is no program 'nobody'"));
    assert_eq!(config.mistakes().count(), 5);
}

#[test]
fn processes_of_one_program_may_be_asked_differently() {
    let config = load(
        "[program:a]\ncommand=x\nnumprocs=2\nprocess_name=a%(process_num)d\n\
         readiness_tcp=127.0.0.1:%(ENV_PORT)s%(process_num)d\nenvironment=PORT=\"800\"\n\
         env_file=-/etc/a%(process_num)d\nstart_when=file:/run/%(process_num)d\n",
    );
    let probes: Vec<_> = ["a0", "a1"]
        .map(|name| {
            program(&config, name)
                .readiness
                .as_ref()
                .unwrap()
                .probe
                .to_string()
        })
        .into();
    assert_eq!(probes, ["127.0.0.1:8000", "127.0.0.1:8001"]);
    let a1 = program(&config, "a1");
    assert_eq!(a1.env_files[0].path, Path::new("/etc/a1"));
    assert_eq!(a1.start_when[0].to_string(), "file:/run/1");
}

#[test]
fn readiness_is_notified_on_the_descriptor_that_is_named() {
    for (keys, descriptor) in [
        ("readiness_notify=true", Some(3)),
        ("readiness_notify=7", Some(7)),
        ("readiness_notify_fd=5", Some(5)),
        ("readiness_notify=true\nreadiness_notify_fd=6", Some(6)),
        ("readiness_notify=false\nreadiness_notify_fd=6", None),
    ] {
        let config = load(&format!("[program:a]\ncommand=x\n{keys}\n"));
        let probe = program(&config, "a")
            .readiness
            .as_ref()
            .map(|r| r.probe.clone());
        assert_eq!(probe, descriptor.map(ReadinessProbe::Notify), "{keys}");
    }
}

#[test]
fn limits_and_switches_are_read() {
    let config = load(
        "[program:a]\ncommand=x\nrlimit_nofile=10:20\nrlimit_as=1GB\nrlimit_core=unlimited\n\
         nice=-5\noom_score_adj=300\npty=true\nlog_format=JSON\nkill_descendants=on\n\
         exit_on_fatal=true\nlog_tiers=true\n",
    );
    let a = program(&config, "a");
    let limit = |soft, hard| Some(Limit { soft, hard });
    assert_eq!(a.limits.nofile, limit(Some(10), Some(20)));
    assert_eq!(a.limits.address_space, limit(Some(1 << 30), Some(1 << 30)));
    assert_eq!(a.limits.core, limit(None, None));
    assert_eq!(a.limits.stack, None);
    assert_eq!(
        (a.limits.nice, a.limits.oom_score_adj),
        (Some(-5), Some(300))
    );
    assert!(a.pty && a.kill_descendants && a.log_tiers);
    assert_eq!(a.log_format, LogFormat::Json);
    assert_eq!(a.exit_on_fatal, Some(1));
}

#[test]
fn files_of_variables_stand_between_supervisord_and_the_program() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("env");
    fs::write(&file, b"SHARED=file\nOWN=file\nRAW=\xff\nMORE=1\n").unwrap();
    let config = load(&format!(
        "environment=SHARED=daemon,KEPT=daemon\n[program:a]\ncommand=x\nenvironment=OWN=own\n\
         env_file={}\n",
        file.display()
    ));
    let variables = program(&config, "a").variables().unwrap();
    let get = |name: &str| variables.get(&OsString::from(name)).cloned();
    assert_eq!(get("SHARED"), Some("file".into()));
    assert_eq!(get("OWN"), Some("own".into()));
    assert_eq!(get("KEPT"), Some("daemon".into()));
    assert_eq!(get("MORE"), Some("1".into()));
    assert_eq!(get("RAW"), Some(OsString::from_vec(vec![0xff])));
    fs::remove_file(&file).unwrap();
    let error = program(&config, "a").variables().unwrap_err();
    assert!(error.to_string().contains("env_file"), "{error}");
}

#[test]
fn a_variable_that_is_no_text_can_be_inherited_but_not_referred_to() {
    let environment: BTreeMap<OsString, OsString> =
        [("RAW".into(), OsString::from_vec(vec![0xff]))].into();
    let file = Written::new("[program:a]\ncommand=x\n[program:b]\ncommand=%(ENV_RAW)s\n");
    let config = Config::load(&file.path, &environment).unwrap();
    assert_eq!(program(&config, "a").refused, None);
    let refused = program(&config, "b").refused.clone().unwrap();
    assert!(refused.contains("not UTF-8"), "{refused}");
}

#[test]
fn a_changed_key_of_ours_is_a_change_of_the_group() {
    let plain = "[program:a]\ncommand=x\n[program:b]\ncommand=x\n";
    let before = load(plain);
    for key in [
        "depends_on=b",
        "readiness_log=x",
        "liveness_tcp=h:1",
        "restart_delay=1",
        "oneshot=true",
        "nice=1",
        "env_file=-/x",
        "start_when=provisioned",
    ] {
        let after = load(&plain.replacen("command=x\n", &format!("command=x\n{key}\n"), 1));
        let changed = difference(before.groups.iter(), &after.groups).changed;
        assert_eq!(changed, ["a"], "{key}");
    }
    let again = load(plain);
    assert_eq!(
        difference(before.groups.iter(), &again.groups),
        Default::default()
    );
}

/// Keys and examples of the tables.
fn documented() -> Vec<(String, String)> {
    let text = fs::read_to_string(documentation()).expect("the documentation");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells: Vec<_> = line.split(" | ").collect();
        let quoted = |cell: &str| cell.split('`').nth(1).unwrap_or_default().to_owned();
        (quoted(cells[0]), quoted(cells[3]))
    })
    .collect()
}

fn documentation() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/supervisord-extensions.md")
}

/// The configuration of a file that begins in `[supervisord]`.
fn load(text: &str) -> Config {
    let file = Written::new(text);
    Config::load(&file.path, &environment()).expect("it loads")
}

fn environment() -> BTreeMap<String, String> {
    BTreeMap::new()
}

fn program<'a>(config: &'a Config, name: &str) -> &'a ProgramConfig {
    let mut programs = config.groups.iter().flat_map(|group| &group.programs);
    programs
        .find(|program| &*program.id.name == name)
        .unwrap_or_else(|| panic!("no program {name}: {:?}", config.problems))
}

fn depends_on(program: &ProgramConfig) -> Vec<(String, Condition)> {
    let dependencies = program.depends_on.iter();
    dependencies
        .map(|dependency| (dependency.program.to_string(), dependency.condition))
        .collect()
}

/// A file in a directory of its own.
struct Written {
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl Written {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("supervisord.conf");
        fs::write(&path, format!("[supervisord]\n{text}")).expect("a fresh file");
        Self { path, _dir: dir }
    }
}
