//! `11-log-dirs`: where logs go.

use std::path::Path;

use super::{Report, Work, failed_to, group_id};
use crate::system::Access;

pub(super) fn run(work: &mut Work<'_>) -> Result<Report, String> {
    let berth = group_id(work.system, ipc::GROUP).unwrap_or(0);
    for (dir, access) in [
        // Programs of any account write here, as they do in /tmp.
        ("/var/log/portal", Access::root(0o1777)),
        ("/var/log/supervisor", Access::root(0o755)),
        ("/var/log/berth", Access::group(0o750, berth)),
    ] {
        let path = Path::new(dir);
        failed_to("make directory", path, work.system.make_dir(path, access))?;
    }
    Ok(Report::done("/var/log/{portal,supervisor,berth}"))
}
