//! What comes out of a child process: its standard output and the end of its standard error.

use acequia_wire::ContentType;
use acequia_wire::code::ServerFailCode;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use crate::failure::Failure;
use crate::job::Job;
use crate::reply::Reply;

/// How much of standard error is the message of a failure, in bytes.
const TAIL_BYTES: usize = 2 << 10;
/// Longest line of standard error that goes to the log, in bytes; a longer one goes in parts.
const LOG_LINE_BYTES_MAX: usize = 4 << 10;

/// Standard output on its way to the client.
pub(super) struct Output<'a> {
    job: &'a Job,
    content_type: Option<&'a ContentType>,
    stream: bool,
    bytes: Vec<u8>,
}

impl<'a> Output<'a> {
    pub(super) fn new(job: &'a Job, content_type: Option<&'a ContentType>, stream: bool) -> Self {
        Self { job, content_type, stream, bytes: Vec::new() }
    }

    /// Reads to the end.
    ///
    /// # Errors
    /// If it is more than the server takes, or nobody waits for it any more.
    pub(super) async fn read(&mut self, stdout: impl AsyncRead + Unpin) -> Result<(), Failure> {
        if self.stream { self.read_lines(stdout).await } else { self.read_all(stdout).await }
    }

    async fn read_all(&mut self, stdout: impl AsyncRead + Unpin) -> Result<(), Failure> {
        let max = self.job.max_body();
        // One byte over the limit tells that there is more.
        let mut stdout = stdout.take((max as u64).saturating_add(1));
        stdout.read_to_end(&mut self.bytes).await?;
        self.check(self.bytes.len())
    }

    async fn read_lines(&mut self, stdout: impl AsyncRead + Unpin) -> Result<(), Failure> {
        let mut stdout = BufReader::new(stdout);
        let max = self.job.max_body();
        let mut line = Vec::new();
        loop {
            // A line that is longer than a chunk may be goes in parts: put together, the chunks are
            // the output as it was.
            let mut limited = (&mut stdout).take(max.saturating_sub(line.len()).max(1) as u64);
            if limited.read_until(b'\n', &mut line).await? == 0 && line.is_empty() {
                return Ok(());
            }
            let next = line.split_off(whole_characters(&line));
            self.job.chunk(self.reply(line)).await?;
            line = next;
        }
    }

    fn check(&self, len: usize) -> Result<(), Failure> {
        let max = self.job.max_body();
        if len <= max {
            return Ok(());
        }
        let message = format!(
            "the command's output has more than {max} bytes, the most that the server takes"
        );
        Err(Failure::permanent(ServerFailCode::BadResult.as_str(), message))
    }

    /// The result of a command that ended well.
    pub(super) fn into_reply(self) -> Reply {
        if self.stream {
            return Reply::text("");
        }
        let bytes = self.bytes;
        Self { bytes: Vec::new(), ..self }.reply(bytes)
    }

    fn reply(&self, bytes: Vec<u8>) -> Reply {
        match self.content_type {
            Some(content_type) => Reply::typed(content_type.as_str(), bytes),
            None => match String::from_utf8(bytes) {
                Ok(text) => Reply::text(text),
                Err(error) => Reply::bytes(error.into_bytes()),
            },
        }
    }
}

/// How many bytes of text are left if it ends within a character; all, if it is no text or nothing
/// would be left.
fn whole_characters(text: &[u8]) -> usize {
    match std::str::from_utf8(text) {
        Err(cut) if cut.error_len().is_none() && cut.valid_up_to() > 0 => cut.valid_up_to(),
        _ => text.len(),
    }
}

/// Standard error: its end, and, if wanted, all of it to the log.
pub(super) struct Tail<'a> {
    bytes: Vec<u8>,
    log_for: Option<&'a Job>,
}

impl<'a> Tail<'a> {
    /// A tail that logs in the name of `log_for`.
    pub(super) fn new(log_for: Option<&'a Job>) -> Self {
        Self { bytes: Vec::new(), log_for }
    }

    /// Reads to the end. An error is an end as well.
    pub(super) async fn read(&mut self, stderr: impl AsyncRead + Unpin) {
        let mut stderr = BufReader::new(stderr);
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut limited = (&mut stderr).take(LOG_LINE_BYTES_MAX as u64);
            match limited.read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => self.push(&line),
            }
        }
    }

    fn push(&mut self, line: &[u8]) {
        if let Some(job) = self.log_for {
            let text = String::from_utf8_lossy(line.trim_ascii_end());
            tracing::info!(job = %job.id(), queue = %job.queue(), "{text}");
        }
        self.bytes.extend_from_slice(line);
        // Cut only now and then, not with each line.
        if self.bytes.len() > 4 * TAIL_BYTES {
            self.bytes.drain(..self.bytes.len() - TAIL_BYTES);
        }
    }

    /// The end of what was said, at most 2 KiB of it.
    pub(super) fn text(&self) -> String {
        let end = &self.bytes[self.bytes.len().saturating_sub(TAIL_BYTES)..];
        // The cut may have hit the midst of a character: up to three bytes of it are left.
        let is_rest = |byte: &&u8| **byte & 0b1100_0000 == 0b1000_0000;
        let skip = end.iter().take(3).take_while(is_rest).count();
        String::from_utf8_lossy(&end[skip..]).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_tail_is_the_end_in_whole_characters() {
        let mut tail = Tail::new(None);
        let said = format!("{}{}\n", "lost\n".repeat(5000), "é".repeat(1500));
        tail.read(said.as_bytes()).await;
        let text = tail.text();
        assert_eq!(text, "é".repeat(1023));
        assert!(tail.bytes.len() <= 4 * TAIL_BYTES + LOG_LINE_BYTES_MAX);
    }
}
