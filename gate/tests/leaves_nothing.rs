//! Connections come and go in every way and leave no task and no open file behind, and the
//! private sockets log no warning. In a process of its own, for open files are counted by process.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::sync::atomic::{AtomicUsize, Ordering};

use acequia_gate::{CloseReason, Gate, GateConfig, Jobs, Results, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

static WARNINGS: AtomicUsize = AtomicUsize::new(0);

struct CountWarnings;

impl log::Log for CountWarnings {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            WARNINGS.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {}
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

fn live_tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

fn handshake(socket_type: &str) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[0] = 0xFF;
    bytes[9] = 0x7F;
    bytes[10] = 3;
    bytes[12..16].copy_from_slice(b"NULL");
    bytes.extend_from_slice(b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04");
    bytes.extend_from_slice(socket_type.as_bytes());
    bytes
}

/// Says `bytes` and perhaps goes; otherwise it is the server that lets go. Ends with the connection.
async fn visit<R: Role>(gate: &mut Gate<R>, address: &str, bytes: &[u8], goes: bool) {
    let mut worker = TcpStream::connect(address).await.unwrap();
    worker.write_all(bytes).await.unwrap();
    if goes {
        worker.shutdown().await.unwrap();
    }
    let mut heard = Vec::new();
    tokio::select! {
        _ = worker.read_to_end(&mut heard) => {}
        () = async { loop { drop(gate.accept().await) } } => {}
    }
}

async fn come_and_go<R: Role>(socket_type: &str) {
    let endpoint = "tcp://127.0.0.1:0".parse().unwrap();
    let mut gate = Gate::<R>::bind(&endpoint, GateConfig::default()).await.unwrap();
    let stats = gate.stats();
    let address = gate.local_endpoint().to_string().replace("tcp://", "");
    let whole = handshake(socket_type);
    for _ in 0..20 {
        visit(&mut gate, &address, &whole, false).await;
        visit(&mut gate, &address, &[&whole[..], &[0x80]].concat(), false).await;
        for cut in [0, 1, 63, 64, 70, whole.len()] {
            visit(&mut gate, &address, &whole[..cut], true).await;
        }
        visit(&mut gate, &address, b"GET / HTTP/1.1\r\n\r\n", false).await;
    }
    // One that is in the midst of its handshake when the gate goes.
    let _worker = TcpStream::connect(&address).await.unwrap();
    tokio::select! {
        biased;
        _ = gate.accept() => {}
        () = async { while stats.snapshot().accepted < 181 { tokio::task::yield_now().await } } => {}
    }
    drop(gate);
    while stats.snapshot().open > 0 {
        tokio::task::yield_now().await;
    }
    let counts = stats.snapshot();
    assert_eq!(counts.not_ready, 0);
    assert_eq!(counts.closed_by_reason().map(|(_, count)| count).sum::<u64>(), counts.accepted);
    assert_eq!(counts.closed(CloseReason::OutOfResources), 0);
}

#[tokio::test]
async fn connections_leave_nothing_behind() {
    log::set_logger(&CountWarnings).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    // Once before the count, for what a process opens only once.
    come_and_go::<Jobs>("PULL").await;
    let (files, tasks) = (open_files(), live_tasks());
    come_and_go::<Jobs>("PULL").await;
    come_and_go::<Results>("PUSH").await;
    let settled = tokio::time::timeout(std::time::Duration::from_secs(30), async {
        while open_files() > files || live_tasks() > tasks {
            tokio::task::yield_now().await;
        }
    });
    let settled = settled.await.is_ok();
    assert!(settled, "files {files} → {}, tasks {tasks} → {}", open_files(), live_tasks());
    assert_eq!(live_tasks(), 0);
    assert_eq!(WARNINGS.load(Ordering::Relaxed), 0);
}
