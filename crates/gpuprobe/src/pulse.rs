//! Which driver call is under way, readable from outside the thread that makes it.

use std::sync::{Mutex, PoisonError};

/// Announces driver calls to the watchdog.
#[derive(Debug, Default)]
pub struct Pulse {
    state: Mutex<Observed>,
}

/// What a look at the pulse shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Number of calls made so far; two looks with the same number see the same call.
    pub calls: u64,
    /// The call under way, if there is one.
    pub call: Option<&'static str>,
    /// Whether the call is part of opening the driver, which may take long.
    pub opening: bool,
}

impl Pulse {
    /// Makes a call and announces it while it is under way.
    pub fn call<T>(&self, name: &'static str, call: impl FnOnce() -> T) -> T {
        self.announced(name, false, call)
    }

    /// The same for a call that may take long because it initialises devices.
    pub fn opening<T>(&self, name: &'static str, call: impl FnOnce() -> T) -> T {
        self.announced(name, true, call)
    }

    /// What is under way at this moment.
    pub fn observe(&self) -> Observed {
        *self.lock()
    }

    fn announced<T>(&self, name: &'static str, opening: bool, call: impl FnOnce() -> T) -> T {
        {
            let mut state = self.lock();
            state.calls += 1;
            state.call = Some(name);
            state.opening = opening;
        }
        let _under_way = UnderWay(self);
        call()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Observed> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the announcement of a call, also by panic.
struct UnderWay<'a>(&'a Pulse);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.lock().call = None;
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_call_that_panics_is_not_under_way_any_more() {
        let pulse = Pulse::default();
        let call = AssertUnwindSafe(|| pulse.call("nvmlX", || panic!("on purpose")));
        assert!(catch_unwind(call).is_err());
        assert_eq!((pulse.observe().calls, pulse.observe().call), (1, None));
    }
}
