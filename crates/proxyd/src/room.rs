//! How many connections there may be, of all clients and of one.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::failures::household;

/// The room for connections.
#[derive(Debug)]
pub(crate) struct Room {
    most: usize,
    taken: Mutex<Taken>,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// A place in the room. Dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Place {
    room: Arc<Room>,
    /// As it is counted.
    household: IpAddr,
    pub(crate) client: IpAddr,
}

impl Room {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: Mutex::default(),
            refused: AtomicU64::new(0),
        })
    }

    /// Room for so many, or for half as many as there may be descriptors: each connection may need
    /// one to an app. The process is allowed as many of them as it can be.
    pub(crate) fn of_process(wanted: Option<usize>) -> Arc<Self> {
        let (mut soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
        if setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
            soft = hard;
        }
        let most = usize::try_from(soft).unwrap_or(usize::MAX);
        let most = most.min(MOST_DESCRIPTORS).saturating_sub(OURS) / 2;
        Self::new(wanted.unwrap_or(most))
    }

    /// Takes a place, unless there is none, or this client has half of them: the others are for the
    /// others.
    pub(crate) fn enter(self: &Arc<Self>, client: IpAddr) -> Option<Place> {
        let household = household(client);
        let mut taken = self.taken();
        let of_client = taken.by_client.get(&household).copied().unwrap_or(0);
        if taken.all >= self.most || of_client >= self.most.div_ceil(2) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        taken.all += 1;
        taken.by_client.insert(household, of_client + 1);
        Some(Place {
            room: self.clone(),
            household,
            client,
        })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections that were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.room.taken();
        taken.all -= 1;
        if let Some(count) = taken.by_client.get_mut(&self.household) {
            *count -= 1;
            if *count == 0 {
                taken.by_client.remove(&self.household);
            }
        }
    }
}

/// What is open besides connections: listeners, certificates, sockets of other daemons.
const OURS: usize = 256;
/// Where there is no limit, memory is one.
const MOST_DESCRIPTORS: usize = 1 << 17;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_never_takes_the_room_of_all() {
        let room = Room::new(4);
        let (one, other): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let first = room.enter(one).unwrap();
        let _second = room.enter(one).unwrap();
        assert!(room.enter(one).is_none());
        let _third = room.enter(other).unwrap();
        let _fourth = room.enter(other).unwrap();
        assert!(room.enter([10, 0, 0, 3].into()).is_none());
        assert_eq!(room.refused(), 2);
        drop(first);
        assert!(room.enter([10, 0, 0, 3].into()).is_some());
        assert_eq!(room.taken().by_client.len(), 2);
    }
}
