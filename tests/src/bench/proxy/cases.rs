//! What is measured through every proxy, and what was promised beside each.

use std::time::Duration;

use super::super::row::Goal::{self, AtLeastTimesPeer, AtMost, AtMostTimesPeer, Unstated};
use super::super::sample::figure;
use super::door::Door;
use super::door::Program::{self, Caddy, Haproxy, Nginx};
use super::load::{self, Http, Load};
use super::scene::{App, Scene};
use super::{paced, sockets};

/// Something that is done through a proxy.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) app: App,
    /// Whether half of the slowest proxy's [`RATE`] is the rate of the cases at a fixed rate.
    pub(crate) sets_pace: bool,
    pub(crate) figures: &'static [Figure],
    pub(crate) measure: fn(&Scene, &Door) -> anyhow::Result<Measured>,
}

/// One figure of a case.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// A row for each: beside whom, or nobody, and the goal there.
    pub(crate) promises: &'static [(Option<Program>, Goal)],
}

/// The figures of one round.
#[derive(Debug)]
pub(crate) enum Measured {
    Values(Vec<f64>),
    /// The proxy does not speak what the case is about.
    NotServed,
}

impl Measured {
    pub(crate) fn values(&self) -> Option<&[f64]> {
        match self {
            Self::Values(values) => Some(values),
            Self::NotServed => None,
        }
    }
}

impl Case {
    /// The values of a round with their units.
    pub(crate) fn shown(&self, measured: &Measured) -> String {
        let Some(values) = measured.values() else {
            return "not served".to_owned();
        };
        let pairs = values.iter().zip(self.figures);
        let shown = pairs.map(|(value, one)| format!("{} {}", figure(*value), one.unit));
        shown.collect::<Vec<_>>().join(", ")
    }
}

/// Place of the requests per second among the figures of a case that has them.
pub(crate) const RATE: usize = 1;

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "h1",
        app: App::Files,
        sets_pace: true,
        figures: &[
            Figure {
                name: "1 KiB over h1, 32 connections: CPU per request",
                unit: "µs",
                promises: &[
                    (Some(Nginx), AtMostTimesPeer(1.15)),
                    (Some(Haproxy), AtMostTimesPeer(1.15)),
                    (Some(Caddy), AtMostTimesPeer(0.333)),
                ],
            },
            Figure {
                name: "1 KiB over h1, 32 connections: requests",
                unit: "1/s",
                promises: &[
                    (Some(Nginx), AtLeastTimesPeer(0.85)),
                    (Some(Haproxy), AtLeastTimesPeer(0.85)),
                    (Some(Caddy), AtLeastTimesPeer(2.5)),
                ],
            },
        ],
        measure: |scene, door| load_of(door, || load::wrk(scene, door)),
    },
    Case {
        name: "h2",
        app: App::Files,
        sets_pace: false,
        figures: &[
            Figure {
                name: "1 KiB over h2, 16 x 8 streams: CPU per request",
                unit: "µs",
                promises: &[
                    (Some(Nginx), AtMostTimesPeer(1.3)),
                    (Some(Haproxy), Unstated),
                    (Some(Caddy), AtMostTimesPeer(0.25)),
                ],
            },
            Figure {
                name: "1 KiB over h2, 16 x 8 streams: requests",
                unit: "1/s",
                promises: &[
                    (Some(Nginx), AtLeastTimesPeer(0.85)),
                    (Some(Haproxy), AtLeastTimesPeer(0.65)),
                    (Some(Caddy), AtLeastTimesPeer(4.0)),
                ],
            },
        ],
        measure: |scene, door| over_h2(scene, door, || load_of(door, || load::h2load(door))),
    },
    Case {
        name: "fixed rate",
        app: App::Files,
        sets_pace: false,
        figures: &[Figure {
            name: "1 KiB over h1 at half the slowest's rate: p99",
            unit: "ms",
            promises: &[
                (Some(Nginx), AtMostTimesPeer(1.5)),
                (Some(Haproxy), Unstated),
                (Some(Caddy), Unstated),
            ],
        }],
        measure: |scene, door| Ok(Measured::Values(vec![paced::p99(scene, door)?])),
    },
    Case {
        name: "new connections",
        app: App::Files,
        sets_pace: false,
        figures: &[Figure {
            name: "new TLS 1.3 connection with one request: CPU",
            unit: "µs",
            promises: &[
                (Some(Nginx), AtMostTimesPeer(0.8)),
                (Some(Haproxy), Unstated),
                (Some(Caddy), AtMostTimesPeer(0.6)),
            ],
        }],
        measure: |scene, door| {
            let (count, used) = door.cost(|| load::new_connections(scene, door))?;
            Ok(Measured::Values(vec![microseconds(used) / count]))
        },
    },
    Case {
        name: "download h1",
        app: App::Files,
        sets_pace: false,
        figures: &[Figure {
            name: "1 GiB over h1: CPU per GB",
            unit: "s",
            promises: BULK,
        }],
        measure: |_, door| bulk(door, Http::One),
    },
    Case {
        name: "download h2",
        app: App::Files,
        sets_pace: false,
        figures: &[Figure {
            name: "1 GiB over h2: CPU per GB",
            unit: "s",
            promises: BULK,
        }],
        measure: |scene, door| over_h2(scene, door, || bulk(door, Http::Two)),
    },
    Case {
        name: "idle WebSockets",
        app: App::Echo,
        sets_pace: false,
        figures: &[Figure {
            name: "idle WebSocket over TLS: memory",
            unit: "KiB",
            promises: &[
                (None, AtMost(24.0)),
                (Some(Nginx), AtMostTimesPeer(0.5)),
                (Some(Haproxy), AtMostTimesPeer(1.0)),
                (Some(Caddy), AtMostTimesPeer(0.25)),
            ],
        }],
        measure: |scene, door| {
            Ok(Measured::Values(vec![sockets::kibibytes_each(
                scene, door,
            )?]))
        },
    },
];

const BULK: &[(Option<Program>, Goal)] = &[
    (Some(Nginx), AtMostTimesPeer(0.8)),
    (Some(Haproxy), AtMostTimesPeer(0.8)),
    (Some(Caddy), AtMostTimesPeer(0.8)),
];

/// Processor time per request, and requests per second.
fn load_of(door: &Door, run: impl FnOnce() -> anyhow::Result<Load>) -> anyhow::Result<Measured> {
    let (load, used) = door.cost(run)?;
    let each = microseconds(used) / load.requests;
    Ok(Measured::Values(vec![each, load.per_second]))
}

fn bulk(door: &Door, http: Http) -> anyhow::Result<Measured> {
    let (gigabytes, used) = door.cost(|| load::download(door, http))?;
    Ok(Measured::Values(vec![used.as_secs_f64() / gigabytes]))
}

fn over_h2(
    scene: &Scene,
    door: &Door,
    measure: impl FnOnce() -> anyhow::Result<Measured>,
) -> anyhow::Result<Measured> {
    if scene.client.is_offered_h2(door.address)? {
        measure()
    } else {
        Ok(Measured::NotServed)
    }
}

fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
