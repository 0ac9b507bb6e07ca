//! What must hold of anything that comes over a connection; see [`crate::fuzzing`].

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime::{Builder, Runtime},
};

use super::{
    admission::{is_authorized, is_foreign},
    http::{Answer, Reply, Request, Served, attend, query_pairs},
    params::{Params, spread},
    site::unauthorized,
    web,
};
use crate::{
    config::{Credentials, Password},
    fuzzing::cut,
    xmlrpc::{Value, read_call, write_response},
};

/// The bytes of a connection. They are answered the same wherever they are cut, and the answers are
/// as HTTP has them.
pub fn http(data: &[u8]) {
    let Some((whole, pieces)) = cut(data) else {
        return;
    };
    // Names and passwords are wanted by every other connection.
    let credentials = (data[0] & 1 == 1).then(|| Credentials {
        username: "me".to_owned(),
        password: Password::new("a:b"),
    });
    let answers = talk(&credentials, [whole]);
    assert_eq!(talk(&credentials, pieces), answers);
}

/// Every method looks at its parameters through these.
pub(crate) fn parameters(values: &[Value]) {
    let params = || Params::new(values.to_vec());
    let _ = (params().text(), params().int(), params().text_or_told());
    let _ = (params().signal(), params().anything(), params().key());
    let _ = (params().array(), params().flag(true));
    let spread: Result<Vec<_>, _> = values.iter().map(spread).collect();
    assert!(spread.is_ok() || !values.is_empty());
}

/// The answers to a connection on which `pieces` come in, each without its date.
fn talk<'a>(
    credentials: &Option<Credentials>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<String> {
    let wire = Wire {
        pieces: pieces.into_iter().map(<[u8]>::to_vec).collect(),
        ..Wire::default()
    };
    let wire = Arc::new(Mutex::new(wire));
    let echo = Echo {
        credentials: credentials.clone(),
        answered: Mutex::default(),
    };
    drive(attend(End(Arc::clone(&wire)), &echo), &wire);
    let sent = std::mem::take(&mut locked(&wire).sent);
    let answered = echo.answered.into_inner();
    divided(&sent, &answered.unwrap_or_else(PoisonError::into_inner))
}

/// Polls until the connection has ended. The client goes away once nothing happens any more.
fn drive(connection: impl Future<Output = ()>, wire: &Mutex<Wire>) {
    // Only for the clock that bounds how long a connection lingers.
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let runtime = Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime of one thread")
    });
    let _entered = RUNTIME.enter();
    let alarm = Arc::new(Alarm::default());
    let waker = Waker::from(Arc::clone(&alarm));
    let mut connection = pin!(connection);
    while connection
        .as_mut()
        .poll(&mut Context::from_waker(&waker))
        .is_pending()
    {
        if !alarm.0.swap(false, Ordering::Relaxed) {
            let closed = std::mem::replace(&mut locked(wire).closed, true);
            assert!(!closed, "a connection goes on without its client");
        }
    }
}

/// The answers that were sent, of which `all` says how: whole, and with plain heads.
fn divided(mut sent: &[u8], all: &[Answered]) -> Vec<String> {
    let mut answers = Vec::new();
    for answered in all {
        // The client went away before it had sent the last request as a whole.
        if sent.is_empty() && answers.len() + 1 == all.len() {
            break;
        }
        let end = memchr::memmem::find(sent, b"\r\n\r\n").expect("an answer has a head");
        let head = str::from_utf8(&sent[..end]).expect("a head is a text");
        assert!(
            !head.replace("\r\n", "").contains(char::is_control),
            "{head:?}"
        );
        let mut lines = head.split("\r\n");
        let status = lines.next().expect("a head has a first line");
        assert!(status.starts_with("HTTP/1."), "{head:?}");
        let headers = lines.map(|line| line.split_once(": ").expect("a header has a value"));
        let headers: Vec<_> = headers.filter(|(name, _)| *name != "Date").collect();
        let length = headers.iter().find(|(name, _)| *name == "Content-Length");
        let length: usize = length
            .and_then(|(_, length)| length.parse().ok())
            .expect("an answer has a length");
        let length = match answered {
            Answered::Whole => length,
            Answered::HeadOnly => 0,
        };
        let (body, rest) = sent[end + 4..].split_at(length);
        answers.push(format!("{status} {headers:?} {body:?}"));
        sent = rest;
    }
    assert!(sent.is_empty(), "more was sent than was answered");
    answers
}

/// What serves a connection: as the site does, but nothing is behind it.
#[derive(Debug)]
struct Echo {
    credentials: Option<Credentials>,
    answered: Mutex<Vec<Answered>>,
}

/// What is sent of an answer.
#[derive(Clone, Copy, Debug)]
enum Answered {
    Whole,
    HeadOnly,
}

impl Served for Echo {
    async fn answer(&self, request: &Request) -> Answer {
        let answered = match request.method.as_str() {
            "HEAD" => Answered::HeadOnly,
            _ => Answered::Whole,
        };
        locked(&self.answered).push(answered);
        if !is_authorized(self.credentials.as_ref(), request) {
            return Answer::AndClose(unauthorized());
        }
        if request.target.contains("slow") {
            later().await;
        }
        match request.method.as_str() {
            "POST" if is_foreign(request) => Answer::Now(Reply::error(Reply::FORBIDDEN)),
            "POST" => Answer::WithBody,
            _ => Answer::Now(match web::find(request) {
                Some(web::Found::Page(_)) => web::moved(request.query()),
                Some(web::Found::File(file)) => web::file(file),
                None => Reply::text(Vec::new(), format!("{request:?}")),
            }),
        }
    }

    async fn answer_with(&self, request: &Request, body: &[u8]) -> Reply {
        later().await;
        if !request.target.starts_with("/RPC2") {
            let pairs = query_pairs(&String::from_utf8_lossy(body));
            return Reply::text(Vec::new(), format!("{pairs:?} {body:?}"));
        }
        let read = str::from_utf8(body).map(read_call);
        let Ok(Ok((_, params))) = read else {
            return Reply::error(Reply::BAD_REQUEST);
        };
        let reply = Reply::xml(write_response(&Value::Array(params))).await;
        reply.expect("an answer in memory")
    }
}

/// An answer that takes a while, in which more may come in.
async fn later() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Both directions of a connection.
#[derive(Debug, Default)]
struct Wire {
    pieces: VecDeque<Vec<u8>>,
    closed: bool,
    sent: Vec<u8>,
}

/// The server's end of a connection.
#[derive(Debug)]
struct End(Arc<Mutex<Wire>>);

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut wire = locked(&self.0);
        let Some(piece) = wire.pieces.front_mut() else {
            return match wire.closed {
                true => Poll::Ready(Ok(())),
                false => Poll::Pending,
            };
        };
        let read = piece.len().min(buffer.remaining());
        buffer.put_slice(&piece[..read]);
        piece.drain(..read);
        if piece.is_empty() {
            wire.pieces.pop_front();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        locked(&self.0).sent.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Remembers that it was rung.
#[derive(Debug, Default)]
struct Alarm(AtomicBool);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
