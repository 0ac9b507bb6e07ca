//! Methods that do something to programs.

use supervisor_core::{ProgramId, ProgramView};

use super::{logs::statuses, methods::Methods, names, params::Params};
use crate::{
    config::signal_number,
    driver::{Action, Outcome, Request, Target, Wait},
    fault::{Fault, FaultCode},
    xmlrpc::Value,
};

impl Methods {
    pub(super) async fn on_one(&self, action: Action, mut params: Params) -> Result<Value, Fault> {
        let name = params.text()?;
        let wait = waiting(params.flag(true));
        self.act_on(action, &name, wait).await
    }

    /// Does something to what a caller names: a program, or a whole group.
    pub(super) async fn act_on(
        &self,
        action: Action,
        name: &str,
        wait: Wait,
    ) -> Result<Value, Fault> {
        let id = match names::target(name) {
            Target::One(id) => id,
            Target::Group(group) => return self.group_action(action, group, name, wait).await,
            Target::All => return Err(Fault::new(FaultCode::BadName, name)),
        };
        let done = self.handle.act_on_one(action, id, wait).await;
        match done {
            Err(fault) if is_begun(action, wait, &fault) => Ok(Value::Bool(true)),
            Err(fault) => Err(about(fault, name)),
            Ok(()) => Ok(Value::Bool(true)),
        }
    }

    pub(super) async fn on_group(
        &self,
        action: Action,
        mut params: Params,
    ) -> Result<Value, Fault> {
        let name = params.key()?;
        let wait = waiting(params.flag(true));
        self.group_action(action, name.clone(), &name, wait).await
    }

    pub(super) async fn on_all(&self, action: Action, mut params: Params) -> Result<Value, Fault> {
        let wait = waiting(params.flag(true));
        self.act_on_many(action, Target::All, wait).await
    }

    async fn group_action(
        &self,
        action: Action,
        group: String,
        name: &str,
        wait: Wait,
    ) -> Result<Value, Fault> {
        if !self.handle.snapshot().has_group(&group) {
            return Err(Fault::new(FaultCode::BadName, name));
        }
        self.act_on_many(action, Target::Group(group), wait).await
    }

    pub(super) async fn act_on_many(
        &self,
        action: Action,
        target: Target,
        wait: Wait,
    ) -> Result<Value, Fault> {
        let mut outcomes = self.handle.act(action, target, wait).await?;
        for Outcome { result, .. } in &mut outcomes {
            if result
                .as_ref()
                .is_err_and(|fault| is_begun(action, wait, fault))
            {
                *result = Ok(());
            }
        }
        Ok(statuses(&outcomes))
    }

    pub(super) async fn signal_one(&self, mut params: Params) -> Result<Value, Fault> {
        let (name, signal) = (params.text()?, params.signal()?);
        let bad_name = || Fault::new(FaultCode::BadName, &*name);
        let id = match names::target(&name) {
            Target::One(id) => id,
            Target::Group(group) if self.handle.snapshot().has_group(&group) => {
                return self.signal_many(Target::Group(group), &signal).await;
            }
            Target::Group(_) | Target::All => return Err(bad_name()),
        };
        if self.handle.snapshot().program(&id).is_none() {
            return Err(bad_name());
        }
        let action = Action::Signal(number(&signal)?);
        let done = self.handle.act_on_one(action, id, Wait::Begun).await;
        done.map_err(|fault| about(fault, &name))?;
        Ok(Value::Bool(true))
    }

    pub(super) async fn signal_group(&self, mut params: Params) -> Result<Value, Fault> {
        let (group, signal) = (params.key()?, params.signal()?);
        if !self.handle.snapshot().has_group(&group) {
            return Err(Fault::new(FaultCode::BadName, group));
        }
        self.signal_many(Target::Group(group), &signal).await
    }

    pub(super) async fn signal_all(&self, mut params: Params) -> Result<Value, Fault> {
        let signal = params.signal()?;
        self.signal_many(Target::All, &signal).await
    }

    /// Signals programs. A signal that does not exist is refused for each that could get one.
    async fn signal_many(&self, target: Target, signal: &str) -> Result<Value, Fault> {
        match number(signal) {
            Ok(number) => {
                let action = Action::Signal(number);
                self.act_on_many(action, target, Wait::Begun).await
            }
            Err(fault) => {
                let refused = |program| Outcome {
                    program,
                    place: 0,
                    at: std::time::Instant::now(),
                    result: Err(fault.clone()),
                };
                let programs = self.signallable(&target).into_iter();
                Ok(statuses(&programs.map(refused).collect::<Vec<_>>()))
            }
        }
    }

    /// The programs that can be signalled, in order of priority.
    fn signallable(&self, target: &Target) -> Vec<ProgramId> {
        let snapshot = self.handle.snapshot();
        let priority = |group: &str| {
            let found = snapshot.groups.iter().find(|(name, _)| name == group);
            found.map_or(0, |(_, priority)| *priority)
        };
        let meant = |view: &ProgramView| match target {
            Target::One(id) => view.id == *id,
            Target::Group(group) => *view.id.group == **group,
            Target::All => true,
        };
        let views = snapshot.programs.iter().map(|program| &program.view);
        let mut found: Vec<_> = views
            .filter(|view| view.state.is_signallable() && meant(view))
            .map(|view| {
                let (group, id) = (view.id.group.clone(), view.id.clone());
                (priority(&group), group, view.priority, id)
            })
            .collect();
        found.sort();
        found.into_iter().map(|(.., id)| id).collect()
    }

    pub(super) async fn stdin(&self, mut params: Params) -> Result<Value, Fault> {
        let (name, text) = (params.text()?, params.text_or_told()?);
        let id = names::program_id(&name);
        let id = id.ok_or_else(|| Fault::new(FaultCode::BadName, &*name))?;
        let request = |reply| Request::Stdin(id, text.into_bytes(), reply);
        let done = self.handle.ask(request).await;
        done.map_err(|fault| about(fault, &name))?;
        Ok(Value::Bool(true))
    }

    pub(super) async fn remote_event(&self, mut params: Params) -> Result<Value, Fault> {
        let (kind, data) = (params.anything()?, params.anything()?);
        self.handle
            .send(Request::RemoteEvent { kind, data })
            .await?;
        Ok(Value::Bool(true))
    }

    pub(super) async fn add_group(&self, mut params: Params) -> Result<Value, Fault> {
        let name = params.anything()?;
        self.handle
            .ask(|reply| Request::AddGroup(name, reply))
            .await?;
        Ok(Value::Bool(true))
    }

    pub(super) async fn remove_group(&self, mut params: Params) -> Result<Value, Fault> {
        let name = params.key()?;
        self.handle
            .ask(|reply| Request::RemoveGroup(name, reply))
            .await?;
        Ok(Value::Bool(true))
    }
}

fn waiting(wait: bool) -> Wait {
    match wait {
        true => Wait::Done,
        false => Wait::Begun,
    }
}

fn number(signal: &str) -> Result<i32, Fault> {
    signal_number(signal).map_err(|_| Fault::new(FaultCode::BadSignal, signal))
}

/// Whether a refused start counts as begun: somebody who does not wait for a program that is still
/// stopping is told that all is well.
fn is_begun(action: Action, wait: Wait, fault: &Fault) -> bool {
    (action, wait) == (Action::Start, Wait::Begun) && fault.code == FaultCode::AbnormalTermination
}

/// A fault that names a program as its caller has.
pub(super) fn about(fault: Fault, name: &str) -> Fault {
    let detail = match fault.code {
        FaultCode::BadName
        | FaultCode::AbnormalTermination
        | FaultCode::SpawnError
        | FaultCode::AlreadyStarted
        | FaultCode::NotRunning => name.to_owned(),
        FaultCode::Failed => match &fault.detail {
            Some(detail) if detail.ends_with(UNKNOWN_STATE) => format!("{name}{UNKNOWN_STATE}"),
            Some(_) | None => return fault,
        },
        FaultCode::UnknownMethod
        | FaultCode::IncorrectParameters
        | FaultCode::BadArguments
        | FaultCode::SignatureUnsupported
        | FaultCode::ShutdownState
        | FaultCode::BadSignal
        | FaultCode::NoFile
        | FaultCode::NotExecutable
        | FaultCode::AlreadyAdded
        | FaultCode::StillRunning
        | FaultCode::CantReread => return fault,
    };
    Fault::new(fault.code, detail)
}

const UNKNOWN_STATE: &str = " is in an unknown process state";
