//! JSON laid out for people, token by token.

/// `json` with two spaces a level and a final newline, every token as it was; `json` must be
/// well-formed.
///
/// serde_json's own pretty printer would read numbers as floats, or leave stored values on one
/// line.
///
/// ```
/// let pretty = credit_core::json::pretty(r#"{"a":[1.50],"b":{}}"#);
/// assert_eq!(pretty, "{\n  \"a\": [\n    1.50\n  ],\n  \"b\": {}\n}\n");
/// ```
pub fn pretty(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let mut rest = json.trim_ascii_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string_length(rest),
            '{' | '[' | '}' | ']' | ',' | ':' => 1,
            _ => rest
                .find([' ', '\t', '\n', '\r', ',', ':', '{', '}', '[', ']', '"'])
                .unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        rest = after.trim_ascii_start();
        match first {
            '{' | '[' => {
                out.push_str(token);
                if rest.starts_with(['}', ']']) {
                    // Stays together; the closing bracket does not end a level.
                    out.push_str(rest.get(..1).unwrap_or_default());
                    rest = rest.get(1..).unwrap_or_default().trim_ascii_start();
                } else {
                    depth += 1;
                    break_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut out, depth);
                out.push_str(token);
            }
            ',' => {
                out.push_str(token);
                break_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => out.push_str(token),
        }
    }
    out.push('\n');
    out
}

/// The bytes of the string that `text` starts with, quotes included.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !is_escaped => return at + 1,
            b'\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

fn break_line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str("  ");
    }
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn lays_out_and_keeps_every_token() {
        let json = r#"{"a":[1.50,{"b" : "x,\"y\\"}],"c":{},"d":[ ],"e":-0.0e+5,"é":null}"#;
        let expected = "{\n  \"a\": [\n    1.50,\n    {\n      \"b\": \"x,\\\"y\\\\\"\n    }\n  ],\n  \
                      \"c\": {},\n  \"d\": [],\n  \"e\": -0.0e+5,\n  \"é\": null\n}\n";
        assert_eq!(pretty(json), expected);
        assert_eq!(pretty(expected), expected);
    }

    #[test]
    fn agrees_with_serde_json_on_what_it_can_read() {
        for json in [
            r#"{"a":{"b":[1,2,[]],"c":"\n"},"d":true}"#,
            "[]",
            "3",
            r#""x""#,
        ] {
            let value: serde_json::Value = serde_json::from_str(json).unwrap();
            let theirs = serde_json::to_string_pretty(&value).unwrap();
            assert_eq!(pretty(json), theirs + "\n");
        }
    }
}
