//! Parameters of a call.

use std::vec;

use crate::{
    fault::{Fault, FaultCode},
    xmlrpc::Value,
};

/// The parameters that were not yet looked at.
#[derive(Debug)]
pub(super) struct Params(vec::IntoIter<Value>);

impl Params {
    pub(super) fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    pub(super) fn text(&mut self) -> Result<String, Fault> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(text),
            Some(_) | None => Err(incorrect()),
        }
    }

    pub(super) fn int(&mut self) -> Result<i64, Fault> {
        self.0
            .next()
            .and_then(|value| value.as_int())
            .ok_or_else(incorrect)
    }

    /// A text or number, as text.
    pub(super) fn text_or_int(&mut self) -> Result<String, Fault> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(text),
            Some(Value::Int(number)) => Ok(number.to_string()),
            Some(_) | None => Err(incorrect()),
        }
    }

    pub(super) fn array(&mut self) -> Result<Vec<Value>, Fault> {
        match self.0.next() {
            Some(Value::Array(values)) => Ok(values),
            Some(_) | None => Err(incorrect()),
        }
    }

    /// A flag that may be left out.
    pub(super) fn flag(&mut self, default: bool) -> Result<bool, Fault> {
        match self.0.next() {
            Some(value) => value.as_int().map(|n| n != 0).ok_or_else(incorrect),
            None => Ok(default),
        }
    }

    /// Nothing may be left.
    pub(super) fn end(mut self) -> Result<(), Fault> {
        match self.0.next() {
            None => Ok(()),
            Some(_) => Err(incorrect()),
        }
    }
}

fn incorrect() -> Fault {
    Fault::bare(FaultCode::IncorrectParameters)
}
