//! What a worker says to the server.

use bytes::Bytes;

use super::frames::{Malformed, Packer, Parts, split};
use super::head::{self, BadHead, cut};
use crate::content::{Body, ContentType};
use crate::id::{JobId, LaneId};
use crate::limits::{
    FAIL_CODE_BYTES_MAX, PACK_MAX, QUEUES_PER_WORKER_MAX, SLOTS_MAX, TEXT_BYTES_MAX,
    TOPIC_BYTES_MAX, WORKER_NAME_BYTES_MAX,
};
use crate::msgpack::write::{self, Buffer};
use crate::name::QueueName;

/// A message from a worker to the server.
#[derive(Clone, Debug, PartialEq)]
pub enum FromWorker {
    /// The worker takes jobs.
    Ready(Ready),
    /// How far a job is.
    Progress {
        /// The job.
        job: JobId,
        /// How far.
        progress: Progress,
    },
    /// A part of the result.
    Chunk {
        /// The job.
        job: JobId,
        /// The part.
        body: Body,
    },
    /// The job's result; frees its slot.
    Done {
        /// The job.
        job: JobId,
        /// The result.
        body: Body,
    },
    /// The job failed; frees its slot.
    Fail {
        /// The job.
        job: JobId,
        /// The worker's own code.
        code: Option<String>,
        /// What happened, for people.
        message: String,
        /// Whether another attempt may help.
        retry: bool,
    },
    /// The worker lives, and with it the jobs of its lane.
    Beat {
        /// The lane.
        lane: LaneId,
    },
    /// To every session that subscribed to the topic.
    Publish {
        /// The lane.
        lane: LaneId,
        /// The topic.
        topic: String,
        /// What is published; without a declared type, JSON.
        body: Body,
    },
    /// No more jobs, please.
    Bye {
        /// The lane.
        lane: LaneId,
    },
}

/// What a worker offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The lane of the `hello` that this answers.
    pub lane: LaneId,
    /// How many jobs it is willing to hold.
    pub slots: u32,
    /// The most messages that it takes in one ZeroMQ message.
    pub pack: u32,
    /// The queues that it serves.
    pub queues: Vec<QueueName>,
    /// What people call it.
    pub name: Option<String>,
    /// HMAC-SHA-256 of the nonce and the lane under the worker token.
    pub auth: Option<[u8; 32]>,
}

impl Ready {
    /// A worker of one slot that serves `default`.
    pub fn new(lane: LaneId) -> Self {
        let queues = vec![QueueName::default()];
        Self { lane, slots: 1, pack: 1, queues, name: None, auth: None }
    }
}

/// How far a job is. All of it is for people, in whatever unit the worker counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// How much is done.
    pub done: Option<f64>,
    /// Of how much.
    pub total: Option<f64>,
    /// In words.
    pub note: Option<String>,
}

impl FromWorker {
    /// Appends this message to a packed one.
    pub fn encode(self, packer: &mut Packer) {
        match self {
            Self::Ready(ready) => {
                let lane = ready.lane;
                packer.push("ready", lane.as_bytes(), |out| write_ready(out, &ready), Bytes::new());
            }
            Self::Progress { job, progress } => {
                let head = |out: &mut Buffer| write_progress(out, &progress);
                packer.push("progress", job.as_bytes(), head, Bytes::new());
            }
            Self::Chunk { job, body } => push_body(packer, "chunk", job, body),
            Self::Done { job, body } => push_body(packer, "done", job, body),
            Self::Fail { job, code, message, retry } => packer.push(
                "fail",
                job.as_bytes(),
                |out| {
                    write::map(out, 2 + u32::from(code.is_some()));
                    if let Some(code) = &code {
                        write::str(out, "code");
                        write::str(out, code);
                    }
                    write::str(out, "message");
                    write::str(out, &message);
                    write::str(out, "retry");
                    write::bool(out, retry);
                },
                Bytes::new(),
            ),
            Self::Beat { lane } => packer.push("beat", lane.as_bytes(), no_head, Bytes::new()),
            Self::Publish { lane, topic, body } => packer.push(
                "publish",
                lane.as_bytes(),
                |out| {
                    write::map(out, 1 + u32::from(body.declared().is_some()));
                    write::str(out, "topic");
                    write::str(out, &topic);
                    write_type(out, body.declared());
                },
                body.bytes().clone(),
            ),
            Self::Bye { lane } => packer.push("bye", lane.as_bytes(), no_head, Bytes::new()),
        }
    }

    /// The messages that a ZeroMQ message from a worker holds. Those before a malformed one are
    /// in `out` all the same.
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
        let id = parts.id()?;
        let (lane, job) = (LaneId::from_bytes(id), JobId::from_bytes(id));
        Ok(match parts.kind.as_ref() {
            b"done" => {
                let declared = read_type(&parts.head).map_err(bad("done"))?;
                Self::Done { job, body: Body::new(declared, parts.body).owned_if_small() }
            }
            b"chunk" => {
                let declared = read_type(&parts.head).map_err(bad("chunk"))?;
                Self::Chunk { job, body: Body::new(declared, parts.body).owned_if_small() }
            }
            b"progress" => {
                let progress = read_progress(&parts.head).map_err(bad("progress"))?;
                Self::Progress { job, progress }
            }
            b"fail" => read_fail(job, &parts.head).map_err(bad("fail"))?,
            b"ready" => Self::Ready(read_ready(lane, &parts.head).map_err(bad("ready"))?),
            b"beat" => Self::Beat { lane },
            b"publish" => read_publish(lane, &parts.head, parts.body).map_err(bad("publish"))?,
            b"bye" => Self::Bye { lane },
            _ => return Err(parts.unknown_kind()),
        })
    }
}

fn no_head(_: &mut Buffer) {}

fn push_body(packer: &mut Packer, kind: &'static str, job: JobId, body: Body) {
    let head = |out: &mut Buffer| {
        if body.declared().is_some() {
            write::map(out, 1);
            write_type(out, body.declared());
        }
    };
    packer.push(kind, job.as_bytes(), head, body.bytes().clone());
}

fn write_type(out: &mut Buffer, declared: Option<&ContentType>) {
    if let Some(content_type) = declared {
        write::str(out, "type");
        write::str(out, content_type.as_str());
    }
}

fn write_ready(out: &mut Buffer, ready: &Ready) {
    let optional = u32::from(ready.name.is_some()) + u32::from(ready.auth.is_some());
    write::map(out, 3 + optional);
    write::str(out, "slots");
    write::uint(out, ready.slots.into());
    write::str(out, "pack");
    write::uint(out, ready.pack.into());
    write::str(out, "queues");
    write::array(out, u32::try_from(ready.queues.len()).unwrap_or(0));
    for queue in &ready.queues {
        write::str(out, queue.as_str());
    }
    if let Some(name) = &ready.name {
        write::str(out, "name");
        write::str(out, name);
    }
    if let Some(auth) = &ready.auth {
        write::str(out, "auth");
        write::bin(out, auth);
    }
}

fn write_progress(out: &mut Buffer, progress: &Progress) {
    // A number that is not finite is left out: the server would close the lane for it.
    let finite = |n: Option<f64>| n.filter(|n| n.is_finite());
    let (done, total) = (finite(progress.done), finite(progress.total));
    let present = [done.is_some(), total.is_some(), progress.note.is_some()];
    write::map(out, present.into_iter().map(u32::from).sum());
    for (key, value) in [("done", done), ("total", total)] {
        if let Some(value) = value {
            write::str(out, key);
            write::number(out, value);
        }
    }
    if let Some(note) = &progress.note {
        write::str(out, "note");
        write::str(out, note);
    }
}

fn read_type(bytes: &[u8]) -> Result<Option<ContentType>, BadHead> {
    let mut declared = None;
    head::read(bytes, |key, reader| {
        if key == "type" {
            declared = head::content_type(reader)?;
            return Ok(true);
        }
        Ok(false)
    })?;
    Ok(declared)
}

fn read_ready(lane: LaneId, bytes: &[u8]) -> Result<Ready, BadHead> {
    let mut ready = Ready::new(lane);
    head::read(bytes, |key, reader| {
        match key {
            "slots" => {
                let expected = "an integer from 1 to 65536";
                ready.slots =
                    small(head::integer(reader, "slots", expected, 1..=SLOTS_MAX.into())?);
            }
            "pack" => {
                let expected = "an integer from 1 to 1024";
                ready.pack = small(head::integer(reader, "pack", expected, 1..=PACK_MAX.into())?);
            }
            "queues" => ready.queues = read_queues(reader)?,
            "name" => {
                let name = head::text(reader, "name")?.filter(|name| !name.is_empty());
                ready.name = name.map(|name| cut(name, WORKER_NAME_BYTES_MAX).to_owned());
            }
            "auth" => ready.auth = Some(head::bytes32(reader, "auth")?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(ready)
}

fn small(n: Option<u64>) -> u32 {
    n.and_then(|n| u32::try_from(n).ok()).unwrap_or(1)
}

fn read_queues(reader: &mut crate::msgpack::Reader<'_>) -> Result<Vec<QueueName>, BadHead> {
    let expected = "an array of 1 to 64 queue names";
    let bad = BadHead::Value { key: "queues", expected };
    let len = reader.try_array()?.ok_or(bad.clone())?;
    if len == 0 || len > QUEUES_PER_WORKER_MAX {
        return Err(bad);
    }
    let mut queues: Vec<QueueName> =
        (0..len).map(|_| head::queue(reader, "queues")).collect::<Result<_, _>>()?;
    queues.sort_unstable();
    queues.dedup();
    Ok(queues)
}

fn read_progress(bytes: &[u8]) -> Result<Progress, BadHead> {
    let mut progress = Progress::default();
    head::read(bytes, |key, reader| {
        match key {
            "done" => progress.done = head::number(reader, "done")?,
            "total" => progress.total = head::number(reader, "total")?,
            "note" => {
                let note = head::text(reader, "note")?;
                progress.note = note.map(|note| cut(note, TEXT_BYTES_MAX).to_owned());
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(progress)
}

fn read_fail(job: JobId, bytes: &[u8]) -> Result<FromWorker, BadHead> {
    let (mut code, mut message, mut retry) = (None, String::new(), true);
    head::read(bytes, |key, reader| {
        match key {
            "code" => {
                let given = head::text(reader, "code")?.filter(|code| !code.is_empty());
                code = given.map(|code| cut(code, FAIL_CODE_BYTES_MAX).to_owned());
            }
            "message" => {
                let given = head::text(reader, "message")?.unwrap_or_default();
                message = cut(given, TEXT_BYTES_MAX).to_owned();
            }
            "retry" => retry = head::boolean(reader, "retry")?.unwrap_or(true),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(FromWorker::Fail { job, code, message, retry })
}

fn read_publish(lane: LaneId, bytes: &[u8], body: Bytes) -> Result<FromWorker, BadHead> {
    let (mut topic, mut declared) = (None, None);
    head::read(bytes, |key, reader| {
        match key {
            "topic" => topic = head::text(reader, "topic")?.map(str::to_owned),
            "type" => declared = head::content_type(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let topic = topic.ok_or(BadHead::Missing("topic"))?;
    if topic.is_empty() || topic.len() > TOPIC_BYTES_MAX {
        return Err(BadHead::Value { key: "topic", expected: "1 to 128 bytes of text" });
    }
    Ok(FromWorker::Publish { lane, topic, body: Body::new(declared, body).owned_if_small() })
}
