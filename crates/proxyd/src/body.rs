//! The body of a message in either direction: known bytes, or a stream that is passed on as it
//! comes.

use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use daemon::{Stop, Tasks};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use thiserror::Error;
use tokio::time::Sleep;

use crate::{
    account::Account,
    compression::{Coding, Compressed},
    connection::Stream,
};

/// The sender of a body has sent nothing for too long.
#[derive(Debug, Error)]
#[error("nothing more of the body has come for too long")]
pub(crate) struct Stalled;

/// A message body.
#[derive(Debug)]
pub(crate) struct Body {
    source: Source,
    account: Option<Account>,
    /// Who takes in the rest of it if nobody wants it any more.
    rest: Option<Tasks>,
    /// How long its sender may send nothing, and until when.
    patience: Option<Duration>,
    stalls: Option<Pin<Box<Sleep>>>,
    /// Open for as long as the body lives.
    stream: Option<Stream>,
}

#[derive(Debug)]
enum Source {
    Bytes(Option<Bytes>),
    Stream(Incoming),
    Compressed(Box<Compressed>),
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self::of(Source::Bytes(None))
    }

    /// A body that is compressed on its way.
    pub(crate) fn compressed(coding: Coding, body: Incoming) -> Self {
        Self::of(Source::Compressed(Box::new(Compressed::new(coding, body))))
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            account: None,
            rest: None,
            patience: None,
            stalls: None,
            stream: None,
        }
    }

    /// Counts what passes.
    pub(crate) fn count(&mut self, mut account: Account) {
        if self.is_end_stream() {
            account.finished();
        }
        self.account = Some(account);
    }

    /// Takes in a little more of it even if nobody wants it: a client that is still sending when its
    /// stream is reset, or its connection closed, may never see the answer (RFC 9112, section 9.6).
    pub(crate) fn take_in_the_rest(&mut self, tasks: &Tasks) {
        self.rest = Some(tasks.clone());
    }

    /// Fails if its sender sends nothing for so long. Time in which nobody asks for more of it does
    /// not count.
    pub(crate) fn wait_at_most(&mut self, patience: Duration) {
        self.patience = Some(patience);
    }

    fn poll_stall(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(patience) = self.patience else {
            return Poll::Pending;
        };
        let stalls = self
            .stalls
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        stalls.as_mut().poll(context)
    }

    /// Keeps a stream open until the body has ended.
    pub(crate) fn hold(&mut self, stream: Stream) {
        self.stream = Some(stream);
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let (Some(tasks), false) = (self.rest.take(), self.is_end_stream()) else {
            return;
        };
        if let Source::Stream(stream) = mem::replace(&mut self.source, Source::Bytes(None)) {
            let taken = take_in(stream, tasks.stop().clone());
            tasks.spawn("rest of a body", tracing::Span::none(), taken);
        }
    }
}

async fn take_in(stream: Incoming, stop: Stop) {
    let taken = Limited::new(stream, MOST_IN_VAIN).collect();
    tokio::select! {
        _ = tokio::time::timeout(LONGEST_IN_VAIN, taken) => {}
        () = stop.requested() => {}
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::of(Source::Bytes(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }
}

impl From<Incoming> for Body {
    fn from(stream: Incoming) -> Self {
        Self::of(Source::Stream(stream))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let polled = match &mut self.source {
            Source::Bytes(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Source::Stream(stream) => Pin::new(stream)
                .poll_frame(context)
                .map_err(io::Error::other),
            Source::Compressed(body) => body
                .poll(context)
                .map(|read| read.map(|read| read.map(Frame::data))),
        };
        match &polled {
            Poll::Ready(_) => self.stalls = None,
            Poll::Pending if self.poll_stall(context).is_ready() => {
                return Poll::Ready(Some(Err(io::Error::other(Stalled))));
            }
            Poll::Pending => {}
        }
        let ended = self.is_end_stream();
        if let (Poll::Ready(frame), Some(account)) = (&polled, &mut self.account) {
            let length = match frame {
                Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
                Some(Err(_)) | None => 0,
            };
            account.passed(length);
            if ended || frame.is_none() {
                account.finished();
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Bytes(bytes) => bytes.is_none(),
            Source::Stream(stream) => stream.is_end_stream(),
            Source::Compressed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Bytes(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Source::Stream(stream) => stream.size_hint(),
            Source::Compressed(_) => SizeHint::default(),
        }
    }
}

/// What is taken in of a body that nobody wants.
const MOST_IN_VAIN: usize = 64 << 10;
const LONGEST_IN_VAIN: Duration = Duration::from_secs(2);
