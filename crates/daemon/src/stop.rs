//! The request to end.

use tokio_util::sync::CancellationToken;

/// Asks a daemon to end: first politely, then at once.
///
/// Clones share one state. The first request lets listeners stop accepting and work drain; a
/// second one (a second signal) says that nobody waits any longer.
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

    /// Asks to end; asking again presses.
    pub fn request(&self) {
        if self.asked.is_cancelled() {
            self.pressed.cancel();
        }
        self.asked.cancel();
    }

    /// Whether an end was asked for.
    pub fn is_requested(&self) -> bool {
        self.asked.is_cancelled()
    }

    /// Waits until an end is asked for.
    pub async fn requested(&self) {
        self.asked.cancelled().await;
    }

    /// Waits until it is asked for a second time.
    pub async fn pressed(&self) {
        self.pressed.cancelled().await;
    }

    /// A token that is cancelled with the first request, for APIs that want one.
    pub fn token(&self) -> CancellationToken {
        self.asked.clone()
    }
}
