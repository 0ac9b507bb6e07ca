//! Lines of programs as JSON, one object a line.

use serde_json::json;

/// Wraps the lines of one program.
#[derive(Debug)]
pub(crate) struct JsonLines {
    program: String,
}

impl JsonLines {
    pub(crate) fn new(program: &str) -> Self {
        Self {
            program: program.to_owned(),
        }
    }

    /// `lines` are whole lines of UTF-8, as the cleaner makes them.
    pub(crate) fn wrap(&self, lines: &[u8]) -> Vec<u8> {
        let time = jiff::Timestamp::now();
        let mut out = Vec::with_capacity(lines.len() * 2);
        for line in String::from_utf8_lossy(lines).lines() {
            let object = json!({
                "time": format!("{time:.6}"),
                "program": self.program,
                "message": line,
            });
            out.extend_from_slice(object.to_string().as_bytes());
            out.push(b'\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_an_object_with_its_program() {
        let text = JsonLines::new("web").wrap("a \"quoted\" line\nzwei\n".as_bytes());
        let lines: Vec<serde_json::Value> = String::from_utf8(text)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["message"], "a \"quoted\" line");
        assert_eq!(lines[1]["program"], "web");
        assert!(lines[1]["time"].as_str().unwrap().ends_with('Z'));
    }
}
