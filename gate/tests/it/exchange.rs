//! Real `zeromq` workers on both ports.

use acequia_gate::{CloseReason, GateConfig, Jobs, Results};
use zeromq::{PullSocket, PushSocket, Socket, SocketRecv, SocketSend};

use crate::harness::{frames, message, serve, serve_tcp, within};

fn ipc_endpoint(directory: &tempfile::TempDir) -> String {
    format!("ipc://{}/gate.sock", directory.path().display())
}

async fn jobs_go_out(endpoint: &str) {
    let mut gate = serve::<Jobs>(endpoint, GateConfig::default()).await;
    let mut worker = PullSocket::new();
    within(worker.connect(&gate.endpoint)).await.unwrap();
    let mut connection = gate.next().await;
    for number in 0..1000u32 {
        let number = number.to_be_bytes();
        connection.try_send(message(&[b"job", &number, b"", &[7; 300]])).unwrap();
    }
    for number in 0..1000u32 {
        let received = within(worker.recv()).await.unwrap();
        assert_eq!(frames(&received), [b"job", &number.to_be_bytes()[..], b"", &[7; 300]]);
    }
}

async fn results_come_in(endpoint: &str) {
    let mut gate = serve::<Results>(endpoint, GateConfig::default()).await;
    let mut worker = PushSocket::new();
    within(worker.connect(&gate.endpoint)).await.unwrap();
    let mut connection = gate.next().await;
    for number in 0..1000u32 {
        worker.send(message(&[b"done", &number.to_be_bytes()])).await.unwrap();
    }
    let mut received = Vec::new();
    while received.len() < 1000 {
        assert!(within(connection.recv_many(&mut received, 100, usize::MAX)).await > 0);
    }
    for (number, received) in (0..1000u32).zip(&received) {
        assert_eq!(frames(received), [&b"done"[..], &number.to_be_bytes()]);
    }
    assert!(connection.try_recv().is_none());
}

#[tokio::test]
async fn jobs_go_out_over_tcp() {
    jobs_go_out("tcp://127.0.0.1:0").await;
}

#[tokio::test]
async fn jobs_go_out_over_ipc() {
    jobs_go_out(&ipc_endpoint(&tempfile::tempdir().unwrap())).await;
}

#[tokio::test]
async fn results_come_in_over_tcp() {
    results_come_in("tcp://127.0.0.1:0").await;
}

#[tokio::test]
async fn results_come_in_over_ipc() {
    results_come_in(&ipc_endpoint(&tempfile::tempdir().unwrap())).await;
}

#[tokio::test]
async fn a_worker_may_start_before_the_server() {
    // A port that was free a moment ago; the worker dials it before anyone listens.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("tcp://{address}");
    let mut worker = PushSocket::new();
    let dial = worker.connect(&endpoint);
    let serve = serve::<Results>(&endpoint, GateConfig::default());
    let (dialled, mut gate) = tokio::join!(within(dial), serve);
    dialled.unwrap();
    worker.send(message(&[b"ready"])).await.unwrap();
    let received = within(gate.next().await.recv()).await.unwrap();
    assert_eq!(frames(&received), [b"ready"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_at_once_get_what_is_theirs() {
    const WORKERS: u32 = 50;
    let mut gate = serve_tcp::<Jobs>().await;
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..WORKERS {
        let endpoint = gate.endpoint.clone();
        workers.spawn(async move {
            let mut worker = PullSocket::new();
            within(worker.connect(&endpoint)).await.unwrap();
            let first = within(worker.recv()).await.unwrap();
            let second = within(worker.recv()).await.unwrap();
            assert_eq!(frames(&first), frames(&second));
            u64::from_be_bytes(frames(&first)[0].try_into().unwrap())
        });
    }
    let mut connections = Vec::new();
    for _ in 0..WORKERS {
        let mut connection = gate.next().await;
        for _ in 0..2 {
            connection.try_send(message(&[&connection.id().to_be_bytes()])).unwrap();
        }
        connections.push(connection);
    }
    let mut told: Vec<_> = workers.join_all().await;
    told.sort_unstable();
    let mut ids: Vec<_> = connections.iter().map(acequia_gate::JobsConnection::id).collect();
    ids.sort_unstable();
    assert_eq!(told, ids);
}

#[tokio::test]
async fn large_messages_pass_once_promoted() {
    let mut gate = serve_tcp::<Results>().await;
    let mut worker = PushSocket::new();
    within(worker.connect(&gate.endpoint)).await.unwrap();
    let mut connection = gate.next().await;
    assert_eq!(gate.stats.snapshot().not_ready, 1);
    connection.handle().promote();
    assert_eq!(gate.stats.snapshot().not_ready, 0);
    let body = vec![42; 8 * 1024 * 1024];
    for _ in 0..3 {
        worker.send(message(&[b"done", &body])).await.unwrap();
    }
    for _ in 0..3 {
        let received = within(connection.recv()).await.unwrap();
        assert!(received.get(1).is_some_and(|frame| frame[..] == body[..]));
    }
    assert!(gate.stats.snapshot().bytes_in > 3 * 8 * 1024 * 1024);
}

#[tokio::test]
async fn finish_hands_over_what_was_sent() {
    let mut gate = serve_tcp::<Jobs>().await;
    let mut worker = PullSocket::new();
    within(worker.connect(&gate.endpoint)).await.unwrap();
    let mut connection = gate.next().await;
    for _ in 0..100 {
        connection.try_send(message(&[b"job", &[1; 50_000]])).unwrap();
    }
    connection.try_send(message(&[b"bye"])).unwrap();
    let receive = async {
        for _ in 0..100 {
            assert_eq!(worker.recv().await.unwrap().len(), 2);
        }
        assert_eq!(frames(&worker.recv().await.unwrap()), [b"bye"]);
    };
    let (reason, ()) = within(async { tokio::join!(connection.finish(), receive) }).await;
    assert_eq!(reason, CloseReason::ClosedByServer);
}
