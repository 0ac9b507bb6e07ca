//! The methods of `supervisor.*`.

use std::time::SystemTime;

use super::{
    info::{config_info, process_info, structure},
    logs::{Channel, statuses},
    names,
    params::Params,
    system,
};
use crate::{
    config::signal_number,
    driver::{Action, Handle, Mood, OnMistakes, Request, Target, Wait},
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
            return self.multicall(Params::new(params)).await;
        }
        self.call_one(method, Params::new(params)).await
    }

    async fn call_one(&self, method: &str, params: Params) -> Result<Value, Fault> {
        match method.split_once('.') {
            Some(("supervisor", name)) if self.enabled => self.supervisor(name, params).await,
            Some(("system", name)) => system::call(name, params),
            _ => Err(Fault::bare(FaultCode::UnknownMethod)),
        }
    }

    /// Carries calls out one after the other. Results are not wrapped in arrays of one, unlike
    /// elsewhere.
    async fn multicall(&self, mut params: Params) -> Result<Value, Fault> {
        let calls = params.array()?;
        params.end()?;
        let mut results = Vec::with_capacity(calls.len());
        for call in calls {
            let result = match call.member("methodName").and_then(Value::as_text) {
                None => Err(Fault::new(FaultCode::IncorrectParameters, "No methodName")),
                Some("system.multicall") => Err(Fault::new(
                    FaultCode::IncorrectParameters,
                    "Recursive system.multicall forbidden",
                )),
                Some(method) => {
                    let params = call.member("params").and_then(Value::as_array);
                    let params = Params::new(params.unwrap_or_default().to_vec());
                    self.call_one(method, params).await
                }
            };
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
        if !system::is_known(&format!("supervisor.{name}")) {
            return Err(Fault::bare(FaultCode::UnknownMethod));
        }
        if name != "sendRemoteCommEvent" && self.handle.snapshot().mood != Mood::Running {
            return Err(Fault::bare(FaultCode::ShutdownState));
        }
        match name {
            "readLog" | "readMainLog" => self.read_main_log(params),
            "clearLog" => self.clear_main_log(params),
            "readProcessStdoutLog" | "readProcessLog" => self.read_log(Channel::Stdout, params),
            "readProcessStderrLog" => self.read_log(Channel::Stderr, params),
            "tailProcessStdoutLog" | "tailProcessLog" => self.tail_log(Channel::Stdout, params),
            "tailProcessStderrLog" => self.tail_log(Channel::Stderr, params),
            "clearProcessLogs" | "clearProcessLog" => self.clear_logs(params).await,
            "clearAllProcessLogs" => self.clear_all_logs(params).await,
            "getProcessInfo" => self.process_info(params),
            "startProcess" => self.on_one(Action::Start, params).await,
            "startProcessGroup" => self.on_group(Action::Start, params).await,
            "startAllProcesses" => self.on_all(Action::Start, params).await,
            "stopProcess" => self.on_one(Action::Stop, params).await,
            "stopProcessGroup" => self.on_group(Action::Stop, params).await,
            "stopAllProcesses" => self.on_all(Action::Stop, params).await,
            "signalProcess" | "signalProcessGroup" | "signalAllProcesses" => {
                self.signal(name, params).await
            }
            "sendProcessStdin" => self.stdin(params).await,
            "sendRemoteCommEvent" => self.remote_event(params).await,
            "addProcessGroup" | "removeProcessGroup" => self.groups(name, params).await,
            _ => {
                params.end()?;
                self.plain(name).await
            }
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
            "shutdown" => self.go(Request::ShutDown).await,
            "restart" => self.go(Request::StartOver).await,
            "reloadConfig" => self.reload().await,
            _ => Err(Fault::bare(FaultCode::UnknownMethod)),
        }
    }

    async fn go(&self, request: Request) -> Result<Value, Fault> {
        self.handle.send(request).await?;
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
        params.end()?;
        let snapshot = self.handle.snapshot();
        names::program_id(&name)
            .and_then(|id| snapshot.program(&id))
            .map(|program| process_info(program, SystemTime::now()))
            .ok_or_else(|| Fault::new(FaultCode::BadName, name))
    }

    async fn on_one(&self, action: Action, mut params: Params) -> Result<Value, Fault> {
        let name = params.text()?;
        let wait = waiting(params.flag(true)?);
        params.end()?;
        match names::target(&name) {
            Target::One(id) => {
                self.handle.act_on_one(action, id, wait).await?;
                Ok(Value::Bool(true))
            }
            Target::Group(group) => self.group_action(action, group, wait).await,
            Target::All => Err(Fault::new(FaultCode::BadName, name)),
        }
    }

    async fn on_group(&self, action: Action, mut params: Params) -> Result<Value, Fault> {
        let name = params.text()?;
        let wait = waiting(params.flag(true)?);
        params.end()?;
        self.group_action(action, name, wait).await
    }

    async fn on_all(&self, action: Action, mut params: Params) -> Result<Value, Fault> {
        let wait = waiting(params.flag(true)?);
        params.end()?;
        let outcomes = self.handle.act(action, Target::All, wait).await?;
        Ok(statuses(&outcomes))
    }

    async fn group_action(
        &self,
        action: Action,
        group: String,
        wait: Wait,
    ) -> Result<Value, Fault> {
        if !self.handle.snapshot().has_group(&group) {
            return Err(Fault::new(FaultCode::BadName, group));
        }
        let outcomes = self.handle.act(action, Target::Group(group), wait).await?;
        Ok(statuses(&outcomes))
    }

    async fn signal(&self, method: &str, mut params: Params) -> Result<Value, Fault> {
        let name = match method {
            "signalAllProcesses" => None,
            _ => Some(params.text()?),
        };
        let signal = params.text_or_int()?;
        params.end()?;
        let target = match (method, name) {
            (_, None) => Target::All,
            ("signalProcessGroup", Some(name)) => Target::Group(name),
            (_, Some(name)) => names::target(&name),
        };
        let number = signal_number(&signal);
        match (target, number) {
            (Target::One(id), Ok(number)) => {
                let action = Action::Signal(number);
                self.handle.act_on_one(action, id, Wait::Begun).await?;
                Ok(Value::Bool(true))
            }
            (Target::One(id), Err(_)) if self.handle.snapshot().program(&id).is_none() => {
                Err(Fault::new(FaultCode::BadName, id.to_string()))
            }
            (Target::Group(group), _) if !self.handle.snapshot().has_group(&group) => {
                Err(Fault::new(FaultCode::BadName, group))
            }
            (_, Err(_)) => Err(Fault::new(FaultCode::BadSignal, signal)),
            (target, Ok(number)) => {
                let action = Action::Signal(number);
                let outcomes = self.handle.act(action, target, Wait::Begun).await?;
                Ok(statuses(&outcomes))
            }
        }
    }

    async fn stdin(&self, mut params: Params) -> Result<Value, Fault> {
        let (name, text) = (params.text()?, params.text()?);
        params.end()?;
        let id = names::program_id(&name).ok_or_else(|| Fault::new(FaultCode::BadName, name))?;
        let request = |reply| Request::Stdin(id, text.into_bytes(), reply);
        self.handle.ask(request).await?;
        Ok(Value::Bool(true))
    }

    async fn remote_event(&self, mut params: Params) -> Result<Value, Fault> {
        let (kind, data) = (params.text()?, params.text()?);
        params.end()?;
        self.go(Request::RemoteEvent { kind, data }).await
    }

    async fn groups(&self, method: &str, mut params: Params) -> Result<Value, Fault> {
        let name = params.text()?;
        params.end()?;
        match method {
            "addProcessGroup" => {
                self.handle
                    .ask(|reply| Request::AddGroup(name, reply))
                    .await?
            }
            _ => {
                self.handle
                    .ask(|reply| Request::RemoveGroup(name, reply))
                    .await?
            }
        }
        Ok(Value::Bool(true))
    }
}

fn waiting(wait: bool) -> Wait {
    match wait {
        true => Wait::Done,
        false => Wait::Begun,
    }
}

/// The version of the interface; the stock client works with no other.
const API_VERSION: &str = "3.0";
