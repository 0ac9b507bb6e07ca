//! Where the output of a program goes.

use std::path::PathBuf;

use super::{
    expand::expand,
    form::Form,
    names::Names,
    values::{boolean, byte_size, existing_parent, integer},
};

/// Where one of the two outputs goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputConfig {
    /// The file.
    pub logfile: LogTarget,
    /// Size at which it is rotated; 0 for never.
    pub maxbytes: i64,
    /// Rotated files that are kept.
    pub backups: i64,
    /// Newest bytes that are kept of a captured message; 0 for no capture mode.
    pub capture_maxbytes: i64,
    /// Whether output is sent as PROCESS_LOG events.
    pub events_enabled: bool,
    /// Whether output goes to syslog as well.
    pub syslog: bool,
}

/// A log file as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// No log.
    None,
    /// A generated name in `childlogdir`.
    Auto,
    /// This file.
    File(PathBuf),
}

/// What the copy of a program's output on our stdout looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// As the program wrote it.
    #[default]
    Raw,
    /// One JSON object per line.
    Json,
}

impl OutputConfig {
    /// No output at all.
    pub(super) const NONE: Self = Self {
        logfile: LogTarget::None,
        maxbytes: 0,
        backups: 0,
        capture_maxbytes: 0,
        events_enabled: false,
        syslog: false,
    };

    /// `common` are the names outside the process, `names` those of the process itself.
    pub(super) fn parse(form: &Form<'_>, channel: &str, common: &Names, names: &Names) -> Self {
        let key = |suffix: &str| format!("{channel}_{suffix}");
        let (key_file, key_syslog) = (key("logfile"), key("syslog"));
        let mut output = Self {
            logfile: LogTarget::Auto,
            maxbytes: form.value(&key("logfile_maxbytes"), names, 50 << 20, byte_size),
            backups: form.value(&key("logfile_backups"), names, 10, integer),
            capture_maxbytes: form.value(&key("capture_maxbytes"), common, 0, byte_size),
            events_enabled: form.value(&key("events_enabled"), common, false, boolean),
            syslog: form.value(&key_syslog, names, false, boolean),
        };
        let section = &form.section.name;
        if let Some(text) = form.text(&key_file, names) {
            // The original expands file names twice, so a literal percent is %%%%.
            match expand(&text, names) {
                Ok(text) => output.logfile = target(form, &key_file, &text, names),
                Err(reason) => form.refuse(&key_file, &reason),
            }
            if output.logfile == LogTarget::File("syslog".into()) {
                form.remark(format!(
                    "For [{section}], {key_file}=syslog is deprecated; use {key_syslog}=true \
                     instead."
                ));
                output.logfile = LogTarget::None;
                output.syslog = true;
            }
        }
        if output.logfile == LogTarget::Auto && output.maxbytes == 0 {
            form.remark(format!(
                "For [{section}], AUTO logging used for {key_file} without rollover, set maxbytes \
                 > 0 to avoid filling up filesystem unintentionally"
            ));
        }
        output
    }
}

fn target(form: &Form<'_>, key: &str, text: &str, names: &Names) -> LogTarget {
    match text.to_lowercase().as_str() {
        "none" | "off" => LogTarget::None,
        "auto" => LogTarget::Auto,
        "syslog" => LogTarget::File("syslog".into()),
        _ => match existing_parent(text, names.home()) {
            Ok(path) => LogTarget::File(path),
            Err(reason) => {
                form.refuse(key, &reason);
                LogTarget::None
            }
        },
    }
}

/// `raw` or `json`.
pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text.to_lowercase().as_str() {
        "raw" => Ok(LogFormat::Raw),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("unknown format '{text}'; use raw or json")),
    }
}
