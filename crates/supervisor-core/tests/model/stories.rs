//! Arbitrary stories.

use std::time::Duration;

use proptest::{collection::vec, option, prelude::*, sample::select};
use supervisor_core::{
    Autorestart, Conditional, Dependency, DependencyCondition, Exit, GroupSpec, Patience, Probed,
    ProgramKind, ProgramSpec, RestartPolicy,
};

use crate::support::{KILLED, Spawning, millis, on, on_group, program, seconds};

/// Some groups, and what happens to them.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) groups: Vec<GroupSpec>,
    /// What the programs of each group did before the story.
    pub(crate) pasts: Vec<Vec<Option<Past>>>,
    pub(crate) steps: Vec<Step>,
    pub(crate) patience: Patience,
    /// What happens during the shutdown.
    pub(crate) end: Vec<Step>,
}

/// Something happens. Programs and groups are counted round and round.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Want(Wish, usize),
    Happen(Happening, usize, Which),
    Pass(Duration),
    /// Time passes unseen: what follows is heard of before anything that is due.
    Miss(Duration),
    Freeze(Duration),
    Spawning(Spawning),
    Remove(usize),
    Add(usize, Vec<Option<Past>>),
    Shutdown(Patience),
    /// A new core takes over and all groups are added again.
    Succeed,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Wish {
    Start,
    Stop,
    Restart,
    Signal,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Happening {
    Exit(Exit),
    SignalFailed,
    Ready,
    Unready,
    Unalive,
    Met,
    Refused,
}

/// The run a fact is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Last,
    Earlier,
}

/// What a program did before it is taken over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Past {
    Running { age: Duration, ready: bool },
    Stopped,
    Exited(Exit),
    Fatal,
}

/// Stories of one program that depends on nothing.
pub(crate) fn single() -> impl Strategy<Value = Story> {
    let group = spec("a:1".to_owned(), Vec::new()).prop_map(|spec| GroupSpec {
        name: "a".into(),
        priority: 1,
        programs: vec![spec],
    });
    story(group.prop_map(|group| vec![group]), Just(Vec::new()), 60)
}

/// Stories of up to nine programs in up to three groups.
pub(crate) fn several() -> impl Strategy<Value = Story> {
    story(groups(), Just(Vec::new()), 60)
}

/// Stories of a shutdown that finds many programs running.
pub(crate) fn closing() -> impl Strategy<Value = Story> {
    let running = (time(), any::<bool>()).prop_map(|(age, ready)| Past::Running { age, ready });
    let pasts = vec(vec(option::weighted(0.8, running), 3), 3);
    story(groups(), pasts, 6)
}

fn groups() -> impl Strategy<Value = Vec<GroupSpec>> {
    vec(0..4usize, 1..4).prop_flat_map(|sizes| {
        let groups = sizes.iter().enumerate();
        groups.map(|(at, n)| group(at, *n)).collect::<Vec<_>>()
    })
}

fn story(
    groups: impl Strategy<Value = Vec<GroupSpec>>,
    pasts: impl Strategy<Value = Vec<Vec<Option<Past>>>>,
    steps: usize,
) -> impl Strategy<Value = Story> {
    let patience = select(vec![Patience::Budget, Patience::Own]);
    let (steps, end) = (vec(step(), 0..steps), vec(step(), 0..30));
    (groups, pasts, steps, patience, end).prop_map(|(groups, pasts, steps, patience, mut end)| {
        end.retain(|step| !matches!(step, Step::Succeed));
        Story {
            groups,
            pasts,
            steps,
            patience,
            end,
        }
    })
}

fn group(at: usize, size: usize) -> impl Strategy<Value = GroupSpec> {
    let name = ["a", "b", "c"][at];
    // The order of the list is not that of the names.
    let names = (0..size).rev().map(|n| format!("{name}:{n}"));
    let programs: Vec<_> = names
        .map(|name| vec(dependency(), 0..3).prop_flat_map(move |on| spec(name.clone(), on)))
        .collect();
    (programs, 1..4i64).prop_map(move |(programs, priority)| GroupSpec {
        name: name.into(),
        priority,
        programs,
    })
}

fn dependency() -> impl Strategy<Value = Dependency> {
    let condition = select(vec![
        DependencyCondition::Started,
        DependencyCondition::Ready,
        DependencyCondition::ExitedZero,
    ]);
    let names = vec![
        "a:0", "a:1", "a:2", "b:0", "b:1", "c:0", "c:1", "a", "b", "c",
    ];
    (select(names), condition).prop_map(|(name, condition)| match name.contains(':') {
        true => on(name, condition),
        false => on_group(name, condition),
    })
}

fn spec(name: String, depends_on: Vec<Dependency>) -> impl Strategy<Value = ProgramSpec> {
    let starts = (
        prop::bool::weighted(0.9),
        select(vec![0, 0, 1, 2, 12]),
        -1..4i64,
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.2),
    );
    let ends = (
        select(vec![
            Autorestart::Always,
            Autorestart::Unexpected,
            Autorestart::Never,
        ]),
        select(vec![vec![0], vec![0, 2], vec![]]),
        select(vec![
            ProgramKind::Service,
            ProgramKind::Service,
            ProgramKind::OneShot,
        ]),
        select(vec![0, 2, 10]),
        1..4i64,
    );
    let probe = (
        prop::bool::weighted(0.5),
        option::of(select(vec![0, 500, 1500, 20_000])),
    );
    (starts, ends, probe, pauses()).prop_map(move |(starts, ends, probe, restart)| {
        let (autostart, startsecs, startretries, refused, conditional) = starts;
        let (autorestart, exitcodes, kind, stop_wait, priority) = ends;
        ProgramSpec {
            priority,
            autostart,
            autorestart,
            startsecs: seconds(startsecs),
            startretries,
            exitcodes: exitcodes.into_iter().collect(),
            stop_wait: seconds(stop_wait),
            probed: if probe.0 { Probed::Yes } else { Probed::No },
            ready_within: probe.1.map(millis),
            depends_on: depends_on.clone(),
            conditional: if conditional {
                Conditional::Yes
            } else {
                Conditional::No
            },
            restart,
            kind,
            refused: refused.then(|| "refused".to_owned()),
            ..program(&name)
        }
    })
}

fn pauses() -> impl Strategy<Value = RestartPolicy> {
    let policy = (select(vec![0, 100, 3000, 15_000]), 1..4u8, 2..40u64);
    let some = policy.prop_map(|(delay, factor, max)| RestartPolicy {
        delay: millis(delay),
        factor: f64::from(factor),
        max: seconds(max),
        jitter: 0.0,
    });
    prop_oneof![Just(RestartPolicy::default()), some]
}

fn step() -> impl Strategy<Value = Step> {
    let wish = select(vec![Wish::Start, Wish::Stop, Wish::Restart, Wish::Signal]);
    let which =
        prop::bool::weighted(0.95).prop_map(|last| if last { Which::Last } else { Which::Earlier });
    let who = || 0..9usize;
    let pasts = vec(option::of(past()), 0..4);
    prop_oneof![
        60 => (wish, who()).prop_map(|(wish, who)| Step::Want(wish, who)),
        110 => (happening(), who(), which).prop_map(|(what, who, which)| {
            Step::Happen(what, who, which)
        }),
        60 => time().prop_map(Step::Pass),
        10 => time().prop_map(Step::Miss),
        5 => time().prop_map(Step::Freeze),
        5 => Just(Step::Spawning(Spawning::Fails)),
        10 => Just(Step::Spawning(Spawning::Works)),
        10 => who().prop_map(Step::Remove),
        10 => (who(), pasts).prop_map(|(who, pasts)| Step::Add(who, pasts)),
        1 => Just(Step::Shutdown(Patience::Own)),
        1 => Just(Step::Shutdown(Patience::Budget)),
        3 => Just(Step::Succeed),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    let exit = select(vec![Exit::Code(0), Exit::Code(1), Exit::Code(2), KILLED]);
    prop_oneof![
        10 => exit.prop_map(Happening::Exit),
        1 => Just(Happening::SignalFailed),
        5 => Just(Happening::Ready),
        2 => Just(Happening::Unready),
        2 => Just(Happening::Unalive),
        4 => Just(Happening::Met),
        1 => Just(Happening::Refused),
    ]
}

fn past() -> impl Strategy<Value = Past> {
    prop_oneof![
        3 => (time(), any::<bool>()).prop_map(|(age, ready)| Past::Running { age, ready }),
        1 => Just(Past::Stopped),
        1 => select(vec![Exit::Code(0), KILLED]).prop_map(Past::Exited),
        1 => Just(Past::Fatal),
    ]
}

/// Round figures meet often.
fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        3 => select(vec![100, 500, 1000, 1500, 2000, 10_000]).prop_map(millis),
        1 => (0..4000u64).prop_map(millis),
        1 => (0..20u64).prop_map(seconds),
    ]
}
