//! Text for `man`, without requests and escapes.

/// A line of text, or several.
pub(crate) fn text(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        match line.starts_with(['.', '\'']) {
            true => format!("\\&{line}"),
            false => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Lines that are not filled.
pub(crate) fn literal(lines: &str) -> String {
    format!(".nf\n{}\n.fi\n", text(lines))
}
