//! What a worker says to the server.

use bytes::Bytes;

use super::bad_message::{About, BadMessage};
use super::frames::{Malformed, Packer, Parts, check_count, split};
use super::head::{self, BadHead, Value};
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
    /// How many jobs it is willing to hold; none if it only publishes.
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
    /// One that cannot be understood, though it is known what it is about, is a [`BadMessage`] in
    /// its place and does not disturb the others. If the number of frames is such that they
    /// cannot be told apart as messages, each job that they name gets one.
    ///
    /// # Errors
    /// If it is no message of the protocol.
    pub fn decode(
        frames: impl ExactSizeIterator<Item = Bytes>,
        out: &mut Vec<Result<Self, BadMessage>>,
    ) -> Result<(), Malformed> {
        if let Err(malformed) = check_count(frames.len()) {
            return name_jobs(frames, malformed, out);
        }
        for parts in split(frames)? {
            out.push(Self::decode_one(parts)?);
        }
        Ok(())
    }

    fn decode_one(parts: Parts) -> Result<Result<Self, BadMessage>, Malformed> {
        let id = parts.id()?;
        let (lane, job) = (LaneId::from_bytes(id), JobId::from_bytes(id));
        let of_job = |kind, last| move |why| bad_head(kind, &why, About::Job { job, last });
        Ok(match parts.kind.as_ref() {
            b"done" => read_type(&parts.head).map_err(of_job("done", true)).map(|declared| {
                Self::Done { job, body: Body::new(declared, parts.body).owned_if_small() }
            }),
            b"chunk" => read_type(&parts.head).map_err(of_job("chunk", false)).map(|declared| {
                Self::Chunk { job, body: Body::new(declared, parts.body).owned_if_small() }
            }),
            b"progress" => read_progress(&parts.head)
                .map(|progress| Self::Progress { job, progress })
                .map_err(of_job("progress", false)),
            b"fail" => read_fail(job, &parts.head).map_err(of_job("fail", true)),
            b"ready" => {
                let ready = read_ready(lane, &parts.head);
                Ok(Self::Ready(ready.map_err(|why| Malformed::Head { kind: "ready", why })?))
            }
            b"beat" => Ok(Self::Beat { lane }),
            b"publish" => read_publish(lane, &parts.head, parts.body)
                .map_err(|why| bad_head("publish", &why, About::Topic(lane))),
            b"bye" => Ok(Self::Bye { lane }),
            kind => Err(unknown_kind(kind, job)),
        })
    }
}

fn bad_head(kind: &str, why: &BadHead, about: About) -> BadMessage {
    let why = format!("the head of the worker's `{kind}` cannot be understood: {why}");
    BadMessage { about, why }
}

/// The kinds of messages about a job.
const JOB_KINDS: [&[u8]; 4] = [b"progress", b"chunk", b"done", b"fail"];

/// A kind that is not known may have been meant as the last word of a job: nobody can tell, and a
/// worker that waits for the next job would wait for ever.
fn unknown_kind(kind: &[u8], job: JobId) -> BadMessage {
    // As long as a kind that was spelt wrongly may be.
    const SHOWN_BYTES_MAX: usize = 12;
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b' ');
    let shown = match std::str::from_utf8(kind) {
        Ok(word) if kind.len() <= SHOWN_BYTES_MAX && kind.iter().all(is_word) => {
            format!("`{word}`")
        }
        // It may be a result whose worker forgot the frames before it, which is for no log.
        _ => format!("of {} bytes", kind.len()),
    };
    let why = format!(
        "the worker sent a message of the unknown kind {shown} about it; known are progress, \
         chunk, done, fail"
    );
    BadMessage { about: About::Job { job, last: true }, why }
}

/// Of frames that cannot be told apart as messages: the jobs that are named behind a kind.
fn name_jobs(
    frames: impl Iterator<Item = Bytes>,
    malformed: Malformed,
    out: &mut Vec<Result<FromWorker, BadMessage>>,
) -> Result<(), Malformed> {
    let (mut kind_before, mut named) = (false, false);
    for frame in frames {
        if kind_before && let Ok(id) = frame.as_ref().try_into() {
            let about = About::Job { job: JobId::from_bytes(id), last: true };
            let why = format!("the worker sent {malformed}; each of several messages has all four");
            out.push(Err(BadMessage { about, why }));
            named = true;
        }
        kind_before = JOB_KINDS.contains(&frame.as_ref());
    }
    if named { Ok(()) } else { Err(malformed) }
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
    // A number that is not finite says nothing.
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
    head::read(bytes, |key, value| {
        if key == "type" {
            declared = value.content_type()?;
        }
        Ok(())
    })?;
    Ok(declared)
}

fn read_ready(lane: LaneId, bytes: &[u8]) -> Result<Ready, BadHead> {
    let mut ready = Ready::new(lane);
    head::read(bytes, |key, value| {
        match key {
            "slots" => {
                let slots = value.at_most("slots", "an integer from 0 to 65536", SLOTS_MAX)?;
                ready.slots = slots.unwrap_or(1);
            }
            "pack" => {
                let pack = value.at_most("pack", "an integer from 1 to 1024", PACK_MAX)?;
                ready.pack = pack.unwrap_or(1).max(1);
            }
            "queues" => ready.queues = read_queues(value)?,
            "name" => {
                let name = value.words("name", WORKER_NAME_BYTES_MAX)?;
                ready.name = name.filter(|name| !name.is_empty());
            }
            "auth" => ready.auth = value.bytes32("auth")?,
            _ => {}
        }
        Ok(())
    })?;
    if ready.queues.is_empty() && ready.slots > 0 {
        return Err(BAD_QUEUES);
    }
    Ok(ready)
}

const BAD_QUEUES: BadHead =
    BadHead::Value { key: "queues", expected: "an array of 1 to 64 queue names" };

/// The queues of a `ready`, sorted, each once; a single name is one, and nil is `default`.
fn read_queues(value: Value<'_>) -> Result<Vec<QueueName>, BadHead> {
    let mut queues = Vec::new();
    let is_array = value.each(|item| {
        if queues.len() == QUEUES_PER_WORKER_MAX {
            return Err(BAD_QUEUES);
        }
        queues.push(item.queue("queues")?);
        Ok(())
    })?;
    if !is_array {
        return Ok(vec![match value.name("queues") {
            Ok(None) => QueueName::default(),
            Ok(Some(_)) => value.queue("queues")?,
            Err(_) => return Err(BAD_QUEUES),
        }]);
    }
    queues.sort_unstable();
    queues.dedup();
    Ok(queues)
}

fn read_progress(bytes: &[u8]) -> Result<Progress, BadHead> {
    let mut progress = Progress::default();
    head::read(bytes, |key, value| {
        match key {
            "done" => progress.done = value.number("done")?,
            "total" => progress.total = value.number("total")?,
            "note" => progress.note = value.words("note", TEXT_BYTES_MAX)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(progress)
}

fn read_fail(job: JobId, bytes: &[u8]) -> Result<FromWorker, BadHead> {
    let (mut code, mut message, mut retry) = (None, String::new(), true);
    head::read(bytes, |key, value| {
        match key {
            "code" => {
                let given = value.words("code", FAIL_CODE_BYTES_MAX)?;
                code = given.filter(|code| !code.is_empty());
            }
            "message" => message = value.words("message", TEXT_BYTES_MAX)?.unwrap_or_default(),
            "retry" => retry = value.boolean("retry")?.unwrap_or(true),
            _ => {}
        }
        Ok(())
    })?;
    Ok(FromWorker::Fail { job, code, message, retry })
}

fn read_publish(lane: LaneId, bytes: &[u8], body: Bytes) -> Result<FromWorker, BadHead> {
    let (mut topic, mut declared) = (None, None);
    head::read(bytes, |key, value| {
        match key {
            "topic" => topic = value.name("topic")?.map(str::to_owned),
            "type" => declared = value.content_type()?,
            _ => {}
        }
        Ok(())
    })?;
    let topic = topic.ok_or(BadHead::Missing("topic"))?;
    if topic.is_empty() || topic.len() > TOPIC_BYTES_MAX {
        return Err(BadHead::Value { key: "topic", expected: "1 to 128 bytes of text" });
    }
    Ok(FromWorker::Publish { lane, topic, body: Body::new(declared, body).owned_if_small() })
}
