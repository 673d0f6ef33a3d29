//! What a person sees of a job: states and a progress bar on standard error, and the result on
//! standard output.

use std::io::{self, IsTerminal as _, Write};

use acequia_wire::client::Retry;
use acequia_wire::worker::Progress;
use acequia_wire::{ContentType, Payload};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar's length. Workers count in units of their own, fractions among them.
const BAR_STEPS: f64 = 1000.0;

pub(super) struct Display {
    quiet: bool,
    json: bool,
    bar: ProgressBar,
    /// The last chunk of this run that was written.
    last_chunk: u32,
    missed_chunks: bool,
}

impl Display {
    pub(super) fn new(quiet: bool, json: bool) -> Self {
        let bar = ProgressBar::no_length();
        // Hidden until there is progress to show.
        bar.set_draw_target(ProgressDrawTarget::hidden());
        Self { quiet, json, bar, last_chunk: 0, missed_chunks: false }
    }

    /// Says on standard error how the job stands.
    pub(super) fn state(&self, text: &str) {
        if !self.quiet {
            self.tell(text);
        }
    }

    /// Says on standard error what went wrong.
    pub(super) fn complain(&self, text: &str) {
        self.bar.finish_and_clear();
        self.tell(text);
    }

    fn tell(&self, text: &str) {
        // Nobody is left to tell if standard error is gone.
        self.bar.suspend(|| _ = writeln!(io::stderr().lock(), "acequia: {text}"));
    }

    pub(super) fn started(&mut self, attempt: u32, worker: &str) {
        match attempt {
            1 => self.state(&format!("started by {worker}")),
            _ => self.state(&format!("started by {worker}, attempt {attempt}")),
        }
        self.starts_over();
    }

    pub(super) fn retrying(&mut self, retry: &Retry) {
        let Retry { attempt, code, message, in_ms } = retry;
        let code = code.as_str();
        self.state(&format!("{code}: {message}; attempt {attempt} follows in {in_ms} ms"));
        self.starts_over();
    }

    /// A run begins, and counts its chunks from 1.
    fn starts_over(&mut self) {
        if self.last_chunk > 0 {
            self.state("the partial results that were written are those of a run that failed");
        }
        self.last_chunk = 0;
        self.missed_chunks = false;
    }

    pub(super) fn progress(&mut self, progress: &Progress) {
        if self.quiet || !io::stderr().is_terminal() {
            return;
        }
        if self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        let note = progress.note.as_deref().unwrap_or_default();
        match (progress.done, progress.total) {
            (Some(done), Some(total)) if total > 0.0 => {
                self.bar.set_style(style("{bar:30.cyan} {percent:>3} %  {wide_msg}"));
                self.bar.set_length(steps(1.0));
                self.bar.set_position(steps(done / total));
                self.bar.set_message(note.to_owned());
            }
            (done, _) => {
                let done = done.map(|done| format!("{done}  ")).unwrap_or_default();
                self.bar.set_style(style("{spinner:.cyan} {wide_msg}"));
                self.bar.set_message(format!("{done}{note}"));
                self.bar.tick();
            }
        }
    }

    pub(super) fn chunk(&mut self, n: u32, data: &Payload) -> io::Result<()> {
        self.missed_chunks |= n != self.last_chunk.saturating_add(1);
        self.last_chunk = n;
        self.write(data, self.json)
    }

    pub(super) fn result(&mut self, result: &Payload) -> io::Result<()> {
        self.bar.finish_and_clear();
        self.write(result, false)
    }

    /// Whether every chunk was written that the last run sent.
    pub(super) fn is_complete(&self) -> bool {
        !self.missed_chunks
    }

    /// Writes a payload as it is; values as JSON with an end of line.
    fn write(&self, payload: &Payload, as_line: bool) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        let terminal = stdout.is_terminal();
        self.bar.suspend(|| {
            let bytes = payload.bytes();
            let value = match payload.content_type() {
                // JSON of a worker comes as MessagePack to a MessagePack session.
                ContentType::MsgPack => rmp_serde::from_slice::<serde_json::Value>(bytes).ok(),
                _ => None,
            };
            let is_json = value.is_some() || *payload.content_type() == ContentType::Json;
            match value {
                Some(value) => write!(stdout, "{value}")?,
                None => stdout.write_all(bytes)?,
            }
            // A prompt behind the last line is hard to read.
            let ended = bytes.is_empty() || bytes.ends_with(b"\n");
            if as_line || is_json || (terminal && !ended) {
                stdout.write_all(b"\n")?;
            }
            stdout.flush()
        })
    }
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
