//! `acequia config`: what the commands are told, as a file that tells them the same.

use std::ffi::{OsStr, OsString};

use acequia::Database;
use anyhow::Context as _;
use clap::{ArgMatches, Command};
use toml::Value;

use crate::settings::{self, Key, Kind, Refusal, Settings, keys, tables};

/// Columns of a comment at most.
const WIDTH: usize = 98;

const ABOUT: &str = "\
Every setting that a file can give to `acequia`, with its default. The file is ./acequia.toml, or the \
one that --config FILE or ACEQUIA_CONFIG names. A flag overrides a variable, and a variable this file. \
Relative paths start from the folder where the command is started. `acequia config` prints the \
settings in effect, and where each comes from.";

const EXAMPLES: &str = "\
Examples:
  acequia config
      the settings of each command in this folder and environment
  acequia config serve --listen 0.0.0.0:8080
      the settings of `acequia serve --listen 0.0.0.0:8080`
  acequia config --example > acequia.toml
      all keys with their defaults, as a start";

/// Print the configuration: each value, and which flag, variable or file set it
///
/// The output can be used as a file for --config.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Print all keys with their defaults instead, commented out
    #[arg(long, conflicts_with = "command")]
    example: bool,

    /// A command with its flags [default: each command without flags]
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// What the command prints; `settings` are those of this command itself.
pub(crate) fn text(
    args: &Args,
    root: fn() -> Command,
    settings: &Settings,
) -> Result<String, Refusal> {
    let mut built = root();
    built.build();
    if args.example { Ok(example(&built)?) } else { effective(args, root, &built, settings) }
}

/// All keys, those with a default with that, and none of them said.
fn example(root: &Command) -> anyhow::Result<String> {
    let mut text = comment(ABOUT);
    text.push('\n');
    for command in std::iter::once(root).chain(tables(root)) {
        head(&mut text, root, command);
        let mut heading = None;
        for key in keys(root, command) {
            describe(&mut text, key, &mut heading);
            let defaults = key.arg().get_default_values();
            let value = match key.kind() {
                Kind::Boolean => "false".to_owned(),
                _ if defaults.is_empty() => placeholder(key),
                _ => toml(key, defaults.iter().map(OsStr::new))?,
            };
            text += &format!("#{} = {value}\n\n", key.name());
        }
    }
    Ok(end(text))
}

/// What a command would be told, or each of them.
fn effective(
    args: &Args,
    root: fn() -> Command,
    built: &Command,
    settings: &Settings,
) -> Result<String, Refusal> {
    let mut start = vec![OsString::from(built.get_name())];
    start.extend(settings.typed_for_all(built));
    let line = |words: &[OsString]| [start.as_slice(), words].concat();
    let lines: Vec<_> = if args.command.is_empty() {
        tables(built).map(|command| line(&[command.get_name().into()])).collect()
    } else {
        vec![line(&args.command)]
    };
    let mut text = String::new();
    for line in lines {
        let settings = settings::look(root, line)?;
        let (name, matches) =
            settings.matches.subcommand().context("there is no command to show")?;
        if text.is_empty() {
            told(&mut text, built, built, &settings, matches)?;
        }
        let command = table(built, name)?;
        told(&mut text, built, command, &settings, matches)?;
    }
    Ok(end(text))
}

fn table<'a>(root: &'a Command, name: &str) -> anyhow::Result<&'a Command> {
    tables(root).find(|command| command.get_name() == name).with_context(|| {
        let names: Vec<_> = tables(root).map(Command::get_name).collect();
        format!("`{name}` has no configuration; these commands have one: {}", names.join(", "))
    })
}

/// The keys of a command with what holds for them.
fn told(
    text: &mut String,
    root: &Command,
    command: &Command,
    settings: &Settings,
    matches: &ArgMatches,
) -> anyhow::Result<()> {
    head(text, root, command);
    let mut heading = None;
    for key in keys(root, command) {
        describe(text, key, &mut heading);
        let source = settings.source(matches, key);
        let raw = matches.get_raw(key.arg().get_id().as_str());
        *text += &match (raw, source) {
            (Some(raw), Some(source)) => {
                let value = toml(key, raw)?;
                let (value, note) = match without_password(&value) {
                    Some(shown) => (shown, ", without its password: PGPASSWORD"),
                    None => (value, ""),
                };
                format!("{} = {value} # {source}{note}\n\n", key.name())
            }
            _ => format!("#{} = {}\n\n", key.name(), placeholder(key)),
        };
    }
    Ok(())
}

fn head(text: &mut String, root: &Command, command: &Command) {
    if std::ptr::eq(root, command) {
        return;
    }
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    *text += &comment(&format!("acequia {}: {about}", command.get_name()));
    *text += &format!("[{}]\n\n", command.get_name());
}

/// What a key means, and by which flag and variable the same can be said.
fn describe<'a>(text: &mut String, key: Key<'a>, heading: &mut Option<&'a str>) {
    let own = key.arg().get_help_heading();
    if own != *heading {
        *text += &own.map_or_else(String::new, |own| format!("# ---- {own} ----\n\n"));
        *heading = own;
    }
    let help = key.arg().get_help().map(ToString::to_string).unwrap_or_default();
    *text += &comment(&help);
    let value = key.value_name().filter(|_| key.kind() != Kind::Boolean);
    let flag =
        [Some(key.flag().as_str()), value].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let variable = key.variable().map_or_else(String::new, |name| format!(", {name}"));
    *text += &format!("# {flag}{variable}\n");
}

/// A value that is the URL of a database, without the password that is in it.
fn without_password(value: &str) -> Option<String> {
    let url: Value = value.parse().ok()?;
    Some(Value::from(Database::without_password(url.as_str()?)?).to_string())
}

/// What stands where there is no value.
fn placeholder(key: Key<'_>) -> String {
    let name = key.value_name().unwrap_or_default();
    match key.kind() {
        Kind::Number | Kind::Boolean => name.to_owned(),
        Kind::Text => Value::from(name).to_string(),
        Kind::List => Value::from(vec![name]).to_string(),
    }
}

/// A value as TOML.
fn toml<'a>(key: Key<'_>, raw: impl Iterator<Item = &'a OsStr>) -> anyhow::Result<String> {
    let named = || format!("{}: a file of TOML cannot hold its value", key.name());
    let texts: Option<Vec<_>> = raw.map(OsStr::to_str).collect();
    let texts = texts.with_context(named)?;
    if key.kind() == Kind::List {
        return Ok(Value::from(texts).to_string());
    }
    let text = *texts.first().with_context(named)?;
    Ok(match key.kind() {
        Kind::Number => match text.parse::<i64>() {
            Ok(number) => number.to_string(),
            Err(_) => Value::from(text.parse::<f64>().with_context(named)?).to_string(),
        },
        Kind::Boolean => text.to_owned(),
        Kind::Text | Kind::List => Value::from(text).to_string(),
    })
}

/// A text as lines of a comment.
fn comment(text: &str) -> String {
    let mut lines = String::from("#");
    let mut width = 1;
    for word in text.split_whitespace() {
        let wide = word.chars().count() + 1;
        if width + wide > WIDTH {
            lines += "\n#";
            width = 1;
        }
        lines += " ";
        lines += word;
        width += wide;
    }
    lines + "\n"
}

/// One line break at the end.
fn end(text: String) -> String {
    text.trim_end().to_owned() + "\n"
}
