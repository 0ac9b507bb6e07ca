//! The request to end.

use tokio_util::sync::CancellationToken;

/// Asks a daemon to end: first politely, then at once.
///
/// Clones share one state. The request lets listeners stop accepting and work drain, however often
/// it is made; pressing (a second signal) says that nobody waits any longer.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    asked: CancellationToken,
    pressed: CancellationToken,
}

impl Stop {
    /// A stop that nobody has requested.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to end.
    pub fn request(&self) {
        self.asked.cancel();
    }

    /// Asks to end at once, without draining.
    pub fn press(&self) {
        self.asked.cancel();
        self.pressed.cancel();
    }

    /// Whether an end was asked for.
    pub fn is_requested(&self) -> bool {
        self.asked.is_cancelled()
    }

    /// Waits until an end is asked for.
    pub async fn requested(&self) {
        self.asked.cancelled().await;
    }

    /// Waits until an end at once is asked for.
    pub async fn pressed(&self) {
        self.pressed.cancelled().await;
    }

    /// A token that is cancelled with the first request, for APIs that want one.
    pub fn token(&self) -> CancellationToken {
        self.asked.clone()
    }
}
