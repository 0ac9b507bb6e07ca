//! Writing. The result is always well formed, whatever a program has printed.

use super::{Document, Value};

/// A call of `method`.
pub(crate) fn write_call(method: &str, params: &[Value]) -> String {
    let mut out = Document::default();
    out.text()
        .push_str("<?xml version='1.0'?>\n<methodCall>\n<methodName>");
    escape(method, out.text());
    out.text().push_str("</methodName>\n<params>\n");
    for param in params {
        out.text().push_str("<param>\n<value>");
        write(param, &mut out);
        out.text().push_str("</value>\n</param>\n");
    }
    out.text().push_str("</params>\n</methodCall>\n");
    std::mem::take(out.text())
}

/// The answer to a call.
pub(crate) fn write_response(value: &Value) -> Document {
    let mut out = Document::default();
    out.text()
        .push_str("<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value>");
    write(value, &mut out);
    out.text()
        .push_str("</value>\n</param>\n</params>\n</methodResponse>\n");
    out
}

/// The refusal of a call.
pub(crate) fn write_fault(code: i64, text: &str) -> Document {
    let fault = Value::Struct(vec![
        ("faultCode".to_owned(), Value::Int(code)),
        ("faultString".to_owned(), Value::text(text)),
    ]);
    let mut out = Document::default();
    out.text()
        .push_str("<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value>");
    write(&fault, &mut out);
    out.text()
        .push_str("</value>\n</fault>\n</methodResponse>\n");
    out
}

/// Appends `text` with what XML 1.0 cannot carry replaced. A carriage return is written as a
/// reference, because a reader would turn a plain one into a line feed.
pub(crate) fn escape(text: &str, out: &mut String) {
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(char),
            '\0'..=' ' if char != ' ' => out.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            char => out.push(char),
        }
    }
}

fn write(value: &Value, out: &mut Document) {
    match value {
        // The type has 32 bits; times saturate as in the original.
        Value::Int(number) => {
            let number = (*number).clamp(i64::from(i32::MIN), i64::from(i32::MAX));
            out.text().push_str(&format!("<int>{number}</int>"));
        }
        Value::Bool(flag) => {
            let flag = u8::from(*flag);
            out.text().push_str(&format!("<boolean>{flag}</boolean>"));
        }
        Value::Double(number) => out.text().push_str(&format!("<double>{number}</double>")),
        Value::Text(text) => {
            out.text().push_str("<string>");
            escape(text, out.text());
            out.text().push_str("</string>");
        }
        Value::Stored(stored) => {
            out.text().push_str("<string>");
            out.push(stored.clone());
            out.text().push_str("</string>");
        }
        Value::Array(values) => {
            out.text().push_str("<array><data>\n");
            for value in values {
                out.text().push_str("<value>");
                write(value, out);
                out.text().push_str("</value>\n");
            }
            out.text().push_str("</data></array>");
        }
        Value::Struct(members) => {
            out.text().push_str("<struct>\n");
            for (name, value) in members {
                out.text().push_str("<member>\n<name>");
                escape(name, out.text());
                out.text().push_str("</name>\n<value>");
                write(value, out);
                out.text().push_str("</value>\n</member>\n");
            }
            out.text().push_str("</struct>");
        }
    }
}
