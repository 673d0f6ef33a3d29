//! The file: read, and held against the keys that there are.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use clap::{Command, Id};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{Key, Kind, keys, nearest, tables};

/// The file that is read if none is named and it is there.
const USUAL: &str = "./acequia.toml";
/// In place of a file: read none.
const NONE: &str = "none";
/// No configuration is longer, in bytes.
const BYTES_MAX: u64 = 1 << 20;
/// The right of everybody to write, in a file's mode.
const WRITABLE_BY_ALL: u32 = 0o002;

/// What a file says, all of it known to be a key of the right type.
#[derive(Default)]
pub(super) struct Said {
    pub(super) path: PathBuf,
    pub(super) entries: Vec<Entry>,
}

pub(super) struct Entry {
    /// The subcommand; none for what is said to all.
    pub(super) table: Option<String>,
    pub(super) arg: Id,
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Debug, PartialEq)]
pub(super) enum Value {
    Switch(bool),
    One(String),
    Many(Vec<String>),
}

/// The file to read: the one that is named, or else the one in this folder, if there is one.
pub(super) fn find(named: Option<&OsStr>) -> anyhow::Result<Option<PathBuf>> {
    match named {
        Some(named) if named == NONE => Ok(None),
        Some(named) => Ok(Some(named.into())),
        None => match fs::metadata(USUAL) {
            Ok(file) => trusted(&file).map(|()| Some(USUAL.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context(USUAL),
        },
    }
}

/// In a folder where others can put files, nobody named it: it may have been put there for whoever
/// comes by.
fn trusted(file: &fs::Metadata) -> anyhow::Result<()> {
    let own = [0, rustix::process::geteuid().as_raw()].contains(&file.uid());
    if own && file.mode() & WRITABLE_BY_ALL == 0 {
        return Ok(());
    }
    bail!(
        "{USUAL}: it {}; pass `--config {USUAL}` if you mean it, or `--config {NONE}`",
        if own { "can be written by anybody" } else { "belongs to another user" }
    )
}

/// Reads the file and checks that it holds nothing but keys of `root`'s commands.
pub(super) fn read(path: &Path, root: &Command) -> anyhow::Result<Said> {
    let shown = path.display();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes))
        .with_context(|| format!("configuration file {shown}"))?;
    if bytes.len() as u64 > BYTES_MAX {
        bail!(
            "configuration file {shown}: it has more than {BYTES_MAX} bytes; is this the right file?"
        );
    }
    let Ok(text) = str::from_utf8(&bytes) else {
        bail!("configuration file {shown}: it is not UTF-8");
    };
    let entries = check(text, root).map_err(|Bad { at, why }| {
        let (line, column) = place(text, at);
        anyhow!("{shown}:{line}:{column}: {why}")
    })?;
    Ok(Said { path: path.to_owned(), entries })
}

/// Something in a file that is not as it should be.
struct Bad {
    /// Where, in bytes.
    at: usize,
    why: String,
}

impl Bad {
    fn new<T>(at: &Spanned<T>, why: impl fmt::Display) -> Self {
        Self { at: at.span().start, why: why.to_string() }
    }
}

/// Line and column, counted from 1, in characters.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or(before);
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

fn check(text: &str, root: &Command) -> Result<Vec<Entry>, Bad> {
    let top = DeTable::parse(text).map_err(|error| Bad {
        at: error.span().map_or(0, |span| span.start),
        why: format!("not TOML: {}", error.message()),
    })?;
    let mut entries = Vec::new();
    for (name, value) in top.get_ref() {
        let known = tables(root).find(|command| command.get_name() == name.get_ref().as_ref());
        match (known, value.get_ref()) {
            (Some(command), DeValue::Table(table)) => {
                for (name, value) in table {
                    entries.push(entry(text, root, command, name, value)?);
                }
            }
            (Some(command), _) => {
                let name = command.get_name();
                return Err(Bad::new(value, format_args!("{name}: it must be a table, [{name}]")));
            }
            (None, DeValue::Table(_)) => return Err(no_table(root, name)),
            (None, _) => entries.push(entry(text, root, root, name, value)?),
        }
    }
    Ok(entries)
}

/// A key of `command`, which is `root` for those before the first table.
fn entry<N: AsRef<str>>(
    text: &str,
    root: &Command,
    command: &Command,
    name: &Spanned<N>,
    value: &Spanned<DeValue<'_>>,
) -> Result<Entry, Bad> {
    let key = keys(root, command)
        .find(|key| key.name() == name.get_ref().as_ref())
        .ok_or_else(|| no_key(root, command, name))?;
    Ok(Entry {
        table: (!std::ptr::eq(root, command)).then(|| command.get_name().to_owned()),
        arg: key.arg().get_id().clone(),
        line: place(text, name.span().start).0,
        value: typed(key, value)?,
    })
}

fn no_table<N: AsRef<str>>(root: &Command, name: &Spanned<N>) -> Bad {
    let said = name.get_ref().as_ref();
    let names = || tables(root).map(|command| command.get_name().to_owned());
    let hint = match nearest(said, names()) {
        Some(meant) => format!("do you mean [{meant}]?"),
        None => {
            let all: Vec<_> = names().map(|name| format!("[{name}]")).collect();
            format!("there are {}", all.join(", "))
        }
    };
    Bad::new(name, format_args!("there is no table [{said}]; {hint}"))
}

fn no_key<N: AsRef<str>>(root: &Command, command: &Command, name: &Spanned<N>) -> Bad {
    let said = name.get_ref().as_ref();
    let names = |command| keys(root, command).map(Key::name);
    let at_top = std::ptr::eq(root, command);
    let elsewhere = tables(root).find(|table| names(table).any(|name| name == said));
    let hint = if !at_top && names(root).any(|name| name == said) {
        format!("`{said}` stands before the first table")
    } else if let Some(table) = elsewhere.filter(|_| at_top) {
        format!("`{said}` is a key of the table [{}]", table.get_name())
    } else if let Some(meant) = nearest(said, names(command)) {
        format!("do you mean `{meant}`?")
    } else {
        "`acequia config --example` prints all keys".to_owned()
    };
    let place = if at_top { "before the first table" } else { command.get_name() };
    let place = if at_top { place.to_owned() } else { format!("in [{place}]") };
    Bad::new(name, format_args!("there is no key `{said}` {place}; {hint}"))
}

/// The value as the flag takes it, if it is of the key's type.
fn typed(key: Key<'_>, value: &Spanned<DeValue<'_>>) -> Result<Value, Bad> {
    match (key.kind(), value.get_ref()) {
        (Kind::Boolean, DeValue::Boolean(on)) => Ok(Value::Switch(*on)),
        (Kind::Text, DeValue::String(text)) => Ok(Value::One(text.to_string())),
        (Kind::Number, DeValue::Integer(number)) => {
            // What has more digits than that is beyond any flag, and is told so as it stands.
            let decimal = i128::from_str_radix(number.as_str(), number.radix());
            Ok(Value::One(decimal.map_or_else(|_| number.to_string(), |number| number.to_string())))
        }
        (Kind::Number, DeValue::Float(number)) => Ok(Value::One(number.as_str().to_owned())),
        (Kind::List, DeValue::Array(items)) => {
            items.iter().map(|item| element(key, item)).collect::<Result<_, _>>().map(Value::Many)
        }
        // A command of one word is no list of one.
        (Kind::List, DeValue::String(_)) if !key.arg().is_last_set() => {
            element(key, value).map(|only| Value::Many(vec![only]))
        }
        (_, other) => Err(wrong_type(key, value, other)),
    }
}

fn element(key: Key<'_>, item: &Spanned<DeValue<'_>>) -> Result<String, Bad> {
    let DeValue::String(text) = item.get_ref() else {
        return Err(wrong_type(key, item, item.get_ref()));
    };
    match key.arg().get_value_delimiter() {
        Some(delimiter) if text.contains(delimiter) => Err(Bad::new(
            item,
            format_args!(
                "{}: no element may contain `{delimiter}`; make it several elements",
                key.name()
            ),
        )),
        _ => Ok(text.to_string()),
    }
}

fn wrong_type<T>(key: Key<'_>, at: &Spanned<T>, found: &DeValue<'_>) -> Bad {
    let expected = match key.kind() {
        Kind::Boolean => "true or false",
        Kind::Number => "a number",
        Kind::Text => "a string",
        Kind::List => "a list of strings",
    };
    let found = match found {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Bad::new(at, format_args!("{}: it must be {expected}, but is {found}", key.name()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn said(text: &str) -> Result<Vec<Entry>, String> {
        let mut root = crate::Cli::command();
        root.build();
        check(text, &root).map_err(|Bad { at, why }| {
            let (line, column) = place(text, at);
            format!("{line}:{column}: {why}")
        })
    }

    fn value(text: &str) -> Value {
        let mut entries = said(text).unwrap();
        assert_eq!(entries.len(), 1, "{text}");
        entries.remove(0).value
    }

    #[test]
    fn values_are_what_flags_would_be_given() {
        let one = |text: &str| Value::One(text.to_owned());
        assert_eq!(value("log = 'debug'"), one("debug"));
        assert_eq!(value("threads = 4"), one("4"));
        assert_eq!(value("threads = -1_000"), one("-1000"));
        assert_eq!(value("threads = 0x10"), one("16"));
        assert_eq!(value("threads = 1.5"), one("1.5"));
        assert_eq!(value("[worker]\nstream = true"), Value::Switch(true));
        assert_eq!(value("[worker]\nqueue = []"), Value::Many(Vec::new()));
        assert_eq!(value("[worker]\nqueue = 'a'"), Value::Many(vec!["a".into()]));
        assert_eq!(value("worker.queue = [\n'a', # first\n'b',\n]"), {
            Value::Many(vec!["a".into(), "b".into()])
        });
    }

    #[test]
    fn each_entry_knows_its_table_and_line() {
        let entries =
            said("# é\nlog = 'x'\n\n[serve]\n  idle_s = 3\n[submit]\nttl_ms = 1").unwrap();
        let mut places: Vec<_> = entries
            .iter()
            .map(|entry| (entry.table.as_deref(), entry.arg.as_str(), entry.line))
            .collect();
        places.sort();
        let expected =
            [(None, "log", 2), (Some("serve"), "idle_s", 5), (Some("submit"), "ttl_ms", 7)];
        assert_eq!(places, expected);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, place, words) in [
            ("[serve]\nlisten = ", "2:10", &["not TOML"][..]),
            ("[serve]\n[serve]", "2:2", &["not TOML", "duplicate"]),
            ("[serve]\nlisten = 'a'\nlisten = 'b'", "3:1", &["not TOML", "duplicate"]),
            ("[serve]\n  lisen = 'a'", "2:3", &["`lisen`", "[serve]", "`listen`"]),
            ("[serve]\nclient-jobs = 1", "2:1", &["`client-jobs`", "`client_jobs`"]),
            ("[serve]\nhelp = true", "2:1", &["`help`", "acequia config --example"]),
            ("[serve]\nconfig = 'x'", "2:1", &["`config`"]),
            ("config = 'x'", "1:1", &["`config`"]),
            ("[worker]\nleashed = true", "2:1", &["`leashed`"]),
            ("[submit]\nfile = 'x'", "2:1", &["`file`"]),
            ("idle_s = 1", "1:1", &["`idle_s`", "[serve]"]),
            ("[serve]\nlog = 'x'", "2:1", &["`log`", "before the first table"]),
            ("[serv]", "1:2", &["[serv]", "[serve]"]),
            ("[bench]", "1:2", &["[bench]", "[serve], [door]"]),
            ("[log]", "1:2", &["[log]"]),
            ("serve = 1", "1:9", &["serve", "a table"]),
            ("[serve]\njobs = 1", "2:8", &["jobs", "a string", "a number"]),
            ("[serve]\njobs = ['a']", "2:8", &["jobs", "a string", "a list"]),
            ("[serve]\nidle_s = '1'", "2:10", &["idle_s", "a number", "a string"]),
            ("[worker]\nraw = 'yes'", "2:7", &["raw", "true or false", "a string"]),
            ("[worker]\ncommand = 'a b'", "2:11", &["command", "a list of strings", "a string"]),
            ("[worker]\nqueue = ['a', 1]", "2:15", &["queue", "a list of strings", "a number"]),
            ("[worker]\nqueue = ['a,b']", "2:10", &["queue", "`,`"]),
            ("[worker.queue]", "1:1", &["queue", "a list of strings", "a table"]),
            ("log = 2020-01-01", "1:7", &["log", "a string", "a date"]),
        ] {
            let said = said(text).err().unwrap_or_else(|| panic!("{text:?} is not refused"));
            assert!(said.starts_with(place), "{text:?}: {said}");
            for word in words {
                assert!(said.contains(word), "{text:?}: {said} has no {word}");
            }
        }
    }
}
