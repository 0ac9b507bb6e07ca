//! What both are asked. A step is a method with its parameters; `~` in front compares only types,
//! `%` no matter in which order, for what ends when it will.
//! `!wait [NAME, STATE]` and `!log [NAME, TEXT]` wait, `!write FILE TEXT` changes a file.

use crate::oracle::server::Setup;

/// A configuration and what is asked of it.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) setup: Setup<'static>,
    make: fn() -> Vec<String>,
}

impl Scenario {
    pub(crate) fn steps(&self) -> Vec<String> {
        (self.make)()
    }
}

const fn setup(programs: &'static str) -> Setup<'static> {
    Setup {
        programs,
        unix: "",
        more: "",
        without_rpc: false,
    }
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "names",
        setup: setup(GROUPS),
        make: names,
    },
    Scenario {
        name: "parameters",
        setup: setup(GROUPS),
        make: parameters,
    },
    Scenario {
        name: "types",
        setup: setup(GROUPS),
        make: types,
    },
    Scenario {
        name: "life",
        setup: setup(LIFE),
        make: life,
    },
    Scenario {
        name: "groups",
        setup: setup(MIXED),
        make: groups,
    },
    Scenario {
        name: "logs",
        setup: setup(LOGS),
        make: logs,
    },
    Scenario {
        name: "multicall",
        setup: setup(GROUPS),
        make: multicall,
    },
    Scenario {
        name: "reload",
        setup: setup(GROUPS),
        make: reload,
    },
    Scenario {
        name: "introspection",
        setup: setup(""),
        make: introspection,
    },
    Scenario {
        name: "without the interface",
        setup: Setup {
            without_rpc: true,
            ..setup(GROUPS)
        },
        make: without_interface,
    },
    Scenario {
        name: "shutdown",
        setup: setup(DEAF),
        make: shutdown,
    },
    Scenario {
        name: "restart",
        setup: setup(DEAF),
        make: restart,
    },
];

fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Every method that takes a name, with names of every form.
fn names() -> Vec<String> {
    let mut steps = lines(RUNNING);
    for name in NAMES {
        for (method, more) in NAMED {
            let mark = match method.starts_with("stop") || method.starts_with("start") {
                true => "%",
                false => "",
            };
            steps.push(format!("{mark}supervisor.{method} [\"{name}\"{more}]"));
        }
    }
    steps
}

/// Every method with every number of parameters.
fn parameters() -> Vec<String> {
    let mut steps = lines(RUNNING);
    let harmless = METHODS
        .iter()
        .filter(|method| !matches!(**method, "supervisor.shutdown" | "supervisor.restart"));
    for method in harmless {
        for count in 0..=4 {
            let params = vec!["\"nosuch\""; count].join(", ");
            // What takes no parameters is asked elsewhere.
            let is_call = method.ends_with("Processes") || method.contains("Log");
            if count > 0 || !is_call {
                let mark = match (*method, count) {
                    ("supervisor.getAllProcessInfo" | "supervisor.getPID", 0) => "~",
                    ("supervisor.stopAllProcesses", _) => "%",
                    _ => "",
                };
                steps.push(format!("{mark}{method} [{params}]"));
            }
        }
    }
    steps.extend(lines(
        "supervisor.shutdown [1]
         supervisor.restart [1]",
    ));
    steps
}

/// Parameters of types nobody expects.
fn types() -> Vec<String> {
    let mut steps = lines(RUNNING);
    for value in ["5", "1.5", "true", "[]", "{}", "[\"solo\"]"] {
        for method in ["getProcessInfo", "startProcess", "addProcessGroup"] {
            steps.push(format!("supervisor.{method} [{value}]"));
        }
        steps.push(format!("supervisor.sendProcessStdin [\"solo\", {value}]"));
        steps.push(format!("supervisor.sendProcessStdin [\"nosuch\", {value}]"));
        steps.push(format!("supervisor.signalProcess [\"manual\", {value}]"));
        steps.push(format!("~supervisor.readLog [{value}, 0]"));
        steps.push(format!("supervisor.startProcess [\"solo\", {value}]"));
        steps.push(format!("supervisor.sendRemoteCommEvent [{value}, {value}]"));
    }
    steps.extend(lines(TYPES));
    steps
}

fn life() -> Vec<String> {
    lines(LIFE_STEPS)
}

fn groups() -> Vec<String> {
    lines(GROUP_STEPS)
}

/// Every kind of reading with many offsets and lengths.
fn logs() -> Vec<String> {
    let mut steps = lines("!wait [\"ten\", \"EXITED\"]\n!wait [\"dirty\", \"EXITED\"]");
    for offset in [
        "0", "4", "9", "10", "99", "-1", "-4", "-10", "-99", "\"3\"", "\" -3 \"", "2.7",
    ] {
        for length in ["0", "1", "4", "10", "99", "-1", "\"2\""] {
            for method in [
                "readProcessStdoutLog",
                "readProcessStderrLog",
                "tailProcessStdoutLog",
                "tailProcessStderrLog",
            ] {
                steps.push(format!("supervisor.{method} [\"ten\", {offset}, {length}]"));
            }
        }
    }
    steps.extend(lines(LOG_STEPS));
    steps
}

fn multicall() -> Vec<String> {
    let mut steps = lines(RUNNING);
    for calls in MULTICALLS {
        steps.push(format!("%system.multicall [{calls}]"));
    }
    steps
}

fn reload() -> Vec<String> {
    let mut steps = lines(RUNNING);
    steps.extend(RELOAD_STEPS.iter().map(|step| (*step).to_owned()));
    steps
}

fn introspection() -> Vec<String> {
    let mut steps = lines(
        "system.listMethods
         system.methodHelp [\"nosuch\"]
         system.methodSignature [\"nosuch\"]
         system.methodSignature [\"\"]
         nosuch
         supervisor
         supervisor.nosuch
         supervisor._update [\"x\"]
         supervisor.getPID.x
         system.nosuch
         system._listMethods
         system.namespaces
         supervisor.supervisord
         supervisor.getAllProcessInfo
         supervisor.getAllConfigInfo
         supervisor.getState
         supervisor.getIdentification
         supervisor.getVersion
         supervisor.getAPIVersion
         supervisor.getSupervisorVersion
         ~supervisor.getPID
         ~supervisor.readLog [0, 0]
         ~supervisor.readMainLog [-100, 0]
         supervisor.readLog [-1, 1]
         supervisor.readLog [0, -1]
         supervisor.clearLog
         ~supervisor.readLog [0, 0]
         supervisor.sendRemoteCommEvent [\"type\", \"data\"]
         supervisor.startAllProcesses
         supervisor.stopAllProcesses
         supervisor.clearAllProcessLogs",
    );
    for method in METHODS {
        steps.push(format!("system.methodSignature [\"{method}\"]"));
        steps.push(format!("~system.methodHelp [\"{method}\"]"));
    }
    steps
}

fn without_interface() -> Vec<String> {
    lines(
        "system.listMethods
         system.methodHelp [\"supervisor.getPID\"]
         system.methodSignature [\"supervisor.getPID\"]
         system.methodSignature [\"system.multicall\"]
         supervisor.getPID
         supervisor.getVersion
         supervisor.startProcess [\"solo\"]
         system.multicall [[{\"methodName\": \"supervisor.getPID\"}, {\"methodName\": \"system.listMethods\"}]]",
    )
}

/// Everything is refused while a program keeps the end waiting.
fn shutdown() -> Vec<String> {
    leaving("supervisor.shutdown")
}

fn restart() -> Vec<String> {
    leaving("supervisor.restart")
}

fn leaving(how: &str) -> Vec<String> {
    let mut steps = lines("!log [\"deaf\", \"ready\"]");
    steps.push(how.to_owned());
    steps.extend(METHODS.iter().map(|method| {
        let params = match *method {
            "supervisor.sendRemoteCommEvent" => "[\"a\", \"b\"]",
            "supervisor.readLog" | "supervisor.readMainLog" => "[0, 0]",
            "system.methodHelp" | "system.methodSignature" => "[\"nosuch\"]",
            "system.multicall" => "[[{\"methodName\": \"supervisor.getPID\"}]]",
            method if method.contains("readProcess") || method.contains("tailProcess") => {
                "[\"deaf\", 0, 0]"
            }
            method if method.contains("signalAll") => "[\"HUP\"]",
            method if method.contains("signal") || method.contains("Stdin") => {
                "[\"deaf\", \"HUP\"]"
            }
            method
                if method.contains(".get")
                    || method.contains("All")
                    || method.ends_with("clearLog")
                    || matches!(
                        method,
                        "supervisor.shutdown"
                            | "supervisor.restart"
                            | "supervisor.reloadConfig"
                            | "system.listMethods"
                    ) =>
            {
                match method.ends_with("getProcessInfo") {
                    true => "[\"deaf\"]",
                    false => "[]",
                }
            }
            _ => "[\"deaf\"]",
        };
        format!("{method} {params}")
    }));
    steps
}

include!("texts.rs");
