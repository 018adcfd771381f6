//! The source text, for rules that a compiler does not check.
//!
//! Comments, string contents and unit tests are removed, because they may name what the code must
//! not do.

use std::fs;
use std::path::{Path, PathBuf};

use crate::built;

/// A source file.
#[derive(Debug)]
pub struct Source {
    /// Its path from the root of the tree.
    pub path: PathBuf,
    /// What the compiler sees of it, without tests.
    pub code: String,
}

/// Every Rust file in `folder` (or the file of that name with `.rs`, or both), relative to the root
/// of the tree.
///
/// # Panics
///
/// When there is none: a rule about nothing proves nothing.
#[must_use]
pub fn sources(folder: &str) -> Vec<Source> {
    let tree = &built().tree;
    let mut paths = Vec::new();
    collect(&tree.join(folder), &mut paths);
    collect(&tree.join(format!("{folder}.rs")), &mut paths);
    let tests: Vec<PathBuf> = paths.iter().flat_map(|path| test_modules(path)).collect();
    paths.retain(|path| {
        !tests
            .iter()
            .any(|test| path.with_extension("").starts_with(test))
    });
    assert!(!paths.is_empty(), "there is no {folder}");
    paths.sort();
    let read = |path: PathBuf| Source {
        code: without_tests(&without_comments(
            &fs::read_to_string(&path).expect("a source"),
        )),
        path: path
            .strip_prefix(tree)
            .expect("a path in the tree")
            .to_owned(),
    };
    paths.into_iter().map(read).collect()
}

fn collect(path: &Path, into: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("a folder");
        entries
            .flatten()
            .for_each(|entry| collect(&entry.path(), into));
    } else if path.is_file() && path.extension().is_some_and(|e| e == "rs") {
        into.push(path.to_owned());
    }
}

/// The modules that `path` declares for tests only, as paths without their `.rs`.
fn test_modules(path: &Path) -> Vec<PathBuf> {
    let text = without_comments(&fs::read_to_string(path).expect("a source"));
    let is_root = path
        .file_stem()
        .is_some_and(|stem| stem == "mod" || stem == "lib");
    let folder = if is_root {
        path.with_file_name("")
    } else {
        path.with_extension("")
    };
    let after_attribute = text.split("#[cfg(test)]").skip(1);
    let names = after_attribute.filter_map(|after| {
        let (item, _) = after.split_once([';', '{'])?;
        item.trim()
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub ")
            .strip_prefix("mod ")
    });
    names.map(|name| folder.join(name.trim())).collect()
}

fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['/', '"', '\'']) {
        code.push_str(&rest[..at]);
        rest = &rest[at..];
        let skipped = token_length(rest, code.ends_with('r') || code.ends_with("r#"));
        match rest.as_bytes()[0] {
            b'"' => code.push_str("\"\""),
            b'/' if skipped > 1 => code.push(' '),
            _ => code.push_str(&rest[..skipped]),
        }
        rest = &rest[skipped..];
    }
    code + rest
}

/// The length of the comment, string or character at the beginning of `rest`.
fn token_length(rest: &str, is_raw: bool) -> usize {
    let to_end_of = |end: &str, from: usize| {
        rest[from..]
            .find(end)
            .map_or(rest.len(), |at| from + at + end.len())
    };
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return to_end_of("*/", 2);
    }
    if rest.starts_with('"') {
        return if is_raw {
            to_end_of("\"", 1)
        } else {
            quoted_length(rest)
        };
    }
    // A quote in a character literal must not open a string.
    ["'\"'", "'\\\"'", "'\\''", "'/'"]
        .iter()
        .find(|c| rest.starts_with(**c))
        .map_or(1, |c| c.len())
}

fn quoted_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Removes items after `#[cfg(test)]`, up to the closing brace or semicolon, and fields, up to the comma.
fn without_tests(code: &str) -> String {
    let Some((before, after)) = code.split_once("#[cfg(test)]") else {
        return code.to_owned();
    };
    let item = after.trim_start();
    let item = match item.strip_prefix("pub(") {
        Some(rest) => rest.split_once(") ").map_or(rest, |(_, item)| item),
        None => item.strip_prefix("pub ").unwrap_or(item),
    };
    let first = item.split([':', '(', ' ']).next();
    let is_field = first.is_some_and(|word| item[word.len()..].starts_with(": "));
    let (mut depth, mut calls) = (0_usize, 0_usize);
    for (at, c) in after.char_indices() {
        match c {
            '(' if is_field => calls += 1,
            ')' if is_field => calls -= 1,
            ',' if is_field && calls == 0 => {
                return before.to_owned() + &without_tests(&after[at + 1..]);
            }
            '{' => depth += 1,
            '}' if depth == 1 => return before.to_owned() + &without_tests(&after[at + 1..]),
            '}' => depth -= 1,
            ';' if depth == 0 => return before.to_owned() + &without_tests(&after[at + 1..]),
            _ => {}
        }
    }
    before.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_outside_of_tests_is_left() {
        let text = "a(); // thread::spawn\nb(\"thread::spawn \\\" x\"); '\"'; /* thread */ c();\n\
            #[cfg(test)]\nmod tests { fn x() { thread::spawn } }\nd(); #[cfg(test)] mod t; e();\n\
            struct S {\n#[cfg(test)]\nf: thread(a, b),\ng();\n#[cfg(test)]\npub(super) h: thread,\ni();\n}";
        let code = without_tests(&without_comments(text));
        assert!(!code.contains("thread"), "{code}");
        for kept in ["a();", "b(\"\")", "c();", "d();", "e();", "g();", "i();\n}"] {
            assert!(code.contains(kept), "{kept}: {code}");
        }
    }
}
