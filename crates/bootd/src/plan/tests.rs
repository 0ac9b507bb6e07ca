use instance::Variables;

use super::*;

fn facts(scripts: Option<Vec<Script>>) -> Facts {
    Facts {
        environment: Variables::from([("CONTAINER_ID".to_owned(), "42".to_owned())]),
        options: Options::default(),
        is_init: true,
        is_root: true,
        scripts,
        launch: Launch::Entrypoint,
    }
}

fn shipped() -> Vec<Script> {
    Native::ALL
        .iter()
        .map(|native| script(&native.file(), native.stub()))
        .collect()
}

fn script(name: &str, content: &str) -> Script {
    Script {
        name: name.to_owned(),
        content: Some(content.to_owned()),
    }
}

fn printed(facts: &Facts) -> String {
    plan(facts, Path::new("/etc/vast_boot.d")).to_string()
}

#[test]
fn the_shipped_directory_and_none_at_all_run_every_native_step() {
    let expected = "\
bootd as PID 1, root, launch mode entry point
instance 42
00-accounts                  run     group berth, account user, directories of the daemons
10-prep-env                  run     workspace, defaults, token, /etc/environment
11-log-dirs                  run     log directories
46-ssh-host-keys             run     SSH host keys, in the background
46-user-propagate-ssh-keys   run     authorized SSH keys
55-tls-cert-gen              run     certificate for HTTPS
60-portal-yaml               run     /etc/portal.yaml from PORTAL_CONFIG
65-supervisor-launch         run     start the supervisor and keep it alive
95-supervisor-wait           run     wait until the supervisor has greeted
";
    assert_eq!(printed(&facts(None)), expected);
    assert_eq!(printed(&facts(Some(shipped()))), expected);
}

#[test]
fn scripts_stand_between_steps_by_name() {
    let mut scripts = shipped();
    scripts.push(script("50-mine.sh", "export A=1"));
    scripts.push(script("05-early.sh", ""));
    let plan = plan(&facts(Some(scripts)), Path::new("/etc/vast_boot.d"));
    let names: Vec<_> = plan.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names[..3], ["00-accounts", "05-early", "10-prep-env"]);
    assert_eq!(names[6..8], ["50-mine", "55-tls-cert-gen"]);
    assert_eq!(
        plan.steps[6].action,
        Action::Source("/etc/vast_boot.d/50-mine.sh".into())
    );
}

#[test]
fn a_deleted_stub_skips_its_step_and_an_edited_one_is_sourced() {
    let mut scripts = shipped();
    scripts.retain(|script| script.name != "55-tls-cert-gen.sh");
    scripts[1].content = Some("export MINE=1\n".to_owned());
    let text = printed(&facts(Some(scripts)));
    assert!(
        text.contains(
            "55-tls-cert-gen              skip    /etc/vast_boot.d/55-tls-cert-gen.sh was deleted"
        ),
        "{text}"
    );
    assert!(
        text.contains("10-prep-env                  source  /etc/vast_boot.d/10-prep-env.sh"),
        "{text}"
    );
}

#[test]
fn other_line_ends_are_not_an_edit() {
    let mut scripts = shipped();
    for script in &mut scripts {
        script.content = script.content.take().map(|text| text.replace('\n', "\r\n"));
    }
    assert_eq!(printed(&facts(Some(scripts))), printed(&facts(None)));
}

#[test]
fn flags_shape_the_plan_and_strange_ones_become_notices() {
    let mut facts = facts(None);
    facts.options = Options::parse(&["--no-cert-gen".to_owned(), "--colour".to_owned()]);
    facts.is_root = false;
    let text = printed(&facts);
    assert!(text.contains("skip    --no-cert-gen was given"), "{text}");
    assert!(
        text.contains("notice: flag --colour: unknown flag"),
        "{text}"
    );
    assert!(
        text.contains("notice: user: bootd does not run as root"),
        "{text}"
    );
}

#[test]
fn a_script_whose_name_would_end_a_line_is_not_run() {
    let mut scripts = shipped();
    scripts.push(script("20-a\nb.sh", "export A=1"));
    let text = printed(&facts(Some(scripts)));
    assert!(
        text.contains(r"20-a\nb                      skip"),
        "{text}"
    );
}

#[test]
fn an_unreadable_script_is_skipped_and_told() {
    let mut scripts = shipped();
    scripts.push(Script {
        name: "20-x.sh".to_owned(),
        content: None,
    });
    let plan = plan(&facts(Some(scripts)), Path::new("/etc/vast_boot.d"));
    let text = plan.to_string();
    assert!(text.contains("20-x                         skip"), "{text}");
    let step = plan.steps.iter().find(|step| step.name == "20-x");
    assert_eq!(step.unwrap().kind, Kind::Script);
    assert!(
        text.contains(r#"notice: boot script "20-x.sh": is skipped: it cannot be read"#),
        "{text}"
    );
}
