//! What the bench starts beside a server: workers, and the echo server to compare with.

use std::io::Write as _;
use std::time::Duration;

use acequia_wire::Body;
use acequia_wire::client::Encoding;
use acequia_wire::worker::{FromWorker, Packer, Ready, ToWorker};
use acequia_worker::{Failure, Job, Reply, Worker};
use anyhow::Context as _;
use axum::Router;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::routing::any;
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use zeromq::{PullSocket, PushSocket, Socket as _, SocketRecv as _, SocketSend as _, ZmqMessage};

use super::Args;

/// The same buffers as those of the server's sessions, so that only the work differs.
const READ_BUFFER: usize = 4 << 10;
const WRITE_BUFFER: usize = 16 << 10;

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Role {
    /// A bare WebSocket server that sends back what it gets.
    Echo,
    /// A worker that returns the payload.
    Worker,
    /// A worker that sleeps for as many milliseconds as the payload says, and returns it.
    Sleeper,
}

impl Role {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Worker => "worker",
            Self::Sleeper => "sleeper",
        }
    }
}

/// Plays the role until standard input ends.
pub(super) async fn run(role: Role, args: &Args) -> anyhow::Result<()> {
    let played = async {
        match role {
            Role::Echo => echo().await,
            Role::Worker if args.no_pack => work_singly(args).await,
            Role::Worker => work(args, give_back).await,
            Role::Sleeper => work(args, sleep).await,
        }
    };
    let (mut stdin, mut byte) = (tokio::io::stdin(), [0]);
    tokio::select! {
        played = played => played,
        _ = stdin.read(&mut byte) => Ok(()),
    }
}

async fn echo() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/v1/ws", any(upgrade));
    writeln!(std::io::stdout(), "echo ready http={address}")?;
    let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
    axum::serve(listener, router).await.context("the echo server ended")
}

async fn upgrade(upgrade: WebSocketUpgrade) -> axum::response::Response {
    upgrade
        .protocols(Encoding::ALL.map(Encoding::subprotocol))
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .on_upgrade(send_back)
}

async fn send_back(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn work<F>(args: &Args, handler: fn(Job) -> F) -> anyhow::Result<()>
where
    F: Future<Output = Result<Reply, Failure>> + Send + 'static,
{
    let worker = Worker::new(&args.jobs, &args.results)
        .name("bench")
        .slots(args.slots)
        .queue(args.queue.as_str(), handler);
    Ok(worker.run(std::future::pending()).await?)
}

async fn give_back(job: Job) -> Result<Reply, Failure> {
    Ok(Reply::same_type(job.payload().clone()))
}

async fn sleep(job: Job) -> Result<Reply, Failure> {
    match job.json::<u64>()? {
        0 => {}
        ms => tokio::time::sleep(Duration::from_millis(ms)).await,
    }
    give_back(job).await
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
