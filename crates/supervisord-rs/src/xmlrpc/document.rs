//! What is sent as an answer.

use std::io;

use super::{Stored, write::escape};

/// An answer, of which long texts are still in their files.
#[derive(Debug, Default)]
pub(crate) struct Document {
    parts: Vec<Part>,
}

/// A piece of a document.
#[derive(Debug)]
pub(crate) enum Part {
    /// As it is sent.
    Text(String),
    /// To be read and escaped.
    Stored(Stored),
}

impl Document {
    /// The text that is written to.
    pub(super) fn text(&mut self) -> &mut String {
        if !matches!(self.parts.last(), Some(Part::Text(_))) {
            self.parts.push(Part::Text(String::new()));
        }
        match self.parts.last_mut() {
            Some(Part::Text(text)) => text,
            Some(Part::Stored(_)) | None => unreachable!("a text was just added"),
        }
    }

    pub(super) fn push(&mut self, stored: Stored) {
        self.parts.push(Part::Stored(stored));
    }

    /// Whether all of it is in memory.
    pub(crate) fn is_short(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// How many bytes will be sent. Reads what is in files.
    pub(crate) fn length(&self) -> io::Result<u64> {
        let lengths = self.parts.iter().map(|part| match part {
            Part::Text(text) => Ok(text.len() as u64),
            Part::Stored(stored) => escaped(stored).map(|text| Ok(text?.len() as u64)).sum(),
        });
        lengths.sum()
    }

    pub(crate) fn into_parts(self) -> Vec<Part> {
        self.parts
    }

    /// The whole, in memory.
    #[cfg(test)]
    pub(crate) fn to_text(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Stored(stored) => escaped(stored).map(Result::unwrap).collect(),
        };
        self.parts.iter().map(part).collect()
    }
}

impl Part {
    /// The pieces in which it is sent.
    pub(crate) fn pieces(self) -> Box<dyn Iterator<Item = io::Result<String>> + Send> {
        match self {
            Self::Text(text) => Box::new(std::iter::once(Ok(text))),
            Self::Stored(stored) => Box::new(escaped(&stored)),
        }
    }
}

fn escaped(stored: &Stored) -> impl Iterator<Item = io::Result<String>> + Send + use<> {
    stored.texts().map(|text| {
        let text = text?;
        let mut out = String::with_capacity(text.len());
        escape(&text, &mut out);
        Ok(out)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::xmlrpc::{Value, read_response, write_response};

    #[test]
    fn a_stored_text_is_sent_as_one_in_memory_is() {
        let text = "a < b & \u{1b}[0m ü\r\n".repeat(20_000);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let stored = Stored::new(file, 0, text.len() as u64);
        let array = |text| Value::Array(vec![text, Value::Int(7)]);
        let long = write_response(&array(Value::Stored(stored)));
        let short = write_response(&array(Value::Text(text)));
        assert!(short.is_short() && !long.is_short());
        assert_eq!(long.length().unwrap(), short.length().unwrap());
        assert_eq!(long.to_text(), short.to_text());
        assert!(read_response(&long.to_text()).unwrap().is_ok());
        let sent: String = long
            .into_parts()
            .into_iter()
            .flat_map(Part::pieces)
            .map(Result::unwrap)
            .collect();
        assert_eq!(sent, short.to_text());
    }
}
