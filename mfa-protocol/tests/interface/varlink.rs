//! As much of Varlink's interface language as our two files use.

use std::collections::BTreeMap;

/// Field names with their types; for an enum, variants without types.
pub(crate) type Fields = Vec<(String, String)>;

#[derive(Debug, Default)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) types: BTreeMap<String, Fields>,
    /// Parameters and reply.
    pub(crate) methods: BTreeMap<String, (Fields, Fields)>,
    pub(crate) errors: BTreeMap<String, Fields>,
}

pub(crate) fn parse(text: &str) -> Interface {
    let words: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    let text = words.join("\n");
    let mut rest = text.trim();
    let mut interface = Interface::default();
    while !rest.is_empty() {
        let (keyword, after) = rest.split_once(char::is_whitespace).unwrap();
        let end = after
            .find(|c: char| c == '(' || c.is_whitespace())
            .unwrap_or(after.len());
        let (name, after) = (after[..end].to_owned(), after[end..].trim_start());
        rest = match keyword {
            "interface" => {
                interface.name = name;
                after
            }
            "type" => {
                let (fields, after) = group(after);
                interface.types.insert(name, fields);
                after
            }
            "error" => {
                let (fields, after) = group(after);
                interface.errors.insert(name, fields);
                after
            }
            "method" => {
                let (parameters, after) = group(after);
                let (reply, after) = group(after.strip_prefix("->").unwrap().trim_start());
                interface.methods.insert(name, (parameters, reply));
                after
            }
            other => panic!("{other} is not Varlink"),
        };
    }
    interface
}

/// The fields of a group in parentheses, and what follows it.
fn group(text: &str) -> (Fields, &str) {
    let mut depth = 0;
    let mut begin = 1;
    let mut fields = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if (depth == 1 && c == ',') || depth == 0 {
            let field = text[begin..at].trim();
            begin = at + 1;
            if !field.is_empty() {
                let (name, kind) = field.split_once(':').unwrap_or((field, ""));
                fields.push((name.trim().to_owned(), kind.trim().to_owned()));
            }
        }
        if depth == 0 {
            return (fields, text[at + 1..].trim_start());
        }
    }
    panic!("a group without end: {text}")
}
