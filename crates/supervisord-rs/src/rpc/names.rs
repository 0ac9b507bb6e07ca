//! Names as clients write them.

use supervisor_core::ProgramId;

use crate::driver::Target;

/// `web` is program `web` of group `web`; `web:a` is program `a` of group `web`; `web:*` and
/// `web:` are the whole group.
pub(crate) fn target(name: &str) -> Target {
    match name.split_once(':') {
        Some((group, "" | "*")) => Target::Group(group.to_owned()),
        Some((group, program)) => Target::One(ProgramId::new(group, program)),
        None => Target::One(ProgramId::new(name, name)),
    }
}

/// The one program a name means, if it means one.
pub(crate) fn program_id(name: &str) -> Option<ProgramId> {
    match target(name) {
        Target::One(program) => Some(program),
        Target::Group(_) | Target::All => None,
    }
}
