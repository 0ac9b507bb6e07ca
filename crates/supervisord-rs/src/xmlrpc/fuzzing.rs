//! What must hold of any document; see [`crate::fuzzing`].

use super::{Document, Value, read_call, read_response, write_call, write_fault, write_response};
use crate::rpc::fuzzing::parameters;

/// A call or an answer. What is read can be written so that it is read back.
pub fn xmlrpc(data: &[u8]) {
    // What is no text is refused before it is read; a client replaces what is none.
    let text = String::from_utf8_lossy(data);
    if let Ok((method, params)) = read_call(&text) {
        assert!(!method.is_empty());
        call_survives(&method, &params);
        parameters(&params);
    }
    match read_response(&text) {
        Ok(Ok(value)) => {
            let document = write_response(&value);
            survives(document, &Ok(carried(&value)));
        }
        Ok(Err((code, fault))) => {
            let carried = (within(code), carried_text(&fault));
            survives(write_fault(code, &fault), &Err(carried));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn call_survives(method: &str, params: &[Value]) {
    let Ok(read) = read_call(&write_call(method, params)) else {
        return assert!(params.iter().any(|value| depth(value) > DEEPEST));
    };
    let params = params.iter().map(carried).collect();
    is_same(&read, &(carried_text(method), params));
}

fn survives(document: Document, expected: &Result<Value, (i64, String)>) {
    let length = document.length().expect("it is in memory");
    let pieces = document
        .into_parts()
        .into_iter()
        .flat_map(|part| part.pieces());
    let text: String = pieces
        .map(|piece| piece.expect("it is in memory"))
        .collect();
    assert_eq!(text.len() as u64, length);
    let Ok(read) = read_response(&text) else {
        return assert!(expected.as_ref().is_ok_and(|value| depth(value) > DEEPEST));
    };
    is_same(&read, expected);
}

/// Compares as texts, for a number that is none is not equal to itself.
fn is_same<T: std::fmt::Debug>(read: &T, expected: &T) {
    assert_eq!(format!("{read:?}"), format!("{expected:?}"));
}

/// What is left of a value on the wire.
fn carried(value: &Value) -> Value {
    match value {
        Value::Int(number) => Value::Int(within(*number)),
        Value::Bool(_) | Value::Double(_) | Value::Stored(_) => value.clone(),
        Value::Text(text) => Value::Text(carried_text(text)),
        Value::Array(values) => Value::Array(values.iter().map(carried).collect()),
        Value::Struct(members) => {
            let member = |(name, value): &(String, Value)| (carried_text(name), carried(value));
            Value::Struct(members.iter().map(member).collect())
        }
    }
}

fn carried_text(text: &str) -> String {
    let carried = |char| match char {
        '\t' | '\n' | '\r' => char,
        '\0'..' ' | '\u{fffe}' | '\u{ffff}' => char::REPLACEMENT_CHARACTER,
        char => char,
    };
    text.chars().map(carried).collect()
}

fn within(number: i64) -> i64 {
    number.clamp(i32::MIN.into(), i32::MAX.into())
}

fn depth(value: &Value) -> usize {
    let below = match value {
        Value::Array(values) => values.iter().map(depth).max(),
        Value::Struct(members) => members.iter().map(|(_, value)| depth(value)).max(),
        Value::Int(_) | Value::Bool(_) | Value::Double(_) | Value::Text(_) | Value::Stored(_) => {
            None
        }
    };
    below.unwrap_or(0) + 1
}

/// Values this deep always fit into the 64 elements that may be within each other.
const DEEPEST: usize = 15;
