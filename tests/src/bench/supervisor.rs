//! Group supervisor: what a supervisor costs and how quick it is, ours beside the stock one.

mod figures;

use anyhow::Context;
use testkit::Checkout;

use self::figures::{FIGURES, Figure};
use super::peer::Venv;
use super::row::{Group, Peer, Row};
use super::sample::Sample;
use super::supervised::Supervisor;
use super::{Options, say};

/// Runs ours and the stock supervisor in turn on the same configuration.
///
/// # Errors
/// When any round fails: a median over fewer rounds would hide it.
pub(crate) fn measure(options: &Options, checkout: &Checkout) -> anyhow::Result<Vec<Row>> {
    let venv = Venv::find(checkout)?;
    let ours = Supervisor::Ours(checkout.bin_dir());
    let stock = Supervisor::Stock(venv.dir().join("bin"));
    let version = venv.version("supervisor")?;
    let mut rows = Vec::new();
    for figure in FIGURES {
        let (mut our_values, mut stock_values) = (Vec::new(), Vec::new());
        for round in 1..=options.rounds {
            for (name, supervisor, values) in [
                ("ours", &ours, &mut our_values),
                ("stock", &stock, &mut stock_values),
            ] {
                let measured = (figure.measure)(supervisor)
                    .with_context(|| format!("{} of {name}", figure.name))?;
                say(&format!(
                    "supervisor round {round}, {name}: {}: {measured:.3?} {}",
                    figure.name, figure.unit
                ))?;
                values.extend(measured);
            }
        }
        rows.extend(rows_of(figure, our_values, stock_values, &version)?);
    }
    Ok(rows)
}

/// A row beside the stock supervisor, and one beside the contracts where they have a figure.
fn rows_of(
    figure: &Figure,
    ours: Vec<f64>,
    stock: Vec<f64>,
    version: &str,
) -> anyhow::Result<Vec<Row>> {
    let live = Peer::Live {
        sample: Sample::new(stock)?,
        program: PEER.to_owned(),
        version: version.to_owned(),
    };
    let recorded = figure.recorded.map(|value| Peer::Recorded {
        value,
        program: PEER,
        version: "4.3.0",
    });
    let ours = Sample::new(ours)?;
    let row = |peer| Row {
        group: Group::Supervisor,
        name: figure.name,
        unit: figure.unit,
        ours: ours.clone().into(),
        peer: Some(peer),
        goal: figure.goal,
    };
    Ok(std::iter::once(live).chain(recorded).map(row).collect())
}

const PEER: &str = "supervisor";
