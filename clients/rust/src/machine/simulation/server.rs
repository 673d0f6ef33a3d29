//! A model of a server: sessions, what they keep, and jobs that take their time. What is on its disk survives
//! a crash.

use std::collections::{BTreeMap, BTreeSet};

use acequia_wire::client::{Encoding, Event, JobEvent, Op, Ops, Refusal, Resume, Submit, Welcome};
use acequia_wire::code::RejectCode;
use acequia_wire::{ContentType, CorrelationId, JobId, Limits, Payload};
use bytes::Bytes;

pub(super) struct Server {
    encoding: Encoding,
    random: fastrand::Rng,
    sessions: BTreeMap<String, Session>,
    /// Of the connection that there is.
    speaks_for: Option<String>,
    /// It has been greeted.
    greeted: bool,
    said: Vec<Bytes>,
    secrets: u32,
    /// It refuses what it could take.
    pub(super) refuses: bool,
    /// Its disk is quick: what it has heard is on it before a client can come back.
    pub(super) is_prompt: bool,
    /// It takes no more, and will end.
    pub(super) drains: bool,
    /// Jobs that were refused for good.
    pub(super) forbidden: BTreeSet<i64>,
    /// It has lost sessions, and their jobs.
    pub(super) has_forgotten: bool,
    pub(super) resumed: u32,
    pub(super) sent_again: u32,
    /// How often each job came onto the disk.
    taken: BTreeMap<i64, u32>,
    /// Jobs whose outcome is the answer to their key.
    keys: BTreeSet<i64>,
}

#[derive(Default)]
struct Session {
    resumable: bool,
    seq: u64,
    /// Not acknowledged; those that survive a crash are marked.
    kept: Vec<(u64, Event, bool)>,
    jobs: BTreeMap<i64, Stage>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// In memory.
    Heard,
    /// In memory, and begun.
    Begun,
    /// On disk.
    Taken,
    /// On disk, and begun.
    Running,
}

pub(super) fn result_of(id: i64) -> String {
    format!("result {id}")
}

impl Server {
    pub(super) fn new(encoding: Encoding, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        Self {
            encoding,
            is_prompt: random.bool(),
            random,
            sessions: BTreeMap::new(),
            speaks_for: None,
            greeted: false,
            said: Vec::new(),
            secrets: 0,
            refuses: false,
            has_forgotten: false,
            resumed: 0,
            sent_again: 0,
            taken: BTreeMap::new(),
            keys: BTreeSet::new(),
            drains: false,
            forbidden: BTreeSet::new(),
        }
    }

    pub(super) fn taken(&self, id: i64) -> u32 {
        self.taken.get(&id).copied().unwrap_or_default()
    }

    /// What was said since the last time.
    pub(super) fn said(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.said)
    }

    pub(super) fn connect(&mut self) {
        self.speaks_for = None;
        self.greeted = false;
    }

    pub(super) fn disconnect(&mut self) {
        self.said.clear();
        self.drains = false;
        if let Some(secret) = self.speaks_for.take()
            && self.sessions.get(&secret).is_some_and(|session| !session.resumable)
        {
            self.sessions.remove(&secret);
        }
    }

    /// What was in memory alone is gone.
    pub(super) fn crash(&mut self) {
        self.disconnect();
        for session in self.sessions.values_mut() {
            session.jobs.retain(|_, stage| matches!(stage, Stage::Taken | Stage::Running));
            session.jobs.values_mut().for_each(|stage| *stage = Stage::Taken);
            session.kept.retain(|(_, _, survives)| *survives);
            // Numbers are left out.
            session.seq += 1_000;
        }
    }

    /// All sessions are gone.
    pub(super) fn forget(&mut self) {
        self.disconnect();
        self.sessions.clear();
        self.keys.clear();
        self.has_forgotten = true;
    }

    /// A message of the client.
    pub(super) fn hear(&mut self, message: Bytes) {
        for op in Ops::new(self.encoding, message, Limits::default()) {
            let op = op.expect("a client says what is understood");
            assert!(self.greeted || matches!(op, Op::Hello(_)), "{op:?} before the welcome");
            match op {
                Op::Hello(hello) if !self.greeted => self.greet(hello.resume),
                Op::Hello(_) => self.say(&welcome(None, false), None),
                Op::Submit(submit) => {
                    let CorrelationId::Int(id) = submit.id else { panic!("{submit:?}") };
                    self.submit(id, &submit);
                }
                Op::Cancel { id } => self.cancel(id),
                Op::Ack { seq } => {
                    let session = self.session(&self.spoken_for());
                    assert!(seq <= session.seq, "an ack of what was never said");
                    session.kept.retain(|(kept, ..)| *kept > seq);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn greet(&mut self, resume: Option<Resume>) {
        self.greeted = true;
        if self.is_prompt {
            self.write_all();
        }
        if let Some(Resume::Session { secret, last }) = &resume
            && let Some(session) = self.sessions.get_mut(secret)
        {
            self.resumed += 1;
            session.kept.retain(|(seq, ..)| seq > last);
            let replay = session.kept.clone();
            self.speaks_for = Some(secret.clone());
            self.say(&welcome(Some(secret.clone()), true), None);
            replay.iter().for_each(|(seq, event, _)| self.say(event, Some(*seq)));
            return;
        }
        self.secrets += 1;
        let secret = format!("secret {}", self.secrets);
        let session = Session { resumable: resume.is_some(), ..Session::default() };
        self.sessions.insert(secret.clone(), session);
        self.say(&welcome(resume.map(|_| secret.clone()), false), None);
        self.speaks_for = Some(secret);
    }

    fn submit(&mut self, id: i64, submit: &Submit) {
        let secret = self.spoken_for();
        let refuses = self.refuses && self.random.u8(..3) == 0;
        let code = match self.random.u8(..6) {
            0 => RejectCode::QueueFull,
            1 => RejectCode::RateLimited,
            2 => RejectCode::TooManyJobs,
            3 => RejectCode::Storage,
            4 => RejectCode::Draining,
            _ => RejectCode::Forbidden,
        };
        if self.drains {
            return self.reject(id, RejectCode::Draining);
        }
        if self.session(&secret).jobs.contains_key(&id) {
            self.sent_again += 1;
            return self.reject(id, RejectCode::DuplicateId);
        }
        // A token that is good for a job is good for it later.
        if refuses && !(code == RejectCode::Forbidden && self.taken(id) > 0) {
            self.drains = code == RejectCode::Draining;
            if code == RejectCode::Forbidden {
                self.forbidden.insert(id);
            }
            return self.reject(id, code);
        }
        if submit.key.is_some() && self.keys.contains(&id) {
            return self.tell(&secret, id, done(id), true);
        }
        self.session(&secret).jobs.insert(id, Stage::Heard);
    }

    fn reject(&mut self, id: i64, code: RejectCode) {
        let mut refusal = Refusal::new(code, "no").of_submit(CorrelationId::Int(id));
        refusal.retry_after_ms = self.random.bool().then_some(50);
        self.put(&self.spoken_for(), refusal.into(), false);
    }

    fn cancel(&mut self, id: CorrelationId) {
        let secret = self.spoken_for();
        if let CorrelationId::Int(id) = id
            && self.session(&secret).jobs.remove(&id).is_some()
        {
            return self.tell(&secret, id, JobEvent::Cancelled, true);
        }
        let refusal = Refusal { id: Some(id), ..Refusal::bad_request("no such job") };
        self.put(&secret, refusal.into(), false);
    }

    /// Something becomes of one of the jobs, of whatever session.
    pub(super) fn work(&mut self) {
        let all = self.sessions.iter();
        let jobs = all.flat_map(|(secret, session)| {
            session.jobs.iter().map(move |(id, stage)| (secret.clone(), *id, *stage))
        });
        let jobs: Vec<_> = jobs.collect();
        let Some((secret, id, stage)) = self.random.choice(jobs) else { return };
        let (next, what) = match (stage, self.random.u8(..4)) {
            (Stage::Heard | Stage::Begun, 0) => {
                // The outcome before any word of acceptance.
                *self.taken.entry(id).or_default() += 1;
                (None, done(id))
            }
            (Stage::Heard, 1) => (Some(Stage::Begun), started()),
            (Stage::Heard | Stage::Begun, _) => {
                *self.taken.entry(id).or_default() += 1;
                let is_begun = stage == Stage::Begun;
                (Some(if is_begun { Stage::Running } else { Stage::Taken }), JobEvent::Accepted)
            }
            (Stage::Taken, _) => (Some(Stage::Running), started()),
            (Stage::Running, _) => (None, done(id)),
        };
        let survives = what.is_outcome() || what == JobEvent::Accepted;
        match next {
            Some(next) => _ = self.session(&secret).jobs.insert(id, next),
            None => {
                self.session(&secret).jobs.remove(&id);
                self.keys.insert(id);
            }
        }
        self.tell(&secret, id, what, survives);
    }

    /// Whatever is in memory alone comes onto the disk.
    fn write_all(&mut self) {
        let mut written = Vec::new();
        for (secret, session) in &mut self.sessions {
            for (id, stage) in &mut session.jobs {
                let is_begun = match stage {
                    Stage::Heard => false,
                    Stage::Begun => true,
                    Stage::Taken | Stage::Running => continue,
                };
                *stage = if is_begun { Stage::Running } else { Stage::Taken };
                written.push((secret.clone(), *id));
            }
        }
        for (secret, id) in written {
            *self.taken.entry(id).or_default() += 1;
            self.tell(&secret, id, JobEvent::Accepted, true);
        }
    }

    fn tell(&mut self, secret: &str, id: i64, what: JobEvent, survives: bool) {
        let (id, job) = (CorrelationId::Int(id), JobId::from_bytes([7; 16]));
        self.put(secret, Event::Job { id, job, what, traceparent: None }, survives);
    }

    /// An event of a session; said if it is that of the connection.
    fn put(&mut self, secret: &str, event: Event, survives: bool) {
        let session = self.session(secret);
        let seq = session.resumable.then(|| {
            session.seq += 1;
            session.kept.push((session.seq, event.clone(), survives));
            session.seq
        });
        if self.speaks_for.as_deref() == Some(secret) {
            self.say(&event, seq);
        }
    }

    fn session(&mut self, secret: &str) -> &mut Session {
        self.sessions.get_mut(secret).expect("it is there")
    }

    /// The session of the connection.
    fn spoken_for(&self) -> String {
        self.speaks_for.clone().expect("a session")
    }

    fn say(&mut self, event: &Event, seq: Option<u64>) {
        self.said.push(match self.encoding {
            Encoding::Json => {
                let mut text = String::new();
                event.encode_json(seq, &mut text);
                text.into()
            }
            Encoding::MsgPack => event.encode_msgpack(seq).into(),
        });
    }
}

fn welcome(session: Option<String>, resumed: bool) -> Event {
    Event::Welcome(Box::new(Welcome { session, resumed, limits: Limits::default() }))
}

fn started() -> JobEvent {
    JobEvent::Started { attempt: 1, worker: "worker".into() }
}

fn done(id: i64) -> JobEvent {
    let json = format!("{:?}", result_of(id));
    JobEvent::Done { result: Payload::new(ContentType::Json, json.into()).expect("JSON") }
}
