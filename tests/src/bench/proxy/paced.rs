//! How long answers take when requests come at a fixed rate, however long the last one took.
//!
//! A client that waits for an answer before it asks again hides every delay but the first. Here each
//! request has a time at which it is due, and an answer's time counts from that.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};

use super::super::https::Session;
use super::super::rest;
use super::door::Door;
use super::scene::{PAGE, Scene};

/// The milliseconds in which 99 of 100 answers are whole.
///
/// # Errors
/// When one is no page, or the rate was not kept.
pub(crate) fn p99(scene: &Scene, door: &Door) -> anyhow::Result<f64> {
    let pace = scene
        .pace
        .context("no rate is known; the case that finds it failed")?;
    let request = door.request("Connection: keep-alive");
    // All handshakes are over when the first request is due.
    let sessions = (0..CONNECTIONS)
        .map(|_| {
            let mut session = scene.client.connect(door.address)?;
            ask(&mut session, &request)?;
            Ok(session)
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let schedule = Schedule {
        start: Instant::now() + LEAD,
        between: Duration::from_secs_f64(1.0 / pace),
        end: Instant::now() + LEAD + LENGTH,
    };
    let (schedule, request) = (&schedule, &request);
    let mut times = thread::scope(|scope| {
        let clients: Vec<_> = (0..)
            .zip(sessions)
            .map(|(first, session)| scope.spawn(move || schedule.follow(first, session, request)))
            .collect();
        let ended = clients.into_iter().map(|client| {
            let times = client.join().map_err(|_| anyhow!("a client panicked"))?;
            times.context("a request at a fixed rate")
        });
        ended.collect::<anyhow::Result<Vec<_>>>()
    })?
    .concat();
    let late = Instant::now().saturating_duration_since(schedule.end);
    ensure!(
        late < LEAD + LENGTH / 10,
        "{pace:.0} requests a second are too many: the last answer was {late:?} late"
    );
    times.sort_unstable();
    Ok(times[percentile(times.len())].as_secs_f64() * 1000.0)
}

/// Index of the value that 99 % do not exceed.
fn percentile(count: usize) -> usize {
    (count * 99).div_ceil(100).saturating_sub(1)
}

struct Schedule {
    start: Instant,
    /// From one request to the next, over all connections.
    between: Duration,
    end: Instant,
}

impl Schedule {
    /// Sends every request of one connection when it is due, or as soon as the last is answered.
    fn follow(
        &self,
        first: u32,
        mut session: Session,
        request: &str,
    ) -> anyhow::Result<Vec<Duration>> {
        let mut times = Vec::new();
        let mut due = self.start + self.between * first;
        while due < self.end {
            rest(due.saturating_duration_since(Instant::now()));
            ask(&mut session, request)?;
            times.push(due.elapsed());
            due += self.between * CONNECTIONS;
        }
        Ok(times)
    }
}

fn ask(session: &mut Session, request: &str) -> anyhow::Result<()> {
    session.send(request.as_bytes())?;
    let answer = session.answer()?;
    ensure!(
        answer.status == 200 && answer.body.len() == PAGE,
        "not the page: {answer:?}"
    );
    Ok(())
}

const CONNECTIONS: u32 = 32;
const LEAD: Duration = Duration::from_millis(50);
const LENGTH: Duration = Duration::from_secs(10);
