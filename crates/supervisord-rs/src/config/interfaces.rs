//! `[rpcinterface:x]`: which methods are served.

use super::{ProblemKind, Refused, assemble::Notes, form::Form, ini::Ini, names::Names};

/// Whether the `supervisor.*` methods are served. Other interfaces are Python and are refused.
pub(super) fn supervisor_enabled(ini: &Ini, names: &Names, notes: &mut Notes) -> bool {
    let mut enabled = false;
    for section in ini.sections() {
        let Some(name) = section.name.strip_prefix("rpcinterface:") else {
            continue;
        };
        let form = Form::new(section);
        let factory = form.text(FACTORY, names);
        if section.raw(FACTORY).is_none() {
            form.refuse_section(&format!("does not specify a {FACTORY}"));
        }
        for key in section.keys().filter(|key| *key != FACTORY) {
            if form.text(key, names).is_some() {
                let text = "is ignored; the original does not start with it";
                let refused = section.refused(key, text);
                let problem = section.problem(refused, ProblemKind::Mistake);
                notes.suspicions.push(problem);
            }
        }
        match form.finish(()) {
            Err(refused) => {
                notes.refuse(section, refused);
                continue;
            }
            Ok(()) if factory.as_deref() == Some(STOCK) && name == "supervisor" => enabled = true,
            Ok(()) => {
                let text = format!(
                    "only {STOCK} as [rpcinterface:supervisor] is known; {} is Python and cannot \
                     be loaded",
                    factory.unwrap_or_default()
                );
                let place = section.place_of(FACTORY).clone();
                notes.unsupported(section, Refused { place, text });
            }
        }
    }
    enabled
}

const FACTORY: &str = "supervisor.rpcinterface_factory";
const STOCK: &str = "supervisor.rpcinterface:make_main_rpcinterface";
