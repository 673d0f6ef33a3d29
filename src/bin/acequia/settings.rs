//! What a command is told: by flags, or else by variables, or else by a file, or else by defaults.
//!
//! What the file says is put among the flags that were typed, unless a flag or a variable says it
//! already; then clap parses all of it. So a value of the file is checked as a flag's is, and is
//! there as one is for flags that ask for another or rule it out.

mod file;
mod keys;
mod merged;
mod refusal;
mod told;

use std::ffi::{OsStr, OsString};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

pub(crate) use self::keys::{Key, Kind, keys, tables};
use self::merged::Merged;
pub(crate) use self::refusal::Refusal;
use self::told::{Source, Told};

/// A command line, with what else its command was told.
pub(crate) struct Settings {
    pub(crate) matches: ArgMatches,
    told: Told,
}

/// All that the command of this line is told.
pub(crate) fn read(root: fn() -> Command, line: Vec<OsString>) -> Result<Settings, Refusal> {
    let merged = Merged::new(root, line)?;
    let matches = merged.parse(root())?;
    Ok(Settings { matches, told: merged.told })
}

/// The same for a look at it: what the command cannot do without may be missing.
pub(crate) fn look(root: fn() -> Command, line: Vec<OsString>) -> Result<Settings, Refusal> {
    let merged = Merged::new(root, line)?;
    let matches = match merged.parse(root()) {
        Err(Refusal::Usage(error, _)) if error.kind() == ErrorKind::MissingRequiredArgument => {
            merged.parse(root().ignore_errors(true))?
        }
        parsed => parsed?,
    };
    Ok(Settings { matches, told: merged.told })
}

impl Settings {
    /// Where a value of the command's is from; none if there is no value.
    pub(crate) fn source(&self, matches: &ArgMatches, key: Key<'_>) -> Option<Source> {
        let id = key.arg().get_id();
        Some(match (matches.value_source(id.as_str())?, self.told.of(id)) {
            // Also of a switch that is said to be off, as it would be anyway.
            (_, Some(source)) => source.clone(),
            (ValueSource::DefaultValue, None) => Source::Default,
            (_, None) => Source::Flag(key.flag()),
        })
    }

    /// An error of the command, with where the values are from of flags that it names.
    pub(crate) fn explain(&self, error: anyhow::Error) -> Refusal {
        let note = self.told.note(&format!("{error:#}"));
        Refusal::Failure(error, note)
    }

    /// What was typed of the flags that all commands have.
    pub(crate) fn typed_for_all(&self, root: &Command) -> Vec<OsString> {
        let typed = root.get_arguments().filter(|arg| {
            let source = self.matches.value_source(arg.get_id().as_str());
            arg.is_global_set() && source == Some(ValueSource::CommandLine)
        });
        let flag = |arg: &Arg, value: &OsStr| {
            let mut flag = OsString::from(format!("--{}=", arg.get_long().unwrap_or_default()));
            flag.push(value);
            flag
        };
        typed
            .flat_map(|arg| {
                let values = self.matches.get_raw(arg.get_id().as_str()).into_iter().flatten();
                values.map(move |value| flag(arg, value))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use clap::CommandFactory as _;

    use super::*;
    use crate::Cli;

    /// What a command line comes to beside a file.
    struct Case {
        file: tempfile::NamedTempFile,
    }

    impl Case {
        fn new(text: &str) -> Self {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            Self { file }
        }

        fn read(&self, words: &[&str]) -> Result<Settings, Refusal> {
            let mut line: Vec<OsString> = vec!["acequia".into(), "--config".into()];
            line.push(self.file.path().into());
            line.extend(words.iter().map(OsString::from));
            read(Cli::command, line)
        }

        /// The values of a flag, and where they are from.
        fn value(&self, words: &[&str], id: &str) -> (Vec<String>, String) {
            let Ok(settings) = self.read(words) else { panic!("{words:?} is refused") };
            let (name, matches) = settings.matches.subcommand().unwrap();
            let mut root = Cli::command();
            root.build();
            let command = root.find_subcommand(name).unwrap();
            let key = keys(&root, command).chain(keys(&root, &root));
            let key = key.into_iter().find(|key| key.arg().get_id() == id).unwrap();
            let raw = matches.get_raw(id).into_iter().flatten();
            let source = settings.source(matches, key);
            let values = raw.map(|value| value.to_str().unwrap().to_owned()).collect();
            let source = source.map_or_else(String::new, |source| source.to_string());
            (values, source.replace(self.file.path().to_str().unwrap(), "FILE"))
        }

        /// Why it is refused, with notes.
        fn refusal(&self, words: &[&str]) -> String {
            let said = match self.read(words) {
                Err(Refusal::Usage(error, note)) => format!("{error}{note}"),
                Err(Refusal::Mistake(error) | Refusal::Failure(error, _)) => format!("{error:#}"),
                Ok(_) => panic!("{words:?} is not refused"),
            };
            said.replace(self.file.path().to_str().unwrap(), "FILE")
        }
    }

    fn one(value: &str, source: &str) -> (Vec<String>, String) {
        (vec![value.to_owned()], source.to_owned())
    }

    #[test]
    fn a_flag_goes_before_the_file_before_a_default() {
        let case = Case::new("threads = 3\n[serve]\nclient_jobs = 7\njobs = 'tcp://127.0.0.1:0'\n");
        assert_eq!(case.value(&["serve"], "client_jobs"), one("7", "from FILE:3"));
        assert_eq!(case.value(&["serve"], "jobs"), one("tcp://127.0.0.1:0", "from FILE:4"));
        let typed = case.value(&["serve", "--client-jobs", "8"], "client_jobs");
        assert_eq!(typed, one("8", "from --client-jobs"));
        assert_eq!(case.value(&["serve"], "lease_s"), one("15", "default"));
        assert_eq!(case.value(&["serve"], "tls_cert"), (Vec::new(), String::new()));
        // The table is for its own command only, what is before it for all.
        assert_eq!(case.value(&["submit"], "threads"), one("3", "from FILE:1"));
        assert_eq!(case.value(&["demo", "--threads", "2"], "threads"), one("2", "from --threads"));
        assert_eq!(case.value(&["worker", "--", "wc"], "jobs").1, "default");
    }

    #[test]
    fn lists_are_lists_and_one_that_is_typed_takes_the_place_of_all_of_it() {
        let case = Case::new("[worker]\nqueue = ['a', 'b']\ncommand = ['wc', '-w', '--', '-x']\n");
        let all = |words: &[&str], id| case.value(words, id).0;
        assert_eq!(all(&["worker"], "queue"), ["a", "b"]);
        assert_eq!(all(&["worker"], "command"), ["wc", "-w", "--", "-x"]);
        assert_eq!(all(&["worker", "--queue", "c"], "queue"), ["c"]);
        assert_eq!(all(&["worker", "--", "cat", "--slots"], "command"), ["cat", "--slots"]);
        assert_eq!(all(&["worker", "--", "cat", "--slots"], "queue"), ["a", "b"]);
        let case = Case::new("[worker]\nqueue = []\n");
        assert_eq!(case.value(&["worker", "--demo"], "queue"), one("default", "default"));
    }

    #[test]
    fn a_switch_is_on_or_as_it_would_be() {
        let case = Case::new("[worker]\nstream = true\nraw = false\n");
        let words = ["worker", "--", "cat"];
        assert_eq!(case.value(&words, "stream"), one("true", "from FILE:2"));
        assert_eq!(case.value(&words, "raw"), one("false", "from FILE:3"));
        assert_eq!(case.value(&words, "verbose"), one("false", "default"));
        let typed = ["worker", "--raw", "--", "cat"];
        assert_eq!(case.value(&typed, "raw"), one("true", "from --raw"));
    }

    #[test]
    fn a_flag_puts_keys_aside_that_it_rules_out() {
        let case = Case::new("[worker]\nqueue = ['a']\nraw = true\ncommand = ['wc']\n");
        assert_eq!(case.value(&["worker", "--demo"], "demo"), one("true", "from --demo"));
        assert_eq!(
            case.value(&["worker", "--demo"], "queue"),
            (vec!["default".into()], "default".into())
        );
        let case = Case::new("[worker]\ndemo = true\n");
        assert_eq!(case.value(&["worker"], "demo").0, ["true"]);
        assert_eq!(case.value(&["worker", "--", "wc"], "demo"), one("false", "default"));
        let case = Case::new("[serve]\njwt_secret_file = 'a'\n");
        let words = ["serve", "--jwt-keys-file", "b"];
        assert_eq!(case.value(&words, "jwt_secret_file"), (Vec::new(), String::new()));
    }

    #[test]
    fn keys_ask_for_others_and_rule_them_out_as_flags_do() {
        let case = Case::new("[serve]\ntls_cert = 'cert'\n");
        let said = case.refusal(&["serve"]);
        assert!(said.contains("--tls-key") && said.contains("--tls-cert is from FILE:2"), "{said}");
        assert_eq!(case.value(&["serve", "--tls-key", "key"], "tls_cert").0, ["cert"]);
        let case = Case::new("[serve]\njwt_secret_file = 'a'\njwt_keys_file = 'b'\n");
        let said = case.refusal(&["serve"]);
        assert!(said.contains("FILE:2") && said.contains("FILE:3"), "{said}");
    }

    #[test]
    fn a_refused_value_names_its_line_and_no_other() {
        let case = Case::new("[serve]\nlisten = 'x'\nclient_auth = 'password'\n");
        let said = case.refusal(&["serve"]);
        assert!(said.contains("--client-auth is from FILE:3") && said.contains("jwt"), "{said}");
        assert!(!said.contains("FILE:2"), "{said}");
        // What is typed is wrong by itself.
        assert!(!case.refusal(&["serve", "--client-auth", "no"]).contains("FILE"));
        assert!(!case.refusal(&["serve", "--colour"]).contains("FILE"));
    }

    #[test]
    fn every_command_has_a_table_or_says_nothing_of_its_own() {
        let mut root = Cli::command();
        root.build();
        let names: Vec<_> = tables(&root).map(Command::get_name).collect();
        for name in ["serve", "worker", "pool", "submit", "watch", "publish", "top"] {
            assert!(names.contains(&name), "{name} is not among {names:?}");
        }
        for command in tables(&root).chain([&root]) {
            let mut own: Vec<_> = keys(&root, command).map(Key::name).collect();
            own.sort();
            let count = own.len();
            own.dedup();
            assert_eq!(own.len(), count, "{} has a key twice", command.get_name());
        }
    }
}
