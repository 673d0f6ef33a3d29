//! Frames over a connection.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use acequia_wire::client::Request;

use super::*;
use crate::frame::{FromDoor, FromOwner};

fn link(
    stream: DuplexStream,
) -> (LinkReader<ReadHalf<DuplexStream>>, LinkWriter<WriteHalf<DuplexStream>>) {
    Link::new(stream, "peer-1".to_owned()).split()
}

fn acks(count: u64) -> Vec<FromDoor> {
    let ack = |seq| FromDoor::Requests { connection: seq, requests: vec![Request::Ack { seq }] };
    (0..count).map(ack).collect()
}

#[tokio::test]
async fn frames_go_both_ways_and_each_end_counts_the_same() {
    let (of_door, of_owner) = duplex(1_000);
    let ((mut door_reads, mut door), (mut owner_reads, mut owner)) =
        (link(of_door), link(of_owner));
    let sent = acks(5_000);
    let door_writes = async {
        door.write(sent.clone()).await.expect("written");
        door.flush().await.expect("written");
        let frames = door.frames();
        door.finish().await.expect("written");
        frames
    };
    let owner_hears = async {
        let mut heard: Vec<FromDoor> = Vec::new();
        while owner_reads.read(&mut heard).await.expect("frames") > 0 {}
        let frames = owner_reads.frames();
        owner.write([FromOwner::Durable { mark: frames }, FromOwner::Beat]).await.expect("taken");
        owner.finish().await.expect("written");
        heard
    };
    let (frames, heard) = tokio::join!(door_writes, owner_hears);
    assert!(heard == sent);
    let mut told: Vec<FromOwner> = Vec::new();
    while door_reads.read(&mut told).await.expect("frames") > 0 {}
    assert_eq!(told, [FromOwner::Durable { mark: frames }, FromOwner::Beat]);
    assert_eq!(frames, 5_000);
}

#[tokio::test]
async fn all_frames_at_hand_come_at_once_and_none_is_waited_for_then() {
    let (of_door, of_owner) = duplex(1 << 20);
    let ((_, mut door), (mut owner, _)) = (link(of_door), link(of_owner));
    let sent = acks(10_000);
    door.write(sent.clone()).await.expect("written");
    door.flush().await.expect("written");
    let mut heard: Vec<FromDoor> = Vec::new();
    assert_eq!(owner.read(&mut heard).await.expect("frames"), sent.len());
    // One that is dropped while it waits has lost nothing.
    let waits = owner.read(&mut heard);
    assert!(futures_ready(waits).await.is_none());
    door.write([FromDoor::Beat]).await.expect("written");
    door.flush().await.expect("written");
    assert_eq!(owner.read(&mut heard).await.expect("a frame"), 1);
    assert!(heard.starts_with(&sent) && heard.ends_with(&[FromDoor::Beat]));
}

/// What a future gives without waiting.
async fn futures_ready<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        value = future => Some(value),
        () = std::future::ready(()) => None,
    }
}

#[tokio::test]
async fn what_waits_is_written_before_it_is_too_much() {
    let (of_door, mut of_owner) = duplex(64 << 10);
    let (_, mut door) = link(of_door);
    let writes = async {
        door.write(acks(200_000)).await.expect("written");
        assert!(door.encoder.remaining() < WRITE_BYTES);
        door.finish().await.expect("written");
    };
    let reads = async {
        let mut all = Vec::new();
        of_owner.read_to_end(&mut all).await.expect("all");
        all.len()
    };
    let ((), len) = tokio::join!(writes, reads);
    assert!(len > 4 * WRITE_BYTES);
}

#[tokio::test]
async fn an_end_inside_a_frame_is_told_and_so_is_what_came_before() {
    let (mut of_door, of_owner) = duplex(100);
    let (mut owner, _) = link(of_owner);
    of_door.write_all(&[0, 0, 0, 1, 10, 0, 0, 0, 2, 8]).await.expect("room");
    drop(of_door);
    let mut heard = Vec::new();
    let error = owner.read::<FromDoor>(&mut heard).await.expect_err("cut");
    assert!(matches!(error.fault, Fault::Cut), "{error}");
    assert!(error.to_string().contains("peer-1"), "{error}");
    assert_eq!(heard, [FromDoor::Beat]);
}

#[tokio::test]
async fn what_is_no_frame_ends_the_link_and_names_what_is_wrong() {
    let (mut of_door, of_owner) = duplex(100);
    let (mut owner, _) = link(of_owner);
    of_door.write_all(&[0, 0, 0, 3, 3, 1, 2]).await.expect("room");
    let error = owner.read::<FromDoor>(&mut Vec::new()).await.expect_err("no frame");
    assert!(matches!(error.fault, Fault::Frame(_)), "{error}");
    let says = error.to_string();
    assert!(says.contains("peer-1") && says.contains("`Closed`: its for_good is 2"), "{says}");
}

/// There is nothing to give to whoever reads, and more to wait for.
#[tokio::test]
async fn a_frame_of_a_later_version_is_waited_over() {
    let (mut of_door, of_owner) = duplex(100);
    let (mut owner, _) = link(of_owner);
    of_door.write_all(&[0, 0, 0, 2, 200, 1]).await.expect("room");
    let mut heard = Vec::new();
    assert!(futures_ready(owner.read::<FromDoor>(&mut heard)).await.is_none());
    assert_eq!(owner.frames(), 1);
    of_door.write_all(&[0, 0, 0, 1, 10]).await.expect("room");
    assert_eq!(owner.read(&mut heard).await.expect("a frame"), 1);
    assert_eq!((heard, owner.frames()), (vec![FromDoor::Beat], 2));
}
