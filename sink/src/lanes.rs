//! The results port: what comes in from each worker, in order, until its connection is drained.

use std::sync::Arc;

use acequia_gate::{CloseReason, ResultsConnection, ResultsGate, ZmqMessage};
use acequia_wire::worker::{BadMessage, FromWorker, Malformed};
use tokio::sync::{Semaphore, mpsc};

use crate::input::{Input, ResultsKey};
use crate::valve::Valve;

/// Most ZeroMQ messages that go to the pipeline at once.
const BATCH: usize = 128;
/// Bytes of them, unless a single one has more.
const BATCH_BYTES: usize = 1 << 20;

/// Reads every connection of the results port, each in a task of its own. Runs until the pipeline
/// is gone.
pub async fn accept_lanes<I>(mut gate: ResultsGate, inbox: mpsc::Sender<I>)
where
    I: From<Input> + Send + 'static,
{
    loop {
        let connection = gate.accept().await;
        let results = ResultsKey(connection.id());
        let valve = Valve::new();
        let handle = connection.handle().clone();
        let opened = Input::LaneOpened { results, handle, valve: valve.clone() };
        if inbox.send(opened.into()).await.is_err() {
            return;
        }
        let inbox = inbox.clone();
        tokio::spawn(async move {
            // A connection that outlives the pipeline would take the words for the next one along.
            tokio::select! {
                () = inbox.closed() => {}
                () = read(connection, results, valve, inbox.clone()) => {}
            }
        });
    }
}

async fn read<I: From<Input>>(
    mut connection: ResultsConnection,
    results: ResultsKey,
    valve: Valve,
    inbox: mpsc::Sender<I>,
) {
    let mut received: Vec<ZmqMessage> = Vec::with_capacity(BATCH);
    // One batch at a time waits for the pipeline, so that no worker fills its inbox.
    let turns = Arc::new(Semaphore::new(1));
    while connection.recv_many(&mut received, BATCH, BATCH_BYTES).await > 0 {
        let mut messages = Vec::with_capacity(received.len());
        let malformed = received.drain(..).find_map(|message| {
            FromWorker::decode(message.into_vecdeque().into_iter(), &mut messages).err()
        });
        let bad = messages.iter().filter_map(|said| said.as_ref().err());
        for BadMessage { why, .. } in bad {
            connection.handle().tell(
                "bad_message",
                format_args!("a worker's message cannot be understood: {why}"),
            );
        }
        // It is never closed.
        let Ok(turn) = turns.clone().acquire_owned().await else { return };
        valve.opened().await;
        let input = Input::Messages { results, messages, turn };
        if inbox.send(input.into()).await.is_err() {
            return;
        }
        if let Some(malformed) = malformed {
            let hint = hint(&malformed);
            connection.handle().refuse(
                CloseReason::MalformedMessage,
                format_args!(
                    "a worker's message is malformed; its lane is closed: {malformed}{hint}"
                ),
            );
            break;
        }
    }
    // A pipeline that is gone does not need to know.
    _ = inbox.send(Input::LaneClosed { results }.into()).await;
}

/// What may be the cause, where the message alone does not tell.
const fn hint(malformed: &Malformed) -> &'static str {
    match malformed {
        Malformed::Frames(_) | Malformed::Kind(_) | Malformed::Id(_) => {
            " (if several threads send on one socket, their frames get mixed up: give each its own)"
        }
        Malformed::Head { .. } => "",
    }
}
