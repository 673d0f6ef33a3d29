//! What a person sees of a job: states and a progress bar on standard error, and the result on
//! standard output.

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use acequia_plain::{escaped_json, plain, plain_lines};
use acequia_wire::client::Retry;
use acequia_wire::worker::Progress;
use acequia_wire::{ContentType, Payload};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::json;
use crate::failure::{Failure, Outcome, tell};

/// A bar's length. Workers count in units of their own, fractions among them.
const BAR_STEPS: f64 = 1000.0;

pub(crate) struct Display {
    quiet: bool,
    json: bool,
    bar: ProgressBar,
    /// The last chunk of this run that was written.
    last_chunk: u32,
    missed_chunks: bool,
    /// Whether chunks may have come before the first that is heard.
    is_late: bool,
    /// The beginning of a character, at the end of what was shown on a terminal.
    begun: Vec<u8>,
}

impl Display {
    pub(crate) fn new(quiet: bool, json: bool) -> Self {
        let bar = ProgressBar::no_length();
        // Hidden until there is progress to show.
        bar.set_draw_target(ProgressDrawTarget::hidden());
        Self {
            quiet,
            json,
            bar,
            last_chunk: 0,
            missed_chunks: false,
            is_late: false,
            begun: Vec::new(),
        }
    }

    /// The job has begun before this looked.
    pub(crate) fn joins_late(&mut self) {
        self.is_late = true;
    }

    /// Says on standard error how the job stands.
    pub(crate) fn state(&self, text: &str) {
        if !self.quiet {
            self.tell(text);
        }
    }

    /// Says on standard error what went wrong, if anything did. Returns the exit code.
    pub(crate) fn conclude(&self, ended: Outcome<()>) -> ExitCode {
        let Err(Failure(code, message)) = ended else { return ExitCode::SUCCESS };
        self.bar.finish_and_clear();
        self.tell(&message);
        ExitCode::from(code)
    }

    fn tell(&self, text: &str) {
        self.bar.suspend(|| tell(text));
    }

    pub(crate) fn started(&mut self, attempt: u32, worker: &str) {
        match attempt {
            1 => self.state(&format!("started by {worker}")),
            _ => self.state(&format!("started by {worker}, attempt {attempt}")),
        }
        self.starts_over();
    }

    pub(crate) fn retrying(&mut self, retry: &Retry) {
        let Retry { attempt, code, message, in_ms } = retry;
        let code = code.as_str();
        self.state(&format!("{code}: {message}; attempt {attempt} follows in {in_ms} ms"));
        self.is_late = false;
        self.starts_over();
    }

    /// A run begins, and counts its chunks from 1.
    fn starts_over(&mut self) {
        if self.last_chunk > 0 {
            self.state("the partial results written so far are from a run that failed");
        }
        self.last_chunk = 0;
        self.missed_chunks = false;
        self.begun.clear();
    }

    pub(crate) fn progress(&mut self, progress: &Progress) {
        if self.quiet || !io::stderr().is_terminal() {
            return;
        }
        if self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        let note = plain(progress.note.as_deref().unwrap_or_default()).to_string();
        match (progress.done, progress.total) {
            (Some(done), Some(total)) if total > 0.0 => {
                self.bar.set_style(style("{bar:30.cyan} {percent:>3} %  {wide_msg}"));
                self.bar.set_length(steps(1.0));
                self.bar.set_position(steps(done / total));
                self.bar.set_message(note);
            }
            (done, _) => {
                let done = done.map(|done| format!("{done}  ")).unwrap_or_default();
                self.bar.set_style(style("{spinner:.cyan} {wide_msg}"));
                self.bar.set_message(format!("{done}{note}"));
                self.bar.tick();
            }
        }
    }

    pub(crate) fn chunk(&mut self, n: u32, data: &Payload) -> io::Result<()> {
        let follows = n == self.last_chunk.saturating_add(1);
        if std::mem::take(&mut self.is_late) && !follows {
            self.state(&format!("what had come before partial result {n} is not shown"));
        } else {
            self.missed_chunks |= !follows;
        }
        self.last_chunk = n;
        self.write(data, self.json)
    }

    pub(crate) fn result(&mut self, result: &Payload) -> io::Result<()> {
        self.bar.finish_and_clear();
        self.write(result, false)
    }

    /// Whether every chunk was written that the last run sent.
    pub(crate) fn is_complete(&self) -> bool {
        !self.missed_chunks
    }

    /// Writes a payload as it is; values as JSON with an end of line. A terminal gets nothing but text,
    /// and nothing of that to obey.
    fn write(&mut self, payload: &Payload, as_line: bool) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        let terminal = stdout.is_terminal();
        let bytes = payload.bytes();
        let json = match payload.content_type() {
            // JSON of a worker comes as MessagePack to a MessagePack session.
            ContentType::MsgPack => json::of_msgpack(bytes),
            ContentType::Json => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        };
        let is_json = json.is_some();
        let shown = match (json, terminal) {
            (Some(json), true) => escaped_json(&json).into_bytes(),
            (Some(json), false) => json.into_bytes(),
            (None, true) => plain_lines(self.text(bytes)).to_string().into_bytes(),
            (None, false) => bytes.to_vec(),
        };
        self.bar.suspend(|| {
            stdout.write_all(&shown)?;
            // A prompt behind the last line is hard to read.
            let ended = bytes.is_empty() || bytes.ends_with(b"\n");
            if as_line || is_json || (terminal && !ended) {
                stdout.write_all(b"\n")?;
            }
            stdout.flush()
        })
    }

    /// The text of these bytes; a character that they have the beginning of is kept for what follows.
    fn text(&mut self, bytes: &[u8]) -> String {
        self.begun.extend_from_slice(bytes);
        let whole = self.begun.len() - begun(&self.begun);
        let rest = self.begun.split_off(whole);
        let text = String::from_utf8_lossy(&self.begun).into_owned();
        self.begun = rest;
        text
    }
}

/// How many bytes at the end are the beginning of a character.
fn begun(bytes: &[u8]) -> usize {
    let is_first = |byte: &&u8| **byte & 0b1100_0000 != 0b1000_0000;
    let back = bytes.iter().rev().take(3).position(|byte| is_first(&byte));
    let Some(len) = back.map(|back| back + 1) else { return 0 };
    let whole = match bytes[bytes.len() - len] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    if len < whole { len } else { 0 }
}

fn style(template: &str) -> ProgressStyle {
    // A template that is not one is as good as the default bar.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the steps of a bar"
)]
fn steps(fraction: f64) -> u64 {
    (fraction.clamp(0.0, 1.0) * BAR_STEPS) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_whole_however_they_come() {
        let text = "a\u{e4}\u{7dd1}\u{1f33e}z";
        for at in 0..=text.len() {
            let mut display = Display::new(true, false);
            let (first, second) = text.as_bytes().split_at(at);
            let shown = display.text(first) + &display.text(second);
            assert_eq!(shown, text, "cut at {at}");
        }
        assert_eq!(Display::new(true, false).text(b"\xff\x80"), "\u{fffd}\u{fffd}");
    }
}
