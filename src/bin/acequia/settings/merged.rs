//! What the file says, put among the flags that were typed.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::file::{self, Said, Value};
use super::keys::{self, Key, keys};
use super::refusal::Refusal;
use super::told::{Source, Told};

/// What stands behind it is no flag.
const END_OF_FLAGS: &str = "--";

/// A command line that says as well what the file says.
pub(super) struct Merged {
    line: Vec<OsString>,
    pub(super) told: Told,
}

impl Merged {
    pub(super) fn new(root: fn() -> Command, line: Vec<OsString>) -> Result<Self, Refusal> {
        // A call for help, or a line that makes no sense: clap says so when it parses it again.
        let typed = root().ignore_errors(true).try_get_matches_from(&line);
        let mut built = root();
        built.build();
        let Some((typed, command)) = typed.as_ref().ok().and_then(|typed| {
            let (name, typed) = typed.subcommand()?;
            Some((typed, built.find_subcommand(name)?))
        }) else {
            return Ok(Self { line, told: Told::default() });
        };
        let said = Self::file(&built, command, typed)?;
        Ok(Self::merge(line, typed, &built, command, said))
    }

    fn file(root: &Command, command: &Command, typed: &ArgMatches) -> anyhow::Result<Option<Said>> {
        if keys::reads_no_file(command.get_name()) {
            return Ok(None);
        }
        let named = typed.get_raw(keys::CONFIG).and_then(|mut named| named.next());
        file::find(named)?.map(|path| file::read(&path, root)).transpose()
    }

    fn merge(
        mut line: Vec<OsString>,
        typed: &ArgMatches,
        root: &Command,
        command: &Command,
        said: Option<Said>,
    ) -> Self {
        let all: Vec<_> = keys(root, command).chain(keys(root, root)).collect();
        let is_typed = |key: &Key<'_>| {
            typed.value_source(key.arg().get_id().as_str()) == Some(ValueSource::CommandLine)
        };
        let (given, free): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|key| is_typed(key) || variable(*key).is_some());

        let mut told = Told::default();
        for key in given.iter().filter(|key| !is_typed(key)) {
            let name = variable(*key).unwrap_or_default().to_owned();
            told.add(key.arg().get_id().clone(), key.flag(), Source::Variable(name));
        }
        let (mut flags, mut behind) = (Vec::new(), Vec::new());
        let Said { path, entries } = said.unwrap_or_default();
        let of_command =
            |table: &Option<String>| table.as_ref().is_none_or(|table| table == command.get_name());
        for entry in entries.into_iter().filter(|entry| of_command(&entry.table)) {
            let Some(key) = free.iter().find(|key| *key.arg().get_id() == entry.arg) else {
                continue;
            };
            // A flag that rules a key out goes before it as the key's own flag does.
            let excluded = given.iter().any(|given| exclude(command, given.arg(), key.arg()));
            if excluded || entry.value == Value::Many(Vec::new()) {
                continue;
            }
            let source = Source::File { path: path.clone(), line: entry.line };
            told.add(entry.arg, key.flag(), source);
            match entry.value {
                Value::Many(values) if key.arg().is_last_set() => behind.extend(values),
                Value::Many(values) => {
                    flags.extend(values.iter().map(|value| format!("{}={value}", key.flag())));
                }
                Value::One(value) => flags.push(format!("{}={value}", key.flag())),
                Value::Switch(true) => flags.push(key.flag()),
                Value::Switch(false) => {}
            }
        }
        let end = line.iter().position(|word| word == END_OF_FLAGS);
        let at = end.unwrap_or(line.len());
        line.splice(at..at, flags.into_iter().map(OsString::from));
        if !behind.is_empty() {
            line.extend(end.is_none().then(|| END_OF_FLAGS.into()));
            line.extend(behind.into_iter().map(OsString::from));
        }
        Self { line, told }
    }

    pub(super) fn parse(&self, mut root: Command) -> Result<ArgMatches, Refusal> {
        root.try_get_matches_from_mut(&self.line).map_err(|error| {
            let mut text = error.to_string();
            // The usage behind it names all flags that are there; they matter where one asks for
            // what is missing.
            if error.kind() != ErrorKind::MissingRequiredArgument {
                text.truncate(text.find("\nUsage:").unwrap_or(text.len()));
            }
            let note = self.told.note(&text);
            Refusal::Usage(Box::new(error), note)
        })
    }
}

/// The variable of a key, if it is set.
fn variable(key: Key<'_>) -> Option<&str> {
    key.variable().filter(|name| std::env::var_os(name).is_some())
}

/// Whether one of two flags rules the other out.
fn exclude(command: &Command, one: &Arg, other: &Arg) -> bool {
    let excludes = |one: &Arg, other: &Arg| {
        command.get_arg_conflicts_with(one).iter().any(|arg| arg.get_id() == other.get_id())
    };
    excludes(one, other) || excludes(other, one)
}
