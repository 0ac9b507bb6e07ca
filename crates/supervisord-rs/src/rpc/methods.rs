//! Calls by name.

use std::time::SystemTime;

use super::{
    info::{config_info, process_info, structure},
    logs::Channel,
    names,
    params::{Params, spread},
    system,
};
use crate::{
    driver::{Action, Handle, Mood, OnMistakes, Request},
    fault::{Fault, FaultCode},
    logs::MainLog,
    xmlrpc::Value,
};

/// Carries calls out.
#[derive(Clone, Debug)]
pub(super) struct Methods {
    pub(super) handle: Handle,
    pub(super) log: MainLog,
    /// Whether the configuration enables `supervisor.*`.
    pub(super) enabled: bool,
}

impl Methods {
    /// Calls a method by its full name.
    pub(super) async fn call(&self, method: &str, params: Vec<Value>) -> Result<Value, Fault> {
        if method == "system.multicall" {
            return self.multicall(Params::new(params).expect(1, 1)?).await;
        }
        self.call_one(method, Params::new(params)).await
    }

    async fn call_one(&self, method: &str, params: Params) -> Result<Value, Fault> {
        let known = system::find(method, self.enabled);
        let method = known.ok_or_else(|| Fault::bare(FaultCode::UnknownMethod))?;
        let params = params.expect(method.required, method.parameters())?;
        match method.name.split_once('.') {
            Some(("system", name)) => system::call(name, params, self.enabled),
            Some((_, name)) => self.supervisor(name, params).await,
            None => Err(Fault::bare(FaultCode::UnknownMethod)),
        }
    }

    /// Carries calls out one after the other. Results are not wrapped in arrays of one, unlike
    /// elsewhere.
    async fn multicall(&self, mut params: Params) -> Result<Value, Fault> {
        let calls = params.array()?;
        let mut results = Vec::with_capacity(calls.len());
        let mut room = Room::default();
        for call in calls {
            let result = match call.member("methodName").and_then(Value::as_text) {
                None => Err(Fault::new(FaultCode::IncorrectParameters, "No methodName")),
                Some("system.multicall") => Err(Fault::new(
                    FaultCode::IncorrectParameters,
                    "Recursive system.multicall forbidden",
                )),
                Some(method) => {
                    let params = call.member("params").map_or(Ok(Vec::new()), spread);
                    match params {
                        Ok(params) => self.call_one(method, Params::new(params)).await,
                        Err(fault) => Err(fault),
                    }
                }
            };
            let result = result.and_then(|value| room.take(value));
            results.push(result.unwrap_or_else(|fault| {
                structure(vec![
                    ("faultCode", Value::Int(fault.code.number())),
                    ("faultString", Value::text(fault.to_string())),
                ])
            }));
        }
        Ok(Value::Array(results))
    }

    async fn supervisor(&self, name: &str, params: Params) -> Result<Value, Fault> {
        if name != "sendRemoteCommEvent" && self.handle.snapshot().mood != Mood::Running {
            return Err(Fault::bare(FaultCode::ShutdownState));
        }
        match name {
            "readLog" | "readMainLog" => self.read_main_log(params),
            "clearLog" => self.clear_main_log(),
            "readProcessStdoutLog" | "readProcessLog" => self.read_log(Channel::Stdout, params),
            "readProcessStderrLog" => self.read_log(Channel::Stderr, params),
            "tailProcessStdoutLog" | "tailProcessLog" => self.tail_log(Channel::Stdout, params),
            "tailProcessStderrLog" => self.tail_log(Channel::Stderr, params),
            "clearProcessLogs" | "clearProcessLog" => self.clear_logs(params).await,
            "clearAllProcessLogs" => self.clear_all_logs().await,
            "getProcessInfo" => self.process_info(params),
            "startProcess" => self.on_one(Action::Start, params).await,
            "startProcessGroup" => self.on_group(Action::Start, params).await,
            "startAllProcesses" => self.on_all(Action::Start, params).await,
            "stopProcess" => self.on_one(Action::Stop, params).await,
            "stopProcessGroup" => self.on_group(Action::Stop, params).await,
            "stopAllProcesses" => self.on_all(Action::Stop, params).await,
            "signalProcess" => self.signal_one(params).await,
            "signalProcessGroup" => self.signal_group(params).await,
            "signalAllProcesses" => self.signal_all(params).await,
            "sendProcessStdin" => self.stdin(params).await,
            "sendRemoteCommEvent" => self.remote_event(params).await,
            "addProcessGroup" => self.add_group(params).await,
            "removeProcessGroup" => self.remove_group(params).await,
            _ => self.plain(name).await,
        }
    }

    /// Methods without parameters.
    async fn plain(&self, name: &str) -> Result<Value, Fault> {
        let snapshot = self.handle.snapshot();
        match name {
            "getAPIVersion" | "getVersion" => Ok(Value::text(API_VERSION)),
            "getSupervisorVersion" => Ok(Value::text(crate::SUPERVISOR_VERSION)),
            "getIdentification" => Ok(Value::text(snapshot.identifier.clone())),
            // In any other state the call was refused before it came here.
            "getState" => Ok(structure(vec![
                ("statecode", Value::Int(1)),
                ("statename", Value::text("RUNNING")),
            ])),
            "getPID" => Ok(Value::Int(i64::from(std::process::id()))),
            "getAllProcessInfo" => {
                let now = SystemTime::now();
                let infos = snapshot
                    .programs
                    .iter()
                    .map(|program| process_info(program, now));
                Ok(Value::Array(infos.collect()))
            }
            "getAllConfigInfo" => Ok(config_info(&snapshot)),
            "shutdown" => self.leave(Request::ShutDown).await,
            "restart" => self.leave(Request::StartOver).await,
            "reloadConfig" => self.reload().await,
            _ => Err(Fault::bare(FaultCode::UnknownMethod)),
        }
    }

    /// Begins to end, and answers when every later call is refused for it.
    async fn leave(&self, request: Request) -> Result<Value, Fault> {
        let mut state = self.handle.watch();
        self.handle.send(request).await?;
        // A driver that is gone already has left, too.
        let _ = state
            .wait_for(|snapshot| snapshot.mood != Mood::Running)
            .await;
        Ok(Value::Bool(true))
    }

    async fn reload(&self) -> Result<Value, Fault> {
        let reread = |reply| Request::Reread(OnMistakes::Fault, reply);
        let difference = self.handle.ask(reread).await?.difference;
        let names = |names: Vec<String>| Value::Array(names.into_iter().map(Value::Text).collect());
        Ok(Value::Array(vec![Value::Array(vec![
            names(difference.added),
            names(difference.changed),
            names(difference.removed),
        ])]))
    }

    fn process_info(&self, mut params: Params) -> Result<Value, Fault> {
        let name = params.text()?;
        let snapshot = self.handle.snapshot();
        names::program_id(&name)
            .and_then(|id| snapshot.program(&id))
            .map(|program| process_info(program, SystemTime::now()))
            .ok_or_else(|| Fault::new(FaultCode::BadName, name))
    }
}

/// What the answer to one multicall may still hold.
#[derive(Debug)]
struct Room {
    bytes: usize,
    files: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            bytes: 16 << 20,
            files: 64,
        }
    }
}

impl Room {
    /// Gives a result on if there is room for it.
    fn take(&mut self, value: Value) -> Result<Value, Fault> {
        let (bytes, files) = weight(&value);
        match (self.bytes.checked_sub(bytes), self.files.checked_sub(files)) {
            (Some(bytes), Some(files)) => {
                *self = Self { bytes, files };
                Ok(value)
            }
            _ => Err(Fault::new(
                FaultCode::Failed,
                "the answers to this multicall are too long; ask in several",
            )),
        }
    }
}

/// Bytes in memory and open files.
fn weight(value: &Value) -> (usize, usize) {
    let sum = |(bytes, files), value| {
        let (more_bytes, more_files) = weight(value);
        (bytes + more_bytes, files + more_files)
    };
    match value {
        Value::Int(_) | Value::Bool(_) | Value::Double(_) => (16, 0),
        Value::Text(text) => (text.len() + 16, 0),
        Value::Stored(_) => (16, 1),
        Value::Array(values) => values.iter().fold((16, 0), sum),
        Value::Struct(members) => members.iter().map(|(_, value)| value).fold((16, 0), sum),
    }
}

/// The version of the interface; the stock client works with no other.
const API_VERSION: &str = "3.0";
