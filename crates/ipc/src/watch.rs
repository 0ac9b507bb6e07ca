//! Answers of `Watch…` calls.

use std::pin::Pin;

use tokio::sync::watch;
use tokio_stream::{Stream, StreamExt as _, wrappers::WatchStream};
use tonic::Status;

/// The value at once, then again after every change, until the sender goes away.
///
/// A slow reader skips intermediate values: every answer is complete, so none is owed.
pub fn watch_stream<T, R, F>(
    values: watch::Receiver<T>,
    into: F,
) -> Pin<Box<dyn Stream<Item = Result<R, Status>> + Send>>
where
    T: Clone + Send + Sync + 'static,
    F: Fn(T) -> R + Send + 'static,
    R: 'static,
{
    Box::pin(WatchStream::new(values).map(move |value| Ok(into(value))))
}
