//! What the bench starts beside a server: workers, and servers to compare with.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use acequia_wire::Body;
use acequia_wire::client::Encoding;
use acequia_wire::worker::{FromWorker, Packer, Ready, ToWorker};
use acequia_worker::{Failure, Job, Reply, Worker};
use anyhow::Context as _;
use axum::Router;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use axum::serve::{Listener, ListenerExt as _};
use bytes::Bytes;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use zeromq::{PullSocket, PushSocket, Socket as _, SocketRecv as _, SocketSend as _, ZmqMessage};

use super::{Args, naive};

/// Small buffers, as the server's sessions have, so that little more than the work differs.
const READ_BUFFER: usize = 4 << 10;
const WRITE_BUFFER: usize = 16 << 10;

/// How long a job of a [`Role::Counter`] takes.
pub(super) const COUNTER_TIME: Duration = Duration::from_millis(1);

/// The pause before the next worker of a process dials: a thousand at once would time each other
/// out, and dial again.
const DIAL_PAUSE: Duration = Duration::from_millis(2);

/// What the bench says to a [`Role::Holder`].
pub(super) const HOLD: u8 = b'h';
pub(super) const RELEASE: u8 = b'r';

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Role {
    /// A bare WebSocket server that sends back what it gets.
    Echo,
    /// The same with the settings that the library and the runtime have by default.
    PlainEcho,
    /// A gateway as it is glued in an afternoon.
    Naive,
    /// A worker that returns the payload.
    Worker,
    /// A worker that sleeps for as many milliseconds as the payload says, and returns how many
    /// microseconds it slept.
    Sleeper,
    /// A worker that returns the payload, but only while it is not told to hold its jobs, as it is
    /// at first.
    Holder,
    /// A worker that sleeps for a millisecond, and returns how many jobs it began before this one.
    Counter,
}

impl Role {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::PlainEcho => "plain-echo",
            Self::Naive => "naive",
            Self::Worker => "worker",
            Self::Sleeper => "sleeper",
            Self::Holder => "holder",
            Self::Counter => "counter",
        }
    }
}

/// Plays the role until standard input ends.
pub(super) async fn run(role: Role, args: &Args) -> anyhow::Result<()> {
    let (released, is_released) = watch::channel(false);
    let played = async {
        match role {
            Role::Echo => echo(|upgrade| on_upgrade(upgrade, send_back)).await,
            Role::PlainEcho => echo(|upgrade| offer(upgrade).on_upgrade(send_back)).await,
            Role::Naive => naive::serve().await,
            Role::Worker if args.no_pack => work_singly(args).await,
            Role::Worker => work(args, give_back).await,
            Role::Sleeper => work(args, sleep).await,
            Role::Holder => work(args, move |job| hold(job, is_released.clone())).await,
            Role::Counter => work(args, count).await,
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

/// A listener for a server to compare with, and its address.
pub(super) async fn bind()
-> anyhow::Result<(impl Listener<Addr = SocketAddr, Io = TcpStream>, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    Ok((listener.tap_io(|stream| _ = stream.set_nodelay(true)), address))
}

/// Says where such a server is, as Acequia does.
pub(super) fn say_ready(addresses: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "bench ready {addresses}")?)
}

/// Answers an upgrade as Acequia does.
pub(super) fn on_upgrade<F>(
    upgrade: WebSocketUpgrade,
    session: impl FnOnce(WebSocket) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    offer(upgrade).read_buffer_size(READ_BUFFER).write_buffer_size(WRITE_BUFFER).on_upgrade(session)
}

fn offer(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade.protocols(Encoding::ALL.map(Encoding::subprotocol))
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
    args: &Args,
    handler: impl Fn(Job) -> F + Clone + Send + Sync + 'static,
) -> anyhow::Result<()>
where
    F: Future<Output = Result<Reply, Failure>> + Send + 'static,
{
    let mut workers = JoinSet::new();
    for _ in 0..args.workers {
        let worker = Worker::new(&args.jobs, &args.results)
            .name("bench")
            .slots(args.slots)
            .queue(args.queue.as_str(), handler.clone());
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
async fn work_singly(args: &Args) -> anyhow::Result<()> {
    let (mut jobs, mut results) = (PullSocket::new(), PushSocket::new());
    jobs.connect(&args.jobs).await?;
    results.connect(&args.results).await?;
    let mut packer = Packer::default();
    let mut received = Vec::new();
    loop {
        let frames = jobs.recv().await?.into_vec();
        ToWorker::decode(frames.into_iter(), &mut received)?;
        for message in received.drain(..) {
            let Some(answer) = answer(args, message) else { continue };
            answer.encode(&mut packer);
            let frames: Vec<Bytes> = packer.finish();
            let Ok(message) = ZmqMessage::try_from(frames) else { continue };
            results.send(message).await?;
        }
    }
}

fn answer(args: &Args, message: ToWorker) -> Option<FromWorker> {
    match message {
        ToWorker::Hello(hello) => Some(FromWorker::Ready(Ready {
            slots: args.slots,
            queues: vec![args.queue.clone()],
            name: Some("bench-single".to_owned()),
            ..Ready::new(hello.lane)
        })),
        ToWorker::Job(job) => {
            Some(FromWorker::Done { job: job.job, body: Body::new(None, job.body) })
        }
        ToWorker::Cancel { .. } | ToWorker::Bye { .. } => None,
    }
}
