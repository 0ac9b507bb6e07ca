//! The methods of `system.*`, and the list of all methods.

use super::params::Params;
use crate::{
    fault::{Fault, FaultCode},
    xmlrpc::Value,
};

/// Calls `system.NAME`.
pub(super) fn call(name: &str, mut params: Params) -> Result<Value, Fault> {
    match name {
        "listMethods" => {
            params.end()?;
            let names = METHODS.iter().map(|(name, ..)| Value::text(*name));
            Ok(Value::Array(names.collect()))
        }
        "methodHelp" => {
            let (_, help, _) = find(&params.text()?)?;
            params.end()?;
            Ok(Value::text(help))
        }
        "methodSignature" => {
            let (_, _, signature) = find(&params.text()?)?;
            params.end()?;
            let types = signature.split(' ').map(Value::text);
            Ok(Value::Array(types.collect()))
        }
        _ => Err(Fault::bare(FaultCode::UnknownMethod)),
    }
}

/// Whether there is a method of that full name.
pub(super) fn is_known(name: &str) -> bool {
    find(name).is_ok()
}

fn find(name: &str) -> Result<(&'static str, &'static str, &'static str), Fault> {
    let found = METHODS.iter().find(|(method, ..)| *method == name);
    found
        .copied()
        .ok_or_else(|| Fault::bare(FaultCode::SignatureUnsupported))
}

/// Name, help, and types: first that of the answer, then those of the parameters.
const METHODS: &[(&str, &str, &str)] = &[
    (
        "supervisor.addProcessGroup",
        "Activate a group of the configuration read last.",
        "boolean string",
    ),
    (
        "supervisor.clearAllProcessLogs",
        "Clear the logs of all processes.",
        "array",
    ),
    ("supervisor.clearLog", "Clear the main log.", "boolean"),
    (
        "supervisor.clearProcessLog",
        "Clear the logs of a process.",
        "boolean string",
    ),
    (
        "supervisor.clearProcessLogs",
        "Clear the logs of a process.",
        "boolean string",
    ),
    (
        "supervisor.getAPIVersion",
        "The version of this interface.",
        "string",
    ),
    (
        "supervisor.getAllConfigInfo",
        "All configured processes.",
        "array",
    ),
    ("supervisor.getAllProcessInfo", "All processes.", "array"),
    (
        "supervisor.getIdentification",
        "The identifier of supervisord.",
        "string",
    ),
    ("supervisor.getPID", "The pid of supervisord.", "int"),
    ("supervisor.getProcessInfo", "One process.", "struct string"),
    ("supervisor.getState", "The state of supervisord.", "struct"),
    (
        "supervisor.getSupervisorVersion",
        "The version of supervisord.",
        "string",
    ),
    (
        "supervisor.getVersion",
        "The version of this interface.",
        "string",
    ),
    (
        "supervisor.readLog",
        "Read from the main log.",
        "string int int",
    ),
    (
        "supervisor.readMainLog",
        "Read from the main log.",
        "string int int",
    ),
    (
        "supervisor.readProcessLog",
        "Read from a process's stdout log.",
        "string string int int",
    ),
    (
        "supervisor.readProcessStderrLog",
        "Read from a process's stderr log.",
        "string string int int",
    ),
    (
        "supervisor.readProcessStdoutLog",
        "Read from a process's stdout log.",
        "string string int int",
    ),
    (
        "supervisor.reloadConfig",
        "Read the configuration again; changes nothing that runs.",
        "array",
    ),
    (
        "supervisor.removeProcessGroup",
        "Remove a stopped group.",
        "boolean string",
    ),
    (
        "supervisor.restart",
        "Stop everything and start again.",
        "boolean",
    ),
    (
        "supervisor.sendProcessStdin",
        "Write to a process's stdin.",
        "boolean string string",
    ),
    (
        "supervisor.sendRemoteCommEvent",
        "Send an event to listeners.",
        "boolean string string",
    ),
    ("supervisor.shutdown", "Stop everything and end.", "boolean"),
    (
        "supervisor.signalAllProcesses",
        "Send a signal to all processes.",
        "array string",
    ),
    (
        "supervisor.signalProcess",
        "Send a signal to a process.",
        "boolean string string",
    ),
    (
        "supervisor.signalProcessGroup",
        "Send a signal to a group.",
        "array string string",
    ),
    (
        "supervisor.startAllProcesses",
        "Start all processes.",
        "array boolean",
    ),
    (
        "supervisor.startProcess",
        "Start a process.",
        "boolean string boolean",
    ),
    (
        "supervisor.startProcessGroup",
        "Start a group.",
        "array string boolean",
    ),
    (
        "supervisor.stopAllProcesses",
        "Stop all processes.",
        "array boolean",
    ),
    (
        "supervisor.stopProcess",
        "Stop a process.",
        "boolean string boolean",
    ),
    (
        "supervisor.stopProcessGroup",
        "Stop a group.",
        "array string boolean",
    ),
    (
        "supervisor.tailProcessLog",
        "The end of a process's stdout log.",
        "array string int int",
    ),
    (
        "supervisor.tailProcessStderrLog",
        "The end of a process's stderr log.",
        "array string int int",
    ),
    (
        "supervisor.tailProcessStdoutLog",
        "The end of a process's stdout log.",
        "array string int int",
    ),
    ("system.listMethods", "The names of all methods.", "array"),
    ("system.methodHelp", "What a method does.", "string string"),
    (
        "system.methodSignature",
        "The types of a method.",
        "array string",
    ),
    ("system.multicall", "Several calls in one.", "array array"),
];
