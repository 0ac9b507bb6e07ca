//! The methods of `system.*`, and the list of all methods.

use super::params::Params;
use crate::{
    fault::{Fault, FaultCode},
    xmlrpc::Value,
};

/// A method clients can call.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) name: &'static str,
    /// Types: first that of the answer, then those of the parameters.
    signature: &'static str,
    help: &'static str,
    /// How many parameters it must have.
    pub(super) required: usize,
}

impl Method {
    const fn new(name: &'static str, signature: &'static str, help: &'static str) -> Self {
        let (mut at, mut required) = (0, 0);
        let bytes = signature.as_bytes();
        // The only parameter of this type is the one that says whether to wait, and it may be left
        // out.
        while at < bytes.len() {
            if bytes[at] == b' ' && bytes[at + 1] != b'b' {
                required += 1;
            }
            at += 1;
        }
        Self {
            name,
            signature,
            help,
            required,
        }
    }

    /// How many parameters it may have.
    pub(super) fn parameters(&self) -> usize {
        self.signature.split(' ').count() - 1
    }
}

/// Calls `system.NAME`; `all` is whether `supervisor.*` is there as well.
pub(super) fn call(name: &str, mut params: Params, all: bool) -> Result<Value, Fault> {
    match name {
        "listMethods" => {
            let names = METHODS.iter().map(|method| method.name);
            let names = names.filter(|name| find(name, all).is_some());
            Ok(Value::Array(names.map(Value::text).collect()))
        }
        "methodHelp" => Ok(Value::text(described(&params.text()?, all)?.help)),
        "methodSignature" => {
            let method = described(&params.text()?, all)?;
            let types = method.signature.split(' ').map(Value::text);
            Ok(Value::Array(types.collect()))
        }
        _ => Err(Fault::bare(FaultCode::UnknownMethod)),
    }
}

/// The method of that full name.
pub(super) fn find(name: &str, all: bool) -> Option<&'static Method> {
    let mut methods = METHODS.iter();
    methods.find(|method| method.name == name && (all || name.starts_with("system.")))
}

fn described(name: &str, all: bool) -> Result<&'static Method, Fault> {
    find(name, all).ok_or_else(|| Fault::bare(FaultCode::SignatureUnsupported))
}

/// All of them, sorted by name.
const METHODS: &[Method] = &[
    Method::new(
        "supervisor.addProcessGroup",
        "boolean string",
        "Activates a group of the configuration that was read last, and starts its programs \
         as configured. Faults ALREADY_ADDED if it is active and BAD_NAME if it is not \
         configured.",
    ),
    Method::new(
        "supervisor.clearAllProcessLogs",
        "array",
        "Empties the logs of all programs. Returns one status struct per program.",
    ),
    Method::new(
        "supervisor.clearLog",
        "boolean",
        "Empties the main log. Faults NO_FILE if there is none.",
    ),
    Method::new(
        "supervisor.clearProcessLog",
        "boolean string",
        "An older name of clearProcessLogs.",
    ),
    Method::new(
        "supervisor.clearProcessLogs",
        "boolean string",
        "Empties both logs of a program. The name is NAME or GROUP:NAME.",
    ),
    Method::new(
        "supervisor.getAPIVersion",
        "string",
        "The version of this interface, which is not that of the program.",
    ),
    Method::new(
        "supervisor.getAllConfigInfo",
        "array",
        "Every program of the configuration that was read last, as structs of its settings, \
         active or not.",
    ),
    Method::new(
        "supervisor.getAllProcessInfo",
        "array",
        "Every active program, as structs like that of getProcessInfo.",
    ),
    Method::new(
        "supervisor.getIdentification",
        "string",
        "The identifier this supervisor was configured with.",
    ),
    Method::new(
        "supervisor.getPID",
        "int",
        "The process id of the supervisor.",
    ),
    Method::new(
        "supervisor.getProcessInfo",
        "struct string",
        "State, times, process id, logs and a description of one program. The name is NAME or \
         GROUP:NAME.",
    ),
    Method::new(
        "supervisor.getState",
        "struct",
        "What the supervisor as a whole is doing: statecode and statename.",
    ),
    Method::new(
        "supervisor.getSupervisorVersion",
        "string",
        "The version of Supervisor whose behaviour this is.",
    ),
    Method::new(
        "supervisor.getVersion",
        "string",
        "An older name of getAPIVersion.",
    ),
    Method::new(
        "supervisor.readLog",
        "string int int",
        "Reads the main log: offset and length in bytes. Length 0 reads to the end; a \
         negative offset with length 0 reads that many bytes from the end.",
    ),
    Method::new(
        "supervisor.readMainLog",
        "string int int",
        "An older name of readLog.",
    ),
    Method::new(
        "supervisor.readProcessLog",
        "string string int int",
        "An older name of readProcessStdoutLog.",
    ),
    Method::new(
        "supervisor.readProcessStderrLog",
        "string string int int",
        "Reads what a program wrote to its standard error: name, offset and length as for \
         readLog.",
    ),
    Method::new(
        "supervisor.readProcessStdoutLog",
        "string string int int",
        "Reads what a program wrote to its standard output: name, offset and length as for \
         readLog.",
    ),
    Method::new(
        "supervisor.reloadConfig",
        "array",
        "Reads the configuration again. Nothing that runs is changed; returns [[added, \
         changed, removed]], arrays of group names for addProcessGroup and \
         removeProcessGroup.",
    ),
    Method::new(
        "supervisor.removeProcessGroup",
        "boolean string",
        "Forgets an active group. Faults STILL_RUNNING unless all of its programs are \
         stopped.",
    ),
    Method::new(
        "supervisor.restart",
        "boolean",
        "Stops all programs, reads the configuration and begins again. Returns when that has \
         begun.",
    ),
    Method::new(
        "supervisor.sendProcessStdin",
        "boolean string string",
        "Writes a text to the standard input of a program. Faults NOT_RUNNING if it does not \
         run and NO_FILE if it has closed its input.",
    ),
    Method::new(
        "supervisor.sendRemoteCommEvent",
        "boolean string string",
        "Sends an event of type REMOTE_COMMUNICATION with a type and data to the event \
         listeners.",
    ),
    Method::new(
        "supervisor.shutdown",
        "boolean",
        "Stops all programs and ends. Returns when that has begun.",
    ),
    Method::new(
        "supervisor.signalAllProcesses",
        "array string",
        "Sends a signal, by name or number, to all programs that run. Returns one status \
         struct per program.",
    ),
    Method::new(
        "supervisor.signalProcess",
        "boolean string string",
        "Sends a signal, by name or number, to a program.",
    ),
    Method::new(
        "supervisor.signalProcessGroup",
        "array string string",
        "Sends a signal, by name or number, to the programs of a group. Returns one status \
         struct per program.",
    ),
    Method::new(
        "supervisor.startAllProcesses",
        "array boolean",
        "Starts all programs that do not run and waits until they count as running, unless \
         wait is false. Returns one status struct per program.",
    ),
    Method::new(
        "supervisor.startProcess",
        "boolean string boolean",
        "Starts a program and waits until it counts as running, unless wait is false. The \
         name is NAME, GROUP:NAME or GROUP:*.",
    ),
    Method::new(
        "supervisor.startProcessGroup",
        "array string boolean",
        "Starts the programs of a group and waits until they count as running, unless wait is \
         false. Returns one status struct per program.",
    ),
    Method::new(
        "supervisor.stopAllProcesses",
        "array boolean",
        "Stops all programs and waits for their end, unless wait is false. Returns one status \
         struct per program.",
    ),
    Method::new(
        "supervisor.stopProcess",
        "boolean string boolean",
        "Stops a program and waits for its end, unless wait is false. The name is NAME, \
         GROUP:NAME or GROUP:*.",
    ),
    Method::new(
        "supervisor.stopProcessGroup",
        "array string boolean",
        "Stops the programs of a group and waits for their end, unless wait is false. Returns \
         one status struct per program.",
    ),
    Method::new(
        "supervisor.tailProcessLog",
        "array string int int",
        "An older name of tailProcessStdoutLog.",
    ),
    Method::new(
        "supervisor.tailProcessStderrLog",
        "array string int int",
        "The end of what a program wrote to its standard error, as of tailProcessStdoutLog.",
    ),
    Method::new(
        "supervisor.tailProcessStdoutLog",
        "array string int int",
        "The end of what a program wrote to its standard output: name, offset and length in. \
         Out come at most length bytes, the offset of the end, and whether more than length \
         bytes lie between the given offset and the end.",
    ),
    Method::new("system.listMethods", "array", "The names of all methods."),
    Method::new("system.methodHelp", "string string", "What a method does."),
    Method::new(
        "system.methodSignature",
        "array string",
        "The types of a method: first of what it returns, then of its parameters.",
    ),
    Method::new(
        "system.multicall",
        "array array",
        "Carries out several calls one after the other: structs of methodName and params. \
         Returns their results, or structs of faultCode and faultString where one failed.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_from_the_signature() {
        let count = |name| find(name, true).map(|m| (m.required, m.parameters()));
        assert_eq!(count("supervisor.getPID"), Some((0, 0)));
        assert_eq!(count("supervisor.startProcess"), Some((1, 2)));
        assert_eq!(count("supervisor.stopAllProcesses"), Some((0, 1)));
        assert_eq!(count("supervisor.readProcessLog"), Some((3, 3)));
        assert_eq!(count("supervisor.nonsense"), None);
    }

    #[test]
    fn methods_are_sorted_and_those_of_an_absent_interface_are_not_there() {
        assert!(METHODS.is_sorted_by_key(|method| method.name));
        assert!(find("supervisor.getPID", false).is_none());
        assert!(find("system.multicall", false).is_some());
    }
}
