//! The results port: what comes in from each worker, in order, until its connection is drained.

use acequia_gate::{CloseReason, ResultsConnection, ResultsGate, ZmqMessage};
use acequia_wire::worker::{BadMessage, FromWorker};
use tokio::sync::mpsc;

use crate::input::{Input, ResultsKey};

/// Most ZeroMQ messages that go to the pipeline at once.
const BATCH: usize = 128;

/// Reads every connection of the results port, each in a task of its own. Runs until the pipeline
/// is gone.
pub async fn accept_lanes<I>(mut gate: ResultsGate, inbox: mpsc::Sender<I>)
where
    I: From<Input> + Send + 'static,
{
    loop {
        let connection = gate.accept().await;
        let results = ResultsKey(connection.id());
        let opened = Input::LaneOpened { results, handle: connection.handle().clone() };
        if inbox.send(opened.into()).await.is_err() {
            return;
        }
        tokio::spawn(read(connection, results, inbox.clone()));
    }
}

async fn read<I: From<Input>>(
    mut connection: ResultsConnection,
    results: ResultsKey,
    inbox: mpsc::Sender<I>,
) {
    let mut received: Vec<ZmqMessage> = Vec::with_capacity(BATCH);
    let mut told_of_bad = false;
    while connection.recv_many(&mut received, BATCH).await > 0 {
        let mut messages = Vec::with_capacity(received.len());
        let malformed = received.drain(..).find_map(|message| {
            FromWorker::decode(message.into_vecdeque().into_iter(), &mut messages).err()
        });
        let bad = messages.iter().filter_map(|said| said.as_ref().err());
        for BadMessage { why, .. } in bad {
            let peer = connection.peer();
            if told_of_bad {
                tracing::debug!(%peer, "a worker's message cannot be understood: {why}");
            } else {
                tracing::warn!(
                    %peer,
                    "a worker's message cannot be understood: {why}; more such of this connection \
                     are logged at `debug`"
                );
                told_of_bad = true;
            }
        }
        let input = Input::Messages { results, messages };
        if inbox.send(input.into()).await.is_err() {
            return;
        }
        if let Some(malformed) = malformed {
            let peer = connection.peer();
            tracing::warn!(%peer, %malformed, "a worker's message is malformed; its lane is closed");
            connection.handle().close(CloseReason::MalformedMessage);
            break;
        }
    }
    // A pipeline that is gone does not need to know.
    _ = inbox.send(Input::LaneClosed { results }.into()).await;
}
