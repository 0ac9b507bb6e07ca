//! Reading. Nesting and size are bounded, and a document type is refused.

use quick_xml::{Reader, events::Event};
use thiserror::Error;

use super::Value;

/// Why a text is not XML-RPC.
#[derive(Debug, Error)]
pub(crate) enum ParseError {
    /// It is not XML.
    #[error("not well formed")]
    Xml(#[from] quick_xml::Error),
    /// It is XML of another kind, or nested too deeply.
    #[error("{0}")]
    Shape(&'static str),
}

/// The method and parameters of a call.
pub(crate) fn read_call(text: &str) -> Result<(String, Vec<Value>), ParseError> {
    let root = read_tree(text)?;
    let call = root
        .child("methodCall")
        .ok_or(ParseError::Shape("no methodCall"))?;
    let method = call
        .child("methodName")
        .map(|name| name.text.trim().to_owned())
        .filter(|name| !name.is_empty())
        .ok_or(ParseError::Shape("no methodName"))?;
    let params = match call.child("params") {
        Some(params) => params
            .children
            .iter()
            .filter_map(|param| param.child("value"))
            .map(value)
            .collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    Ok((method, params))
}

/// The answer to a call: a value, or a fault's code and text.
pub(crate) fn read_response(text: &str) -> Result<Result<Value, (i64, String)>, ParseError> {
    let root = read_tree(text)?;
    let response = root
        .child("methodResponse")
        .ok_or(ParseError::Shape("no methodResponse"))?;
    if let Some(fault) = response
        .child("fault")
        .and_then(|fault| fault.child("value"))
    {
        let fault = value(fault)?;
        let code = fault
            .member("faultCode")
            .and_then(Value::as_int)
            .unwrap_or(0);
        let text = fault
            .member("faultString")
            .and_then(Value::as_text)
            .unwrap_or("");
        return Ok(Err((code, text.to_owned())));
    }
    let found = response
        .child("params")
        .and_then(|params| params.child("param"))
        .and_then(|param| param.child("value"))
        .ok_or(ParseError::Shape("no value"))?;
    value(found).map(Ok)
}

#[derive(Debug, Default)]
struct Node {
    name: String,
    text: String,
    children: Vec<Self>,
}

impl Node {
    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }
}

fn read_tree(text: &str) -> Result<Node, ParseError> {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Node::default()];
    loop {
        match reader.read_event()? {
            Event::Start(tag) => {
                if open.len() >= DEEPEST {
                    return Err(ParseError::Shape("nested too deeply"));
                }
                open.push(named(&tag));
            }
            Event::Empty(tag) => {
                let node = named(&tag);
                if let Some(parent) = open.last_mut() {
                    parent.children.push(node);
                }
            }
            Event::End(_) => {
                if let (Some(node), Some(parent)) = (open.pop(), open.last_mut()) {
                    parent.children.push(node);
                }
            }
            Event::Text(part) => append(&mut open, &part.xml10_content()),
            Event::CData(part) => append(&mut open, &part.xml10_content()),
            Event::GeneralRef(reference) => {
                let char = match reference.resolve_char_ref()? {
                    Some(char) => char,
                    None => named_entity(&reference)?,
                };
                append(&mut open, char.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(_) => return Err(ParseError::Shape("a document type is not accepted")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(root), true) => Ok(root),
        _ => Err(ParseError::Shape("ends too early")),
    }
}

fn named(tag: &quick_xml::events::BytesStart<'_>) -> Node {
    Node {
        name: tag.name().as_ref().to_owned(),
        ..Node::default()
    }
}

fn append(open: &mut [Node], text: &str) {
    if let Some(node) = open.last_mut() {
        node.text.push_str(text);
    }
}

fn named_entity(reference: &str) -> Result<char, ParseError> {
    match reference {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(ParseError::Shape("unknown entity")),
    }
}

fn value(node: &Node) -> Result<Value, ParseError> {
    let Some(typed) = node.children.first() else {
        return Ok(Value::text(node.text.clone()));
    };
    let text = typed.text.trim();
    match typed.name.as_str() {
        "int" | "i4" => text
            .parse()
            .map(Value::Int)
            .map_err(|_| ParseError::Shape("an int is not a number")),
        "boolean" => match text {
            "1" => Ok(Value::Bool(true)),
            "0" => Ok(Value::Bool(false)),
            _ => Err(ParseError::Shape("a boolean is neither 0 nor 1")),
        },
        "double" => text
            .parse()
            .map(Value::Double)
            .map_err(|_| ParseError::Shape("a double is not a number")),
        "string" | "dateTime.iso8601" => Ok(Value::text(typed.text.clone())),
        "base64" => base64(text).map(Value::Text),
        "array" => {
            let data = typed
                .child("data")
                .ok_or(ParseError::Shape("an array has no data"))?;
            let values = data.children.iter().filter(|child| child.name == "value");
            values
                .map(value)
                .collect::<Result<_, _>>()
                .map(Value::Array)
        }
        "struct" => {
            let members = typed.children.iter().filter(|child| child.name == "member");
            members
                .map(member)
                .collect::<Result<_, _>>()
                .map(Value::Struct)
        }
        _ => Err(ParseError::Shape("unknown type of value")),
    }
}

fn member(node: &Node) -> Result<(String, Value), ParseError> {
    match (node.child("name"), node.child("value")) {
        (Some(name), Some(inner)) => Ok((name.text.clone(), value(inner)?)),
        _ => Err(ParseError::Shape("a member lacks its name or value")),
    }
}

fn base64(text: &str) -> Result<String, ParseError> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let plain: String = text.split_whitespace().collect();
    let bytes = STANDARD
        .decode(plain)
        .map_err(|_| ParseError::Shape("not base64"))?;
    String::from_utf8(bytes).map_err(|_| ParseError::Shape("base64 of something that is no text"))
}

const DEEPEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xmlrpc::{write_call, write_fault, write_response};

    #[test]
    fn what_is_written_is_read_back() {
        let value = Value::Struct(vec![
            ("a".to_owned(), Value::Int(-7)),
            (
                "b".to_owned(),
                Value::Array(vec![Value::Bool(true), Value::text("x < \"y\" & ü\r\n")]),
            ),
            ("c".to_owned(), Value::Double(1.5)),
        ]);
        let text = write_response(&value);
        assert_eq!(read_response(&text).unwrap(), Ok(value.clone()));
        let text = write_call("a.b", &[value.clone(), Value::text("")]);
        let (method, params) = read_call(&text).unwrap();
        assert_eq!(
            (method.as_str(), params),
            ("a.b", vec![value, Value::text("")])
        );
        let text = write_fault(10, "BAD_NAME: x");
        assert_eq!(
            read_response(&text).unwrap(),
            Err((10, "BAD_NAME: x".to_owned()))
        );
    }

    #[test]
    fn control_characters_never_make_the_answer_ill_formed() {
        let raw: String = (0..0x20u8)
            .map(char::from)
            .chain(['\u{ffff}', 'z'])
            .collect();
        let read = read_response(&write_response(&Value::text(raw)))
            .unwrap()
            .unwrap();
        assert!(read.as_text().unwrap().ends_with('z'));
    }

    #[test]
    fn a_document_type_deep_nesting_and_rubbish_are_refused() {
        let deep = "<a>".repeat(100) + &"</a>".repeat(100);
        for text in [
            "<!DOCTYPE x [<!ENTITY a 'b'>]><methodCall><methodName>a</methodName></methodCall>",
            &deep,
            "<methodCall>",
            "<methodCall><methodName/></methodCall>",
            "hello",
            "",
        ] {
            assert!(read_call(text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_without_a_type_are_texts_and_params_may_be_absent() {
        let (_, params) = read_call(
            "<methodCall><methodName>m</methodName><params><param><value>x</value></param>\
             </params></methodCall>",
        )
        .unwrap();
        assert_eq!(params, vec![Value::text("x")]);
        let (_, params) = read_call("<methodCall><methodName>m</methodName></methodCall>").unwrap();
        assert!(params.is_empty());
    }
}
