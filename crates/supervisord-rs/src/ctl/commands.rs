//! The commands, one by one.

use std::io::{self, BufRead as _, ErrorKind, Write as _};

use super::{
    Next, Session,
    client::CallError,
    status::{Info, full_name, split, table},
};
use crate::xmlrpc::Value;

/// What a command does to programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Start,
    Stop,
    Signal,
    Clear,
}

impl Session {
    /// Carries one line out.
    pub(super) fn command(&mut self, line: &str) -> Next {
        let line = line.trim();
        let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let words: Vec<_> = rest.split_whitespace().collect();
        let words = words.as_slice();
        match verb {
            "" => {}
            "EOF" | "quit" | "exit" => {
                self.say("");
                return Next::End;
            }
            "help" | "?" => self.help(rest.trim()),
            "status" => self.status(words),
            "start" | "stop" | "restart" | "signal" | "clear" => self.checked(|s| match verb {
                "start" => s.start(words),
                "stop" => s.stop(words),
                "restart" => s.restart(words),
                "signal" => s.signal(words),
                _ => s.clear(words),
            }),
            "tail" => self.checked(|s| s.tail(words)),
            "maintail" => self.checked(|s| s.maintail(words)),
            "fg" => self.checked(|s| s.foreground(words)),
            "pid" => self.checked(|s| s.pid(words)),
            "add" => self.add(words),
            "remove" => self.remove(words),
            "update" => self.update(words),
            "open" => self.open(rest.trim()),
            "avail" | "reread" | "reload" | "shutdown" | "version" => self.wordless(verb, words),
            _ => self.fail(1, &format!("*** Unknown syntax: {line}")),
        }
        Next::Line
    }

    fn wordless(&mut self, verb: &str, words: &[&str]) {
        if !words.is_empty() {
            self.fail(1, &format!("Error: {verb} accepts no arguments"));
            return self.help(verb);
        }
        match verb {
            "avail" => self.avail(),
            "reread" => self.reread(),
            "reload" => self.reload(),
            "shutdown" => self.shutdown(),
            _ => self.checked(|s| match s.client.call("getSupervisorVersion", &[]) {
                Ok(version) => s.say(version.as_text().unwrap_or("")),
                Err(error) => s.raise(&error),
            }),
        }
    }

    /// Runs a command if a supervisord of our kind is there.
    fn checked(&mut self, command: impl FnOnce(&mut Self)) {
        if self.is_up() {
            command(self);
        }
    }

    fn is_up(&mut self) -> bool {
        let url = self.client.url.clone();
        match self.client.call("getVersion", &[]) {
            Ok(version) if version.as_text() == Some("3.0") => true,
            Ok(version) => {
                let version = version.as_text().unwrap_or("").to_owned();
                self.fail(
                    5,
                    &format!(
                        "Sorry, this version of supervisorctl expects to talk to a server with API \
                     version 3.0, but the remote version is {version}."
                    ),
                );
                false
            }
            Err(CallError::Fault { code: 1, .. }) => {
                self.fail(3, NO_NAMESPACE);
                false
            }
            Err(CallError::Io(error)) if error.kind() == ErrorKind::ConnectionRefused => {
                self.fail(4, &format!("{url} refused connection"));
                false
            }
            Err(CallError::Io(error)) if error.kind() == ErrorKind::NotFound => {
                self.fail(7, &format!("{url} no such file"));
                false
            }
            Err(error) => {
                self.raise(&error);
                false
            }
        }
    }

    /// An error that the original shows as Python raised it.
    pub(super) fn raise(&mut self, error: &CallError) {
        match error {
            CallError::Unauthorized => self.fail(1, "Server requires authentication"),
            CallError::Fault { .. } | CallError::Io(_) | CallError::Answer(_) => {
                self.fail(1, &format!("error: {error}"));
            }
        }
    }

    fn status(&mut self, words: &[&str]) {
        if !self.is_up() {
            self.exit = 4;
            return;
        }
        let all = match self.client.call("getAllProcessInfo", &[]) {
            Ok(value) => Info::all(&value),
            Err(error) => return self.raise(&error),
        };
        let mut shown = Vec::new();
        if words.is_empty() || words.contains(&"all") {
            shown.clone_from(&all);
        } else {
            for word in words {
                let (group, program) = split(word);
                let matching = all
                    .iter()
                    .filter(|i| i.group == group && program.is_none_or(|name| i.name == name));
                let before = shown.len();
                shown.extend(matching.cloned());
                if shown.len() == before {
                    let text = match program {
                        None => format!("{group}: ERROR (no such group)"),
                        Some(_) => format!("{word}: ERROR (no such process)"),
                    };
                    self.fail(4, &text);
                }
            }
        }
        for line in table(&shown) {
            self.say(&line);
        }
        if shown.iter().any(Info::is_stopped) {
            self.exit = 3;
        }
    }

    fn start(&mut self, words: &[&str]) {
        if words.is_empty() {
            self.fail(2, "Error: start requires a process name");
            return self.help("start");
        }
        self.on_programs(Verb::Start, words, &[]);
    }

    fn stop(&mut self, words: &[&str]) {
        if words.is_empty() {
            self.fail(1, "Error: stop requires a process name");
            return self.help("stop");
        }
        self.on_programs(Verb::Stop, words, &[]);
    }

    fn restart(&mut self, words: &[&str]) {
        if words.is_empty() {
            self.fail(1, "Error: restart requires a process name");
            return self.help("restart");
        }
        self.stop(words);
        self.checked(|s| s.start(words));
    }

    fn signal(&mut self, words: &[&str]) {
        match words {
            [signal, programs @ ..] if !programs.is_empty() => {
                self.on_programs(Verb::Signal, programs, &[Value::text(*signal)]);
            }
            _ => {
                self.say("Error: signal requires a signal name and a process name");
                self.help("signal");
                self.exit = 1;
            }
        }
    }

    fn clear(&mut self, words: &[&str]) {
        if words.is_empty() {
            self.fail(1, "Error: clear requires a process name");
            return self.help("clear");
        }
        self.on_programs(Verb::Clear, words, &[]);
    }

    fn on_programs(&mut self, verb: Verb, words: &[&str], more: &[Value]) {
        if words.contains(&"all") {
            return match self.client.call(verb.method_for_all(), more) {
                Ok(results) => self.tell_results(verb, &results),
                Err(error) => self.raise(&error),
            };
        }
        for word in words {
            let (group, program) = split(word);
            let Some(program) = program.or_else(|| (verb == Verb::Clear).then_some("None")) else {
                self.on_group(verb, group, more);
                continue;
            };
            let mut params = vec![Value::text(*word)];
            params.extend_from_slice(more);
            match self.client.call(verb.method(), &params) {
                Ok(_) => {
                    let name = full_name(group, program);
                    self.say(&format!("{name}: {}", verb.done()));
                }
                Err(CallError::Fault { code, text }) => {
                    self.tell(verb, group, program, code, &text);
                }
                Err(error) => return self.raise(&error),
            }
        }
    }

    fn on_group(&mut self, verb: Verb, group: &str, more: &[Value]) {
        let mut params = vec![Value::text(group)];
        params.extend_from_slice(more);
        match self.client.call(verb.method_for_group(), &params) {
            Ok(results) => self.tell_results(verb, &results),
            Err(CallError::Fault { code: 10, .. }) => {
                let exit = if verb == Verb::Start { 2 } else { 1 };
                self.fail(exit, &format!("{group}: ERROR (no such group)"));
            }
            Err(error) => self.raise(&error),
        }
    }

    fn tell_results(&mut self, verb: Verb, results: &Value) {
        for result in results.as_array().unwrap_or_default() {
            let text = |name| result.member(name).and_then(Value::as_text).unwrap_or("");
            let code = result.member("status").and_then(Value::as_int).unwrap_or(0);
            self.tell(verb, text("group"), text("name"), code, text("description"));
        }
    }

    /// Tells the result for one program and takes it into the exit code.
    fn tell(&mut self, verb: Verb, group: &str, program: &str, code: i64, text: &str) {
        let name = full_name(group, program);
        if code == SUCCESS {
            return self.say(&format!("{name}: {}", verb.done()));
        }
        let reason = match (code, verb) {
            (10, _) => "no such process",
            (11, _) => "bad signal name",
            (20, _) => "no such file",
            (21, _) => "file is not executable",
            (30, Verb::Stop | Verb::Signal) => {
                self.take_in(verb, code);
                return self.say(text);
            }
            (30, _) => "failed",
            (40, _) => "abnormal termination",
            (50, _) => "spawn error",
            (60, _) => "already started",
            (70, _) => "not running",
            _ => {
                return self.fail(1, &format!("error: Unknown result code {code} for {name}"));
            }
        };
        self.say(&format!("{name}: ERROR ({reason})"));
        self.take_in(verb, code);
    }

    fn take_in(&mut self, verb: Verb, code: i64) {
        let ignored = matches!((verb, code), (Verb::Start, 60) | (Verb::Stop, 70));
        if !ignored {
            self.exit = if matches!(code, 40 | 50 | 70) { 7 } else { 1 };
        }
    }

    fn pid(&mut self, words: &[&str]) {
        if words.is_empty() {
            return match self.client.call("getPID", &[]) {
                Ok(pid) => self.say(&pid.as_int().unwrap_or(0).to_string()),
                Err(error) => self.raise(&error),
            };
        }
        if words.contains(&"all") {
            return match self.client.call("getAllProcessInfo", &[]) {
                Ok(value) => Info::all(&value)
                    .iter()
                    .for_each(|i| self.say(&i.pid.to_string())),
                Err(error) => self.raise(&error),
            };
        }
        for word in words {
            match self.client.call("getProcessInfo", &[Value::text(*word)]) {
                Ok(value) => {
                    let pid = Info::of(&value).pid;
                    self.say(&pid.to_string());
                    if pid == 0 {
                        self.exit = 7;
                    }
                }
                Err(CallError::Fault { code: 10, .. }) => {
                    self.fail(1, &format!("No such process {word}"));
                }
                Err(error) => return self.raise(&error),
            }
        }
    }

    fn avail(&mut self) {
        let configs = match self.client.call("getAllConfigInfo", &[]) {
            Ok(configs) => configs,
            Err(CallError::Fault { code: 6, .. }) => {
                return self.fail(1, "ERROR: supervisor shutting down");
            }
            Err(error) => return self.raise(&error),
        };
        for config in configs.as_array().unwrap_or_default() {
            let text = |name| config.member(name).and_then(Value::as_text).unwrap_or("");
            let int = |name| config.member(name).and_then(Value::as_int).unwrap_or(0);
            let name = full_name(text("group"), text("name"));
            let used = if int("inuse") == 1 { "in use" } else { "avail" };
            let auto = if int("autostart") == 1 {
                "auto"
            } else {
                "manual"
            };
            let (group, process) = (int("group_prio"), int("process_prio"));
            self.say(&format!("{name:<32} {used:<9} {auto:<9} {group}:{process}"));
        }
    }

    fn reread(&mut self) {
        let result = match self.client.call("reloadConfig", &[]) {
            Ok(result) => result,
            Err(CallError::Fault { code: 6, .. }) => {
                return self.fail(1, "ERROR: supervisor shutting down");
            }
            Err(CallError::Fault { code: 92, text }) => {
                return self.fail(1, &format!("ERROR: {text}"));
            }
            Err(error) => return self.raise(&error),
        };
        let [added, changed, removed] = changes(&result);
        let mut lines: Vec<_> = [
            (added, "available"),
            (changed, "changed"),
            (removed, "disappeared"),
        ]
        .into_iter()
        .flat_map(|(names, word)| names.into_iter().map(move |name| (name, word)))
        .collect();
        lines.sort();
        if lines.is_empty() {
            self.say("No config updates to processes");
        }
        for (name, word) in lines {
            self.say(&format!("{name}: {word}"));
        }
    }

    fn update(&mut self, words: &[&str]) {
        let result = match self.client.call("reloadConfig", &[]) {
            Ok(result) => result,
            Err(CallError::Fault { code: 6, .. }) => {
                return self.fail(1, "ERROR: already shutting down");
            }
            Err(error) => return self.raise(&error),
        };
        let [added, changed, removed] = changes(&result);
        let wanted: Vec<_> = match words.contains(&"all") {
            true => Vec::new(),
            false => words.to_vec(),
        };
        if let Err(error) = self.check_groups(&wanted, &added) {
            return self.raise(&error);
        }
        let meant = |name: &String| wanted.is_empty() || wanted.contains(&name.as_str());
        let result = removed
            .iter()
            .filter(|name| meant(name))
            .try_for_each(|name| self.update_removed(name))
            .and_then(|()| {
                let mut changed = changed.iter().filter(|name| meant(name));
                changed.try_for_each(|name| self.update_changed(name))
            })
            .and_then(|()| {
                let mut added = added.iter().filter(|name| meant(name));
                added.try_for_each(|name| {
                    self.client
                        .call("addProcessGroup", &[Value::text(name.as_str())])?;
                    self.say(&format!("{name}: added process group"));
                    Ok(())
                })
            });
        if let Err(error) = result {
            self.raise(&error);
        }
    }

    fn check_groups(&mut self, wanted: &[&str], added: &[String]) -> Result<(), CallError> {
        if wanted.is_empty() {
            return Ok(());
        }
        let infos = Info::all(&self.client.call("getAllProcessInfo", &[])?);
        for name in wanted {
            let known = infos.iter().any(|info| info.group == *name);
            if !known && !added.iter().any(|other| other == name) {
                self.fail(1, &format!("ERROR: no such group: {name}"));
            }
        }
        Ok(())
    }

    fn update_removed(&mut self, name: &str) -> Result<(), CallError> {
        let group = [Value::text(name)];
        let results = self.client.call("stopProcessGroup", &group)?;
        self.say(&format!("{name}: stopped"));
        let failed = |result: &Value| result.member("status").and_then(Value::as_int) == Some(30);
        if results.as_array().unwrap_or_default().iter().any(failed) {
            self.fail(1, &format!("{name}: has problems; not removing"));
            return Ok(());
        }
        self.client.call("removeProcessGroup", &group)?;
        self.say(&format!("{name}: removed process group"));
        Ok(())
    }

    fn update_changed(&mut self, name: &str) -> Result<(), CallError> {
        let group = [Value::text(name)];
        self.client.call("stopProcessGroup", &group)?;
        self.say(&format!("{name}: stopped"));
        self.client.call("removeProcessGroup", &group)?;
        self.client.call("addProcessGroup", &group)?;
        self.say(&format!("{name}: updated process group"));
        Ok(())
    }

    fn add(&mut self, words: &[&str]) {
        for name in words {
            match self.client.call("addProcessGroup", &[Value::text(*name)]) {
                Ok(_) => self.say(&format!("{name}: added process group")),
                Err(CallError::Fault { code: 6, .. }) => self.fail(1, "ERROR: shutting down"),
                Err(CallError::Fault { code: 90, .. }) => {
                    self.say("ERROR: process group already active");
                }
                Err(CallError::Fault { code: 10, .. }) => {
                    self.fail(1, &format!("ERROR: no such process/group: {name}"));
                }
                Err(error) => return self.raise(&error),
            }
        }
    }

    fn remove(&mut self, words: &[&str]) {
        for name in words {
            match self
                .client
                .call("removeProcessGroup", &[Value::text(*name)])
            {
                Ok(_) => self.say(&format!("{name}: removed process group")),
                Err(CallError::Fault { code: 91, .. }) => {
                    self.fail(1, &format!("ERROR: process/group still running: {name}"));
                }
                Err(CallError::Fault { code: 10, .. }) => {
                    self.fail(1, &format!("ERROR: no such process/group: {name}"));
                }
                Err(error) => return self.raise(&error),
            }
        }
    }

    fn open(&mut self, url: &str) {
        if !url.starts_with("unix://") && !url.starts_with("http://") {
            return self.fail(1, "ERROR: url must be http:// or unix://");
        }
        self.client.url = url.to_owned();
        let before = self.exit;
        self.status(&[]);
        self.exit = before;
    }

    fn reload(&mut self) {
        if !self.really("Really restart the remote supervisord process y/N? ") {
            return;
        }
        match self.client.call("restart", &[]) {
            Ok(_) => self.say("Restarted supervisord"),
            Err(CallError::Fault { code: 6, .. }) => self.fail(1, "ERROR: already shutting down"),
            Err(error) => self.raise(&error),
        }
    }

    fn shutdown(&mut self) {
        if !self.really("Really shut the remote supervisord process down y/N? ") {
            return;
        }
        let url = self.client.url.clone();
        match self.client.call("shutdown", &[]) {
            Ok(_) => self.say("Shut down"),
            Err(CallError::Fault { code: 6, .. }) => self.say("ERROR: already shutting down"),
            Err(CallError::Io(error)) if error.kind() == ErrorKind::ConnectionRefused => {
                self.fail(
                    1,
                    &format!("ERROR: {url} refused connection (already shut down?)"),
                );
            }
            Err(CallError::Io(error)) if error.kind() == ErrorKind::NotFound => {
                self.fail(
                    1,
                    &format!("ERROR: {url} no such file (already shut down?)"),
                );
            }
            Err(error) => self.raise(&error),
        }
    }

    fn really(&self, question: &str) -> bool {
        if !self.interactive {
            return true;
        }
        let _ = write!(io::stdout(), "{question}").and_then(|()| io::stdout().flush());
        let mut answer = String::new();
        let _ = io::stdin().lock().read_line(&mut answer);
        answer.to_lowercase().starts_with('y')
    }
}

impl Verb {
    fn method(self) -> &'static str {
        match self {
            Self::Start => "startProcess",
            Self::Stop => "stopProcess",
            Self::Signal => "signalProcess",
            Self::Clear => "clearProcessLogs",
        }
    }

    fn method_for_group(self) -> &'static str {
        match self {
            Self::Start => "startProcessGroup",
            Self::Stop => "stopProcessGroup",
            Self::Signal => "signalProcessGroup",
            Self::Clear => "clearProcessLogs",
        }
    }

    fn method_for_all(self) -> &'static str {
        match self {
            Self::Start => "startAllProcesses",
            Self::Stop => "stopAllProcesses",
            Self::Signal => "signalAllProcesses",
            Self::Clear => "clearAllProcessLogs",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Start => "started",
            Self::Stop => "stopped",
            Self::Signal => "signalled",
            Self::Clear => "cleared",
        }
    }
}

fn changes(result: &Value) -> [Vec<String>; 3] {
    let lists = result
        .as_array()
        .and_then(<[_]>::first)
        .and_then(Value::as_array);
    let list = |at: usize| {
        let names = lists
            .and_then(|lists| lists.get(at))
            .and_then(Value::as_array);
        let names = names.unwrap_or_default().iter();
        names
            .filter_map(|name| name.as_text().map(str::to_owned))
            .collect()
    };
    [list(0), list(1), list(2)]
}

const SUCCESS: i64 = 80;
const NO_NAMESPACE: &str = "Sorry, supervisord responded but did not recognize the supervisor \
                            namespace commands that supervisorctl uses to control it.  Please \
                            check that the [rpcinterface:supervisor] section is enabled in the \
                            configuration file (see sample.conf).";
