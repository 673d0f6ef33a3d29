//! What the processes say, line by line, each with the name of who said it.

use std::sync::{Arc, Mutex, PoisonError};

use acequia_plain::plain_lines;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The longest line that is passed on, in bytes; of a longer one the beginning is.
const LINE_BYTES_MAX: usize = 8 << 10;
/// What is put where a line was cut.
const CUT: &[u8] = b" [cut]";
/// Lines that wait for whoever reads them. Then the processes wait, too.
const LINES: usize = 64;

/// Where lines go.
#[derive(Clone)]
pub(crate) struct Printer {
    out: mpsc::Sender<Vec<u8>>,
    err: mpsc::Sender<Vec<u8>>,
}

/// The tasks that write.
pub(crate) struct Writers([JoinHandle<()>; 2]);

/// The last line that a process said, if it was not an empty one.
pub(crate) type LastLine = Arc<Mutex<String>>;

impl Printer {
    /// Prints to this process's own standard output and error.
    pub(crate) fn new() -> (Self, Writers) {
        let (out, out_lines) = mpsc::channel(LINES);
        let (err, err_lines) = mpsc::channel(LINES);
        let writers = [
            tokio::spawn(write(out_lines, tokio::io::stdout())),
            tokio::spawn(write(err_lines, tokio::io::stderr())),
        ];
        (Self { out, err }, Writers(writers))
    }

    /// Passes on what comes out of both pipes, until both are closed. Of the second, the last line
    /// is kept.
    pub(crate) async fn pass(
        &self,
        name: &str,
        out: Option<impl AsyncRead + Unpin>,
        err: Option<impl AsyncRead + Unpin>,
        last: &LastLine,
    ) {
        tokio::join!(
            pass(name, out, &self.out, |_| ()),
            pass(name, err, &self.err, |line| {
                let text = String::from_utf8_lossy(line);
                if !text.trim().is_empty() {
                    *last.lock().unwrap_or_else(PoisonError::into_inner) = text.trim().to_owned();
                }
            })
        );
    }
}

impl Writers {
    /// Waits until all is written; there has to be no printer any more.
    pub(crate) async fn finish(self) {
        for writer in self.0 {
            // A panic of it was logged.
            _ = writer.await;
        }
    }
}

/// Writes lines as they come. If nobody reads them any more they are dropped: the processes go on.
async fn write(mut lines: mpsc::Receiver<Vec<u8>>, mut to: impl AsyncWrite + Unpin) {
    while let Some(line) = lines.recv().await {
        if to.write_all(&line).await.is_ok() && lines.is_empty() {
            _ = to.flush().await;
        }
    }
}

async fn pass(
    name: &str,
    pipe: Option<impl AsyncRead + Unpin>,
    to: &mpsc::Sender<Vec<u8>>,
    mut see: impl FnMut(&[u8]),
) {
    let Some(pipe) = pipe else { return };
    let mut pipe = BufReader::new(pipe);
    let mut line = Line::default();
    loop {
        // An error is an end as well.
        let bytes = pipe.fill_buf().await.unwrap_or_default();
        let read = bytes.len();
        let mut done = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            done.extend(line.add(part));
        }
        pipe.consume(read);
        if read == 0 {
            done.extend(line.end());
        }
        for text in done {
            see(&text);
            // What a job has brought may be in it. A line of Windows has one more character at its end.
            let text = String::from_utf8_lossy(text.strip_suffix(b"\r").unwrap_or(&text));
            let whole = format!("{name}| {}\n", plain_lines(text)).into_bytes();
            // The writer lives as long as there is a printer.
            _ = to.send(whole).await;
        }
        if read == 0 {
            return;
        }
    }
}

/// A line that is not complete yet.
#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    /// Its beginning was passed on, and the rest is not.
    is_cut: bool,
}

impl Line {
    /// Takes a part of it in, which may be its end; what is to be passed on then.
    fn add(&mut self, part: &[u8]) -> Option<Vec<u8>> {
        let (text, is_end) = match part.strip_suffix(b"\n") {
            Some(text) => (text, true),
            None => (part, false),
        };
        let was_cut = self.is_cut;
        if !was_cut {
            let room = LINE_BYTES_MAX - self.bytes.len();
            self.bytes.extend_from_slice(&text[..text.len().min(room)]);
            self.is_cut = text.len() > room;
        }
        let is_cut = self.is_cut;
        self.is_cut &= !is_end;
        match (was_cut, is_cut) {
            (true, _) => None,
            (false, true) => {
                self.bytes.extend_from_slice(CUT);
                Some(std::mem::take(&mut self.bytes))
            }
            (false, false) => is_end.then(|| std::mem::take(&mut self.bytes)),
        }
    }

    /// The last line, if it has no end.
    fn end(&mut self) -> Option<Vec<u8>> {
        (!self.bytes.is_empty()).then(|| std::mem::take(&mut self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn passed(said: &[u8]) -> Vec<String> {
        let (to, mut lines) = mpsc::channel(LINES);
        let passing = async move { pass("w", Some(said), &to, |_| ()).await };
        let reading = async {
            let mut all = Vec::new();
            while let Some(line) = lines.recv().await {
                all.push(String::from_utf8(line).expect("text"));
            }
            all
        };
        tokio::join!(passing, reading).1
    }

    #[tokio::test]
    async fn each_line_has_its_name() {
        assert_eq!(passed(b"one\n\nthree").await, ["w| one\n", "w| \n", "w| three\n"]);
        assert_eq!(passed(b"").await, [""; 0]);
    }

    #[tokio::test]
    async fn a_terminal_is_told_nothing() {
        let said = passed(b"a\tb\r\n\x1b[2Jred\xff\xc2\x9b\xe2\x80\xae\rx\n").await;
        assert_eq!(said, ["w| a\tb\n", "w| \u{241b}[2Jred\u{fffd}\u{fffd}\u{fffd}\u{240d}x\n"]);
    }

    #[tokio::test]
    async fn a_long_line_is_cut_and_the_next_is_whole() {
        let long = "x".repeat(LINE_BYTES_MAX);
        let said = format!("{long}\n{long}yyy\nshort\n{long}y\n{}", "z".repeat(1 << 20));
        let lines = passed(said.as_bytes()).await;
        assert_eq!(lines[0], format!("w| {long}\n"));
        assert_eq!(lines[1], format!("w| {long} [cut]\n"));
        assert_eq!(lines[2], "w| short\n");
        assert_eq!(lines[3], format!("w| {long} [cut]\n"));
        assert_eq!(lines[4].len(), LINE_BYTES_MAX + "w|  [cut]\n".len());
        assert_eq!(lines.len(), 5);
    }
}
