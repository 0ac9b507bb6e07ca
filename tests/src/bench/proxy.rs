//! Group proxy: what a request, a connection and a byte cost, ours beside what people use.
//!
//! Each case is measured through one proxy at a time, started for it and ended after it, with the
//! same certificate, client and app. A case with a single error has no rows and says why.

mod cases;
mod door;
mod echo;
mod load;
mod paced;
mod running;
mod scene;
mod sockets;

use anyhow::Context;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use testkit::Checkout;

use self::cases::{CASES, Case, Measured};
use self::door::{Door, Program};
use self::scene::Scene;
use super::machine::Others;
use super::row::{Found, Group, Ours, Peer, Row};
use super::sample::Sample;
use super::{Options, say};

/// Runs every case in rounds through every proxy in turn.
pub(crate) fn measure(options: &Options, checkout: &Checkout) -> Found {
    let mut found = Found::default();
    let mut scene = match prepare(options, checkout) {
        Ok(scene) => scene,
        Err(error) => return Err(error).into(),
    };
    for case in CASES {
        match rounds(case, options.rounds, &scene) {
            Ok(results) => {
                if case.sets_pace {
                    scene.pace = results.slowest_rate().map(|rate| rate / 2.0);
                }
                found.rows.extend(results.rows(case, &scene));
            }
            Err(error) => found.failures.push(error),
        }
    }
    found
}

fn prepare(options: &Options, checkout: &Checkout) -> anyhow::Result<Scene> {
    // Every idle WebSocket costs this process two descriptors, and a proxy as many.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("raise the limit of descriptors")?;
    let scene = Scene::prepare(options, checkout)?;
    say(&format!("proxy: {}", scene.versions.tools))?;
    Ok(scene)
}

/// What every proxy showed in a case, in the order of [`Program::ALL`].
struct Results([Vec<Measured>; Program::ALL.len()]);

fn rounds(case: &Case, rounds: u16, scene: &Scene) -> anyhow::Result<Results> {
    let mut results = Results(Default::default());
    for round in 1..=rounds {
        for (program, values) in Program::ALL.into_iter().zip(&mut results.0) {
            let others = Others::watch()?;
            let measured = once(case, program, scene)
                .with_context(|| format!("{} through {program}", case.name))?;
            say(&format!(
                "proxy round {round}, {program}: {}: {} (others used {:.0} % of the machine)",
                case.name,
                case.shown(&measured),
                others.share()?
            ))?;
            values.push(measured);
        }
    }
    Ok(results)
}

fn once(case: &Case, program: Program, scene: &Scene) -> anyhow::Result<Measured> {
    let door = Door::open(program, scene, case.app)?;
    (case.measure)(scene, &door)
}

impl Results {
    /// The median of the slowest proxy's requests per second, where the case has that figure.
    fn slowest_rate(&self) -> Option<f64> {
        let medians = Program::ALL
            .into_iter()
            .filter_map(|program| Some(self.sample(program, cases::RATE)?.median()));
        medians.reduce(f64::min)
    }

    fn rows(&self, case: &Case, scene: &Scene) -> Vec<Row> {
        let rows = case.figures.iter().enumerate().flat_map(|(place, figure)| {
            let promises = figure.promises.iter();
            promises.filter_map(move |(beside, goal)| {
                let peer = match beside {
                    Some(program) => Some(self.peer(*program, place, scene)?),
                    None => None,
                };
                Some(Row {
                    group: Group::Proxy,
                    name: figure.name,
                    unit: figure.unit,
                    ours: self.ours(place),
                    peer,
                    goal: *goal,
                })
            })
        });
        rows.collect()
    }

    fn ours(&self, place: usize) -> Ours {
        self.sample(Program::Proxyd, place)
            .map_or(Ours::NotServed, Ours::Measured)
    }

    fn peer(&self, program: Program, place: usize, scene: &Scene) -> Option<Peer> {
        Some(Peer::Live {
            sample: self.sample(program, place)?,
            program: program.to_string(),
            version: scene.versions.of(program).to_owned(),
        })
    }

    /// The values of a figure over the rounds; nothing if the program does not serve the case.
    fn sample(&self, program: Program, place: usize) -> Option<Sample> {
        let rounds = self.0[program as usize].iter();
        let values = rounds.map(|measured| measured.values()?.get(place).copied());
        Sample::new(values.collect::<Option<_>>()?).ok()
    }
}
