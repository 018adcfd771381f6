//! Tables of text (RFC 4180): a row a line, cells in quotes or not, and the first row names the
//! columns. The separator is what the first row uses: a comma, a semicolon or a tab.

use zeroize::Zeroizing;

use crate::refusal::Refusal;

/// The most rows.
const MAX_ROWS: usize = 100_000;

/// The most columns.
const MAX_COLUMNS: usize = 100;

/// The longest cell, in bytes: notes of a password manager can be long.
const MAX_CELL: usize = 256 * 1024;

/// A table.
pub(crate) struct Table {
    /// The names of the columns, as they are written.
    pub(crate) names: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// A row that is not blank.
pub(crate) struct Row {
    /// The line on which it begins, from 1.
    pub(crate) number: u64,
    cells: Vec<Zeroizing<String>>,
}

impl Row {
    /// A cell, if the table has the column and the row reaches to it.
    pub(crate) fn cell(&self, column: Option<usize>) -> Option<&str> {
        self.cells.get(column?).map(|cell| cell.as_str())
    }
}

impl Table {
    /// Reads a table whose first row names its columns.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut table = Self::without_names(bytes)?;
        if table.rows.is_empty() {
            return Err(Refusal::whole("the file is empty; expected a table (CSV)"));
        }
        let first = table.rows.remove(0);
        table.names = first.cells.iter().map(|cell| cell.to_string()).collect();
        Ok(table)
    }

    /// Reads a table that has no row of names.
    pub(crate) fn without_names(bytes: &[u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Refusal::whole("the file is not UTF-8 text; expected a table (CSV)"))?;
        let mut rows = Vec::new();
        let mut reader = Reader::new(text);
        while let Some(row) = reader.row()? {
            if row.cells.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            if rows.len() > MAX_ROWS {
                return Err(Refusal::whole(format!("more than {MAX_ROWS} rows")));
            }
            rows.push(row);
        }
        Ok(Self {
            names: Vec::new(),
            rows,
        })
    }

    /// The column with one of these names; letters and digits count, in any case.
    pub(crate) fn column(&self, names: &[&str]) -> Option<usize> {
        let plain = |text: &str| -> String {
            let letters = text.chars().filter(|c| c.is_alphanumeric());
            letters.flat_map(char::to_lowercase).collect()
        };
        let wanted: Vec<String> = names.iter().map(|name| plain(name)).collect();
        self.names
            .iter()
            .position(|name| wanted.contains(&plain(name)))
    }
}

struct Reader<'a> {
    rest: &'a str,
    separator: char,
    line: u64,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let first = text.lines().next().unwrap_or_default();
        let count = |separator: char| first.matches(separator).count();
        let separators = [',', ';', '\t'];
        let most = separators.into_iter().rev().max_by_key(|it| count(*it));
        Self {
            rest: text,
            separator: most.unwrap_or(','),
            line: 1,
        }
    }

    fn row(&mut self) -> Result<Option<Row>, Refusal> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let number = self.line;
        let mut cells = Vec::new();
        loop {
            if cells.len() == MAX_COLUMNS {
                return Err(Refusal::line(
                    number,
                    format!("more than {MAX_COLUMNS} columns"),
                ));
            }
            let (cell, is_last) = self.cell(number)?;
            cells.push(cell);
            if is_last {
                return Ok(Some(Row { number, cells }));
            }
        }
    }

    /// A cell, and whether it ends its row.
    fn cell(&mut self, number: u64) -> Result<(Zeroizing<String>, bool), Refusal> {
        let cell = match self.rest.strip_prefix('"') {
            Some(rest) => self.quoted(rest, number)?,
            None => {
                let end = self.rest.find([self.separator, '\n']);
                let (cell, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
                self.rest = rest;
                let cell = match rest.starts_with(self.separator) {
                    true => cell,
                    false => cell.strip_suffix('\r').unwrap_or(cell),
                };
                bounded(cell, number)?;
                Zeroizing::new(cell.to_owned())
            }
        };
        if let Some(rest) = self.rest.strip_prefix(self.separator) {
            self.rest = rest;
            return Ok((cell, false));
        }
        let rest = self.rest.strip_prefix('\r').unwrap_or(self.rest);
        match rest.strip_prefix('\n') {
            Some(rest) => {
                self.rest = rest;
                self.line += 1;
            }
            None if rest.is_empty() => self.rest = rest,
            None => return Err(Refusal::line(number, "text after a cell in quotes")),
        }
        Ok((cell, true))
    }

    /// What stands in quotes, where two quotes are one.
    fn quoted(&mut self, rest: &'a str, number: u64) -> Result<Zeroizing<String>, Refusal> {
        let mut end = 0;
        let bytes = rest.as_bytes();
        loop {
            match (bytes.get(end), bytes.get(end + 1)) {
                (Some(b'"'), Some(b'"')) => end += 2,
                (Some(b'"'), _) => break,
                (Some(_), _) => end += 1,
                (None, _) => return Err(Refusal::line(number, "a quote that does not end")),
            }
        }
        let inner = &rest[..end];
        bounded(inner, number)?;
        self.line += inner.matches('\n').count() as u64;
        self.rest = &rest[end + 1..];
        Ok(Zeroizing::new(inner.replace("\"\"", "\"")))
    }
}

fn bounded(cell: &str, number: u64) -> Result<(), Refusal> {
    if cell.len() > MAX_CELL {
        return Err(Refusal::line(
            number,
            format!("a cell of more than {MAX_CELL} bytes"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cells_are_read_with_quotes_line_breaks_and_every_separator() {
        let text = "a;\"b \"\"x\"\"\";c\r\n\r\n1;\"2\n2\";3\n4;5\n";
        let table = Table::read(text.as_bytes()).unwrap();
        assert_eq!(table.names, ["a", "b \"x\"", "c"]);
        assert_eq!(table.rows.len(), 2);
        assert_eq!(table.rows[0].cell(Some(1)), Some("2\n2"));
        assert_eq!((table.rows[0].number, table.rows[1].number), (3, 5));
        assert_eq!(table.rows[1].cell(Some(2)), None);
        assert_eq!(table.column(&["B-X"]), Some(1));
    }

    #[test]
    fn odd_tables_are_refused_with_their_line() {
        for (text, reason) in [
            ("a,b\n1,\"2", "line 2: a quote that does not end"),
            ("a,b\n1,\"2\"3", "line 2: text after a cell in quotes"),
            ("", "empty"),
        ] {
            let refusal = Table::read(text.as_bytes()).err().unwrap().to_string();
            assert!(refusal.contains(reason), "{refusal}");
        }
        let wide = ",".repeat(MAX_COLUMNS + 1);
        assert!(Table::read(wide.as_bytes()).is_err());
        let long = format!("a\n{}", "x".repeat(MAX_CELL + 1));
        assert!(Table::read(long.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(cells in prop::collection::vec("\\PC{0,12}", 1..6)) {
            prop_assume!(cells.iter().any(|cell| !cell.trim().is_empty()));
            let line = cells.iter().map(|c| format!("\"{}\"", c.replace('"', "\"\""))).collect::<Vec<_>>();
            let table = Table::without_names(format!("a,b\n{}", line.join(",")).as_bytes()).unwrap();
            let read: Vec<&str> = (0..cells.len()).map(|at| table.rows[1].cell(Some(at)).unwrap()).collect();
            prop_assert_eq!(read, cells);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[a,;\t\n\r\"]{0,60}") {
            let _ = Table::read(text.as_bytes());
        }
    }
}
