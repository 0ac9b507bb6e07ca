//! What a forked child does to become the program.
//!
//! Nothing here allocates, takes a lock or prints with the standard library: another thread of the
//! parent may have held any lock at the moment of the fork.

use std::{
    convert::Infallible,
    ffi::{CString, OsStr},
    io,
    os::unix::ffi::OsStrExt as _,
    ptr,
};

use nix::{
    errno::Errno,
    libc::{self, c_char},
    sys::{resource::setrlimit, stat},
    unistd::{Uid, chdir, setgid, setgroups, setuid},
};

use super::spawn::{Blueprint, Setup};

/// The program, ready for `execve`.
#[derive(Debug)]
pub(super) struct Image {
    file: CString,
    words: Strings,
    environment: Strings,
    name: String,
    account: String,
    directory: String,
    oom_score_adj: String,
}

/// Strings and the array of pointers to them that ends in a null.
#[derive(Debug)]
struct Strings {
    pointers: Vec<*const c_char>,
    /// What the pointers point to.
    _owned: Vec<CString>,
}

/// What did not work, in the order it is tried.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failure {
    Descriptors(Errno),
    Identity(Errno),
    Directory(Errno),
    Limits(Errno),
    Exec(Errno),
}

impl Image {
    pub(super) fn new(blueprint: &Blueprint<'_>) -> io::Result<Self> {
        let setup = &blueprint.setup;
        let pair = |(name, value): (&std::ffi::OsString, &std::ffi::OsString)| {
            let mut pair = name.clone();
            pair.push("=");
            pair.push(value);
            text(&pair)
        };
        let words = blueprint.words.iter().map(|word| text(OsStr::new(word)));
        let environment = blueprint.environment.iter().map(pair);
        Ok(Self {
            file: text(blueprint.file.as_os_str())?,
            words: Strings::new(words.collect::<io::Result<_>>()?),
            environment: Strings::new(environment.collect::<io::Result<_>>()?),
            name: blueprint.words.first().cloned().unwrap_or_default(),
            account: setup
                .identity
                .as_ref()
                .map(|identity| identity.uid.to_string())
                .unwrap_or_default(),
            directory: setup
                .directory
                .as_ref()
                .map(|directory| directory.to_string_lossy().into_owned())
                .unwrap_or_default(),
            oom_score_adj: setup
                .oom_score_adj
                .map(|number| number.to_string())
                .unwrap_or_default(),
        })
    }
}

impl Strings {
    fn new(owned: Vec<CString>) -> Self {
        let pointers = owned.iter().map(|text| text.as_ptr());
        Self {
            pointers: pointers.chain([ptr::null()]).collect(),
            _owned: owned,
        }
    }
}

/// Takes on everything the program shall have, and becomes it. The order is the original's: who,
/// where, umask; our own limits come first, while there may still be the right to raise them.
pub(super) fn become_program(setup: &Setup, image: &Image) -> Result<Infallible, Failure> {
    for (resource, soft, hard) in &setup.limits {
        setrlimit(*resource, *soft, *hard).map_err(Failure::Limits)?;
    }
    if !image.oom_score_adj.is_empty() {
        write_oom_score(image.oom_score_adj.as_bytes()).map_err(Failure::Limits)?;
    }
    if let Some(nice) = setup.nice {
        #[expect(unsafe_code, reason = "nix has no setpriority")]
        // SAFETY: takes numbers only.
        let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
        Errno::result(result).map_err(Failure::Limits)?;
    }
    if let Some(identity) = &setup.identity {
        // Without the right to change groups the rest may still be our own account.
        if Uid::effective().is_root() {
            setgroups(&identity.groups).map_err(Failure::Identity)?;
            setgid(identity.gid).map_err(Failure::Identity)?;
        }
        if Uid::current() != identity.uid {
            setuid(identity.uid).map_err(Failure::Identity)?;
        }
    }
    if let Some(directory) = &setup.directory {
        chdir(directory.as_c_str()).map_err(Failure::Directory)?;
    }
    if let Some(umask) = setup.umask {
        stat::umask(stat::Mode::from_bits_truncate(umask));
    }
    #[expect(unsafe_code, reason = "nix's execve allocates")]
    // SAFETY: file, words and environment are strings that end in a null, in arrays that do.
    unsafe {
        libc::execve(
            image.file.as_ptr(),
            image.words.pointers.as_ptr(),
            image.environment.pointers.as_ptr(),
        );
    }
    Err(Failure::Exec(Errno::last()))
}

/// Tells on standard error why there is no program, in the original's words.
pub(super) fn tell(image: &Image, failure: Failure) {
    let (what, on, errno) = match failure {
        Failure::Descriptors(errno) => ("couldn't set up its descriptors for ", "", errno),
        Failure::Identity(errno) => ("couldn't setuid to ", image.account.as_str(), errno),
        Failure::Directory(errno) => ("couldn't chdir to ", image.directory.as_str(), errno),
        Failure::Limits(errno) => ("couldn't set the limits of ", image.name.as_str(), errno),
        Failure::Exec(errno) => ("couldn't exec ", image.name.as_str(), errno),
    };
    for part in ["supervisor: ", what, on, ": ", code(errno), "\n"] {
        put(part.as_bytes());
    }
    put(b"supervisor: child process was not spawned\n");
}

fn put(bytes: &[u8]) {
    #[expect(unsafe_code, reason = "the standard library's stderr has a lock")]
    // SAFETY: the pointer and length are those of a slice.
    unsafe {
        libc::write(2, bytes.as_ptr().cast(), bytes.len());
    }
}

fn write_oom_score(text: &[u8]) -> Result<(), Errno> {
    #[expect(unsafe_code, reason = "opens without allocating")]
    // SAFETY: the path is a string that ends in a null.
    let fd = unsafe { libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY) };
    let fd = Errno::result(fd)?;
    #[expect(unsafe_code, reason = "writes without a lock")]
    // SAFETY: the pointer and length are those of a slice.
    let written = unsafe { libc::write(fd, text.as_ptr().cast(), text.len()) };
    #[expect(unsafe_code, reason = "nobody owns the number in the child")]
    // SAFETY: the descriptor was opened above and is not used again.
    unsafe {
        libc::close(fd);
    }
    Errno::result(written).map(drop)
}

/// The name of an error, as the original logs it.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the rest is told in words instead of by name"
)]
fn code(errno: Errno) -> &'static str {
    match errno {
        Errno::E2BIG => "E2BIG",
        Errno::EACCES => "EACCES",
        Errno::EAGAIN => "EAGAIN",
        Errno::EBADF => "EBADF",
        Errno::EINVAL => "EINVAL",
        Errno::EIO => "EIO",
        Errno::EISDIR => "EISDIR",
        Errno::ELIBBAD => "ELIBBAD",
        Errno::ELOOP => "ELOOP",
        Errno::EMFILE => "EMFILE",
        Errno::ENAMETOOLONG => "ENAMETOOLONG",
        Errno::ENFILE => "ENFILE",
        Errno::ENOENT => "ENOENT",
        Errno::ENOEXEC => "ENOEXEC",
        Errno::ENOMEM => "ENOMEM",
        Errno::ENOTDIR => "ENOTDIR",
        Errno::EPERM => "EPERM",
        Errno::ETXTBSY => "ETXTBSY",
        other => other.desc(),
    }
}

fn text(value: &OsStr) -> io::Result<CString> {
    CString::new(value.as_bytes())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a value holds a null byte"))
}
