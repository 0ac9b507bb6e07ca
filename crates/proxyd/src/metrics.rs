//! The counters as OpenMetrics text, which Prometheus reads.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder, NoLabelSet, text::encode},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};

use crate::{
    counters::{CLASSES, Counts, LATENCIES},
    port::Port,
};

/// The text for the ports that are served.
pub(crate) fn text(ports: &[Arc<Port>]) -> String {
    let routes = ports.iter().map(|port| {
        let site = &port.target().site;
        let labels = [
            ("app", site.app.clone()),
            ("port", site.listen.get().to_string()),
        ];
        (labels, port.counters.counts())
    });
    let mut registry = Registry::with_prefix("berth_proxy");
    registry.register_collector(Box::new(Routes(routes.collect())));
    let mut text = String::new();
    // Writing into memory does not fail.
    let _ = encode(&mut text, &registry);
    text
}

type Labels = [(&'static str, String); 2];

#[derive(Debug)]
struct Routes(Vec<(Labels, Counts)>);

impl Routes {
    /// One metric, with a value or more of every route.
    fn metric(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help, unit): (&str, &str, Option<&Unit>),
        kind: MetricType,
        mut write: impl FnMut(&mut MetricEncoder<'_>, &Labels, &Counts) -> fmt::Result,
    ) -> fmt::Result {
        let mut metric = encoder.encode_descriptor(name, help, unit, kind)?;
        let mut routes = self.0.iter();
        routes.try_for_each(|(labels, counts)| write(&mut metric, labels, counts))
    }

    fn counter(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        about: (&str, &str, Option<&Unit>),
        value: impl Fn(&Counts) -> u64,
    ) -> fmt::Result {
        self.metric(
            encoder,
            about,
            MetricType::Counter,
            |metric, labels, counts| {
                ConstCounter::new(value(counts)).encode(metric.encode_family(labels)?)
            },
        )
    }
}

impl Collector for Routes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        self.metric(
            encoder,
            (
                "requests",
                "Answered requests by class of status code",
                None,
            ),
            MetricType::Counter,
            |metric, [app, port], counts| {
                for (class, count) in CLASSES.iter().zip(counts.classes) {
                    let labels = [app.clone(), port.clone(), ("code", (*class).to_owned())];
                    ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
                }
                Ok(())
            },
        )?;
        self.counter(
            encoder,
            (
                "unauthorized",
                "Requests refused for lack of a credential",
                None,
            ),
            |counts| counts.unauthorized,
        )?;
        self.counter(
            encoder,
            ("received", "Bodies of requests", Some(&Unit::Bytes)),
            |counts| counts.received,
        )?;
        self.counter(
            encoder,
            ("sent", "Bodies of answers", Some(&Unit::Bytes)),
            |counts| counts.sent,
        )?;
        self.metric(
            encoder,
            ("websockets", "WebSockets that are open", None),
            MetricType::Gauge,
            |metric, labels, counts| {
                ConstGauge::new(i64::from(counts.websockets)).encode(metric.encode_family(labels)?)
            },
        )?;
        let latency = (
            "latency",
            "Time to the head of an answer",
            Some(&Unit::Seconds),
        );
        let kind = MetricType::Histogram;
        self.metric(encoder, latency, kind, |metric, labels, counts| {
            let limits = LATENCIES.iter().map(std::time::Duration::as_secs_f64);
            let limits = limits.chain([f64::INFINITY]);
            let buckets: Vec<_> = limits.zip(counts.latency).collect();
            let sum = counts.latency_sum.as_secs_f64();
            let count = counts.latency.iter().sum();
            let mut metric = metric.encode_family(labels)?;
            metric.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
        })
    }
}
