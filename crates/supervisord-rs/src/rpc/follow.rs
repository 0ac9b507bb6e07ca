//! Follows a log while somebody watches it. While it is quiet, nothing runs: the kernel says when
//! there is something to read.

use std::{
    io,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::net::unix::pipe::Receiver;

use crate::logs::{Follower, Growth};

/// A log that is being followed.
#[derive(Debug)]
pub(crate) struct Following {
    path: PathBuf,
    follower: Follower,
    changes: Changes,
}

impl Following {
    /// Begins `before` bytes from the end of a file.
    ///
    /// # Errors
    /// When there is no such plain file.
    pub(crate) fn open(path: &Path, before: u64) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            follower: Follower::open(path, before)?,
            changes: Changes::new(),
        })
    }

    /// What is there and was not given yet, at most so many bytes.
    pub(crate) fn there(&mut self, most: u64) -> Vec<u8> {
        self.follower.read(most)
    }

    /// What comes next, whenever that is.
    pub(crate) async fn next(&mut self) -> Growth {
        loop {
            // Watched before it is read, so that nothing falls between the two; and each time, since
            // another file may have taken its place.
            self.changes.watch(&self.path);
            match self.follower.next() {
                Growth::None => self.changes.wait().await,
                growth @ (Growth::Text(_) | Growth::Restarted(_)) => return growth,
            }
        }
    }
}

/// Says when a file may have changed.
#[derive(Debug)]
enum Changes {
    Told {
        watches: Inotify,
        /// The same descriptor as something that can be waited for. What is read from it does not
        /// matter: what exactly has happened is seen in the file.
        events: Receiver,
    },
    /// The kernel has no more watches to give, so we look every now and then.
    Looked,
}

impl Changes {
    fn new() -> Self {
        Self::told().unwrap_or(Self::Looked)
    }

    fn told() -> io::Result<Self> {
        let watches = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let events = watches.as_fd().try_clone_to_owned()?;
        Ok(Self::Told {
            events: Receiver::from_owned_fd_unchecked(events)?,
            watches,
        })
    }

    /// Takes care to be told of changes of `path`, and of another file in its place.
    fn watch(&mut self, path: &Path) {
        let Self::Told { watches, .. } = self else {
            return;
        };
        let file = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_ATTRIB;
        let place = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
        // There may be no file at the moment; its place is enough to learn of the next.
        let _ = watches.add_watch(path, file);
        let dir = path.parent().unwrap_or_else(|| Path::new("/"));
        if watches.add_watch(dir, place).is_err() {
            *self = Self::Looked;
        }
    }

    async fn wait(&self) {
        let readable = match self {
            Self::Told { events, .. } => events.readable().await.map(|()| events),
            Self::Looked => Err(io::ErrorKind::Unsupported.into()),
        };
        match readable {
            Ok(events) => while matches!(events.try_read(&mut [0; 4096]), Ok(1..)) {},
            Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

const LOOK_AGAIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::{fs, future::Future as _, io::Write as _, task::Poll};

    use super::*;

    async fn text(following: &mut Following) -> String {
        match following.next().await {
            Growth::Text(text) => String::from_utf8(text).unwrap(),
            Growth::Restarted(text) => format!("!{}", String::from_utf8(text).unwrap()),
            Growth::None => unreachable!("it waits"),
        }
    }

    #[tokio::test]
    async fn growth_truncation_and_replacement_are_told_without_looking_again_and_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        fs::write(&path, "old").unwrap();
        let mut following = Following::open(&path, 2).unwrap();
        assert!(matches!(following.changes, Changes::Told { .. }));
        assert_eq!(text(&mut following).await, "ld");
        assert!(is_waiting(&mut following).await);
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b" and new").unwrap();
        assert_eq!(text(&mut following).await, " and new");
        fs::write(&path, "cut").unwrap();
        assert_eq!(text(&mut following).await, "!cut");
        assert!(is_waiting(&mut following).await);
        fs::rename(&path, dir.path().join("x.log.1")).unwrap();
        assert!(is_waiting(&mut following).await);
        fs::write(&path, "fresh").unwrap();
        assert_eq!(text(&mut following).await, "fresh");
        assert!(is_waiting(&mut following).await);
        fs::write(dir.path().join("y.log"), "other").unwrap();
        fs::rename(dir.path().join("y.log"), &path).unwrap();
        assert_eq!(text(&mut following).await, "other");
    }

    async fn is_waiting(following: &mut Following) -> bool {
        let next = following.next();
        tokio::pin!(next);
        std::future::poll_fn(|context| Poll::Ready(next.as_mut().poll(context).is_pending())).await
    }
}
