//! Parameters of a call.

use std::vec;

use crate::{
    fault::{Fault, FaultCode},
    xmlrpc::{Value, python_int},
};

/// The parameters that were not yet looked at.
#[derive(Debug)]
pub(super) struct Params(vec::IntoIter<Value>);

impl Params {
    pub(super) fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    /// Refuses any other number of parameters, before anything else is looked at.
    pub(super) fn expect(self, fewest: usize, most: usize) -> Result<Self, Fault> {
        match (fewest..=most).contains(&self.0.len()) {
            true => Ok(self),
            false => Err(incorrect()),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, Fault> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(text),
            Some(_) | None => Err(incorrect()),
        }
    }

    /// A number, or what Python's `int` makes one.
    pub(super) fn int(&mut self) -> Result<i64, Fault> {
        let number = match self.0.next() {
            Some(Value::Int(number)) => Some(number),
            Some(Value::Bool(flag)) => Some(i64::from(flag)),
            Some(Value::Double(number)) if number.is_finite() =>
            {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "the cast saturates, as offsets of files may"
                )]
                Some(number.trunc() as i64)
            }
            Some(Value::Text(text)) => python_int(&text),
            Some(Value::Double(_) | Value::Stored(_) | Value::Array(_) | Value::Struct(_))
            | None => None,
        };
        number.ok_or_else(incorrect)
    }

    /// A text; other things are refused with what they are.
    pub(super) fn text_or_told(&mut self) -> Result<String, Fault> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(text),
            Some(other) => Err(Fault::new(FaultCode::IncorrectParameters, told(&other))),
            None => Err(incorrect()),
        }
    }

    /// A signal: a number, or a text that may be one.
    pub(super) fn signal(&mut self) -> Result<String, Fault> {
        match self.0.as_slice().first() {
            Some(Value::Int(_) | Value::Bool(_) | Value::Double(_)) => {
                self.int().map(|number| number.to_string())
            }
            _ => self.text(),
        }
    }

    /// Anything, as text.
    pub(super) fn anything(&mut self) -> Result<String, Fault> {
        self.0
            .next()
            .map(|value| told(&value))
            .ok_or_else(incorrect)
    }

    /// Anything that can be looked up in a table, as text.
    pub(super) fn key(&mut self) -> Result<String, Fault> {
        match self.0.as_slice().first() {
            Some(Value::Array(_) | Value::Struct(_)) => Err(incorrect()),
            _ => self.anything(),
        }
    }

    pub(super) fn array(&mut self) -> Result<Vec<Value>, Fault> {
        match self.0.next() {
            Some(Value::Array(values)) => Ok(values),
            Some(_) | None => Err(incorrect()),
        }
    }

    /// Whether something counts as true in Python; it may be left out.
    pub(super) fn flag(&mut self, default: bool) -> bool {
        match self.0.next() {
            None => default,
            Some(Value::Int(number)) => number != 0,
            Some(Value::Bool(flag)) => flag,
            Some(Value::Double(number)) => number != 0.0,
            Some(Value::Text(text)) => !text.is_empty(),
            Some(Value::Stored(_)) => true,
            Some(Value::Array(values)) => !values.is_empty(),
            Some(Value::Struct(members)) => !members.is_empty(),
        }
    }
}

/// A value as Python prints it.
fn told(value: &Value) -> String {
    let quoted = |value: &Value| match value {
        Value::Text(text) => format!("'{text}'"),
        other @ (Value::Int(_)
        | Value::Bool(_)
        | Value::Double(_)
        | Value::Stored(_)
        | Value::Array(_)
        | Value::Struct(_)) => told(other),
    };
    match value {
        Value::Int(number) => number.to_string(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Double(number) => format!("{number:?}"),
        Value::Text(text) => text.clone(),
        Value::Stored(_) => String::new(),
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(quoted).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Struct(members) => {
            let member = |(name, value): &(String, Value)| format!("'{name}': {}", quoted(value));
            let members: Vec<_> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

/// The parameters that Python makes of a value where it wants a list: the characters of a text, the
/// names of a struct.
pub(super) fn spread(value: &Value) -> Result<Vec<Value>, Fault> {
    match value {
        Value::Array(values) => Ok(values.clone()),
        Value::Struct(members) => Ok(members.iter().map(|(name, _)| Value::text(name)).collect()),
        Value::Text(text) => Ok(text.chars().map(Value::text).collect()),
        Value::Int(_) | Value::Bool(_) | Value::Double(_) | Value::Stored(_) => Err(incorrect()),
    }
}

fn incorrect() -> Fault {
    Fault::bare(FaultCode::IncorrectParameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_where_python_takes_them() {
        let int = |value| Params::new(vec![value]).int().ok();
        assert_eq!(int(Value::Int(-3)), Some(-3));
        assert_eq!(int(Value::text(" -1_0 ")), Some(-10));
        assert_eq!(int(Value::Double(-1.9)), Some(-1));
        assert_eq!(int(Value::Bool(true)), Some(1));
        assert_eq!(int(Value::Double(f64::INFINITY)), None);
        assert_eq!(int(Value::text("x")), None);
        assert_eq!(int(Value::Array(vec![])), None);
    }

    #[test]
    fn values_are_told_as_python_prints_them() {
        let value = Value::Struct(vec![
            (
                "a".to_owned(),
                Value::Array(vec![Value::Int(1), Value::text("x")]),
            ),
            ("b".to_owned(), Value::Double(1.0)),
        ]);
        assert_eq!(told(&value), "{'a': [1, 'x'], 'b': 1.0}");
        assert_eq!(told(&Value::Bool(false)), "False");
    }
}
