//! What boot scripts print: to bootd's own output and to a log file of each boot.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    path::Path,
    thread,
    time::Duration,
};

use daemon::{Dropped, Output};
use nix::{fcntl::OFlag, unistd::pipe2};

/// Opens the scripts' output; a thread copies it for as long as anybody writes.
///
/// The file of the previous boot is kept as `NAME.old`. Without a file the output still goes to
/// bootd's own.
pub(super) fn open(log: &Path) -> io::Result<OwnedFd> {
    let (output, input) = pipe2(OFlag::O_CLOEXEC)?;
    let mut old = log.as_os_str().to_owned();
    old.push(".old");
    let _ = fs::rename(log, old);
    // A script may stand before the step that makes the log directories.
    if let Some(dir) = log.parent() {
        let _ = fs::create_dir_all(dir);
    }
    let file = match File::create(log) {
        Ok(file) => Some(file),
        Err(error) => {
            tracing::warn!(%error, log = %log.display(), "no log file for boot scripts");
            None
        }
    };
    let console = match console() {
        Ok(console) => Some(console),
        Err(error) => {
            tracing::warn!(%error, "boot scripts are not shown");
            None
        }
    };
    thread::Builder::new()
        .name("boot-output".to_owned())
        .spawn(move || copy(output.into(), file, console))?;
    Ok(input)
}

/// bootd's own output, which a script must not wait for when nobody reads it.
fn console() -> io::Result<Output> {
    let descriptor = io::stdout().as_fd().try_clone_to_owned()?;
    let note = |dropped: Dropped| {
        format!(
            "[{} bytes of boot scripts are missing here: nobody read this output]\n",
            dropped.bytes
        )
    };
    Output::start("boot-console", File::from(descriptor), note)
}

fn copy(mut from: File, mut file: Option<File>, console: Option<Output>) {
    let mut chunk = [0_u8; 8192];
    loop {
        let length = match from.read(&mut chunk) {
            Ok(0) => return,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        // A full disk or a closed terminal must not stop the scripts.
        if let Some(file) = &mut file {
            let _ = file.write_all(&chunk[..length]);
        }
        if let Some(console) = &console {
            console.put_patiently(&chunk[..length], SLOW_READER);
        }
    }
}

/// How long a script waits for a reader that is merely slow.
const SLOW_READER: Duration = Duration::from_secs(1);
