//! How many connections there may be, and who goes when there are too many.

use acequia_gate::{CloseReason, GateConfig, Results, ResultsConnection};

use crate::harness::{RawWorker, Served, eventually, serve, within};

async fn served(connections_max: usize, not_ready_max: usize) -> Served<ResultsConnection> {
    let config = GateConfig { connections_max, not_ready_max, ..GateConfig::default() };
    serve::<Results>("tcp://127.0.0.1:0", config).await
}

async fn connect(gate: &mut Served<ResultsConnection>) -> (RawWorker, ResultsConnection) {
    let worker = RawWorker::shaken(gate.address(), "PUSH").await;
    (worker, gate.next().await)
}

#[tokio::test]
async fn the_oldest_that_is_not_ready_is_evicted() {
    let mut gate = served(100, 2).await;
    let (_first_worker, first) = connect(&mut gate).await;
    first.handle().promote();
    let (mut second_worker, second) = connect(&mut gate).await;
    let (_third_worker, third) = connect(&mut gate).await;
    let (_fourth_worker, fourth) = connect(&mut gate).await;
    assert_eq!(within(second.handle().closed()).await, CloseReason::Evicted);
    second_worker.hear_the_end().await;
    for connection in [&first, &third, &fourth] {
        assert_eq!(connection.handle().close_reason(), None);
    }
    drop(second);
    eventually(|| gate.stats.snapshot().open == 3).await;
    assert_eq!(gate.stats.snapshot().not_ready, 2);
    assert_eq!(gate.closed(CloseReason::Evicted), 1);
}

#[tokio::test]
async fn one_in_the_midst_of_its_handshake_is_evicted_too() {
    let mut gate = served(100, 1).await;
    let mut mute = RawWorker::connect(gate.address()).await;
    let (_worker, connection) = connect(&mut gate).await;
    mute.hear_the_end().await;
    assert_eq!(connection.handle().close_reason(), None);
    assert_eq!(gate.closed(CloseReason::Evicted), 1);
}

#[tokio::test]
async fn at_the_limit_in_all_a_newcomer_takes_the_place_of_one_that_is_not_ready() {
    let mut gate = served(2, 2).await;
    let (_first_worker, first) = connect(&mut gate).await;
    first.handle().promote();
    let (_second_worker, second) = connect(&mut gate).await;
    let (_third_worker, third) = connect(&mut gate).await;
    assert_eq!(within(second.handle().closed()).await, CloseReason::Evicted);
    assert_eq!(first.handle().close_reason(), None);
    assert_eq!(third.handle().close_reason(), None);
}

#[tokio::test]
async fn at_the_limit_and_all_ready_the_newcomer_is_refused() {
    let mut gate = served(2, 2).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let (worker, connection) = connect(&mut gate).await;
        connection.handle().promote();
        held.push((worker, connection));
    }
    RawWorker::connect(gate.address()).await.hear_the_end().await;
    assert_eq!(gate.closed(CloseReason::ConnectionLimit), 1);
    assert_eq!(gate.stats.snapshot().open, 2);
    held.pop();
    eventually(|| gate.stats.snapshot().open == 1).await;
    let (_worker, connection) = connect(&mut gate).await;
    assert_eq!(connection.handle().close_reason(), None);
}

#[tokio::test]
async fn promotion_after_the_end_changes_nothing() {
    let mut gate = served(2, 2).await;
    let (_worker, connection) = connect(&mut gate).await;
    let handle = connection.handle().clone();
    handle.close(CloseReason::Unauthorized);
    handle.close(CloseReason::ClosedByServer);
    handle.promote();
    assert_eq!(within(handle.closed()).await, CloseReason::Unauthorized);
    assert_eq!(gate.stats.snapshot().not_ready, 0);
    assert_eq!(gate.closed(CloseReason::Unauthorized), 1);
    assert_eq!(gate.closed(CloseReason::ClosedByServer), 0);
}
