//! A server that does what the test says: real PUSH and PULL sockets, and a real worker.

use std::collections::VecDeque;
use std::time::Duration;

use acequia_wire::worker::{FromWorker, Hello, JobMessage, Packer, Ready, ToWorker};
use acequia_wire::{Body, ContentType, JobId, LaneId};
use acequia_worker::{Worker, WorkerError};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zeromq::{PullSocket, PushSocket, Socket, SocketEvent, SocketRecv, SocketSend, ZmqMessage};

/// So that a test that waits for what never comes ends, and says where.
const HANG: Duration = Duration::from_secs(60);

pub(crate) struct Server {
    push: PushSocket,
    pull: PullSocket,
    jobs_events: BoxStream<'static, SocketEvent>,
    results_events: BoxStream<'static, SocketEvent>,
    pub(crate) jobs: String,
    pub(crate) results: String,
    inbox: VecDeque<FromWorker>,
    /// How many protocol messages came in each ZeroMQ message.
    pub(crate) packs: Vec<usize>,
}

impl Server {
    pub(crate) async fn bind() -> Self {
        Self::bind_at("tcp://127.0.0.1:0", "tcp://127.0.0.1:0").await
    }

    pub(crate) async fn bind_at(jobs: &str, results: &str) -> Self {
        let (mut push, mut pull) = (PushSocket::new(), PullSocket::new());
        let (jobs_events, results_events) = (push.monitor().boxed(), pull.monitor().boxed());
        let jobs = push.bind(jobs).await.unwrap().to_string();
        let results = pull.bind(results).await.unwrap().to_string();
        let (inbox, packs) = (VecDeque::new(), Vec::new());
        Self { push, pull, jobs_events, results_events, jobs, results, inbox, packs }
    }

    pub(crate) fn worker(&self) -> Worker {
        Worker::new(&self.jobs, &self.results).name("tested")
    }

    /// Waits until a worker has connected to both endpoints.
    pub(crate) async fn accept(&mut self) {
        let accepted = |event: &SocketEvent| matches!(event, SocketEvent::Accepted(..));
        until(&mut self.jobs_events, accepted).await;
        until(&mut self.results_events, accepted).await;
    }

    /// Waits for a worker, greets it and returns its answer.
    pub(crate) async fn greet(&mut self) -> Ready {
        self.accept().await;
        self.send([hello(1)]).await;
        self.ready().await
    }

    /// The answer to a `hello`: the worker is ready, and its jobs are on a lease from the first on.
    pub(crate) async fn ready(&mut self) -> Ready {
        match self.recv().await {
            FromWorker::Ready(ready) => {
                assert_eq!(self.recv().await, FromWorker::Beat { lane: ready.lane });
                ready
            }
            other => panic!("expected ready, not {other:?}"),
        }
    }

    /// Sends all of it in one ZeroMQ message.
    pub(crate) async fn send(&mut self, messages: impl IntoIterator<Item = ToWorker>) {
        let mut packer = Packer::default();
        for message in messages {
            message.encode(&mut packer);
        }
        self.send_frames(packer.finish()).await;
    }

    pub(crate) async fn send_frames(&mut self, frames: Vec<Bytes>) {
        self.push.send(ZmqMessage::try_from(frames).unwrap()).await.unwrap();
    }

    pub(crate) async fn recv(&mut self) -> FromWorker {
        while self.inbox.is_empty() {
            let message = timeout(HANG, self.pull.recv()).await.expect("a message").unwrap();
            let mut messages = Vec::new();
            FromWorker::decode(message.into_vec().into_iter(), &mut messages).unwrap();
            self.packs.push(messages.len());
            self.inbox.extend(messages.into_iter().map(|said| said.expect("a good message")));
        }
        self.inbox.pop_front().unwrap()
    }

    /// The next message, which must be this job's result.
    pub(crate) async fn done(&mut self, n: u8) -> Body {
        match self.recv().await {
            FromWorker::Done { job, body } => {
                assert_eq!(job, id(n));
                body
            }
            other => panic!("expected done, not {other:?}"),
        }
    }

    /// The next message, which must be this job's failure: code, message, retry.
    pub(crate) async fn failed(&mut self, n: u8) -> (String, String, bool) {
        match self.recv().await {
            FromWorker::Fail { job, code, message, retry } => {
                assert_eq!(job, id(n));
                (code.unwrap_or_default(), message, retry)
            }
            other => panic!("expected fail, not {other:?}"),
        }
    }

    /// What a worker says of one job; for that it is greeted.
    pub(crate) async fn run_one(&mut self, job: JobMessage) -> FromWorker {
        self.greet().await;
        self.send([ToWorker::Job(job)]).await;
        self.recv().await
    }

    /// Waits until the worker has closed its results connection, and says what came before.
    pub(crate) async fn rest(&mut self) -> Vec<FromWorker> {
        let mut rest = Vec::from(std::mem::take(&mut self.inbox));
        let gone = async {
            loop {
                tokio::select! {
                    biased;
                    message = self.pull.recv() => {
                        let Ok(message) = message else { return };
                        let frames = message.into_vec().into_iter();
                        let mut messages = Vec::new();
                        FromWorker::decode(frames, &mut messages).unwrap();
                        rest.extend(messages.into_iter().map(|said| said.expect("a good message")));
                    }
                    event = self.results_events.next() => {
                        if matches!(event, Some(SocketEvent::Disconnected(_))) {
                            return;
                        }
                    }
                }
            }
        };
        timeout(HANG, gone).await.expect("the worker to close");
        rest
    }

    /// Dies: both connections end, the ports are free again.
    pub(crate) async fn die(mut self) {
        self.push.unbind_all().await;
        self.pull.unbind_all().await;
        self.push.backend().shutdown();
        self.pull.backend().shutdown();
    }
}

async fn until(
    events: &mut BoxStream<'static, SocketEvent>,
    wanted: impl Fn(&SocketEvent) -> bool,
) {
    let found = async {
        while let Some(event) = events.next().await {
            if wanted(&event) {
                return;
            }
        }
        panic!("the socket is gone");
    };
    timeout(HANG, found).await.expect("an event");
}

/// A worker that runs, and its end.
pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), WorkerError>>,
}

impl Running {
    pub(crate) fn start(worker: Worker) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(worker.run(async { drop(stopped.await) }));
        Self { stop, task }
    }

    /// Tells it to stop.
    pub(crate) fn stop(self) -> JoinHandle<Result<(), WorkerError>> {
        self.stop.send(()).unwrap();
        self.task
    }

    /// Tells it to stop and waits until it has.
    pub(crate) async fn end(self) {
        ended(self.stop()).await;
    }
}

pub(crate) async fn ended(task: JoinHandle<Result<(), WorkerError>>) {
    timeout(HANG, task).await.expect("the worker to stop").unwrap().unwrap();
}

pub(crate) const MAX_BODY: usize = 8 << 20;

pub(crate) fn hello(lane: u8) -> ToWorker {
    hello_of(lane, MAX_BODY)
}

pub(crate) fn hello_of(lane: u8, max_body: usize) -> ToWorker {
    ToWorker::Hello(Hello {
        lane: LaneId::from_bytes([lane; 16]),
        nonce: [9; 32],
        max_body: max_body as u64,
        server: "scripted".to_owned(),
    })
}

pub(crate) fn id(n: u8) -> JobId {
    JobId::from_bytes([n; 16])
}

pub(crate) fn message(
    n: u8,
    queue: &str,
    content_type: ContentType,
    body: impl Into<Bytes>,
) -> JobMessage {
    JobMessage {
        job: id(n),
        queue: queue.parse().unwrap(),
        attempt: 1,
        content_type,
        timeout_ms: None,
        meta: Vec::new(),
        body: body.into(),
    }
}

/// A job whose payload is raw bytes.
pub(crate) fn job(n: u8, queue: &str, body: impl Into<Bytes>) -> ToWorker {
    ToWorker::Job(message(n, queue, ContentType::Octets, body))
}

/// A body as a person would look at it: its type and its text.
pub(crate) fn shown(body: &Body) -> (String, String) {
    let declared = body.declared().map_or("", ContentType::as_str).to_owned();
    (declared, String::from_utf8_lossy(body.bytes()).into_owned())
}
