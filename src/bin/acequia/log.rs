//! What is said on standard error, and in which form.
//!
//! Much of it was written by strangers: names, messages, addresses. A line stays a line, and nothing in
//! it is for a terminal to obey.

use std::fmt::Debug;
use std::io::{self, IsTerminal as _, Write};

use acequia_plain::{escaped_json, plain};
use anyhow::anyhow;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A line for people
    Text,
    /// A line of JSON
    Json,
}

/// Logs what `filter` lets through from now on.
pub(crate) fn start(filter: &str, format: Format) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        anyhow!("--log {filter}: {error}; use error, warn, info, debug or trace")
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    match format {
        Format::Text => {
            let fields = debug_fn(write_field).delimited(" ");
            let log = log.fmt_fields(fields).with_writer(io::stderr);
            log.with_ansi(io::stderr().is_terminal()).init();
        }
        Format::Json => log.json().flatten_event(true).with_writer(|| Escaped(io::stderr())).init(),
    }
    Ok(())
}

/// Writes a field, or the message, which has no name.
fn write_field(to: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    let value = format!("{value:?}");
    let value = plain(&value);
    match field.name() {
        "message" => write!(to, "{value}"),
        name if to.has_ansi_escapes() => write!(to, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m{value}"),
        name => write!(to, "{name}={value}"),
    }
}

/// Writes JSON. What comes at a time is a whole line.
struct Escaped<W>(W);

impl<W: Write> Write for Escaped<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.0.write_all(escaped_json(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const EVIL: &str = "x\r\n\u{1b}[2J\u{9b}\u{202e}\u{2028}ERROR forged";

    fn say() {
        let error = io::Error::other(EVIL);
        tracing::warn!(name = EVIL, shown = %EVIL, %error, count = 3, "{EVIL} is the message");
    }

    #[test]
    fn a_line_of_text_is_one_line_that_a_terminal_only_shows() {
        let lines = Lines::default();
        let to = lines.clone();
        let log = tracing_subscriber::fmt().fmt_fields(debug_fn(write_field).delimited(" "));
        let log = log.with_ansi(false).with_writer(move || to.clone()).finish();
        tracing::subscriber::with_default(log, say);
        let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line = said.strip_suffix('\n').unwrap();
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(!line.contains(['\u{202e}', '\u{2028}']), "{line:?}");
        assert!(
            line.contains("x␍ ␛[2J\u{fffd}\u{fffd}\u{fffd}ERROR forged is the message"),
            "{line}"
        );
        assert!(line.contains(" shown=x␍ ␛") && line.contains(" error=x␍ ␛"), "{line}");
        assert!(line.ends_with(" count=3"), "{line}");
    }

    #[test]
    fn json_has_the_same_values_and_nothing_raw() {
        let lines = Lines::default();
        let to = lines.clone();
        let log = tracing_subscriber::fmt().json().flatten_event(true);
        let log = log.with_writer(move || Escaped(to.clone())).finish();
        tracing::subscriber::with_default(log, say);
        let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line = said.strip_suffix('\n').unwrap();
        assert!(line.is_ascii() && !line.chars().any(char::is_control), "{line:?}");
        let told: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&told["name"], &told["shown"]), (&EVIL.into(), &EVIL.into()));
    }
}
