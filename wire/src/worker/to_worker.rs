//! What the server says to a worker.

use bytes::Bytes;

use super::frames::{Malformed, Packer, Parts, split};
use super::head::{self, BadHead};
use crate::content::ContentType;
use crate::id::{JobId, LaneId};
use crate::limits::{DURATION_MS_MAX, TEXT_BYTES_MAX};
use crate::msgpack::write::{self, Buffer};
use crate::name::QueueName;

/// The version of the worker protocol, as `hello` announces it.
pub const VERSION: u64 = 1;

/// A message from the server to a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToWorker {
    /// The first message on a jobs connection: a fresh lane. What the worker holds from before is
    /// void.
    Hello(Hello),
    /// A job to run.
    Job(JobMessage),
    /// The outcome of this job no longer matters; the worker may stop it, and says `done` or
    /// `fail` in either case, which frees the slot.
    Cancel {
        /// The job, if the worker still holds it.
        job: JobId,
    },
    /// No job follows on this lane.
    Bye {
        /// The lane that ends.
        lane: LaneId,
        /// Why, for the worker's log.
        reason: String,
    },
}

/// What a worker is told about its lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The lane, which `ready` names.
    pub lane: LaneId,
    /// Random bytes that `auth` of `ready` answers.
    pub nonce: [u8; 32],
    /// Largest result that the server takes, in bytes.
    pub max_body: u64,
    /// The server's name and version.
    pub server: String,
}

/// A job on its way to a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobMessage {
    /// The job.
    pub job: JobId,
    /// The queue that it waited in.
    pub queue: QueueName,
    /// Which run of the job this is, from 1.
    pub attempt: u32,
    /// The type of the payload.
    pub content_type: ContentType,
    /// After how many milliseconds the run is given up.
    pub timeout_ms: Option<u64>,
    /// What travels with the job, such as a `traceparent`.
    pub meta: Vec<(String, String)>,
    /// The payload.
    pub body: Bytes,
}

impl ToWorker {
    /// Appends this message to a packed one.
    pub fn encode(self, packer: &mut Packer) {
        match self {
            Self::Hello(hello) => packer.push(
                "hello",
                hello.lane.as_bytes(),
                |out| {
                    write::map(out, 4);
                    write::str(out, "v");
                    write::uint(out, VERSION);
                    write::str(out, "nonce");
                    write::bin(out, &hello.nonce);
                    write::str(out, "max_body");
                    write::uint(out, hello.max_body);
                    write::str(out, "server");
                    write::str(out, &hello.server);
                },
                Bytes::new(),
            ),
            Self::Job(job) => {
                let id = job.job;
                let head = |out: &mut Buffer| {
                    job_head(out, &job.queue, job.attempt, &job.content_type, job.timeout_ms);
                    write::map(out, u32::try_from(job.meta.len()).unwrap_or(0));
                    for (key, value) in &job.meta {
                        write::str(out, key);
                        write::str(out, value);
                    }
                };
                packer.push("job", id.as_bytes(), head, job.body.clone());
            }
            Self::Cancel { job } => packer.push("cancel", job.as_bytes(), no_head, Bytes::new()),
            Self::Bye { lane, reason } => packer.push(
                "bye",
                lane.as_bytes(),
                |out| {
                    write::map(out, 1);
                    write::str(out, "reason");
                    write::str(out, &reason);
                },
                Bytes::new(),
            ),
        }
    }

    /// The messages that a ZeroMQ message from the server holds.
    ///
    /// # Errors
    /// If it is no message of the protocol.
    pub fn decode(
        frames: impl ExactSizeIterator<Item = Bytes>,
        out: &mut Vec<Self>,
    ) -> Result<(), Malformed> {
        for parts in split(frames)? {
            out.push(Self::decode_one(parts)?);
        }
        Ok(())
    }

    fn decode_one(parts: Parts) -> Result<Self, Malformed> {
        let bad = |kind| move |why| Malformed::Head { kind, why };
        Ok(match parts.kind.as_ref() {
            b"hello" => {
                let lane = LaneId::from_bytes(parts.id()?);
                Self::Hello(read_hello(lane, &parts.head).map_err(bad("hello"))?)
            }
            b"job" => {
                let job = JobId::from_bytes(parts.id()?);
                Self::Job(read_job(job, &parts.head, parts.body).map_err(bad("job"))?)
            }
            b"cancel" => Self::Cancel { job: JobId::from_bytes(parts.id()?) },
            b"bye" => {
                let lane = LaneId::from_bytes(parts.id()?);
                let reason = read_reason(&parts.head).map_err(bad("bye"))?;
                Self::Bye { lane, reason }
            }
            _ => return Err(parts.unknown_kind()),
        })
    }
}

fn no_head(out: &mut Buffer) {
    write::map(out, 0);
}

fn job_head(
    out: &mut Buffer,
    queue: &QueueName,
    attempt: u32,
    content_type: &ContentType,
    timeout_ms: Option<u64>,
) {
    write::map(out, 5);
    write::str(out, "queue");
    write::str(out, queue.as_str());
    write::str(out, "attempt");
    write::uint(out, attempt.into());
    write::str(out, "type");
    write::str(out, content_type.as_str());
    write::str(out, "timeout_ms");
    match timeout_ms {
        Some(ms) => write::uint(out, ms),
        None => write::nil(out),
    }
    write::str(out, "meta");
}

fn read_hello(lane: LaneId, bytes: &[u8]) -> Result<Hello, BadHead> {
    let (mut v, mut nonce, mut max_body, mut server) = (None, None, None, String::new());
    head::read(bytes, |key, value| {
        match key {
            "v" => v = value.within("v", "an integer", 0..=u64::MAX)?,
            "nonce" => nonce = value.bytes32("nonce")?,
            "max_body" => max_body = value.within("max_body", "an integer", 0..=u64::MAX)?,
            "server" => server = value.words("server", TEXT_BYTES_MAX)?.unwrap_or_default(),
            _ => {}
        }
        Ok(())
    })?;
    if v != Some(VERSION) {
        return Err(BadHead::Value { key: "v", expected: "1, the version that is spoken here" });
    }
    Ok(Hello {
        lane,
        nonce: nonce.ok_or(BadHead::Missing("nonce"))?,
        max_body: max_body.ok_or(BadHead::Missing("max_body"))?,
        server,
    })
}

fn read_job(job: JobId, bytes: &[u8], body: Bytes) -> Result<JobMessage, BadHead> {
    let mut message = JobMessage {
        job,
        queue: QueueName::default(),
        attempt: 1,
        content_type: ContentType::Octets,
        timeout_ms: None,
        meta: Vec::new(),
        body,
    };
    head::read(bytes, |key, value| {
        match key {
            // Nil counts as absent.
            "queue" if value.name("queue")?.is_none() => {}
            "queue" => message.queue = value.queue("queue")?,
            "attempt" => {
                let range = 1..=u64::from(u32::MAX);
                let attempt = value.within("attempt", "a positive integer", range)?;
                message.attempt = attempt.and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
            }
            "type" => {
                message.content_type = value.content_type()?.unwrap_or(ContentType::Octets);
            }
            "timeout_ms" => {
                let range = 0..=DURATION_MS_MAX;
                message.timeout_ms = value.within("timeout_ms", "milliseconds", range)?;
            }
            "meta" => value.each_pair(|key, value| {
                message.meta.push((key.to_owned(), value.to_owned()));
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(message)
}

fn read_reason(bytes: &[u8]) -> Result<String, BadHead> {
    let mut reason = String::new();
    head::read(bytes, |key, value| {
        if key == "reason" {
            reason = value.words("reason", TEXT_BYTES_MAX)?.unwrap_or_default();
        }
        Ok(())
    })?;
    Ok(reason)
}
