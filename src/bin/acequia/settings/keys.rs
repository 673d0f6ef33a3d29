//! What the file may hold. Clap's definition of the commands is the only list of it: a table for a
//! subcommand, a key for a flag.

use std::any::TypeId;
use std::ffi::OsStr;
use std::num::NonZeroUsize;

use clap::{Arg, ArgAction, Command};

/// Commands for a look at what the others do or keep: they hear of no more than what all commands do.
const LOOKS: [&str; 4] = ["demo", "bench", "conform", "journal"];
/// Commands about the command itself: they work whatever the file says.
const ABOUT: [&str; 4] = ["config", "completions", "man", "help"];

/// The flag that names the file.
pub(super) const CONFIG: &str = "config";

/// How alike two names are if one may have been meant for the other.
const ALIKE: f64 = 0.7;

/// A key of the file.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a>(&'a Arg);

/// What the value of a key has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Number,
    Text,
    List,
}

impl<'a> Key<'a> {
    /// The flag's own name with `_` for `-`. What stands behind `--` has no flag, but a name.
    pub(crate) fn name(self) -> String {
        self.0.get_long().unwrap_or(self.0.get_id().as_str()).replace('-', "_")
    }

    /// The flag, as it is typed.
    pub(crate) fn flag(self) -> String {
        self.0.get_long().map_or("--".to_owned(), |long| format!("--{long}"))
    }

    /// What its value is called in help texts.
    pub(crate) fn value_name(self) -> Option<&'a str> {
        self.0.get_value_names().and_then(<[_]>::first).map(|name| name.as_str())
    }

    pub(crate) fn arg(self) -> &'a Arg {
        self.0
    }

    /// Its environment variable.
    pub(crate) fn variable(self) -> Option<&'a str> {
        self.0.get_env().and_then(OsStr::to_str)
    }

    pub(crate) fn kind(self) -> Kind {
        match self.0.get_action() {
            ArgAction::SetTrue | ArgAction::SetFalse => Kind::Boolean,
            ArgAction::Append => Kind::List,
            _ if self.is_number() => Kind::Number,
            _ => Kind::Text,
        }
    }

    fn is_number(self) -> bool {
        let parsed = self.0.get_value_parser().type_id();
        [
            TypeId::of::<u8>(),
            TypeId::of::<u16>(),
            TypeId::of::<u32>(),
            TypeId::of::<u64>(),
            TypeId::of::<usize>(),
            TypeId::of::<NonZeroUsize>(),
            TypeId::of::<f64>(),
        ]
        .iter()
        .any(|number| parsed == *number)
    }
}

/// The commands that have a table.
pub(crate) fn tables(root: &Command) -> impl Iterator<Item = &Command> {
    let without = |name| LOOKS.contains(&name) || reads_no_file(name);
    let commands = root.get_subcommands().filter(|command| !command.is_hide_set());
    commands.filter(move |command| !without(command.get_name()))
}

/// Whether this command has nothing to do with the file.
pub(super) fn reads_no_file(command: &str) -> bool {
    ABOUT.contains(&command)
}

/// The keys of a command's table, or those before the first table: the flags of all commands.
pub(crate) fn keys<'a>(root: &'a Command, command: &'a Command) -> impl Iterator<Item = Key<'a>> {
    let global = std::ptr::eq(root, command);
    command.get_arguments().filter(move |arg| arg.is_global_set() == global).filter_map(Key::of)
}

impl<'a> Key<'a> {
    fn of(arg: &'a Arg) -> Option<Self> {
        let set = matches!(
            arg.get_action(),
            ArgAction::Set | ArgAction::Append | ArgAction::SetTrue | ArgAction::SetFalse
        );
        let named = arg.get_long().is_some() || arg.is_last_set();
        let own = arg.get_id() == CONFIG || arg.is_hide_set();
        (set && named && !own).then_some(Self(arg))
    }
}

/// The name that may have been meant.
pub(super) fn nearest(name: &str, names: impl IntoIterator<Item = String>) -> Option<String> {
    names
        .into_iter()
        .map(|known| (strsim::jaro(name, &known), known))
        .filter(|(alike, _)| *alike > ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}
