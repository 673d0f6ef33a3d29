//! What every case looks at: each message of the worker, held against the rules and against what
//! was said to the worker before.

use std::collections::{HashMap, HashSet};

use acequia_wire::code::ServerFailCode;
use acequia_wire::worker::{About, BadMessage, FromWorker, Malformed, Ready};
use acequia_wire::{Body, ContentType, JobId, LaneId};
use bytes::Bytes;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::head;
use super::say::Say;
use super::server::Conn;
use crate::findings::Findings;

/// The rules that are looked at in each case.
pub(crate) const WATCHED: &[&str] =
    &["W8", "W9", "W10", "W13", "W14", "W15", "W16", "W20", "W23", "W27", "W36", "W38", "W48"];

const KINDS: [&[u8]; 8] =
    [b"ready", b"progress", b"chunk", b"done", b"fail", b"beat", b"publish", b"bye"];
/// A packed message of more bytes than these should be a single large result.
const PACK_BYTES_MAX: usize = 256 << 10;
/// So many ticks of silence break the rule of [`Lane::ticks`]: 5 seconds, and two of grace.
const SILENT_TICKS_MAX: u32 = 70;

/// A lane, as the scripted server knows it.
pub(crate) struct Lane {
    pub(crate) id: LaneId,
    pub(crate) nonce: [u8; 32],
    /// The version that its `hello` named.
    pub(crate) version: u64,
    pub(crate) server: usize,
    pub(crate) jobs: Conn,
    pub(crate) results: Option<Conn>,
    pub(crate) max_body: usize,
    pub(crate) ready: Option<Ready>,
    /// It has ended; what is still said of its jobs is void.
    pub(crate) is_over: bool,
    /// The jobs that it holds, and their types.
    pub(crate) held: HashMap<JobId, ContentType>,
    /// The worker has beaten.
    pub(crate) beats: bool,
    /// The worker has said `bye`.
    pub(crate) has_left: bool,
    /// The messages after its `ready`, by their kinds.
    pub(crate) said: Vec<&'static str>,
    ticks: u32,
}

/// How a worker answered a job.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Done(Body),
    Fail { code: Option<String>, retry: bool },
}

/// What was said on both sides.
pub(crate) struct Book {
    pub(crate) findings: Findings,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) answers: HashMap<JobId, Answer>,
    /// Jobs that were given before any `hello`.
    early: HashSet<JobId>,
    names: HashMap<[u8; 16], String>,
    /// The servers of which something was heard on each connection for results.
    servers: HashMap<Conn, usize>,
    token: Option<Vec<u8>>,
    /// The server was not there while a job ended, so what is said of that was queued.
    pub(crate) has_been_away: bool,
}

impl Book {
    pub(crate) fn new(findings: Findings, token: Option<Vec<u8>>) -> Self {
        Self {
            findings,
            lanes: Vec::new(),
            answers: HashMap::new(),
            early: HashSet::new(),
            names: HashMap::new(),
            servers: HashMap::new(),
            token,
            has_been_away: false,
        }
    }

    /// What is said to the worker, for the conversation.
    pub(crate) fn note_said(&mut self, says: &[Say]) {
        for say in says {
            let next = format!(
                "{} {}",
                if say.kind() == "hello" { "lane" } else { "job" },
                self.names.len() + 1
            );
            let name = self.names.entry(say.id()).or_insert(next);
            let packed = if says.len() > 1 { " (packed)" } else { "" };
            if says.len() < 5 || say.kind() == "job" {
                self.findings.note(format!("S {} [{name}]{}{packed}", say.kind(), say.shown()));
            }
        }
        if says.len() >= 5 {
            self.findings.note(format!("S … {} messages in one ZeroMQ message", says.len()));
        }
    }

    pub(crate) fn results_came(&mut self, conn: Conn, server: usize) {
        self.servers.insert(conn, server);
    }

    /// A lane begins; what the worker held on this jobs connection is void.
    pub(crate) fn greeted(&mut self, lane: Lane) -> usize {
        for before in
            self.lanes.iter_mut().filter(|before| before.jobs == lane.jobs && before.id != lane.id)
        {
            before.is_over = true;
        }
        if let Some(same) = self.lanes.iter().position(|before| before.id == lane.id) {
            return same;
        }
        self.lanes.push(lane);
        self.lanes.len() - 1
    }

    pub(crate) fn gave(&mut self, lane: Option<usize>, job: JobId, content_type: ContentType) {
        match lane {
            Some(lane) => _ = self.lanes[lane].held.insert(job, content_type),
            None => _ = self.early.insert(job),
        }
    }

    /// A connection has ended, and with it its lanes; returns the other connections of those.
    pub(crate) fn ended(&mut self, conn: Conn) -> Vec<Conn> {
        let mut others = Vec::new();
        for lane in
            self.lanes.iter_mut().filter(|lane| lane.jobs == conn || lane.results == Some(conn))
        {
            if !lane.is_over {
                others.extend(
                    [Some(lane.jobs), lane.results]
                        .into_iter()
                        .flatten()
                        .filter(|other| *other != conn),
                );
            }
            lane.is_over = true;
        }
        others
    }

    /// The last lane that is ready and not over.
    pub(crate) fn live(&self) -> Option<usize> {
        self.lanes.iter().rposition(|lane| lane.ready.is_some() && !lane.is_over)
    }

    /// A tenth of a second has passed.
    pub(crate) fn tick(&mut self) {
        for lane in self
            .lanes
            .iter_mut()
            .filter(|lane| lane.beats && !lane.is_over && !lane.held.is_empty())
        {
            lane.ticks += 1;
            if lane.ticks == SILENT_TICKS_MAX {
                let came =
                    "a worker that beats has said nothing for 7 seconds while it holds a job";
                self.findings.broke("W45", came);
            }
        }
    }

    /// A ZeroMQ message of the worker. What can be understood of it is returned.
    pub(crate) fn heard(&mut self, conn: Conn, frames: Vec<Bytes>) -> Vec<FromWorker> {
        let count = frames.len();
        if count > 4 && (!count.is_multiple_of(4) || count > 4_096) {
            self.findings.note(format!("W a ZeroMQ message of {count} frames"));
            self.findings.broke("W9", format!("a ZeroMQ message of {count} frames"));
        } else {
            let bytes: usize = frames.iter().map(Bytes::len).sum();
            if count > 4 && bytes > PACK_BYTES_MAX {
                self.findings
                    .broke("W18", format!("{} packed messages of {bytes} bytes", count / 4));
            }
            for parts in frames.chunks(4) {
                self.look(parts);
            }
        }
        let mut decoded = Vec::new();
        if let Err(malformed) = FromWorker::decode(frames.into_iter(), &mut decoded) {
            match &malformed {
                // Told above.
                Malformed::Frames(_) | Malformed::Kind(_) | Malformed::Id(_) => {}
                Malformed::Head { .. } => self.findings.broke("W20", malformed.to_string()),
            }
        }
        let packed = decoded.len();
        decoded.into_iter().filter_map(|said| self.take(conn, said, packed)).collect()
    }

    /// The frames of one message, each for itself.
    fn look(&mut self, parts: &[Bytes]) {
        let kind = parts.first().map_or(&[][..], |kind| &kind[..]);
        if !KINDS.contains(&kind) {
            let shown = String::from_utf8_lossy(&kind[..kind.len().min(40)]).into_owned();
            self.findings.note(format!("W {shown:?}"));
            self.findings.broke("W10", format!("a message of the unknown kind {shown:?}"));
        }
        let id = parts.get(1).map_or(0, Bytes::len);
        if id != 16 {
            let kind = String::from_utf8_lossy(&kind[..kind.len().min(40)]).into_owned();
            self.findings.note(format!("W {kind} with an id of {id} bytes"));
            self.findings.broke("W10", format!("`{kind}` with an id of {id} bytes"));
        }
        if let Some(head) = parts.get(2) {
            for (rule, fault) in head::faults(head) {
                self.findings
                    .broke(rule, format!("{fault}, in `{}`", String::from_utf8_lossy(kind)));
            }
        }
    }

    fn take(
        &mut self,
        conn: Conn,
        said: Result<FromWorker, BadMessage>,
        packed: usize,
    ) -> Option<FromWorker> {
        let message = match said {
            Ok(message) => message,
            Err(BadMessage { about, why }) => {
                let is_of_kind = why.contains("unknown kind") || why.contains("frames");
                if !is_of_kind {
                    self.findings.broke("W20", why);
                }
                if let About::Job { job, last: true } = about {
                    self.forget(job);
                }
                return None;
            }
        };
        let packed = if packed > 1 { " (packed)" } else { "" };
        let line = format!("W {}{packed}", self.shown(&message));
        self.findings.note(line);
        let lane = match &message {
            FromWorker::Ready(ready) => self.ready(conn, ready),
            _ => self.spoken(conn, &message),
        }?;
        let heard = &mut self.lanes[lane];
        heard.ticks = 0;
        heard.beats |= matches!(message, FromWorker::Beat { .. });
        heard.has_left |= matches!(message, FromWorker::Bye { .. });
        heard.said.push(kind_of(&message));
        Some(message)
    }

    fn forget(&mut self, job: JobId) {
        for lane in &mut self.lanes {
            lane.held.remove(&job);
        }
    }

    fn ready(&mut self, conn: Conn, ready: &Ready) -> Option<usize> {
        let Some(at) = self.lanes.iter().position(|lane| lane.id == ready.lane) else {
            self.findings.broke("W36", "a `ready` for a lane that no `hello` named");
            return None;
        };
        if self.lanes[at].version != 1 {
            self.findings.broke(
                "W24",
                format!("a `ready` for a `hello` of version {}", self.lanes[at].version),
            );
        }
        let lane = &self.lanes[at];
        if lane.is_over {
            // It may have crossed the hello that ended the lane; after the answer to that one it has not.
            let is_late = self
                .lanes
                .iter()
                .any(|newer| newer.jobs == lane.jobs && newer.ready.is_some() && !newer.is_over);
            if is_late {
                self.findings.broke("W36", "a `ready` for a lane that a later `hello` has ended");
            }
            return None;
        }
        if self.servers.get(&conn).is_some_and(|server| *server != lane.server) {
            self.findings.broke("W4", "the answer to the `hello` of one server came to another");
        }
        if self
            .lanes
            .iter()
            .any(|other| other.results == Some(conn) && other.jobs != lane.jobs && !other.is_over)
        {
            self.findings
                .broke("W38", "a `ready` on a results connection on which another lane is ready");
        }
        if let Some(token) = &self.token {
            match ready.auth {
                Some(auth) if auth == proof(token, lane) => {}
                Some(_) => self.findings.broke(
                    "W37",
                    "an `auth` that is not the HMAC of this lane's nonce and id under the token",
                ),
                None => self
                    .findings
                    .broke("W37", "a `ready` without `auth`, of a worker that has a token"),
            }
        }
        let lane = &mut self.lanes[at];
        if lane.ready.is_none() {
            lane.results = Some(conn);
            lane.ready = Some(ready.clone());
        }
        Some(at)
    }

    /// Anything but `ready`: the lane that it belongs to, if it is one that goes on.
    fn spoken(&mut self, conn: Conn, message: &FromWorker) -> Option<usize> {
        let job = job_of(message);
        let kind = kind_of(message);
        if job.is_some_and(|job| self.early.contains(&job)) {
            self.findings
                .broke("W51", format!("`{kind}` of a job that was sent before any `hello`"));
            return None;
        }
        let live = self.lanes.iter().position(|lane| lane.results == Some(conn) && !lane.is_over);
        let is_void = job.is_some_and(|job| {
            self.lanes.iter().any(|lane| lane.is_over && lane.held.contains_key(&job))
        }) || lane_of(message)
            .is_some_and(|id| self.lanes.iter().any(|lane| lane.is_over && lane.id == id));
        let Some(at) = live else {
            // It may have crossed the end of its lane, of which a worker cannot know before the next
            // hello.
            let is_crossing = is_void || self.lanes.iter().any(|lane| lane.results == Some(conn));
            if !is_crossing {
                self.findings.broke(
                    "W23",
                    format!("`{kind}` as the first message of a connection, before any `ready`"),
                );
            } else if self.has_been_away && job.is_some() {
                let came = format!(
                    "`{kind}` of a job of a lane that is over, as the first message on a new connection"
                );
                self.findings.broke("W6", came);
            }
            return None;
        };
        if is_void {
            self.findings
                .broke("W25", format!("`{kind}` about what was held before the fresh `hello`"));
            return None;
        }
        self.judge(at, message);
        Some(at)
    }

    fn judge(&mut self, at: usize, message: &FromWorker) {
        let kind = kind_of(message);
        let lane = &mut self.lanes[at];
        let Some(job) = job_of(message) else {
            if lane_of(message) != Some(lane.id) {
                self.findings
                    .broke("W48", format!("`{kind}` with another id than that of its lane"));
            }
            if let FromWorker::Publish { body, .. } = message
                && let Err(why) = body.clone().resolve(&ContentType::Json)
            {
                self.findings.broke("W47", format!("what is published is {why}"));
            }
            return;
        };
        let Some(content_type) = lane.held.get(&job).cloned() else {
            if self.answers.contains_key(&job) {
                self.findings.broke("W27", format!("`{kind}` of a job that has been answered"));
            } else {
                self.findings
                    .broke("W48", format!("`{kind}` of a job that this lane was not given"));
            }
            return;
        };
        if let FromWorker::Done { body, .. } | FromWorker::Chunk { body, .. } = message {
            if body.bytes().len() > lane.max_body {
                let came = format!(
                    "`{kind}` of {} bytes; `max_body` was {}",
                    body.bytes().len(),
                    lane.max_body
                );
                self.findings.broke("W41", came);
            }
            if let Err(why) = body.clone().resolve(&content_type) {
                self.findings.broke("W40", format!("the body of `{kind}` is {why}"));
            }
        }
        let answer = match message {
            FromWorker::Done { body, .. } => Answer::Done(body.clone()),
            FromWorker::Fail { code, retry, .. } => {
                if let Some(code) = code {
                    self.judge_code(code);
                }
                Answer::Fail { code: code.clone(), retry: *retry }
            }
            _ => return,
        };
        self.lanes[at].held.remove(&job);
        self.answers.insert(job, answer);
    }

    fn judge_code(&mut self, code: &str) {
        let is_snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !code.chars().all(is_snake) || !code.starts_with(|c: char| c.is_ascii_lowercase()) {
            self.findings.broke("W43", format!("the code {code:?}"));
        }
        // The others may mean what the server means by them: a result that a library does not send
        // since it is too large is a `bad_result`.
        let of_server =
            [ServerFailCode::WorkerLost, ServerFailCode::Expired, ServerFailCode::BadMessage];
        if of_server.iter().any(|known| known.as_str() == code) {
            self.findings.broke("W44", format!("the code {code:?}, which is the server's own"));
        }
    }

    /// What is printed anywhere must not have the ids of lanes.
    pub(crate) fn search(&mut self, printed: &[String]) {
        for lane in &self.lanes {
            let hex: String = lane.id.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            let is_there = |line: &String| line.to_lowercase().replace('-', "").contains(&hex);
            if printed.iter().any(is_there) {
                self.findings.broke("W16", "the program has printed the id of a lane");
                return;
            }
        }
    }

    fn shown(&self, message: &FromWorker) -> String {
        let id = match (job_of(message), lane_of(message)) {
            (Some(job), _) => *job.as_bytes(),
            (_, Some(lane)) => *lane.as_bytes(),
            _ => [0; 16],
        };
        let name = self.names.get(&id).map_or("an id that is not known here", String::as_str);
        let more = match message {
            FromWorker::Ready(ready) => {
                let auth = if ready.auth.is_some() { ", with auth" } else { "" };
                format!(" slots {}, pack {}{auth}", ready.slots, ready.pack)
            }
            FromWorker::Done { body, .. } | FromWorker::Chunk { body, .. } => {
                match body.bytes().len() {
                    0 => " an empty body".to_owned(),
                    1..=40 => format!(" {}", String::from_utf8_lossy(body.bytes())),
                    len => format!(" {len} bytes"),
                }
            }
            FromWorker::Fail { code, message, retry, .. } => {
                let message: String = message.chars().take(80).collect();
                let code = code.as_deref().unwrap_or("none");
                format!(" code {code}, message {message:?}, retry {retry}")
            }
            FromWorker::Publish { topic, .. } => format!(" topic {topic:?}"),
            _ => String::new(),
        };
        format!("{} [{name}]{more}", kind_of(message))
    }
}

/// The `auth` that the lane asks of a worker with this token.
fn proof(token: &[u8], lane: &Lane) -> [u8; 32] {
    // A key of any length will do, so there is no error to speak of.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(token) else { return [0; 32] };
    mac.update(&lane.nonce);
    mac.update(lane.id.as_bytes());
    mac.finalize().into_bytes().into()
}

impl Lane {
    /// A lane that begins with this connection.
    pub(crate) fn new(id: [u8; 16], nonce: [u8; 32], server: usize, jobs: Conn) -> Self {
        Self {
            id: LaneId::from_bytes(id),
            nonce,
            version: 1,
            server,
            jobs,
            results: None,
            max_body: 8 << 20,
            ready: None,
            is_over: false,
            held: HashMap::new(),
            beats: false,
            has_left: false,
            said: Vec::new(),
            ticks: 0,
        }
    }
}

fn kind_of(message: &FromWorker) -> &'static str {
    match message {
        FromWorker::Ready(_) => "ready",
        FromWorker::Progress { .. } => "progress",
        FromWorker::Chunk { .. } => "chunk",
        FromWorker::Done { .. } => "done",
        FromWorker::Fail { .. } => "fail",
        FromWorker::Beat { .. } => "beat",
        FromWorker::Publish { .. } => "publish",
        FromWorker::Bye { .. } => "bye",
    }
}

fn job_of(message: &FromWorker) -> Option<JobId> {
    match message {
        FromWorker::Progress { job, .. }
        | FromWorker::Chunk { job, .. }
        | FromWorker::Done { job, .. }
        | FromWorker::Fail { job, .. } => Some(*job),
        _ => None,
    }
}

fn lane_of(message: &FromWorker) -> Option<LaneId> {
    match message {
        FromWorker::Ready(ready) => Some(ready.lane),
        FromWorker::Beat { lane } | FromWorker::Publish { lane, .. } | FromWorker::Bye { lane } => {
            Some(*lane)
        }
        _ => None,
    }
}
