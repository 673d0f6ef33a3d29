//! How connections end: who hears of it, and what is still delivered.

use acequia_gate::{CloseReason, Jobs, Results};
use zeromq::{PullSocket, Socket};

use crate::harness::{RawWorker, eventually, frames, message, serve_tcp, within};

#[tokio::test]
async fn all_that_a_worker_sent_before_it_died_is_received() {
    let mut gate = serve_tcp::<Results>().await;
    let mut worker = RawWorker::shaken(gate.address(), "PUSH").await;
    let mut connection = gate.next().await;
    connection.handle().promote();
    let body = [7; 2000];
    for number in 0..1000u32 {
        let mut bytes = vec![1, 4];
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes.extend([2, 0, 0, 0, 0, 0, 0, 0x07, 0xD0]);
        bytes.extend_from_slice(&body);
        worker.say(&bytes).await;
        if number == 500 {
            // Not all of it fits the buffers on the way: somebody has to receive meanwhile.
            for expected in 0..400u32 {
                let received = within(connection.recv()).await.unwrap();
                assert_eq!(frames(&received)[0], expected.to_be_bytes());
            }
        }
        if number % 100 == 99 {
            tokio::task::yield_now().await;
        }
        if number > 500 && number % 2 == 0 {
            assert!(within(connection.recv()).await.is_some());
        }
    }
    drop(worker);
    let mut received = 400 + 249;
    while let Some(message) = within(connection.recv()).await {
        assert_eq!(frames(&message)[1], body);
        received += 1;
    }
    assert_eq!(received, 1000);
    assert_eq!(within(connection.handle().closed()).await, CloseReason::PeerClosed);
    assert!(within(connection.recv()).await.is_none());
    assert!(connection.try_recv().is_none());
}

#[tokio::test]
async fn a_thousand_messages_and_death_in_one_breath() {
    let mut gate = serve_tcp::<Results>().await;
    let mut worker = RawWorker::connect(gate.address()).await;
    let handshake = [crate::harness::greeting(), crate::harness::ready("PUSH")].concat();
    worker.say(&[handshake, b"\x01\x04done\0\x01x".repeat(1000)].concat()).await;
    drop(worker);
    let mut connection = gate.next().await;
    assert_eq!(within(connection.handle().closed()).await, CloseReason::PeerClosed);
    let mut received = Vec::new();
    while within(connection.recv_many(&mut received, 64, usize::MAX)).await > 0 {}
    assert_eq!(received.len(), 1000);
    assert!(received.iter().all(|message| frames(message) == [&b"done"[..], b"x"]));
}

#[tokio::test]
async fn a_message_that_is_cut_off_is_not_delivered() {
    let mut gate = serve_tcp::<Results>().await;
    let mut worker = RawWorker::shaken(gate.address(), "PUSH").await;
    let mut connection = gate.next().await;
    worker.say(b"\0\x05whole\x01\x01a\0\x05cut").await;
    drop(worker);
    assert_eq!(frames(&within(connection.recv()).await.unwrap()), [b"whole"]);
    assert!(within(connection.recv()).await.is_none());
}

#[tokio::test]
async fn the_end_of_a_worker_is_news_on_the_jobs_port() {
    let mut gate = serve_tcp::<Jobs>().await;
    let mut worker = PullSocket::new();
    within(worker.connect(&gate.endpoint)).await.unwrap();
    let mut connection = gate.next().await;
    let (one, two) = (connection.handle().clone(), connection.handle().clone());
    let waiters = tokio::spawn(async move { tokio::join!(one.closed(), two.closed()) });
    connection.try_send(message(&[b"job"])).unwrap();
    worker.backend().shutdown();
    drop(worker);
    let reasons = within(waiters).await.unwrap();
    assert_eq!(reasons, (CloseReason::PeerClosed, CloseReason::PeerClosed));
    let refused = connection.try_send(message(&[b"job"])).unwrap_err();
    assert_eq!(refused.0, CloseReason::PeerClosed);
}

#[tokio::test]
async fn a_worker_hears_of_the_drop() {
    let mut gate = serve_tcp::<Jobs>().await;
    let mut worker = RawWorker::shaken(gate.address(), "PULL").await;
    let connection = gate.next().await;
    let handle = connection.handle().clone();
    drop(connection);
    worker.hear_the_end().await;
    assert_eq!(within(handle.closed()).await, CloseReason::ClosedByServer);

    let mut gate = serve_tcp::<Results>().await;
    let mut worker = RawWorker::shaken(gate.address(), "PUSH").await;
    drop(gate.next().await);
    worker.hear_the_end().await;
    assert_eq!(gate.closed(CloseReason::ClosedByServer), 1);
    eventually(|| gate.stats.snapshot().open == 0).await;
}

#[tokio::test]
async fn close_ends_the_stream_after_what_is_at_hand() {
    let mut gate = serve_tcp::<Results>().await;
    let mut worker = RawWorker::shaken(gate.address(), "PUSH").await;
    let mut connection = gate.next().await;
    worker.say(b"\0\x03one").await;
    assert_eq!(frames(&within(connection.recv()).await.unwrap()), [b"one"]);
    connection.handle().close(CloseReason::MalformedMessage);
    worker.hear_the_end().await;
    assert!(within(connection.recv()).await.is_none());
}

#[tokio::test]
async fn recv_is_cancel_safe() {
    let mut gate = serve_tcp::<Results>().await;
    let mut worker = RawWorker::shaken(gate.address(), "PUSH").await;
    let mut connection = gate.next().await;
    for number in 0..200u8 {
        worker.say(&[0, 1, number]).await;
        let received = loop {
            tokio::select! {
                biased;
                received = connection.recv() => break received,
                () = tokio::task::yield_now() => {}
            }
        };
        assert_eq!(frames(&received.unwrap()), [[number]]);
    }
}

#[tokio::test]
async fn connections_outlive_their_gate() {
    let mut gate = serve_tcp::<Results>().await;
    let mut worker = RawWorker::shaken(gate.address(), "PUSH").await;
    let mut mute = RawWorker::connect(gate.address()).await;
    let mut connection = gate.next().await;
    eventually(|| gate.stats.snapshot().accepted == 2).await;
    drop(gate);
    mute.hear_the_end().await;
    worker.say(b"\0\x05still").await;
    assert_eq!(frames(&within(connection.recv()).await.unwrap()), [b"still"]);
}
