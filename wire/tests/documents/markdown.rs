//! As much of Markdown as the documents need: headings, tables, fenced blocks.

use std::path::Path;

pub(crate) struct Document {
    name: &'static str,
    text: String,
    tables: Vec<Table>,
}

pub(crate) struct Table {
    /// The headings that the table stands under, the innermost last.
    path: Vec<String>,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Document {
    pub(crate) fn read(name: &'static str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        let tables = tables(&text);
        Self { name, text, tables }
    }

    /// The table whose innermost headings are `path` and whose first column is headed `first`.
    pub(crate) fn find(&self, path: &[&str], first: &str) -> Option<&Table> {
        let mut found = self.tables.iter().filter(|table| {
            table.path.ends_with(&path.iter().map(|&part| part.to_owned()).collect::<Vec<_>>())
                && table.header[0] == first
        });
        let table = found.next();
        assert!(found.next().is_none(), "{}: two tables under {path:?}", self.name);
        table
    }

    pub(crate) fn table(&self, path: &[&str], first: &str) -> &Table {
        let table = self.find(path, first);
        table.unwrap_or_else(|| panic!("{}: no table of a {first} under {path:?}", self.name))
    }

    /// All tables whose first column is headed `first`.
    pub(crate) fn tables_of<'a>(&'a self, first: &'a str) -> impl Iterator<Item = &'a Table> {
        self.tables.iter().filter(move |table| table.header[0] == first)
    }

    /// The headings directly under the heading `parent` that begin with `prefix`, without that.
    pub(crate) fn headings(&self, prefix: &str) -> Vec<String> {
        let lines = prose(&self.text);
        let headings = lines.filter_map(|line| line.strip_prefix("### ")?.strip_prefix(prefix));
        headings.map(unquoted).collect()
    }

    /// The lines of all fenced blocks of this language, a list for each block.
    pub(crate) fn blocks(&self, language: &str) -> Vec<Vec<&str>> {
        let (mut blocks, mut open) = (Vec::new(), None);
        for line in self.text.lines() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(info), None) => open = Some((info == language, Vec::new())),
                (Some(_), Some(_)) => {
                    if let Some((true, lines)) = open.take() {
                        blocks.push(lines);
                    }
                }
                (None, Some((_, lines))) => lines.push(line),
                (None, None) => {}
            }
        }
        assert!(!blocks.is_empty(), "{}: no block of {language}", self.name);
        blocks
    }

    pub(crate) fn says(&self, text: &str) -> bool {
        self.text.contains(text)
    }
}

impl Table {
    /// The first column, without the quotes of code.
    pub(crate) fn names(&self) -> Vec<String> {
        self.rows.iter().map(|row| unquoted(&row[0])).collect()
    }

    /// The cell in the row of `name` under `column`.
    pub(crate) fn cell(&self, name: &str, column: &str) -> &str {
        let at = self.header.iter().position(|cell| cell == column);
        let at = at.unwrap_or_else(|| panic!("{:?} has no column {column}", self.path));
        let row = self.rows.iter().find(|row| unquoted(&row[0]) == name);
        &row.unwrap_or_else(|| panic!("{:?} has no row {name}", self.path))[at]
    }
}

/// `12345678` as the documents write it, `12,345,678`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Whether `number` stands in `cell` as a number of its own.
pub(crate) fn has_number(cell: &str, number: u64) -> bool {
    let number = grouped(number);
    cell.split(|c: char| !c.is_ascii_digit() && c != ',').any(|word| word == number)
}

fn unquoted(cell: &str) -> String {
    cell.trim_matches('`').to_owned()
}

/// The lines that are not in a fenced block.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

fn tables(text: &str) -> Vec<Table> {
    let (mut tables, mut path, mut inside) = (Vec::<Table>::new(), Vec::<String>::new(), false);
    for line in prose(text) {
        if line.starts_with('#') {
            let level = line.bytes().take_while(|byte| *byte == b'#').count();
            path.truncate(level - 1);
            path.push(line[level..].trim().to_owned());
        }
        if !line.starts_with('|') {
            inside = false;
            continue;
        }
        let cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        let cells: Vec<_> = cells.collect();
        if !inside {
            tables.push(Table { path: path.clone(), header: cells, rows: Vec::new() });
            inside = true;
        } else if let Some(table) = tables.last_mut()
            && !cells.iter().all(|cell| cell.bytes().all(|byte| byte == b'-'))
        {
            assert_eq!(cells.len(), table.header.len(), "a row of another length: {line}");
            table.rows.push(cells);
        }
    }
    tables
}
