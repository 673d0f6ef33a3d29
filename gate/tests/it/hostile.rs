//! Workers that mean harm, or have taken the wrong door. Meanwhile a decent one notices nothing.

use acequia_gate::{CloseReason, GateConfig, Jobs, JobsConnection, Results, ResultsConnection};
use zeromq::{PullSocket, PushSocket, Socket, SocketSend, SubSocket};

use crate::harness::{
    RawWorker, Served, frames, greeting, long_header, message, ready, serve, serve_tcp, within,
};

/// A decent worker on the results port, and our end of its connection.
async fn decent_sender(gate: &mut Served<ResultsConnection>) -> (PushSocket, ResultsConnection) {
    let mut worker = PushSocket::new();
    within(worker.connect(&gate.endpoint)).await.unwrap();
    (worker, gate.next().await)
}

async fn notices_nothing((worker, connection): &mut (PushSocket, ResultsConnection)) {
    worker.send(message(&[b"beat"])).await.unwrap();
    assert_eq!(frames(&within(connection.recv()).await.unwrap()), [b"beat"]);
    assert_eq!(connection.handle().close_reason(), None);
}

#[tokio::test]
async fn absurd_frame_headers_close_one_connection() {
    let mut gate = serve_tcp::<Results>().await;
    let mut decent = decent_sender(&mut gate).await;
    let sizes = [64 * 1024 + 1, 1 << 33, 64 << 30, 1 << 62, 1 << 63, u64::MAX];
    for size in sizes {
        let mut worker = RawWorker::shaken(gate.address(), "PUSH").await;
        let mut connection = gate.next().await;
        worker.say(b"\0\x04good").await;
        worker.say(&long_header(0, size)).await;
        worker.hear_the_end().await;
        assert_eq!(within(connection.handle().closed()).await, CloseReason::FrameTooLarge);
        // What came before the offence is delivered, and nothing else.
        assert_eq!(frames(&within(connection.recv()).await.unwrap()), [b"good"]);
        assert!(within(connection.recv()).await.is_none());
        notices_nothing(&mut decent).await;
    }
    assert_eq!(gate.closed(CloseReason::FrameTooLarge), sizes.len() as u64);
    assert_eq!(gate.stats.snapshot().refused(), sizes.len() as u64);
}

#[tokio::test]
async fn endless_frames_of_one_message_are_stopped() {
    let mut gate = serve_tcp::<Results>().await;
    let mut decent = decent_sender(&mut gate).await;
    let mut worker = RawWorker::shaken(gate.address(), "PUSH").await;
    let mut connection = gate.next().await;
    worker.say_without_end(&[1, 0].repeat(1000)).await;
    assert_eq!(within(connection.handle().closed()).await, CloseReason::TooManyFrames);
    assert!(within(connection.recv()).await.is_none());

    let mut worker = RawWorker::shaken(gate.address(), "PUSH").await;
    let connection = gate.next().await;
    worker.say_without_end(&[&long_header(1, 60_000)[..], &[0; 60_000]].concat()).await;
    assert_eq!(within(connection.handle().closed()).await, CloseReason::MessageTooLarge);
    notices_nothing(&mut decent).await;
}

#[tokio::test]
async fn noise_and_other_protocols_are_sent_away() {
    let mut gate = serve_tcp::<Results>().await;
    let mut decent = decent_sender(&mut gate).await;
    let mut old = greeting();
    old[10] = 1;
    let mut encrypted = greeting();
    encrypted[12..17].copy_from_slice(b"CURVE");
    let error = b"\x04\x07\x05ERROR\x00".to_vec();
    let early_message = [greeting(), b"\0\x01x".to_vec()].concat();
    for (bytes, reason) in [
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), CloseReason::BadGreeting),
        (vec![0; 64], CloseReason::BadGreeting),
        (vec![0xFF; 64], CloseReason::BadGreeting),
        (old, CloseReason::BadGreeting),
        (encrypted, CloseReason::IncompatiblePeer),
        (early_message, CloseReason::BadHandshake),
        ([greeting(), error].concat(), CloseReason::BadHandshake),
        ([greeting(), long_header(4, 1 << 40)].concat(), CloseReason::CommandTooLarge),
        ([greeting(), ready("PULL")].concat(), CloseReason::IncompatiblePeer),
    ] {
        let before = gate.closed(reason);
        let mut worker = RawWorker::connect(gate.address()).await;
        worker.say(&bytes).await;
        worker.hear_the_end().await;
        assert_eq!(gate.closed(reason), before + 1, "{reason}");
    }
    notices_nothing(&mut decent).await;
    assert_eq!(gate.stats.snapshot().handshaken, 1);
}

#[tokio::test]
async fn bad_flags_after_the_handshake_close_the_connection() {
    let mut gate = serve_tcp::<Results>().await;
    let mut worker = RawWorker::shaken(gate.address(), "PUSH").await;
    let connection = gate.next().await;
    worker.say(&[0x80]).await;
    assert_eq!(within(connection.handle().closed()).await, CloseReason::BadFrame);
}

#[tokio::test]
async fn a_message_on_the_jobs_port_closes_the_connection() {
    let mut gate = serve_tcp::<Jobs>().await;
    let mut worker = RawWorker::shaken(gate.address(), "PULL").await;
    let mut connection: JobsConnection = gate.next().await;
    worker.say(b"\0\x05ready").await;
    assert_eq!(within(connection.handle().closed()).await, CloseReason::UnexpectedMessage);
    assert!(connection.try_send(message(&[b"job"])).is_err());
}

#[tokio::test]
async fn the_wrong_socket_type_is_told_apart() {
    let mut gate = serve_tcp::<Jobs>().await;
    // The crate's own handshake with a SUB fails at its side as soon as it hears of the PUSH.
    assert!(within(SubSocket::new().connect(&gate.endpoint)).await.is_err());
    let mut worker = RawWorker::connect(gate.address()).await;
    worker.say(&[greeting(), ready("SUB")].concat()).await;
    worker.hear_the_end().await;
    assert!(gate.closed(CloseReason::IncompatiblePeer) >= 1);
    let mut decent = PullSocket::new();
    within(decent.connect(&gate.endpoint)).await.unwrap();
    gate.next().await.try_send(message(&[b"hello"])).unwrap();
}

#[tokio::test]
async fn silence_in_the_handshake_ends_at_the_deadline_and_delays_nobody() {
    // Time stands still but for the deadline: once all wait, tokio moves the clock there.
    tokio::time::pause();
    let mut gate = serve_tcp::<Results>().await;
    let mut mute = RawWorker::connect(gate.address()).await;
    let mut half = RawWorker::connect(gate.address()).await;
    half.say(&greeting()[..30]).await;
    let mut greeted = RawWorker::connect(gate.address()).await;
    greeted.say(&greeting()).await;
    for worker in [&mut mute, &mut half, &mut greeted] {
        worker.hear_the_end().await;
    }
    assert_eq!(gate.closed(CloseReason::HandshakeTimeout), 3);
    tokio::time::resume();
    let mut decent = decent_sender(&mut gate).await;
    notices_nothing(&mut decent).await;
}

#[tokio::test]
async fn the_handshake_of_one_does_not_wait_for_that_of_another() {
    let config = GateConfig {
        handshake_time_max: std::time::Duration::from_secs(3600),
        ..Default::default()
    };
    let mut gate = serve::<Results>("tcp://127.0.0.1:0", config).await;
    let mut slow = RawWorker::connect(gate.address()).await;
    let (first, rest) = (greeting()[..10].to_vec(), greeting()[10..].to_vec());
    slow.say(&first).await;
    let mut decent = decent_sender(&mut gate).await;
    notices_nothing(&mut decent).await;
    slow.say(&rest).await;
    slow.say(&ready("PUSH")).await;
    slow.say(b"\0\x04late").await;
    assert_eq!(frames(&within(gate.next().await.recv()).await.unwrap()), [b"late"]);
}

#[tokio::test]
async fn a_ping_is_answered_on_both_ports_and_goes_no_further() {
    const PING: &[u8] = b"\x04\x0a\x04PING\0\x0aabc";
    const PONG: &[u8] = b"\x04\x08\x04PONGabc";
    let mut results = serve_tcp::<Results>().await;
    let mut worker = RawWorker::shaken(results.address(), "PUSH").await;
    let mut connection = results.next().await;
    worker.say(PING).await;
    assert_eq!(worker.hear(PONG.len()).await, PONG);
    worker.say(&[b"\0\x01x", PING, b"\0\x01y"].concat()).await;
    assert_eq!(worker.hear(PONG.len()).await, PONG);
    for expected in [b"x", b"y"] {
        assert_eq!(frames(&within(connection.recv()).await.unwrap()), [expected]);
    }

    let mut jobs = serve_tcp::<Jobs>().await;
    let mut worker = RawWorker::shaken(jobs.address(), "PULL").await;
    let mut connection = jobs.next().await;
    worker.say(PING).await;
    assert_eq!(worker.hear(PONG.len()).await, PONG);
    connection.try_send(message(&[b"job"])).unwrap();
    assert_eq!(worker.hear(5).await, b"\0\x03job");
}

#[tokio::test]
async fn a_pong_never_falls_into_a_message() {
    const PING: &[u8] = b"\x04\x07\x04PING\0\x0a";
    const MESSAGES: usize = 300;
    let mut jobs = serve_tcp::<Jobs>().await;
    let mut worker = RawWorker::shaken(jobs.address(), "PULL").await;
    let mut connection = jobs.next().await;
    for _ in 0..MESSAGES {
        connection.try_send(message(&[b"job", &[9; 30_000]])).unwrap();
    }
    let mut pongs = 0;
    let mut received = 0;
    while received < MESSAGES || pongs == 0 {
        worker.say(PING).await;
        match &worker.hear(2).await[..] {
            [4, 5] => {
                assert_eq!(worker.hear(5).await, b"\x04PONG");
                pongs += 1;
            }
            header => {
                assert_eq!(header, [1, 3]);
                assert_eq!(worker.hear(3).await, b"job");
                assert_eq!(worker.hear(9).await, long_header(0, 30_000));
                assert_eq!(worker.hear(30_000).await, [9; 30_000]);
                received += 1;
            }
        }
    }
    assert_eq!(connection.handle().close_reason(), None);
}
