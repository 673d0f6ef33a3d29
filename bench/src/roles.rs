//! What the bench starts beside a server: workers, and servers to compare with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use acequia_wire::worker::{FromWorker, Packer, Ready, ToWorker};
use acequia_wire::{Body, QueueName};
use acequia_worker::{Failure, Job, Reply, Worker};
use anyhow::Context as _;
use axum::Router;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use bytes::Bytes;
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use zeromq::{PullSocket, PushSocket, Socket as _, SocketRecv as _, SocketSend as _, ZmqMessage};

use super::naive;
use super::peer::{bind, offer, on_upgrade, say_ready};
use super::role::{COUNTER_TIME, RELEASE, Role};

/// The pause before the next worker of a process dials: a thousand at once would time each other
/// out, and dial again.
const DIAL_PAUSE: Duration = Duration::from_millis(2);

/// What a process that a bench has started is told.
#[derive(Clone, Debug)]
pub struct Part {
    /// What it is.
    pub role: Role,
    /// Where a worker fetches its jobs.
    pub jobs: String,
    /// Where it brings its results.
    pub results: String,
    /// Its queue.
    pub queue: QueueName,
    /// Its slots.
    pub slots: u32,
    /// So many such workers the process is.
    pub workers: u32,
    /// Whether they take many jobs in one message.
    pub packed: bool,
}

/// Plays the part until standard input ends.
///
/// # Errors
/// If it cannot be played: a port is not to be had, or a server not reached.
pub async fn play(part: &Part) -> anyhow::Result<()> {
    let (released, is_released) = watch::channel(false);
    let played = async {
        match part.role {
            Role::Echo => echo(|upgrade| on_upgrade(upgrade, send_back)).await,
            Role::PlainEcho => echo(|upgrade| offer(upgrade).on_upgrade(send_back)).await,
            Role::Naive => naive::serve().await,
            Role::Worker if !part.packed => work_singly(part).await,
            Role::Worker => work(part, give_back).await,
            Role::Sleeper => work(part, sleep).await,
            Role::Holder => work(part, move |job| hold(job, is_released.clone())).await,
            Role::Counter => work(part, count).await,
        }
    };
    tokio::select! {
        played = played => played,
        () = listen(released) => Ok(()),
    }
}

/// Hears what the bench says, until it says no more.
async fn listen(released: watch::Sender<bool>) {
    let (mut stdin, mut word) = (tokio::io::stdin(), [0]);
    while let Ok(1..) = stdin.read(&mut word).await {
        released.send_replace(word == [RELEASE]);
    }
}

async fn echo(upgrade: fn(WebSocketUpgrade) -> Response) -> anyhow::Result<()> {
    let router = Router::new().route("/v1/ws", any(move |it| async move { upgrade(it) }));
    let (listener, address) = bind().await?;
    say_ready(&format!("http={address}"))?;
    axum::serve(listener, router).await.context("the echo server ended")
}

async fn send_back(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

/// As many workers as are asked for, which share a handler.
async fn work<F>(
    part: &Part,
    handler: impl Fn(Job) -> F + Clone + Send + Sync + 'static,
) -> anyhow::Result<()>
where
    F: Future<Output = Result<Reply, Failure>> + Send + 'static,
{
    let mut workers = JoinSet::new();
    for _ in 0..part.workers {
        let worker = Worker::new(&part.jobs, &part.results)
            .name("bench")
            .slots(part.slots)
            .queue(part.queue.as_str(), handler.clone());
        workers.spawn(worker.run(std::future::pending()));
        tokio::time::sleep(DIAL_PAUSE).await;
    }
    while let Some(ended) = workers.join_next().await {
        ended??;
    }
    Ok(())
}

async fn give_back(job: Job) -> Result<Reply, Failure> {
    Ok(Reply::same_type(job.payload().clone()))
}

async fn sleep(job: Job) -> Result<Reply, Failure> {
    let begun = Instant::now();
    match job.json::<u64>()? {
        0 => {}
        ms => tokio::time::sleep(Duration::from_millis(ms)).await,
    }
    Ok(Reply::same_type(begun.elapsed().as_micros().to_string()))
}

async fn hold(job: Job, mut is_released: watch::Receiver<bool>) -> Result<Reply, Failure> {
    // Without the bench the process ends anyway.
    _ = is_released.wait_for(|is_released| *is_released).await;
    give_back(job).await
}

async fn count(_: Job) -> Result<Reply, Failure> {
    static BEGUN: AtomicU64 = AtomicU64::new(0);
    let nth = BEGUN.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(COUNTER_TIME).await;
    Ok(Reply::same_type(nth.to_string()))
}

/// A worker without the SDK that takes a message, gives one back, and only then takes the next.
async fn work_singly(part: &Part) -> anyhow::Result<()> {
    let (mut jobs, mut results) = (PullSocket::new(), PushSocket::new());
    jobs.connect(&part.jobs).await?;
    results.connect(&part.results).await?;
    let mut packer = Packer::default();
    let mut received = Vec::new();
    loop {
        let frames = jobs.recv().await?.into_vec();
        ToWorker::decode(frames.into_iter(), &mut received)?;
        for message in received.drain(..) {
            let Some(answer) = answer(part, message) else { continue };
            answer.encode(&mut packer);
            let frames: Vec<Bytes> = packer.finish();
            let Ok(message) = ZmqMessage::try_from(frames) else { continue };
            results.send(message).await?;
        }
    }
}

fn answer(part: &Part, message: ToWorker) -> Option<FromWorker> {
    match message {
        ToWorker::Hello(hello) => Some(FromWorker::Ready(Ready {
            slots: part.slots,
            queues: vec![part.queue.clone()],
            name: Some("bench-single".to_owned()),
            ..Ready::new(hello.lane)
        })),
        ToWorker::Job(job) => {
            Some(FromWorker::Done { job: job.job, body: Body::new(None, job.body) })
        }
        ToWorker::Cancel { .. } | ToWorker::Bye { .. } => None,
    }
}
