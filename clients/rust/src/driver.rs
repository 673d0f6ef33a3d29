//! The task that owns the connection and all state: the shell around [`Machine`].

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::client::Batch;
use acequia_wire::code::close;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::http::StatusCode;

use crate::client::{Client, ClientError, Frame};
use crate::command::{Command, Handle, Reader};
use crate::connect::ConnectError;
use crate::job_error::JobError;
use crate::machine::{Down, Effect, Heard, Machine, Ms, Policy};
use crate::mailbox::Mailbox;
use crate::start::StartError;
use crate::state::State;
use crate::token::{self, Tokens};
use crate::told::{SubscriptionError, Told};
use crate::url::ServerUrl;

/// Commands, or messages of the server, that are taken at one time.
const TAKEN_MAX: usize = 256;

pub(crate) struct Driver {
    server: ServerUrl,
    tokens: Tokens,
    policy: Policy,
    machine: Machine,
    began: Instant,
    link: Link,
    commands: mpsc::UnboundedReceiver<Command>,
    /// Whether there may be other commands.
    has_handles: bool,
    handles: HashMap<i64, Handle>,
    topics: HashMap<Arc<str>, Vec<Reader>>,
    batches: HashMap<Box<str>, Vec<oneshot::Sender<Result<Batch, JobError>>>>,
    state: watch::Sender<State>,
    /// Who waits for the first connection, and what became of it.
    first: Option<oneshot::Sender<Result<(), StartError>>>,
}

/// The way to the server.
enum Link {
    None,
    Dialling(Pin<Box<dyn Future<Output = Result<Dialled, StartError>> + Send>>),
    Up {
        client: Box<Client>,
        /// Something was fed, and is not all written.
        is_writing: bool,
    },
}

struct Dialled {
    client: Box<Client>,
    /// What its token says of it.
    ops_per_s: Option<usize>,
}

/// What happened on the way to the server.
enum Step {
    Dialled(Result<Dialled, StartError>),
    /// A message came, or all was written.
    Moved(Result<Option<bytes::Bytes>, ClientError>),
}

impl Driver {
    pub(crate) fn new(
        server: ServerUrl,
        tokens: Tokens,
        policy: Policy,
        commands: mpsc::UnboundedReceiver<Command>,
        state: watch::Sender<State>,
        first: Option<oneshot::Sender<Result<(), StartError>>>,
    ) -> Self {
        Self {
            server,
            tokens,
            policy,
            machine: Machine::new(policy, fastrand::u64(..), 0),
            began: Instant::now(),
            link: Link::None,
            commands,
            has_handles: true,
            handles: HashMap::new(),
            topics: HashMap::new(),
            batches: HashMap::new(),
            state,
            first,
        }
    }

    pub(crate) async fn run(mut self) {
        let mut taken = Vec::new();
        let timer = sleep_until(self.began);
        tokio::pin!(timer);
        loop {
            self.act().await;
            if self.machine.is_closed() {
                return;
            }
            if let Err(error) = self.write().await {
                self.lost(down_of(&error));
                continue;
            }
            let is_writing = matches!(self.link, Link::Up { is_writing: true, .. });
            let deadline = self.machine.deadline(is_writing);
            let deadline = deadline.map(|ms| self.began + Duration::from_millis(ms));
            if let Some(deadline) = deadline
                && timer.deadline() != deadline
            {
                timer.as_mut().reset(deadline);
            }
            tokio::select! {
                // What has come is heard before time is up: it may be what was waited for.
                biased;
                step = self.link.step() => self.heard(step).await,
                count = self.commands.recv_many(&mut taken, TAKEN_MAX), if self.has_handles => {
                    self.obey(taken.drain(..));
                    if count == 0 {
                        // Nobody is left who could want anything.
                        self.has_handles = false;
                        self.machine.close(self.now());
                    }
                }
                () = &mut timer, if deadline.is_some() => {}
            }
            // A server that goes on talking must not keep commands and the clock waiting.
            while taken.len() < TAKEN_MAX
                && let Ok(command) = self.commands.try_recv()
            {
                taken.push(command);
            }
            self.obey(taken.drain(..));
            self.machine.tick(self.now());
        }
    }

    fn now(&self) -> Ms {
        Ms::try_from(self.began.elapsed().as_millis()).unwrap_or(Ms::MAX)
    }

    fn lost(&mut self, down: Down) {
        self.link = Link::None;
        let now = self.now();
        self.machine.lost(down, now);
    }

    /// Hands the next message over to the connection, if the one before is written.
    async fn write(&mut self) -> Result<(), ClientError> {
        let now = self.now();
        if let Link::Up { client, is_writing } = &mut self.link
            && !*is_writing
            && let Some(message) = self.machine.transmit(now)
        {
            *is_writing = true;
            // It waits for nothing, since all before it is written.
            client.feed(Frame::raw(message, self.policy.encoding)).await?;
        }
        Ok(())
    }

    async fn heard(&mut self, step: Step) {
        match step {
            Step::Dialled(Ok(Dialled { client, ops_per_s })) => {
                self.link = Link::Up { client, is_writing: false };
                self.machine.note_token(ops_per_s);
                self.machine.dialled(self.now());
            }
            Step::Dialled(Err(error)) => {
                let down = down_of_dial(&error);
                self.lost(down);
                if let Some(first) = self.first.take() {
                    _ = first.send(Err(error));
                }
            }
            Step::Moved(Ok(None)) => {
                if let Link::Up { is_writing, .. } = &mut self.link {
                    *is_writing = false;
                }
            }
            Step::Moved(Ok(Some(message))) => self.hear_all(&message).await,
            Step::Moved(Err(error)) => self.lost(down_of(&error)),
        }
    }

    /// Hears a message, and those that are there behind it.
    async fn hear_all(&mut self, first: &bytes::Bytes) {
        self.hear(first);
        self.act().await;
        for _ in 1..TAKEN_MAX {
            let Link::Up { client, .. } = &mut self.link else { return };
            match client.try_recv_raw() {
                Some(Ok(message)) => self.hear(&message),
                Some(Err(error)) => return self.lost(down_of(&error)),
                None => return,
            }
            self.act().await;
        }
    }

    fn hear(&mut self, message: &bytes::Bytes) {
        let now = self.now();
        match Heard::decode(self.policy.encoding, message) {
            Ok(Some((heard, seq))) => self.machine.hear(heard, seq, message.len(), now),
            Ok(None) => {}
            Err(bad) => {
                tracing::warn!(server = %self.server, "a message of the server is not understood: {bad}");
            }
        }
    }

    fn obey(&mut self, commands: impl Iterator<Item = Command>) {
        for command in commands {
            match command {
                Command::Submit(jobs) => {
                    let (jobs, handles): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
                    self.handles.extend(jobs.iter().map(|job| job.id).zip(handles));
                    self.machine.submit(jobs);
                }
                Command::Watch(id, job, handle) => {
                    self.handles.insert(id, handle);
                    self.machine.watch(id, job);
                }
                Command::Cancel(id) => self.machine.cancel(id),
                Command::Forget(id) => {
                    self.machine.forget(id);
                    if !self.machine.is_live(id) {
                        self.handles.remove(&id);
                    }
                }
                Command::AwaitBatch(id, name, waiter) => {
                    self.batches.entry(name.clone()).or_default().push(waiter);
                    self.machine.await_batch(id, name);
                }
                Command::Subscribe(topic, reader) => {
                    self.topics.entry(Arc::clone(&topic)).or_default().push(reader);
                    self.machine.subscribe(topic);
                }
                Command::Unsubscribe(topic) => {
                    if let Some(readers) = self.topics.get_mut(&topic) {
                        readers.retain(Reader::is_there);
                        if readers.is_empty() {
                            self.topics.remove(&topic);
                            self.machine.unsubscribe(&topic);
                        }
                    }
                }
                Command::Close => self.machine.close(self.now()),
            }
        }
    }

    /// Those who still listen to a topic.
    fn readers(&self, topic: &str) -> impl Iterator<Item = Arc<Mailbox<Told>>> {
        self.topics.get(topic).into_iter().flatten().filter_map(|reader| reader.0.upgrade())
    }

    /// Does what is to be done.
    async fn act(&mut self) {
        for effect in self.machine.effects() {
            match effect {
                Effect::Dial => self.dial(),
                Effect::HangUp(code) => self.hang_up(code).await,
                Effect::Job(id, job, event) => self.tell(id, job, event),
                Effect::Topic(topic, data) => {
                    let data: crate::Data = data.into();
                    let bytes = data.bytes().len() + topic.len();
                    self.readers(&topic)
                        .for_each(|mailbox| mailbox.put(Ok(data.clone()), bytes, true));
                }
                Effect::TopicRefused { topic, code, message } => {
                    for mailbox in self.readers(&topic) {
                        let (code, message) = (Arc::clone(&code), Arc::clone(&message));
                        mailbox.put(Err(SubscriptionError::Refused { code, message }), 0, false);
                    }
                    self.topics.remove(&topic);
                }
                Effect::Batch(name, ended) => {
                    for waiter in self.batches.remove(&name).unwrap_or_default() {
                        // Whoever waited may have gone.
                        _ = waiter.send(ended.clone());
                    }
                }
                Effect::Missed(events) => self.miss(events),
                Effect::State(state) => self.state_is(state),
                Effect::Warn(said) => tracing::warn!(server = %self.server, "{said}"),
            }
        }
    }

    fn dial(&mut self) {
        let (server, tokens, encoding) =
            (self.server.clone(), self.tokens.clone(), self.policy.encoding);
        self.link = Link::Dialling(Box::pin(async move {
            let server = tokens.at(&server).await.map_err(StartError::Token)?;
            let ops_per_s = server.token().as_deref().and_then(token::ops_per_s);
            let client = Client::connect(&server, encoding).await?;
            Ok(Dialled { client: Box::new(client), ops_per_s })
        }));
    }

    async fn hang_up(&mut self, code: u16) {
        if let Link::Up { client, .. } = std::mem::replace(&mut self.link, Link::None) {
            if self.machine.is_closed() {
                client.close_with(code).await;
            } else {
                // The next connection does not wait for the goodbye of this one.
                tokio::spawn(client.close_with(code));
            }
        }
    }

    fn tell(&mut self, id: i64, job: Option<acequia_wire::JobId>, event: crate::JobEvent) {
        if matches!(event, crate::JobEvent::Ended(_)) {
            if let Some(handle) = self.handles.remove(&id) {
                handle.tell(job, event);
            }
        } else if let Some(handle) = self.handles.get(&id) {
            handle.tell(job, event);
        }
    }

    /// The server has given events up, and does not say whose.
    fn miss(&self, events: u64) {
        tracing::warn!(server = %self.server, "the server has given up {events} events of this session");
        self.handles.values().for_each(|handle| handle.miss(events));
        let mailboxes = self.topics.values().flatten().filter_map(|reader| reader.0.upgrade());
        mailboxes.for_each(|mailbox| mailbox.miss(events));
    }

    fn state_is(&mut self, state: State) {
        let first = match &state {
            State::Connecting => None,
            State::Open => Some(Ok(())),
            State::Waiting { why, .. } | State::Closed { why } => {
                Some(Err(StartError::Ended(why.to_string())))
            }
        };
        match &state {
            State::Waiting { retry_in, why } => {
                tracing::warn!(server = %self.server, ?retry_in, "no connection: {why}; dialling again");
            }
            State::Closed { why } => {
                tracing::info!(server = %self.server, "the client is closed: {why}")
            }
            State::Connecting | State::Open => {
                tracing::debug!(server = %self.server, ?state, "the client");
            }
        }
        self.state.send_replace(state);
        // Of a dial that failed more was said before.
        if let Some(first) = first
            && let Some(waiter) = self.first.take()
        {
            _ = waiter.send(first);
        }
    }
}

impl Link {
    /// What happens next. May be cancelled.
    async fn step(&mut self) -> Step {
        match self {
            Self::None => std::future::pending().await,
            Self::Dialling(dialled) => Step::Dialled(dialled.as_mut().await),
            Self::Up { client, is_writing } => {
                Step::Moved(client.recv_or_written(*is_writing).await)
            }
        }
    }
}

/// How a connection ended.
fn down_of(error: &ClientError) -> Down {
    let code = match error {
        ClientError::Closed { code, .. } => Some(*code),
        ClientError::Lost(_) | ClientError::BadEvent(_) => None,
    };
    Down { code, retry_after: None, why: error.to_string() }
}

/// Why there is none.
fn down_of_dial(error: &StartError) -> Down {
    let mut down = Down { code: None, retry_after: None, why: error.to_string() };
    if let StartError::Connect(ConnectError::Refused { status, retry_after, .. }) = error {
        down.code = (*status == StatusCode::UNAUTHORIZED).then_some(close::UNAUTHORIZED);
        down.retry_after =
            retry_after.map(|after| Ms::try_from(after.as_millis()).unwrap_or(Ms::MAX));
    }
    down
}
