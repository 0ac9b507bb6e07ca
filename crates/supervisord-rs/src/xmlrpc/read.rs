//! Reading calls and answers, as forgiving as the original.

use super::{
    Value,
    tree::{Node, ParseError, Tag, parse},
};

/// The method and parameters of a call.
pub(crate) fn read_call(text: &str) -> Result<(String, Vec<Value>), ParseError> {
    let root = parse(text)?;
    if root.tag != Tag::Call {
        return Err(ParseError::Shape("no methodCall"));
    }
    let method = root
        .child(Tag::MethodName)
        .map(|name| name.text.clone())
        .filter(|name| !name.is_empty())
        .ok_or(ParseError::Shape("no methodName"))?;
    let params = match root.child(Tag::Params) {
        Some(params) => params
            .children
            .iter()
            .map(|param| param.child(Tag::Value))
            .map(|param| param.ok_or(ParseError::Shape("a parameter has no value")))
            .map(|param| value(param?))
            .collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    Ok((method, params))
}

/// The answer to a call: a value, or a fault's code and text.
pub(crate) fn read_response(text: &str) -> Result<Result<Value, (i64, String)>, ParseError> {
    let root = parse(text)?;
    if root.tag != Tag::Response {
        return Err(ParseError::Shape("no methodResponse"));
    }
    let fault = root.child(Tag::Fault);
    if let Some(fault) = fault.and_then(|fault| fault.child(Tag::Value)) {
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
    let found = root
        .child(Tag::Params)
        .and_then(|params| params.child(Tag::Param))
        .and_then(|param| param.child(Tag::Value))
        .ok_or(ParseError::Shape("no value"))?;
    value(found).map(Ok)
}

fn value(node: &Node) -> Result<Value, ParseError> {
    let Some(typed) = node.children.first() else {
        return Ok(Value::text(node.text.clone()));
    };
    match typed.tag {
        Tag::Int => python_int(&typed.text)
            .map(Value::Int)
            .ok_or(ParseError::Shape("an int is not a number")),
        // Everything but 1 is false in the original, words included.
        Tag::Boolean => Ok(Value::Bool(typed.text == "1")),
        Tag::Double => typed
            .text
            .trim()
            .parse()
            .map(Value::Double)
            .map_err(|_| ParseError::Shape("a double is not a number")),
        Tag::Base64 => base64(&typed.text).map(Value::Text),
        Tag::Array => {
            let data = typed
                .child(Tag::Data)
                .ok_or(ParseError::Shape("an array has no data"))?;
            let values = data.children.iter().filter(|child| child.tag == Tag::Value);
            values
                .map(value)
                .collect::<Result<_, _>>()
                .map(Value::Array)
        }
        Tag::Struct => typed
            .children
            .iter()
            .map(member)
            .collect::<Result<_, _>>()
            .map(Value::Struct),
        // A type nobody knows, such as i8, is read as the text it is, as in the original.
        Tag::String
        | Tag::Other
        | Tag::Call
        | Tag::Response
        | Tag::MethodName
        | Tag::Params
        | Tag::Param
        | Tag::Fault
        | Tag::Value
        | Tag::Data
        | Tag::Member
        | Tag::Name => Ok(Value::text(typed.text.clone())),
    }
}

/// A whole number as Python reads one: blanks around it, a sign, single underscores between digits.
/// What does not fit becomes the number nearest to it.
pub(crate) fn python_int(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let well_formed = digits
        .split('_')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    if !well_formed {
        return None;
    }
    let digits = digits.bytes().filter(u8::is_ascii_digit);
    let size = digits.fold(0i64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'))
    });
    Some(if negative { -size } else { size })
}

fn member(node: &Node) -> Result<(String, Value), ParseError> {
    match (node.child(Tag::Name), node.child(Tag::Value)) {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        let text = write_response(&value).to_text();
        assert_eq!(read_response(&text).unwrap(), Ok(value.clone()));
        let text = write_call("a.b", &[value.clone(), Value::text("")]);
        let (method, params) = read_call(&text).unwrap();
        assert_eq!(
            (method.as_str(), params),
            ("a.b", vec![value, Value::text("")])
        );
        let text = write_fault(10, "BAD_NAME: x").to_text();
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
        let read = read_response(&write_response(&Value::text(raw)).to_text())
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

    #[test]
    fn types_are_read_as_the_original_reads_them() {
        let param = |value: &str| {
            let text = format!(
                "<methodCall><methodName> m</methodName><params><param>{value}</param></params>\
                 </methodCall>"
            );
            read_call(&text).map(|(_, params)| params.into_iter().next().unwrap())
        };
        for (xml, expected) in [
            ("<value><int> +1_0\n</int></value>", Some(Value::Int(10))),
            (
                "<value><i4>99999999999999999999</i4></value>",
                Some(Value::Int(i64::MAX)),
            ),
            ("<value><int>1__0</int></value>", None),
            ("<value><int/></value>", None),
            (
                "<value><boolean>true</boolean></value>",
                Some(Value::Bool(false)),
            ),
            ("<value><i8>7</i8></value>", Some(Value::text("7"))),
            (
                "<value>mixed<string>x</string></value>",
                Some(Value::text("x")),
            ),
            (
                "<value><base64>w7w=\n</base64></value>",
                Some(Value::text("ü")),
            ),
            ("<value><base64>!</base64></value>", None),
            ("<value><array/></value>", None),
            ("<other/>", None),
        ] {
            assert_eq!(param(xml).ok(), expected, "{xml}");
        }
        assert_eq!(
            read_call("<methodCall><methodName> m</methodName></methodCall>")
                .unwrap()
                .0,
            " m"
        );
    }

    const PIECES: &[&str] = &[
        "<methodCall>",
        "</methodCall>",
        "<methodName>",
        "</methodName>",
        "<params>",
        "</params>",
        "<param>",
        "</param>",
        "<value>",
        "</value>",
        "<int>",
        "</int>",
        "<struct>",
        "</struct>",
        "<member>",
        "</member>",
        "<array>",
        "</array>",
        "<data>",
        "</data>",
        "<base64>",
        "</base64>",
        "<name>",
        "</name>",
        "7",
        "&amp;",
        "&#0;",
        "&#x110000;",
        "&a;",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?x",
        "?>",
        "é",
        "\r\n",
        "\0",
        "<",
    ];

    proptest! {
        #[test]
        fn nothing_that_is_read_panics(text: String) {
            let _ = read_call(&text);
            let _ = read_response(&text);
        }

        #[test]
        fn nothing_that_looks_like_a_call_panics(
            pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40),
        ) {
            let _ = read_call(&pieces.concat());
            let _ = read_response(&pieces.concat());
        }

        #[test]
        fn every_value_survives_the_way(value in values()) {
            let text = write_call("m", std::slice::from_ref(&value));
            prop_assert_eq!(read_call(&text).unwrap().1, vec![value]);
        }
    }

    /// Values with what XML can carry in them.
    fn values() -> impl Strategy<Value = Value> {
        let text = "[ -~\t\n\ré€😀]{0,20}";
        let leaf = prop_oneof![
            any::<i32>().prop_map(|number| Value::Int(number.into())),
            any::<bool>().prop_map(Value::Bool),
            (-1e9..1e9f64).prop_map(Value::Double),
            text.prop_map(Value::Text),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                proptest::collection::vec((text, inner), 0..6).prop_map(Value::Struct),
            ]
        })
    }
}
