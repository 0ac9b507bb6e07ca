//! Pools of listeners, their queues, and who gets which event.

use std::{collections::VecDeque, sync::Arc};

use supervisor_core::ProgramId;

use super::{Event, Heard, Listener};
use crate::config::{EventType, ListenerConfig};

/// All pools.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    /// In the order in which they were added, in which they are told.
    pools: Vec<Pool>,
    /// The number of the next event that any pool takes.
    next: u64,
    identifier: String,
}

/// One group of listeners.
#[derive(Debug)]
pub(crate) struct Pool {
    name: String,
    config: ListenerConfig,
    queue: VecDeque<Queued>,
    next: u64,
    /// By the order in which the members are configured.
    members: Vec<(ProgramId, Listener)>,
}

/// An event in a queue. It keeps its numbers when it is sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Queued {
    event: Arc<Event>,
    /// Among all events.
    pub(crate) serial: u64,
    /// Among those of the pool.
    pool_serial: u64,
}

/// Text for the standard input of a listener.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) program: ProgramId,
    pub(crate) text: String,
}

/// An event that was dropped because a queue was full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overflow {
    pub(crate) pool: String,
    pub(crate) serial: u64,
}

impl Queued {
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn new(event: Event, serial: u64, pool_serial: u64) -> Self {
        Self {
            event: Arc::new(event),
            serial,
            pool_serial,
        }
    }
}

impl Pools {
    pub(crate) fn new(identifier: &str) -> Self {
        Self {
            identifier: identifier.to_owned(),
            ..Self::default()
        }
    }

    /// Begins anew without pools, perhaps under another identifier; the numbers go on.
    pub(crate) fn reset(&mut self, identifier: &str) {
        self.pools.clear();
        identifier.clone_into(&mut self.identifier);
    }

    /// Adds a pool with its members; it hears of what happens from now on.
    pub(crate) fn add(
        &mut self,
        name: &str,
        config: ListenerConfig,
        members: impl Iterator<Item = ProgramId>,
    ) {
        let pool = Pool {
            name: name.to_owned(),
            config,
            queue: VecDeque::new(),
            next: 0,
            members: members.map(|id| (id, Listener::default())).collect(),
        };
        self.pools.push(pool);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.pools.retain(|pool| pool.name != name);
    }

    /// Whether anybody would hear of events of this type.
    pub(crate) fn want(&self, kind: EventType) -> bool {
        self.pools
            .iter()
            .any(|pool| kind.matches(&pool.config.events))
    }

    /// Queues an event where it is wanted; gives what was dropped for it.
    pub(crate) fn notify(&mut self, event: Event) -> Vec<Overflow> {
        if !self.want(event.kind) {
            return Vec::new();
        }
        let event = Arc::new(event);
        let serial = self.next;
        self.next += 1;
        let mut overflows = Vec::new();
        for pool in &mut self.pools {
            if event.kind.matches(&pool.config.events) {
                let queued = Queued {
                    event: Arc::clone(&event),
                    serial,
                    pool_serial: pool.next,
                };
                pool.next += 1;
                overflows.extend(pool.put(queued, End::Back));
            }
        }
        overflows
    }

    /// A new run of a listener begins.
    pub(crate) fn started(&mut self, program: &ProgramId) {
        if let Some(listener) = self.listener(program) {
            *listener = Listener::default();
        }
    }

    /// A run of a listener has ended; its event goes to somebody else.
    pub(crate) fn ended(&mut self, program: &ProgramId) -> Vec<Overflow> {
        let event = self.listener(program).and_then(Listener::take_back);
        event.map_or_else(Vec::new, |event| self.give_back(program, event))
    }

    /// A listener wrote on its standard output.
    pub(crate) fn hear(
        &mut self,
        program: &ProgramId,
        bytes: &[u8],
    ) -> (Vec<Heard>, Vec<Overflow>) {
        let heard = self
            .listener(program)
            .map_or_else(Vec::new, |listener| listener.hear(bytes));
        let mut overflows = Vec::new();
        for what in &heard {
            match what {
                Heard::Rejected(event) | Heard::BadResult(event, _) => {
                    overflows.extend(self.give_back(program, event.clone()));
                }
                Heard::Became(..) | Heard::Processed(_) => {}
            }
        }
        (heard, overflows)
    }

    /// What is to be written to whom: each queue's events in order, to members that are ready and
    /// `running`.
    pub(crate) fn deliveries(&mut self, running: impl Fn(&ProgramId) -> bool) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for pool in &mut self.pools {
            while let Some(queued) = pool.queue.front() {
                let free = pool
                    .members
                    .iter_mut()
                    .find(|(id, listener)| listener.is_ready() && running(id));
                let Some((id, listener)) = free else {
                    break;
                };
                deliveries.push(Delivery {
                    program: id.clone(),
                    text: envelope(&self.identifier, &pool.name, queued),
                });
                listener.give(queued.clone());
                pool.queue.pop_front();
            }
        }
        deliveries
    }

    fn give_back(&mut self, program: &ProgramId, event: Queued) -> Vec<Overflow> {
        let pool = self.pool(&program.group);
        pool.and_then(|pool| pool.put(event, End::Front))
            .into_iter()
            .collect()
    }

    fn pool(&mut self, name: &str) -> Option<&mut Pool> {
        self.pools.iter_mut().find(|pool| pool.name == name)
    }

    fn listener(&mut self, program: &ProgramId) -> Option<&mut Listener> {
        let pool = self.pool(&program.group)?;
        let member = pool.members.iter_mut().find(|(id, _)| id == program);
        member.map(|(_, listener)| listener)
    }
}

/// Where an event enters a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Front,
    Back,
}

impl Pool {
    fn put(&mut self, queued: Queued, end: End) -> Option<Overflow> {
        let dropped = (self.queue.len() >= self.config.buffer_size)
            .then(|| self.queue.pop_front())
            .flatten();
        match end {
            End::Front => self.queue.push_front(queued),
            End::Back => self.queue.push_back(queued),
        }
        dropped.map(|dropped| Overflow {
            pool: self.name.clone(),
            serial: dropped.serial,
        })
    }
}

/// The header counts characters, not bytes: that is what listeners in Python read.
fn envelope(identifier: &str, pool: &str, queued: &Queued) -> String {
    let event = &queued.event;
    format!(
        "ver:3.0 server:{identifier} serial:{} pool:{pool} poolserial:{} eventname:{} len:{}\n{}",
        queued.serial,
        queued.pool_serial,
        event.kind,
        event.payload.chars().count(),
        event.payload
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pools(size: usize) -> (Pools, ProgramId) {
        let id = ProgramId::new("pool", "one");
        let mut pools = Pools::new("supervisor");
        pools.add("pool", config(size), [id.clone()].into_iter());
        (pools, id)
    }

    fn config(size: usize) -> ListenerConfig {
        ListenerConfig {
            events: [EventType::Tick].into(),
            buffer_size: size,
            result_handler: String::new(),
        }
    }

    fn tick(pools: &mut Pools, at: u64) -> Vec<Overflow> {
        pools.notify(Event::tick(EventType::Tick5, at))
    }

    #[test]
    fn an_event_goes_to_a_listener_that_is_ready_and_only_once() {
        let (mut pools, id) = pools(10);
        tick(&mut pools, 5);
        assert!(pools.deliveries(|_| true).is_empty());
        pools.hear(&id, b"READY\n");
        assert!(pools.deliveries(|_| false).is_empty());
        let deliveries = pools.deliveries(|_| true);
        assert_eq!(
            deliveries[0].text,
            "ver:3.0 server:supervisor serial:0 pool:pool poolserial:0 eventname:TICK_5 len:6\nwhen:5"
        );
        tick(&mut pools, 10);
        assert!(pools.deliveries(|_| true).is_empty());
        pools.hear(&id, b"RESULT 2\nOKREADY\n");
        assert!(pools.deliveries(|_| true)[0].text.ends_with("when:10"));
    }

    #[test]
    fn a_rejected_event_is_sent_again_before_the_others() {
        let (mut pools, id) = pools(10);
        tick(&mut pools, 5);
        tick(&mut pools, 10);
        pools.hear(&id, b"READY\n");
        pools.deliveries(|_| true);
        pools.hear(&id, b"RESULT 4\nFAILREADY\n");
        assert!(pools.deliveries(|_| true)[0].text.ends_with("when:5"));
        // It dies with the event in hand.
        pools.ended(&id);
        pools.started(&id);
        pools.hear(&id, b"READY\n");
        assert!(pools.deliveries(|_| true)[0].text.ends_with("when:5"));
    }

    #[test]
    fn a_full_queue_drops_its_oldest_event() {
        let (mut pools, id) = pools(1);
        assert!(tick(&mut pools, 5).is_empty());
        let overflows = tick(&mut pools, 10);
        assert_eq!(
            (overflows[0].pool.as_str(), overflows[0].serial),
            ("pool", 0)
        );
        pools.hear(&id, b"READY\n");
        assert!(pools.deliveries(|_| true)[0].text.ends_with("when:10"));
    }

    #[test]
    fn what_nobody_wants_has_no_number() {
        let (mut pools, id) = pools(10);
        pools.notify(Event::remote("a", "b"));
        tick(&mut pools, 5);
        pools.hear(&id, b"READY\n");
        assert!(pools.deliveries(|_| true)[0].text.contains("serial:0 pool"));
    }

    #[test]
    fn what_begins_anew_has_no_pools_of_before_but_goes_on_counting() {
        let (mut pools, id) = pools(10);
        tick(&mut pools, 5);
        pools.reset("other");
        assert!(!pools.want(EventType::Tick5));
        pools.add("pool", config(10), [id.clone()].into_iter());
        tick(&mut pools, 10);
        pools.hear(&id, b"READY\n");
        let deliveries = pools.deliveries(|_| true);
        assert_eq!(deliveries.len(), 1);
        assert!(
            deliveries[0]
                .text
                .starts_with("ver:3.0 server:other serial:1 pool:pool poolserial:0 ")
        );
    }

    #[test]
    fn the_length_counts_characters() {
        let id = ProgramId::new("pool", "one");
        let mut pools = Pools::new("supervisor");
        let config = ListenerConfig {
            events: [EventType::RemoteCommunication].into(),
            buffer_size: 10,
            result_handler: String::new(),
        };
        pools.add("pool", config, [id.clone()].into_iter());
        pools.notify(Event::remote("größe", "ü"));
        pools.hear(&id, b"READY\n");
        assert!(pools.deliveries(|_| true)[0].text.contains("len:12\n"));
    }
}
