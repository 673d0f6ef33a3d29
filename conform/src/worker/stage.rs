//! A stage: one worker program beside a scripted server, for one case.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::worker::FromWorker;
use acequia_wire::{ContentType, JobId};
use anyhow::Context as _;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::book::{Answer, Book, Lane};
use super::say::{Head, Say, Value, text};
use super::server::{Conn, Port, Server, Wire};
use super::{Claim, Facts, Setup, main_queue};
use crate::case::Over;
use crate::findings::{Finding, Findings};
use crate::program::{Program, Start};

/// Time is counted in these, so that time in which this process stood still does not count.
pub(crate) const TICK: Duration = Duration::from_millis(100);
/// For so many ticks results are heard after their jobs connection has ended.
const DRAIN_TICKS: u32 = 10;
/// The token that the kit makes for a worker that claims to take one.
const TOKEN: &str = "a token of the kit, for a worker that takes one";

/// The worker token, if the worker has one.
pub(crate) struct Token {
    value: Option<Vec<u8>>,
    path: Option<PathBuf>,
    /// The file, if it is the kit's own.
    _file: Option<tempfile::NamedTempFile>,
}

impl Token {
    pub(crate) fn of(setup: &Setup) -> anyhow::Result<Self> {
        if let Some(path) = &setup.token_file {
            let read =
                std::fs::read(path).with_context(|| format!("--token-file {}", path.display()))?;
            let value = read.trim_ascii().to_vec();
            return Ok(Self { value: Some(value), path: Some(path.clone()), _file: None });
        }
        if !setup.claims.contains(&Claim::Token) {
            return Ok(Self { value: None, path: None, _file: None });
        }
        let file = tempfile::NamedTempFile::new().context("cannot make a file for a token")?;
        // With white space around it, which is no part of it.
        std::fs::write(file.path(), format!(" {TOKEN}\n")).context("cannot write a token")?;
        Ok(Self { value: Some(TOKEN.into()), path: Some(file.path().into()), _file: Some(file) })
    }
}

/// How lanes are greeted.
#[derive(Clone, Debug)]
pub(crate) struct Hello {
    pub(crate) version: u64,
    pub(crate) max_body: u64,
    /// Other keys; one of the same name takes the place of an ordinary one.
    pub(crate) more: Head,
    /// A body, for which it has no use.
    pub(crate) body: &'static str,
    /// Only what must be there.
    pub(crate) is_least: bool,
}

impl Default for Hello {
    fn default() -> Self {
        Self { version: 1, max_body: 8 << 20, more: Vec::new(), body: "", is_least: false }
    }
}

/// What happens on a stage.
#[derive(Debug)]
pub(crate) enum Event {
    Up {
        conn: Conn,
        port: Port,
    },
    Down,
    /// The last of what came in a ZeroMQ message; all of it is in the book.
    Said(FromWorker),
    Ping,
    Pong {
        conn: Conn,
        context: Bytes,
    },
    /// The program has ended, in these words.
    Ended(String),
    /// It took too long.
    Late,
}

/// A case's view of its worker.
pub(crate) struct Stage {
    setup: Arc<Setup>,
    facts: Option<Arc<Facts>>,
    pub(crate) server: Server,
    pub(crate) program: Program,
    pub(crate) book: Book,
    /// How connections are greeted as they come; `None`: the case does it.
    pub(crate) hello: Option<Hello>,
    /// The server that a connection belongs to.
    servers: Vec<(Conn, usize)>,
    case: &'static str,
    ticks: Interval,
    /// Ticks since the server last said or did something.
    waited: u32,
    count: u32,
    /// Connections for jobs that have ended, and for how many ticks the results are still heard.
    dying: Vec<(Conn, u32)>,
    has_ended: bool,
    takes_pings: bool,
}

impl Stage {
    pub(crate) fn start(
        case: &'static str,
        servers: usize,
        setup: &Arc<Setup>,
        token: &Token,
        facts: Option<Arc<Facts>>,
    ) -> anyhow::Result<Self> {
        let server = Server::bind(servers, setup.listen)?;
        let [jobs, results] = [Port::Jobs, Port::Results].map(|port| server.endpoints(port));
        let mut environment: Vec<(&str, OsString)> =
            vec![("ACEQUIA_JOBS", (&jobs).into()), ("ACEQUIA_RESULTS", (&results).into())];
        if let Some(slots) = setup.slots {
            environment.push(("ACEQUIA_SLOTS", slots.to_string().into()));
        }
        if let Some(queue) = &setup.queue {
            environment.push(("ACEQUIA_QUEUE", queue.as_str().into()));
        }
        if let Some(path) = &token.path {
            environment.push(("ACEQUIA_WORKER_TOKEN_FILE", path.into()));
        }
        let start = Start {
            command: setup.command.clone(),
            places: vec![("jobs", jobs), ("results", results)],
            environment,
        };
        let program = Program::start(&start)?;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            setup: Arc::clone(setup),
            facts,
            server,
            program,
            book: Book::new(Findings::new(case), token.value.clone()),
            hello: Some(Hello::default()),
            servers: Vec::new(),
            case,
            ticks,
            waited: 0,
            count: 0,
            dying: Vec::new(),
            has_ended: false,
            takes_pings: false,
        })
    }

    /// What the first job has shown; nothing if it came to no `ready`.
    pub(crate) fn facts(&self) -> anyhow::Result<Option<Facts>> {
        let Some(lane) = self.book.lanes.iter().find(|lane| lane.ready.is_some()) else {
            return Ok(None);
        };
        let Some(ready) = &lane.ready else { return Ok(None) };
        Ok(Some(Facts {
            slots: ready.slots,
            pack: ready.pack,
            queues: ready.queues.clone(),
            main: main_queue(self.setup.queue.as_ref(), &ready.queues)?,
            takes_pings: self.takes_pings,
        }))
    }

    /// The findings; the worker is ended, and the ports are free again.
    pub(crate) async fn into_broken(mut self) -> Vec<(&'static str, Finding)> {
        self.server.stop_listening().await;
        let printed = self.program.printed();
        self.book.search(&printed);
        self.book.findings.into_broken()
    }

    pub(crate) fn broke(&mut self, rule: &'static str, came: impl Into<String>) {
        self.book.findings.broke(rule, came);
    }

    /// What else happens, within so many ticks of when the server last said or did something.
    pub(crate) async fn event(&mut self, ticks_max: u32) -> Event {
        loop {
            if let Some(event) = self.happens().await {
                return event;
            }
            if self.waited > ticks_max {
                return Event::Late;
            }
        }
    }

    /// What happens next; `None` if a tick has passed. Greets connections as they come, and closes
    /// the other connection of a lane that has lost one, as a server does.
    pub(crate) async fn happens(&mut self) -> Option<Event> {
        loop {
            let wire = tokio::select! {
                // First, or a worker that says very much would stop the clock.
                biased;
                _ = self.ticks.tick() => {
                    self.book.tick();
                    self.waited += 1;
                    return self.drain().then_some(Event::Down);
                }
                wire = self.server.next() => wire,
                said = self.program.ended(), if !self.has_ended => {
                    self.has_ended = true;
                    self.book.findings.note(format!("- the program has ended: {said}"));
                    return Some(Event::Ended(said));
                }
            };
            if let Some(event) = self.take(wire) {
                return Some(event);
            }
        }
    }

    /// A connection has ended, and with it its lanes.
    fn end_lanes_of(&mut self, conn: Conn) {
        for other in self.book.ended(conn) {
            self.server.close(other);
            self.book.ended(other);
        }
    }

    /// Ends the lanes whose last results are in, or should be; whether there were any.
    fn drain(&mut self) -> bool {
        self.dying.iter_mut().for_each(|(_, ticks)| *ticks -= 1);
        let over: Vec<_> = self.dying.extract_if(.., |(_, ticks)| *ticks == 0).collect();
        for (conn, _) in &over {
            self.end_lanes_of(*conn);
        }
        !over.is_empty()
    }

    /// From here on it is waited anew.
    pub(crate) fn begin_to_wait(&mut self) {
        self.waited = 0;
    }

    fn take(&mut self, wire: Wire) -> Option<Event> {
        match wire {
            Wire::Up { conn, server, port, greeting } => {
                self.servers.push((conn, server));
                let expected = if port == Port::Jobs { "PULL" } else { "PUSH" };
                if greeting.socket_type != expected {
                    let came = format!(
                        "a {} socket on the port for {port:?}; it takes a {expected}",
                        greeting.socket_type
                    );
                    self.broke("W1", came.to_lowercase());
                }
                self.takes_pings |= greeting.version >= (3, 1);
                if port == Port::Results {
                    self.book.results_came(conn, server);
                } else if self.hello.is_some() {
                    self.greet(conn);
                }
                Some(Event::Up { conn, port })
            }
            Wire::Bad { why, late, .. } => {
                self.broke(if late { "W8" } else { "W1" }, why);
                None
            }
            Wire::Message { conn, frames } => {
                let mut said = self.book.heard(conn, frames).into_iter();
                said.next_back().map(Event::Said)
            }
            Wire::Ping => Some(Event::Ping),
            Wire::Pong { conn, context } => Some(Event::Pong { conn, context }),
            Wire::Down { conn } => {
                self.book.findings.note("- the worker has closed a connection".to_owned());
                let has_results = self
                    .book
                    .lanes
                    .iter()
                    .any(|lane| lane.jobs == conn && !lane.is_over && lane.results.is_some());
                if has_results {
                    // What it has still said comes first.
                    self.dying.push((conn, DRAIN_TICKS));
                } else {
                    self.end_lanes_of(conn);
                }
                Some(Event::Down)
            }
        }
    }

    /// The next event of a case that cannot go on without one that it waits for: the rule is broken
    /// if it does not come in time, or the program ends.
    pub(crate) async fn awaited(&mut self, rule: &'static str, what: &str) -> Result<Event, Over> {
        let event = self.event(self.time_max()).await;
        match &event {
            Event::Late => {
                let came =
                    format!("{what} did not come within {} s", self.setup.time_max.as_secs());
                self.broke(rule, came);
                Err(Over)
            }
            Event::Ended(said) => {
                let words = self.program.last_words();
                self.broke(
                    rule,
                    format!("{what} did not come: the program has ended ({said}){words}"),
                );
                Err(Over)
            }
            _ => Ok(event),
        }
    }

    /// In ticks.
    pub(crate) fn time_max(&self) -> u32 {
        u32::try_from(self.setup.time_max.as_millis() / TICK.as_millis()).unwrap_or(u32::MAX)
    }

    /// Begins a lane on this connection.
    pub(crate) fn greet(&mut self, conn: Conn) -> usize {
        self.count += 1;
        let server =
            self.servers.iter().find(|(known, _)| *known == conn).map_or(0, |(_, server)| *server);
        let [id, nonce] = ["lane", "nonce"].map(|what| {
            let name = format!("acequia conform, {what} {} of {}", self.count, self.case);
            <[u8; 32]>::from(Sha256::digest(name))
        });
        let mut lane = [0; 16];
        lane.copy_from_slice(&id[..16]);
        let at = self.book.greeted(Lane::new(lane, nonce, server, conn));
        self.greet_again(at);
        at
    }

    /// Says the `hello` of a lane, once more if it was said before.
    pub(crate) fn greet_again(&mut self, at: usize) {
        let hello = self.hello.clone().unwrap_or_default();
        let lane = &mut self.book.lanes[at];
        lane.version = hello.version;
        lane.max_body = usize::try_from(hello.max_body).unwrap_or(usize::MAX);
        let mut head: Head = vec![
            ("v", Value::Int(hello.version)),
            ("nonce", Value::Bytes(lane.nonce.to_vec())),
            ("max_body", Value::Int(hello.max_body)),
        ];
        if !hello.is_least {
            head.push(("server", text("acequia-conform")));
        }
        head.retain(|(key, _)| !hello.more.iter().any(|(other, _)| other == key));
        head.extend(hello.more);
        let (conn, id) = (lane.jobs, *lane.id.as_bytes());
        self.say_on(conn, &[Say::new("hello", id, head).body(hello.body)]);
    }

    /// Sends messages on a connection, in one ZeroMQ message.
    pub(crate) fn say_on(&mut self, conn: Conn, says: &[Say]) {
        self.begin_to_wait();
        self.book.note_said(says);
        let frames: Vec<Bytes> = says.iter().flat_map(Say::frames).collect();
        self.server.send(conn, &frames);
    }

    /// The same on the jobs connection of a lane.
    pub(crate) fn say(&mut self, lane: usize, says: &[Say]) {
        self.say_on(self.book.lanes[lane].jobs, says);
    }

    /// An id for the next job.
    pub(crate) fn new_job(&mut self) -> JobId {
        self.count += 1;
        let mut id =
            [0x01, 0x89, 0x0a, 0x5d, 0xac, 0x96, 0x77, 0x4b, 0xbc, 0xce, 0xb3, 0x02, 0, 0, 0, 0];
        id[12..].copy_from_slice(&self.count.to_be_bytes());
        JobId::from_bytes(id)
    }

    /// The facts; only the first case has none, and it makes do with the queue of its `ready`.
    pub(crate) fn main(&self) -> String {
        match &self.facts {
            Some(facts) => facts.main.to_string(),
            None => {
                let ready = self.book.live().and_then(|lane| self.book.lanes[lane].ready.as_ref());
                let main = ready
                    .and_then(|ready| main_queue(self.setup.queue.as_ref(), &ready.queues).ok());
                main.map_or_else(|| "default".to_owned(), |main| main.to_string())
            }
        }
    }

    pub(crate) fn serves(&self, queue: &str) -> bool {
        self.facts.as_ref().is_some_and(|facts| facts.serves(queue))
    }

    pub(crate) fn known(&self) -> Option<&Facts> {
        self.facts.as_deref()
    }

    /// The message that gives a job as a server would, noted as given.
    pub(crate) fn job(
        &mut self,
        lane: usize,
        queue: &str,
        payload: impl Into<Bytes>,
    ) -> (JobId, Say) {
        let head = job_head(queue, "application/json");
        self.job_with(Some(lane), head, ContentType::Json, payload)
    }

    /// A job with a head of its own.
    pub(crate) fn job_with(
        &mut self,
        lane: Option<usize>,
        head: Head,
        content_type: ContentType,
        payload: impl Into<Bytes>,
    ) -> (JobId, Say) {
        let job = self.new_job();
        self.book.gave(lane, job, content_type);
        (job, Say::new("job", *job.as_bytes(), head).body(payload))
    }

    /// Gives a job.
    pub(crate) fn give(&mut self, lane: usize, queue: &str, payload: impl Into<Bytes>) -> JobId {
        let (job, say) = self.job(lane, queue, payload);
        self.say(lane, &[say]);
        job
    }

    /// Waits until a lane is ready. Who does not answer is greeted once more, as a server does.
    pub(crate) async fn lane(&mut self, rule: &'static str) -> Result<usize, Over> {
        self.begin_to_wait();
        let mut is_again = false;
        loop {
            if let Some(lane) = self.book.live() {
                return Ok(lane);
            }
            if !is_again && self.waited > self.time_max() / 2 {
                is_again = true;
                for lane in 0..self.book.lanes.len() {
                    if !self.book.lanes[lane].is_over {
                        self.greet_again(lane);
                    }
                }
            }
            if let Some(Event::Ended(_)) | None = self.happens().await
                && (self.has_ended || self.waited > self.time_max())
            {
                let why = if self.has_ended {
                    format!("the program has ended{}", self.program.last_words())
                } else {
                    format!("not within {} s", self.setup.time_max.as_secs())
                };
                self.broke(rule, format!("a `ready` for the lane did not come: {why}"));
                return Err(Over);
            }
        }
    }

    /// Waits for the answer to a job.
    pub(crate) async fn answer(&mut self, job: JobId, rule: &'static str) -> Result<Answer, Over> {
        self.begin_to_wait();
        loop {
            if let Some(answer) = self.book.answers.get(&job) {
                return Ok(answer.clone());
            }
            let event = self.awaited(rule, "the answer to the job").await?;
            let is_held =
                self.book.lanes.iter().any(|lane| !lane.is_over && lane.held.contains_key(&job));
            if matches!(event, Event::Down) && !is_held && !self.book.answers.contains_key(&job) {
                self.broke(
                    rule,
                    "the answer to the job did not come: the worker closed its connection",
                );
                return Err(Over);
            }
        }
    }

    /// A last job: what would come too much comes before its answer.
    pub(crate) async fn settle(&mut self) -> Result<(), Over> {
        self.settle_on_a_lane().await.map(drop)
    }

    /// A lane that is ready, and has answered a job.
    pub(crate) async fn settle_on_a_lane(&mut self) -> Result<usize, Over> {
        let lane = self.lane("W5").await?;
        let job = self.give(lane, &self.main(), HELLO);
        self.answer(job, "W27").await?;
        Ok(lane)
    }

    /// Waits for both connections of a worker, and returns that for jobs.
    pub(crate) async fn jobs_connection(&mut self) -> Result<Conn, Over> {
        let (mut jobs, mut results) = (None, false);
        loop {
            if let (Some(jobs), true) = (jobs, results) {
                return Ok(jobs);
            }
            if let Event::Up { conn, port, .. } = self.awaited("W1", "both connections").await? {
                jobs = jobs.or((port == Port::Jobs).then_some(conn));
                results |= port == Port::Results;
            }
        }
    }

    /// Lets time pass.
    pub(crate) async fn pause(&mut self, ticks: u32) {
        for _ in 0..ticks {
            self.ticks.tick().await;
        }
    }

    /// Opens the ports again.
    pub(crate) fn listen(&mut self) -> Result<(), Over> {
        self.begin_to_wait();
        self.server.listen().map_err(|error| {
            self.broke("W5", format!("the kit cannot go on: {error:#}"));
            Over
        })
    }

    /// Waits until the server of the lane has neither connection any more, or the program has ended.
    pub(crate) async fn gone(&mut self, lane: usize, rule: &'static str) -> Result<(), Over> {
        self.begin_to_wait();
        while !self.book.lanes[lane].is_over {
            match self.event(self.time_max()).await {
                Event::Ended(_) => return Ok(()),
                Event::Late => {
                    self.broke(rule, "the worker did not close its connections");
                    return Err(Over);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Ends both connections of a lane, as a server that dies.
    pub(crate) fn break_lane(&mut self, at: usize) {
        let lane = &self.book.lanes[at];
        let conns: Vec<_> = [Some(lane.jobs), lane.results].into_iter().flatten().collect();
        self.break_connections(&conns);
    }

    pub(crate) fn break_connections(&mut self, conns: &[Conn]) {
        self.begin_to_wait();
        self.book.findings.note(format!("- the server closes {} of the connections", conns.len()));
        for conn in conns {
            self.server.close(*conn);
            self.book.ended(*conn);
        }
    }
}

/// The payload of an ordinary job: JSON text that may be changed to upper case.
pub(crate) const HELLO: &str = "\"hello\"";

/// The head of a job as a server writes it.
pub(crate) fn job_head(queue: &str, content_type: &str) -> Head {
    vec![
        ("queue", text(queue)),
        ("attempt", Value::Int(1)),
        ("type", text(content_type)),
        ("timeout_ms", Value::Nil),
        ("meta", Value::Map(Vec::new())),
    ]
}
