//! The public side: socket files, and errors that say what to do.

use std::os::unix::fs::PermissionsExt;

use acequia_gate::{
    Endpoint, GateConfig, GateError, JobsGate, SocketAccess, SocketError, SocketFile,
};

async fn bind(endpoint: &str) -> Result<JobsGate, GateError> {
    JobsGate::bind(&endpoint.parse().unwrap(), GateConfig::default()).await
}

#[tokio::test]
async fn port_0_becomes_a_real_one_and_a_taken_one_is_named() {
    let gate = bind("tcp://localhost:0").await.unwrap();
    let Endpoint::Tcp { port, .. } = *gate.local_endpoint() else { panic!("not TCP") };
    assert_ne!(port, 0);
    let endpoint = gate.local_endpoint().to_string();
    let error = bind(&endpoint).await.unwrap_err();
    assert!(matches!(error, GateError::InUse { .. }), "{error:?}");
    assert!(error.to_string().starts_with(&endpoint), "{error}");
}

#[tokio::test]
async fn every_form_of_host_binds() {
    for endpoint in ["tcp://*:0", "tcp://127.0.0.1:0", "tcp://0.0.0.0:0"] {
        bind(endpoint).await.unwrap();
    }
    // Not every host has IPv6, but every error says what was asked for.
    if let Err(error) = bind("tcp://[::1]:0").await {
        assert!(error.to_string().contains("tcp://[::1]:0"), "{error}");
    }
}

#[tokio::test]
async fn an_address_of_another_host_is_named() {
    let error = bind("tcp://192.0.2.1:0").await.unwrap_err();
    assert!(matches!(error, GateError::NotLocal { .. }), "{error:?}");
}

#[tokio::test]
async fn a_socket_file_is_the_owners_alone_and_goes_with_the_gate() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gate.sock");
    let endpoint = format!("ipc://{}", path.display());
    let gate = bind(&endpoint).await.unwrap();
    assert_eq!(gate.local_endpoint().to_string(), endpoint);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    drop(gate);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_stale_socket_file_is_replaced_and_a_live_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gate.sock");
    let endpoint = format!("ipc://{}", path.display());
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let gate = bind(&endpoint).await.unwrap();
    let error = bind(&endpoint).await.unwrap_err();
    assert!(matches!(error, GateError::LiveSocket { .. }), "{error:?}");
    assert!(path.exists());
    drop(gate);
    assert!(!path.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_find_a_stale_socket_file_one_gets_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gate.sock");
    for _ in 0..400 {
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let binds = (0..8).map(|_| {
            let path = path.clone();
            tokio::spawn(async move { SocketFile::listen(&path, SocketAccess::All).await })
        });
        let binds: Vec<_> = binds.collect();
        let mut bound = Vec::new();
        for bind in binds {
            match bind.await.unwrap() {
                Ok(socket) => bound.push(socket),
                Err(error) => assert!(matches!(error, SocketError::Live { .. }), "{error:?}"),
            }
        }
        assert_eq!(bound.len(), 1);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o666);
    }
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("precious");
    std::fs::write(&path, "data").unwrap();
    let error = bind(&format!("ipc://{}", path.display())).await.unwrap_err();
    assert!(matches!(error, GateError::NotASocket { .. }), "{error:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "data");
}

#[tokio::test]
async fn a_socket_file_that_is_no_longer_ours_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gate.sock");
    let gate = bind(&format!("ipc://{}", path.display())).await.unwrap();
    // Moved, not removed, so that its inode is not given to the next.
    std::fs::rename(&path, directory.path().join("moved")).unwrap();
    let _other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    drop(gate);
    assert!(path.exists());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_abstract_name_binds_once() {
    let endpoint = format!("ipc://@acequia-gate-test-{}", std::process::id());
    let _gate = bind(&endpoint).await.unwrap();
    let error = bind(&endpoint).await.unwrap_err();
    assert!(matches!(error, GateError::InUse { .. }), "{error:?}");
}
