//! XML as a tree of the elements XML-RPC has. Depth and number of elements are bounded, and a
//! document type is refused: nothing a client sends can take more than its own size.

use quick_xml::{Reader, events::Event};
use thiserror::Error;

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

/// An element.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) tag: Tag,
    pub(super) text: String,
    pub(super) children: Vec<Self>,
}

/// The name of an element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tag {
    #[default]
    Other,
    Call,
    Response,
    MethodName,
    Params,
    Param,
    Fault,
    Value,
    Int,
    Boolean,
    Double,
    String,
    Base64,
    Array,
    Data,
    Struct,
    Member,
    Name,
}

impl Tag {
    fn of(name: &str) -> Self {
        match name {
            "methodCall" => Self::Call,
            "methodResponse" => Self::Response,
            "methodName" => Self::MethodName,
            "params" => Self::Params,
            "param" => Self::Param,
            "fault" => Self::Fault,
            "value" => Self::Value,
            "int" | "i4" => Self::Int,
            "boolean" => Self::Boolean,
            "double" => Self::Double,
            "string" | "dateTime.iso8601" => Self::String,
            "base64" => Self::Base64,
            "array" => Self::Array,
            "data" => Self::Data,
            "struct" => Self::Struct,
            "member" => Self::Member,
            "name" => Self::Name,
            _ => Self::Other,
        }
    }
}

impl Node {
    pub(super) fn child(&self, tag: Tag) -> Option<&Self> {
        self.children.iter().find(|child| child.tag == tag)
    }
}

/// The root element of `text`.
pub(super) fn parse(text: &str) -> Result<Node, ParseError> {
    let mut reader = Reader::from_str(text);
    let mut tree = Tree::default();
    loop {
        match reader.read_event()? {
            Event::Start(tag) => tree.open(tag.name().as_ref())?,
            Event::Empty(tag) => {
                tree.open(tag.name().as_ref())?;
                tree.close();
            }
            Event::End(_) => tree.close(),
            Event::Text(part) => tree.append(&part.xml10_content())?,
            Event::CData(part) => tree.append(&part.xml10_content())?,
            Event::GeneralRef(reference) => {
                let char = match reference.resolve_char_ref()? {
                    Some(char) => char,
                    None => named_entity(&reference)?,
                };
                tree.append(char.encode_utf8(&mut [0; 4]))?;
            }
            Event::DocType(_) => return Err(ParseError::Shape("a document type is not accepted")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    match (tree.root, tree.open.is_empty()) {
        (Some(root), true) => Ok(root),
        _ => Err(ParseError::Shape("ends too early")),
    }
}

/// The elements read so far.
#[derive(Debug, Default)]
struct Tree {
    root: Option<Node>,
    open: Vec<Node>,
    count: usize,
}

impl Tree {
    fn open(&mut self, name: &str) -> Result<(), ParseError> {
        self.count += 1;
        if self.open.len() >= DEEPEST || self.count > MOST {
            return Err(ParseError::Shape("too many elements"));
        }
        if self.root.is_some() {
            return Err(ParseError::Shape("more than one root element"));
        }
        self.open.push(Node {
            tag: Tag::of(name),
            ..Node::default()
        });
        Ok(())
    }

    /// Ends the innermost element; the reader has seen to it that there is one.
    fn close(&mut self) {
        let Some(node) = self.open.pop() else {
            return;
        };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(node),
            None => self.root = Some(node),
        }
    }

    fn append(&mut self, text: &str) -> Result<(), ParseError> {
        match self.open.last_mut() {
            Some(node) => node.text.push_str(text),
            None if text.trim_ascii().is_empty() => {}
            None => return Err(ParseError::Shape("text outside of the root element")),
        }
        Ok(())
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

/// Deeper is no call anybody makes.
const DEEPEST: usize = 64;
/// Room for a multicall of ten thousand.
const MOST: usize = 1 << 18;
