//! What is sent: the bytes of a file, or of standard input.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;

use bytes::Bytes;

use crate::failure::{Failure, Outcome, USAGE};

/// What stands for standard input.
pub(crate) const STDIN: &str = "-";

/// The bytes of a file, or without one those of standard input. `what` they are is for errors, and for a
/// person who has to type them, to whom it is `told`.
pub(crate) async fn read(
    file: Option<PathBuf>,
    what: &'static str,
    told: impl FnOnce(&str),
) -> Outcome<Bytes> {
    if file.is_none() && std::io::stdin().is_terminal() {
        told(&format!("type the {what} and end it with Ctrl-D"));
    }
    // A thread of its own, since nobody knows when it ends, and signals are heard elsewhere.
    let read = tokio::task::spawn_blocking(move || {
        let (read, from) = match file {
            Some(file) => (std::fs::read(&file), file.display().to_string()),
            None => {
                let mut bytes = Vec::new();
                let read = std::io::stdin().lock().read_to_end(&mut bytes);
                (read.map(|_| bytes), "standard input".to_owned())
            }
        };
        let unread = |error| Failure(USAGE, format!("cannot read the {what} from {from}: {error}"));
        read.map(Bytes::from).map_err(unread)
    });
    read.await.map_err(|panic| Failure(USAGE, panic.to_string()))?
}
