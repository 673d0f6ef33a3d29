//! A gateway as it is glued in an afternoon, of the same crates and codecs, to compare with.
//!
//! All workers share one PUSH and one PULL, and a table says whose a job is. There are no slots, no
//! turns, no limits and no events on the way, and what a lost worker or server held is lost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use acequia_sink::encode;
use acequia_wire::client::{Encoding, Event, JobEvent, Op, Submit};
use acequia_wire::worker::{FromWorker, JobMessage, Packer, ToWorker};
use acequia_wire::{ContentType, CorrelationId, JobId, Limits};
use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use futures_util::{SinkExt as _, StreamExt as _};
use rustc_hash::FxHashMap;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zeromq::{
    PullSocket, PushSocket, Socket as _, SocketRecv as _, SocketSend as _, ZmqError, ZmqMessage,
};

use super::peer::{bind, on_upgrade, say_ready};

/// The pause until the next look whether there is a worker.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Where a job came from.
struct Origin {
    id: CorrelationId,
    content_type: ContentType,
    encoding: Encoding,
    session: UnboundedSender<Message>,
}

#[derive(Clone)]
struct Gateway {
    jobs: UnboundedSender<ZmqMessage>,
    origins: Arc<Mutex<FxHashMap<JobId, Origin>>>,
}

/// Serves until it is killed.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let (mut push, mut pull) = (PushSocket::new(), PullSocket::new());
    let jobs = push.bind("tcp://127.0.0.1:0").await?;
    let results = pull.bind("tcp://127.0.0.1:0").await?;
    let (to_push, to_workers) = unbounded_channel();
    let gateway = Gateway { jobs: to_push, origins: Arc::default() };
    let router = Router::new().route("/v1/ws", any(upgrade)).with_state(gateway.clone());
    let (listener, address) = bind().await?;
    say_ready(&format!("http={address} jobs={jobs} results={results}"))?;
    tokio::select! {
        served = axum::serve(listener, router) => served.context("the gateway ended"),
        pushed = hand_out(push, to_workers) => pushed,
        pulled = hand_back(pull, gateway) => pulled,
    }
}

async fn hand_out(
    mut push: PushSocket,
    mut jobs: UnboundedReceiver<ZmqMessage>,
) -> anyhow::Result<()> {
    while let Some(mut job) = jobs.recv().await {
        loop {
            match push.send(job).await {
                // No worker is there yet.
                Err(ZmqError::ReturnToSender { message, .. }) => job = message,
                sent => break sent?,
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
    Ok(())
}

async fn hand_back(mut pull: PullSocket, gateway: Gateway) -> anyhow::Result<()> {
    let mut messages = Vec::new();
    loop {
        let frames = pull.recv().await?.into_vec();
        FromWorker::decode(frames.into_iter(), &mut messages)?;
        for message in messages.drain(..) {
            let FromWorker::Done { job, body } = message? else { continue };
            let origin = gateway.origins().remove(&job);
            let Some(Origin { id, content_type, encoding, session }) = origin else { continue };
            let what = JobEvent::Done { result: body.resolve(&content_type)? };
            let event = Event::Job { id, job, what, traceparent: None };
            // Its client may have gone.
            _ = session.send(encode(encoding, &event, None));
        }
    }
}

async fn upgrade(upgrade: WebSocketUpgrade, State(gateway): State<Gateway>) -> Response {
    on_upgrade(upgrade, |socket| converse(socket, gateway))
}

async fn converse(socket: WebSocket, gateway: Gateway) {
    let (mut sink, mut stream) = socket.split();
    let (session, mut events) = unbounded_channel();
    let writing = async {
        while let Some(event) = events.recv().await {
            if sink.send(event).await.is_err() {
                return;
            }
        }
    };
    let reading = async {
        let mut ops = Vec::new();
        while let Some(Ok(message)) = stream.next().await {
            let encoding = match &message {
                Message::Text(_) => Encoding::Json,
                Message::Binary(_) => Encoding::MsgPack,
                _ => continue,
            };
            Op::decode(encoding, &message.into_data(), &Limits::default(), &mut ops);
            for op in ops.drain(..) {
                let Ok(Op::Submit(submit)) = op else { return };
                gateway.submit(submit, encoding, session.clone());
            }
        }
    };
    tokio::select! {
        () = writing => {}
        () = reading => {}
    }
}

impl Gateway {
    fn origins(&self) -> MutexGuard<'_, FxHashMap<JobId, Origin>> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&self, submit: Submit, encoding: Encoding, session: UnboundedSender<Message>) {
        let (job, content_type) = (JobId::now(), submit.payload.content_type().clone());
        let origin =
            Origin { id: submit.id, content_type: content_type.clone(), encoding, session };
        self.origins().insert(job, origin);
        let message = ToWorker::Job(JobMessage {
            job,
            queue: submit.queue,
            attempt: 1,
            content_type,
            timeout_ms: None,
            meta: Vec::new(),
            body: submit.payload.into_bytes(),
        });
        let mut packer = Packer::default();
        message.encode(&mut packer);
        if let Ok(message) = ZmqMessage::try_from(packer.finish()) {
            // Whoever pushes ends with the whole gateway.
            _ = self.jobs.send(message);
        }
    }
}
