//! XML-RPC: values, and how they are written and read. Shared by server and client.

mod document;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod read;
mod stored;
mod tree;
mod write;

pub(crate) use self::{
    document::Document,
    read::{python_int, read_call, read_response},
    stored::Stored,
    write::{write_call, write_fault, write_response},
};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Int(i64),
    Bool(bool),
    Double(f64),
    Text(String),
    /// A text that stays in its file until it is sent.
    Stored(Stored),
    Array(Vec<Self>),
    /// Members in their order.
    Struct(Vec<(String, Self)>),
}

impl Value {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The member of a struct.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Struct(members) => members.iter().find(|(n, _)| n == name).map(|(_, v)| v),
            Self::Int(_)
            | Self::Bool(_)
            | Self::Double(_)
            | Self::Text(_)
            | Self::Stored(_)
            | Self::Array(_) => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Int(_)
            | Self::Bool(_)
            | Self::Double(_)
            | Self::Stored(_)
            | Self::Array(_)
            | Self::Struct(_) => None,
        }
    }

    pub(crate) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Bool(flag) => Some(i64::from(*flag)),
            Self::Double(_)
            | Self::Text(_)
            | Self::Stored(_)
            | Self::Array(_)
            | Self::Struct(_) => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(values) => Some(values),
            Self::Int(_)
            | Self::Bool(_)
            | Self::Double(_)
            | Self::Text(_)
            | Self::Stored(_)
            | Self::Struct(_) => None,
        }
    }
}
