//! The limits that supervisord needs and its programs inherit.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The limits of open files, soft and hard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileLimit {
    pub(crate) soft: u64,
    pub(crate) hard: u64,
}

/// Raises our own limit of open files as far as it goes, for we hold several for every program, and
/// gives the one that programs shall have: at least `wanted`. A remark for the log says so if that
/// is more than we were started with.
///
/// # Errors
/// In the original's words.
pub(crate) fn raise_file_limit(wanted: u64) -> Result<(FileLimit, Option<String>), String> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| error.to_string())?;
    // Root may go beyond the hard limit, outside of most containers.
    let raised = hard < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, wanted).is_ok();
    let hard = if raised { wanted } else { hard };
    if hard < wanted {
        return Err(format!(
            "The minimum number of file descriptors required to run this process is {wanted} as \
             per the \"minfds\" command-line argument or config file setting. The current \
             environment will only allow you to open {hard} file descriptors.  Either raise the \
             number of usable file descriptors in your environment (see README.rst) or lower the \
             minfds setting in the config file to allow the process to start."
        ));
    }
    // Where even this is refused, we have what programs have.
    let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    let raised = (soft < wanted).then(|| increased("RLIMIT_NOFILE", wanted));
    let limit = FileLimit {
        soft: soft.max(wanted),
        hard,
    };
    Ok((limit, raised))
}

/// Raises the limit of processes of our account, which programs inherit, to at least `wanted`;
/// gives a remark for the log if that was needed.
///
/// # Errors
/// In the original's words.
pub(crate) fn raise_process_limit(wanted: u64) -> Result<Option<String>, String> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NPROC).map_err(|error| error.to_string())?;
    if soft >= wanted {
        return Ok(None);
    }
    // Only root may go beyond the hard limit. Where that fails the original tells the number it
    // wanted as the one it has; we tell the one it has.
    match setrlimit(Resource::RLIMIT_NPROC, wanted, hard.max(wanted)) {
        Ok(()) => Ok(Some(increased("RLIMIT_NPROC", wanted))),
        Err(_) => Err(format!(
            "The minimum number of available processes required to run this program is {wanted} as \
             per the \"minprocs\" command-line argument or config file setting. The current \
             environment will only allow you to open {hard} processes.  Either raise the number of \
             usable processes in your environment (see README.rst) or lower the minprocs setting \
             in the config file to allow the program to start."
        )),
    }
}

fn increased(limit: &str, wanted: u64) -> String {
    format!("Increased {limit} limit to {wanted}")
}
