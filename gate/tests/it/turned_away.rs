//! Who does not get in, or has to go: what it hears, how it is counted, when it may be back.

use std::time::Duration;

use acequia_gate::{CloseReason, GateConfig, Jobs, JobsConnection, Results};

use crate::harness::{
    RawWorker, Served, eventually, greeting, message, ready, serve, serve_tcp, within,
};

#[tokio::test]
async fn we_say_no_more_than_the_worker_has() {
    let gate = serve_tcp::<Jobs>().await;
    let mut worker = RawWorker::connect(gate.address()).await;
    let signature_and_version = worker.hear(12).await;
    assert!(signature_and_version.starts_with(b"\xff") && signature_and_version[10] == 3);
    worker.say(&greeting()[..10]).await;
    worker.say(&greeting()[10..]).await;
    assert!(worker.hear(52).await.starts_with(b"NULL"));
    worker.say(&ready("PULL")).await;
    assert_eq!(worker.hear(2).await[0], 4, "our READY comes behind the worker's");
}

#[tokio::test]
async fn a_worker_that_waits_for_all_of_our_greeting_gets_it() {
    let gate = serve_tcp::<Jobs>().await;
    let mut worker = RawWorker::connect(gate.address()).await;
    worker.hear(64).await;
    worker.say(&greeting()).await;
    let header = worker.hear(2).await;
    worker.hear(header[1].into()).await;
    worker.say(&ready("PULL")).await;
    eventually(|| gate.stats.snapshot().handshaken == 1).await;
}

#[tokio::test]
async fn one_that_leaves_in_the_handshake_is_counted_and_one_that_only_looked_is_not() {
    let gate = serve_tcp::<Jobs>().await;
    let whole = [greeting(), ready("PULL")].concat();
    for cut in [1, 10, 12, 63, 64, 70] {
        let before = gate.closed(CloseReason::LeftInHandshake);
        let mut worker = RawWorker::connect(gate.address()).await;
        worker.say(&whole[..cut]).await;
        drop(worker);
        eventually(|| gate.closed(CloseReason::LeftInHandshake) == before + 1).await;
    }
    drop(RawWorker::connect(gate.address()).await);
    eventually(|| gate.closed(CloseReason::PeerClosed) == 1).await;
}

const PING: &[u8] = b"\x04\x07\x04PING\x01\xf4";

/// A jobs connection that speaks ZMTP 3.1.
async fn with_pings(gate: &Served<JobsConnection>) -> RawWorker {
    let mut worker = RawWorker::connect(gate.address()).await;
    let mut greeting = greeting();
    greeting[11] = 1;
    worker.say(&[greeting, ready("PULL")].concat()).await;
    worker.hear(64).await;
    let length = worker.hear(2).await[1];
    worker.hear(length.into()).await;
    worker
}

#[tokio::test]
async fn workers_are_pinged_that_speak_a_version_with_pings() {
    let config = GateConfig { ping_every: Duration::from_millis(1), ..GateConfig::default() };
    let mut gate = serve::<Jobs>("tcp://127.0.0.1:0", config).await;
    let mut old = RawWorker::shaken(gate.address(), "PULL").await;
    let mut to_old = gate.next().await;
    let mut new = with_pings(&gate).await;
    let mut to_new = gate.next().await;
    for _ in 0..5 {
        assert_eq!(new.hear(PING.len()).await, PING);
        new.say(b"\x04\x05\x04PONG").await;
    }
    to_new.try_send(message(&[b"job"])).unwrap();
    loop {
        match &new.hear(2).await[..] {
            [0, 3] => break assert_eq!(new.hear(3).await, b"job"),
            header => assert_eq!(header, &PING[..2]),
        }
        assert_eq!(new.hear(PING.len() - 2).await, PING[2..]);
    }
    to_old.try_send(message(&[b"job"])).unwrap();
    assert_eq!(old.hear(5).await, b"\0\x03job", "nothing else came before");
}

/// libzmq forgets with each message how long it may hear nothing: a worker whose host dies between
/// its first message and the next PING would wait for ever.
#[tokio::test]
async fn a_message_is_followed_by_a_ping() {
    let config = GateConfig {
        ping_every: Duration::from_secs(3600),
        ping_after: Duration::from_millis(1),
        ..GateConfig::default()
    };
    let mut gate = serve::<Jobs>("tcp://127.0.0.1:0", config).await;
    let mut worker = with_pings(&gate).await;
    let mut to_worker = gate.next().await;
    assert_eq!(worker.hear(PING.len()).await, PING, "the first, at once");
    for _ in 0..3 {
        to_worker.try_send(message(&[b"job"])).unwrap();
        assert_eq!(worker.hear(5).await, b"\0\x03job");
        assert_eq!(worker.hear(PING.len()).await, PING);
    }
}

#[tokio::test]
async fn a_host_that_speaks_wrongly_again_and_again_is_back_later_each_time() {
    let mut gate = serve_tcp::<Results>().await;
    for held in [0, 0, 0, 200, 400] {
        let mut worker = RawWorker::shaken(gate.address(), "PUSH").await;
        let connection = gate.next().await;
        connection.handle().refuse(CloseReason::MalformedMessage, format_args!("why"));
        assert_eq!(connection.handle().held(), Duration::from_millis(held));
        // Its owner knows at once, and may go.
        assert_eq!(within(connection.handle().closed()).await, CloseReason::MalformedMessage);
        drop(connection);
        worker.hear_the_end().await;
    }
    // Whoever does well on the same host is let in and let go at once.
    let worker = RawWorker::shaken(gate.address(), "PUSH").await;
    let connection = gate.next().await;
    drop(worker);
    assert_eq!(within(connection.handle().closed()).await, CloseReason::PeerClosed);
    assert_eq!(connection.handle().held(), Duration::ZERO);
    assert_eq!(gate.closed(CloseReason::MalformedMessage), 5);
}
