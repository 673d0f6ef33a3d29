//! A text, told word by word.

use std::time::Duration;

use tokio::time::sleep;

use super::bad_input::bad_input;
use super::text::text;
use crate::failure::Failure;
use crate::job::Job;
use crate::reply::Reply;

/// From a word to the next: as fast as one reads.
const PAUSE: Duration = Duration::from_millis(150);
/// The longest text. It has a slot for two and a half minutes.
const WORDS_MAX: usize = 1_000;

/// Tells the text of the payload word by word, at the pace of a reader: each word is a chunk, with
/// the space behind it, and then progress. The result is how many there were.
///
/// # Errors
/// With code `bad_input` if the payload is no text or has more than 1,000 words, `cancelled` if the
/// job was.
pub async fn words(job: &Job) -> Result<Reply, Failure> {
    let text = text(job)?;
    let words = split(&text);
    let total = words.len();
    if total > WORDS_MAX {
        return Err(bad_input(format_args!(
            "a text has {WORDS_MAX} words at most, this one has {total}: send it in parts"
        )));
    }
    for (n, word) in words.into_iter().enumerate() {
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = job.cancelled() => return Err(Failure::cancelled()),
        }
        job.chunk(Reply::text(word)).await?;
        #[expect(clippy::cast_precision_loss, reason = "a thousand at most")]
        job.progress((n + 1) as f64, total as f64, "");
    }
    Reply::json(&total)
}

/// The words, each with the space behind it, so that together they are the text. Space before the
/// first is that one's too.
fn split(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let from = |at: usize, is_it: fn(char) -> bool| {
            rest[at..].find(is_it).map_or(rest.len(), |further| at + further)
        };
        let word = from(0, |c| !c.is_whitespace());
        let space = from(word, char::is_whitespace);
        let (first, others) = rest.split_at(from(space, |c| !c.is_whitespace()));
        words.push(first);
        rest = others;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_space() {
        assert_eq!(split("turn by  turn,\nfor all "), ["turn ", "by  ", "turn,\n", "for ", "all "]);
        assert_eq!(split("  é  b"), ["  é  ", "b"]);
        assert_eq!(split(" \n"), [" \n"]);
        assert_eq!(split(""), [""; 0]);
    }
}
