//! The body of a message in either direction: known bytes, or a stream that is passed on as it
//! comes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use crate::{
    account::Account,
    compression::{Coding, Compressed},
    connection::Stream,
};

/// A message body.
#[derive(Debug)]
pub(crate) struct Body {
    source: Source,
    account: Option<Account>,
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

    /// Keeps a stream open until the body has ended.
    pub(crate) fn hold(&mut self, stream: Stream) {
        self.stream = Some(stream);
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
