//! What goes into a child process: its standard input and its environment.

use acequia_wire::ContentType;
use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, Command};

use crate::job::Job;

const META_PREFIX: &str = "ACEQUIA_META_";
/// Where a program looks for the span that its own are to be below.
const TRACEPARENT: &str = "TRACEPARENT";

/// What the command reads: the payload, or, of a JSON string, its text.
pub(super) fn payload(job: &Job, raw: bool) -> Bytes {
    let bytes = job.payload();
    let is_string = || bytes.trim_ascii_start().first() == Some(&b'"');
    if !raw && *job.content_type() == ContentType::Json && is_string() {
        // What is no string after all is the command's to complain about.
        if let Ok(text) = serde_json::from_slice::<String>(bytes) {
            return text.into();
        }
    }
    bytes.clone()
}

/// Writes it all and closes the pipe.
pub(super) async fn feed(mut stdin: ChildStdin, payload: &[u8]) {
    // A command that does not read to the end, or at all, has its reasons.
    let _ = stdin.write_all(payload).await;
}

/// Sets what the command may know of its job.
pub(super) fn environment(command: &mut Command, job: &Job) {
    // Those that this worker itself was started with, by another one perhaps, are not this job's.
    for key in ["ACEQUIA_TIMEOUT_MS", TRACEPARENT, "TRACESTATE"] {
        command.env_remove(key);
    }
    for (key, _) in std::env::vars_os() {
        if key.to_str().is_some_and(|key| key.starts_with(META_PREFIX)) {
            command.env_remove(key);
        }
    }
    let mut set = |key: &str, value: &str| {
        // An environment cannot hold it, and the command would not start at all.
        if !value.contains('\0') {
            command.env(key, value);
        }
    };
    set("ACEQUIA_JOB", &job.id().to_string());
    set("ACEQUIA_QUEUE", job.queue().as_str());
    set("ACEQUIA_ATTEMPT", &job.attempt().to_string());
    set("ACEQUIA_TYPE", job.content_type().as_str());
    if let Some(timeout) = job.timeout() {
        set("ACEQUIA_TIMEOUT_MS", &timeout.as_millis().to_string());
    }
    if let Some(traceparent) = job.traceparent() {
        set(TRACEPARENT, traceparent);
    }
    for (key, value) in job.meta() {
        set(&meta_key(key), value);
    }
}

fn meta_key(key: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    META_PREFIX.chars().chain(key.chars().map(plain)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meta_keys_become_names() {
        assert_eq!(meta_key("traceparent"), "ACEQUIA_META_TRACEPARENT");
        assert_eq!(meta_key("x-user.id=é\n"), "ACEQUIA_META_X_USER_ID___");
    }
}
