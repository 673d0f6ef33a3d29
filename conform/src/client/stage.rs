//! A stage: one client program beside a scripted server, for one case.

use std::sync::Arc;
use std::time::Duration;

use acequia_wire::CorrelationId;
use acequia_wire::client::{Encoding, Op, Resume};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::book::Book;
use super::server::{Conn, Server, Upgrades, Wire};
use super::{Facts, Setup};
use crate::case::Over;
use crate::findings::{Finding, Findings};
use crate::program::{Program, Says, Start};

/// Time is counted in these, so that time in which this process stood still does not count.
const TICK: Duration = Duration::from_millis(100);

/// What happens on a stage.
#[derive(Debug)]
pub(crate) enum Event {
    Up,
    /// A connection was asked for, and refused.
    Refused,
    Op(Op),
    /// The program has said something, which the stage has kept.
    Line,
    Ping,
    Pong(Bytes),
    Down(Option<u16>),
    /// The program has ended, in these words.
    Ended(String),
    /// It took too long.
    Late,
}

/// What the program says of a job.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Done(Value),
    Failed(String),
}

/// A job that was submitted, as its client and the server call it.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) id: CorrelationId,
    job: String,
}

/// A case's view of its client.
pub(crate) struct Stage {
    setup: Arc<Setup>,
    pub(crate) server: Server,
    pub(crate) program: Program,
    pub(crate) book: Book,
    /// Whether a `hello` is answered with `welcome`, and a `cancel` of no job with `error`.
    pub(crate) is_polite: bool,
    /// The secret of the session; whoever comes with another gets this one.
    pub(crate) secret: String,
    /// More keys of `welcome`.
    pub(crate) welcome_more: Value,
    /// The connection that is open, and how it speaks.
    pub(crate) conn: Option<(Conn, Encoding)>,
    waiting: Vec<Event>,
    outcomes: Vec<(String, Outcome)>,
    messages: Vec<Value>,
    ticks: Interval,
    /// Ticks since the server last said or did something, or the program was told to.
    waited: u32,
    has_ended: bool,
    encoding: Option<Encoding>,
}

impl Stage {
    pub(crate) async fn start(
        case: &'static str,
        upgrades: Upgrades,
        setup: &Arc<Setup>,
    ) -> anyhow::Result<Self> {
        let server = Server::bind(setup.listen).await?;
        server.answer_upgrades(upgrades);
        let http = format!("http://{}", server.address());
        let start = Start {
            command: setup.command.clone(),
            places: vec![
                ("server", http.clone()),
                ("ws", format!("ws://{}/v1/ws", server.address())),
            ],
            environment: vec![("ACEQUIA_SERVER", http.into())],
        };
        let program = Program::start(&start)?;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            setup: Arc::clone(setup),
            server,
            program,
            book: Book::new(Findings::new(case)),
            is_polite: true,
            secret: "5f0c9a1d53e14ce3a4e46cf2a0d5a2f8c1f45d0ffa0f3e1e1f8fd1c7a5b0d9e2".to_owned(),
            welcome_more: json!({}),
            conn: None,
            waiting: Vec::new(),
            outcomes: Vec::new(),
            messages: Vec::new(),
            ticks,
            waited: 0,
            has_ended: false,
            encoding: None,
        })
    }

    /// What the first job has shown.
    pub(crate) fn facts(&self) -> Option<Facts> {
        let resumes = self.book.hellos.iter().any(|(_, hello)| hello.resume.is_some());
        Some(Facts { encoding: self.encoding?, greets: !self.book.hellos.is_empty(), resumes })
    }

    /// The findings; the client is ended, and the port is free again.
    pub(crate) async fn into_broken(mut self) -> Vec<(&'static str, Finding)> {
        self.server.stop_listening().await;
        self.book.findings.into_broken()
    }

    pub(crate) fn broke(&mut self, rule: &'static str, came: impl Into<String>) {
        self.book.findings.broke(rule, came);
    }

    fn note(&mut self, line: String) {
        self.book.findings.note(line);
    }

    /// What else happens, within so many ticks of when the server last said or did something.
    pub(crate) async fn event(&mut self, ticks_max: u32) -> Event {
        loop {
            if !self.waiting.is_empty() {
                return self.waiting.remove(0);
            }
            tokio::select! {
                // First, or a client that says very much would stop the clock.
                biased;
                _ = self.ticks.tick() => {
                    self.waited += 1;
                    if self.waited > ticks_max {
                        return Event::Late;
                    }
                }
                wire = self.server.next() => self.take(wire),
                says = self.program.says(), if !self.has_ended => match says {
                    Says::Line(line) => self.printed(&line),
                    Says::Ended(said) => {
                        self.has_ended = true;
                        self.note(format!("- the program has ended: {said}"));
                        return Event::Ended(said);
                    }
                },
            }
        }
    }

    /// The next event of a case that cannot go on without one that it waits for.
    pub(crate) async fn awaited(&mut self, rule: &'static str, what: &str) -> Result<Event, Over> {
        let event = self.event(self.time_max()).await;
        let why = match &event {
            Event::Late => format!("within {} s", self.setup.time_max.as_secs()),
            Event::Ended(said) => {
                format!(": the program has ended ({said}){}", self.program.last_words())
            }
            _ => return Ok(event),
        };
        self.broke(rule, format!("{what} did not come {why}"));
        Err(Over)
    }

    /// In ticks.
    pub(crate) fn time_max(&self) -> u32 {
        u32::try_from(self.setup.time_max.as_millis() / TICK.as_millis()).unwrap_or(u32::MAX)
    }

    fn take(&mut self, wire: Wire) {
        match wire {
            Wire::Up { conn, encoding } => {
                self.note(format!("- a connection, {}", encoding.subprotocol()));
                self.book.connected();
                self.conn = Some((conn, encoding));
                self.encoding = Some(encoding);
                self.waiting.push(Event::Up);
            }
            Wire::Refused => {
                self.note("- a connection, refused with 503".to_owned());
                self.waiting.push(Event::Refused);
            }
            Wire::Message { conn, bytes, is_text } => {
                let Some((open, encoding)) = self.conn else { return };
                if open != conn {
                    return;
                }
                for op in self.book.heard(conn, encoding, &bytes, is_text) {
                    if self.is_polite {
                        self.answer(&op);
                    }
                    self.waiting.push(Event::Op(op));
                }
            }
            Wire::Ping => self.waiting.push(Event::Ping),
            Wire::Pong { conn, data } if self.conn.is_some_and(|(open, _)| open == conn) => {
                self.waiting.push(Event::Pong(data));
            }
            Wire::Pong { .. } => {}
            Wire::Down { conn, code } => {
                if self.conn.is_some_and(|(open, _)| open == conn) {
                    self.conn = None;
                }
                let code_text = code.map_or_else(|| "no code".to_owned(), |code| code.to_string());
                self.note(format!("- the client has closed the connection, {code_text}"));
                self.waiting.push(Event::Down(code));
            }
        }
    }

    /// What a server answers by itself.
    fn answer(&mut self, op: &Op) {
        match op {
            Op::Hello(hello) => {
                let (wants, knows) = match &hello.resume {
                    None => (false, false),
                    Some(Resume::New) => (true, false),
                    Some(Resume::Session { secret, .. }) => (true, *secret == self.secret),
                };
                let mut welcome =
                    json!({"ev": "welcome", "resumed": knows, "limits": self.book.limits});
                if wants {
                    welcome["session"] = self.secret.clone().into();
                }
                add(&mut welcome, &self.welcome_more);
                self.say_plain(&welcome);
            }
            Op::Cancel { id } if !self.book.submits.iter().any(|(_, submit)| submit.id == *id) => {
                let message = "cancel: no live job has this id; it may have ended";
                self.say_plain(
                    &json!({"ev": "error", "id": id, "code": "bad_request", "message": message}),
                );
            }
            _ => {}
        }
    }

    fn printed(&mut self, line: &str) {
        let shown: String = line.chars().take(200).collect();
        self.note(format!("- the program prints {shown}"));
        let Ok(said) = serde_json::from_str::<Value>(line) else { return };
        if let Some(name) = said["as"].as_str() {
            let outcome = match (said.get("done"), said["failed"].as_str()) {
                (Some(result), _) => Outcome::Done(result.clone()),
                (None, Some(code)) => Outcome::Failed(code.to_owned()),
                (None, None) => return,
            };
            self.outcomes.push((name.to_owned(), outcome));
        } else if said["topic"].is_string() {
            self.messages.push(said.clone());
        }
        self.waiting.push(Event::Line);
    }

    /// Sends an event, with the next number if the session can be resumed.
    pub(crate) fn say(&mut self, event: &Value) {
        let mut event = event.clone();
        let resumes = self.book.hellos.iter().any(|(_, hello)| hello.resume.is_some());
        if resumes {
            self.book.seq += 1;
            event["seq"] = self.book.seq.into();
        }
        self.say_plain(&event);
    }

    /// Sends an event as it is.
    pub(crate) fn say_plain(&mut self, event: &Value) {
        self.waited = 0;
        const SHOWN: usize = 400;
        let text = event.to_string();
        let shown: String = text.chars().take(SHOWN).collect();
        let more = if shown.len() < text.len() { " …" } else { "" };
        self.note(format!("S {shown}{more}"));
        if let Some((conn, encoding)) = self.conn {
            self.server.send(conn, written(event, encoding));
        }
    }

    /// Sends an event in three WebSocket frames, with a ping between two of them.
    pub(crate) fn say_in_frames(&mut self, event: &Value) {
        self.waited = 0;
        self.note(format!("S {event} (in three frames, with a ping between)"));
        let Some((conn, encoding)) = self.conn else { return };
        let (bytes, data) = match written(event, encoding) {
            Message::Text(text) => (Bytes::from(text), Data::Text),
            message => (message.into_data(), Data::Binary),
        };
        let (first, rest) = (bytes.slice(..1), bytes.slice(1..));
        let middle = rest.len() / 2;
        let frame = |payload: Bytes, data, is_final| {
            Message::Frame(Frame::message(payload, OpCode::Data(data), is_final))
        };
        self.server.send(conn, frame(first, data, false));
        self.server.send(conn, Message::Ping(Bytes::from_static(b"between")));
        self.server.send(conn, frame(rest.slice(..middle), Data::Continue, false));
        self.server.send(conn, frame(rest.slice(middle..), Data::Continue, true));
    }

    pub(crate) fn ping(&mut self, data: &'static [u8]) {
        self.waited = 0;
        self.note("S a WebSocket ping".to_owned());
        if let Some((conn, _)) = self.conn {
            self.server.send(conn, Message::Ping(Bytes::from_static(data)));
        }
    }

    /// Says `bye`, and closes with this code.
    pub(crate) fn bye(&mut self, code: u16, reason: &str, reconnect_in_ms: u32) {
        self.say_plain(&json!({"ev": "bye", "reason": reason, "reconnect_in_ms": reconnect_in_ms, "close": code}));
        self.close(code, reason);
    }

    /// Closes with this code.
    pub(crate) fn close(&mut self, code: u16, reason: &str) {
        self.waited = 0;
        self.note(format!("- the server closes the connection with {code}"));
        if let Some((conn, _)) = self.conn.take() {
            let frame = CloseFrame { code: code.into(), reason: reason.to_owned().into() };
            self.server.send(conn, Message::Close(Some(frame)));
        }
    }

    /// Ends the connection without a word.
    pub(crate) fn cut(&mut self) {
        self.waited = 0;
        self.note("- the connection breaks".to_owned());
        if let Some((conn, _)) = self.conn.take() {
            self.server.cut(conn);
        }
    }

    /// Waits for another connection, and for its `hello` if the client says one; returns when it came.
    pub(crate) async fn comes_back(&mut self, rule: &'static str) -> Result<Instant, Over> {
        self.waited = 0;
        while !matches!(self.awaited(rule, "another connection").await?, Event::Up) {}
        let at = Instant::now();
        if !self.book.hellos.is_empty() {
            let Some((conn, _)) = self.conn else { return Ok(at) };
            while !self.book.hellos.iter().any(|(on, _)| *on == conn) {
                self.awaited(rule, "a `hello` on the new connection").await?;
            }
        }
        Ok(at)
    }

    /// Has the program submit jobs with these names, in one go.
    pub(crate) async fn submit(&mut self, names: &[&str]) {
        let jobs: Vec<_> = names
            .iter()
            .map(|name| json!({"as": name, "payload": payload(name), "queue": "upper"}))
            .collect();
        self.tell(&json!({"do": "submit", "jobs": jobs})).await;
    }

    pub(crate) async fn tell(&mut self, what: &Value) {
        self.waited = 0;
        self.note(format!(
            "- the program is told {}",
            what.to_string().chars().take(200).collect::<String>()
        ));
        self.program.tell(&what.to_string()).await;
    }

    /// Waits for the `submit` of this job.
    pub(crate) async fn submitted(
        &mut self,
        name: &str,
        rule: &'static str,
    ) -> Result<Named, Over> {
        loop {
            if let Some(named) = self.named(name) {
                return Ok(named);
            }
            self.awaited(rule, &format!("the submit of {name:?}")).await?;
        }
    }

    /// The job of this name, if it was submitted.
    pub(crate) fn named(&self, name: &str) -> Option<Named> {
        let at =
            self.book.submits.iter().position(|(_, submit)| is_of(submit.payload.bytes(), name))?;
        let job = format!("01890a5d-ac96-774b-bcce-b3020000{at:04x}");
        Some(Named { id: self.book.submits[at].1.id.clone(), job })
    }

    /// On which connections a job of this name was submitted.
    pub(crate) fn submits_of(&self, name: &str) -> Vec<Conn> {
        let of = self.book.submits.iter().filter(|(_, submit)| is_of(submit.payload.bytes(), name));
        of.map(|(conn, _)| *conn).collect()
    }

    /// Submits a job and takes it, up to `started`.
    pub(crate) async fn taken(&mut self, name: &str) -> Result<Named, Over> {
        self.taken_by(name, "C14").await
    }

    async fn taken_by(&mut self, name: &str, rule: &'static str) -> Result<Named, Over> {
        self.submit(&[name]).await;
        let named = self.submitted(name, rule).await?;
        self.say(&about("accepted", &named, &json!({})));
        self.say(&about("started", &named, &json!({"attempt": 1, "worker": "upper-1"})));
        Ok(named)
    }

    /// The job ends well.
    pub(crate) fn done(&mut self, name: &str, named: &Named) {
        self.book.ended(&named.id);
        self.say(&done(name, named));
    }

    /// Waits until the program says how the job ended.
    pub(crate) async fn outcome(
        &mut self,
        name: &str,
        rule: &'static str,
    ) -> Result<Outcome, Over> {
        loop {
            if let Some((_, outcome)) = self.outcomes.iter().find(|(of, _)| of == name) {
                return Ok(outcome.clone());
            }
            self.awaited(rule, &format!("the program's word of how {name:?} ended")).await?;
        }
    }

    /// Whether the program has said how the job ended.
    pub(crate) fn is_told(&self, name: &str) -> bool {
        self.outcomes.iter().any(|(of, _)| of == name)
    }

    /// Waits until the program says that the job was done, as it was.
    pub(crate) async fn expect_done(&mut self, name: &str, rule: &'static str) -> Result<(), Over> {
        let outcome = self.outcome(name, rule).await?;
        if outcome != Outcome::Done(payload(name).to_uppercase().into()) {
            self.broke(rule, format!("the program says of {name:?}: {outcome:?}"));
        }
        Ok(())
    }

    /// A job from its submit to its end: the client still works.
    pub(crate) async fn settle(&mut self, name: &str, rule: &'static str) -> Result<(), Over> {
        let named = self.taken_by(name, rule).await?;
        self.done(name, &named);
        self.expect_done(name, rule).await
    }

    /// Waits until the program prints a message of a topic.
    pub(crate) async fn message(&mut self, rule: &'static str) -> Result<Value, Over> {
        loop {
            if let Some(message) = self.messages.pop() {
                return Ok(message);
            }
            self.awaited(rule, "the message that the program prints").await?;
        }
    }
}

/// The payload of the job of this name.
pub(crate) fn payload(name: &str) -> String {
    format!("hello {name}")
}

/// The `done` of a job.
pub(crate) fn done(name: &str, named: &Named) -> Value {
    about("done", named, &json!({"result": payload(name).to_uppercase()}))
}

/// An event about a job, with more keys.
pub(crate) fn about(ev: &str, named: &Named, more: &Value) -> Value {
    let mut event = json!({"ev": ev, "id": named.id, "job": named.job});
    add(&mut event, more);
    event
}

fn add(event: &mut Value, more: &Value) {
    for (key, value) in more.as_object().into_iter().flatten() {
        event[key] = value.clone();
    }
}

fn is_of(bytes: &[u8], name: &str) -> bool {
    let payload = payload(name);
    let json = serde_json::from_slice::<String>(bytes).is_ok_and(|text| text == payload);
    json || rmp_serde::from_slice::<String>(bytes).is_ok_and(|text| text == payload)
}

fn written(event: &Value, encoding: Encoding) -> Message {
    match encoding {
        Encoding::Json => Message::text(event.to_string()),
        // There is nothing in it that MessagePack could not say.
        Encoding::MsgPack => Message::binary(rmp_serde::to_vec(event).unwrap_or_default()),
    }
}
