//! Lanes that end: by a cancel, by a fresh `hello`, by a server that goes and comes back.

use acequia_wire::worker::{FromWorker, ToWorker};
use acequia_worker::{Failure, Job, Reply};
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::server::{Running, Server, hello, id, job};

/// A worker whose jobs end when cancelled (and then tell `ended`), or at once if so asked.
fn patient(server: &Server, ended: mpsc::UnboundedSender<u8>) -> acequia_worker::Worker {
    server.worker().slots(8).queue("a", move |job: Job| {
        let ended = ended.clone();
        async move {
            if job.payload().as_ref() != b"now" {
                job.progress(0.0, 1.0, "begun");
                job.cancelled().await;
                assert!(job.is_cancelled());
                ended.send(job.id().as_bytes()[0])?;
                return Err(Failure::cancelled());
            }
            Ok(Reply::text("now"))
        }
    })
}

async fn begin(server: &mut Server, n: u8) {
    server.send([job(n, "a", "later")]).await;
    let FromWorker::Progress { job, .. } = server.recv().await else { panic!("not begun") };
    assert_eq!(job, id(n));
}

#[tokio::test]
async fn a_job_before_the_hello_is_ignored() {
    let mut server = Server::bind().await;
    let (ended, _ends) = mpsc::unbounded_channel();
    let running = Running::start(patient(&server, ended));
    server.accept().await;
    server.send([job(1, "a", "now")]).await;
    server.send([ToWorker::Cancel { job: id(1) }]).await;
    server.send([hello(1)]).await;
    server.ready().await;
    server.send([job(2, "a", "now")]).await;
    server.done(2).await;
    running.end().await;
}

#[tokio::test]
async fn a_cancelled_job_still_says_that_it_has_ended() {
    let mut server = Server::bind().await;
    let (ended, mut ends) = mpsc::unbounded_channel();
    let running = Running::start(patient(&server, ended));
    server.greet().await;
    begin(&mut server, 1).await;
    begin(&mut server, 2).await;
    server.send([ToWorker::Cancel { job: id(3) }, ToWorker::Cancel { job: id(2) }]).await;
    assert_eq!(ends.recv().await, Some(2));
    assert_eq!(server.failed(2).await.0, "cancelled");
    server.send([ToWorker::Cancel { job: id(1) }]).await;
    assert_eq!(server.failed(1).await.0, "cancelled");
    running.end().await;
}

#[tokio::test]
async fn a_fresh_hello_voids_what_was_held() {
    let mut server = Server::bind().await;
    let (ended, mut ends) = mpsc::unbounded_channel();
    let running = Running::start(patient(&server, ended));
    let first = server.greet().await;
    begin(&mut server, 1).await;
    server.send([hello(2)]).await;
    assert_eq!(ends.recv().await, Some(1));
    let second = server.ready().await;
    assert_ne!(first.lane, second.lane);
    // The same job comes again and is not mistaken for the void one.
    server.send([job(1, "a", "now")]).await;
    server.done(1).await;
    running.end().await;
}

#[tokio::test]
async fn a_server_that_comes_back_finds_its_worker_again() {
    let mut server = Server::bind().await;
    let (ended, mut ends) = mpsc::unbounded_channel();
    let running = Running::start(patient(&server, ended));
    server.greet().await;
    begin(&mut server, 1).await;
    let (jobs, results) = (server.jobs.clone(), server.results.clone());
    server.die().await;
    assert_eq!(ends.recv().await, Some(1));

    let mut server = Server::bind_at(&jobs, &results).await;
    server.greet().await;
    server.send([job(2, "a", "now")]).await;
    // Nothing of job 1 comes before it.
    server.done(2).await;
    running.end().await;
}

#[tokio::test]
async fn a_server_may_start_after_its_worker() {
    let server = Server::bind().await;
    let (jobs, results) = (server.jobs.clone(), server.results.clone());
    let (ended, _ends) = mpsc::unbounded_channel();
    let worker = patient(&server, ended);
    server.die().await;
    let running = Running::start(worker);
    tokio::task::yield_now().await;
    let mut server = Server::bind_at(&jobs, &results).await;
    server.greet().await;
    server.send([job(2, "a", "now")]).await;
    server.done(2).await;
    running.end().await;
}

#[tokio::test]
async fn ipc_endpoints_serve_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| format!("ipc://{}", folder.path().join(name).display());
    let mut server = Server::bind_at(&path("jobs"), &path("results")).await;
    let (ended, _ends) = mpsc::unbounded_channel();
    let running = Running::start(patient(&server, ended));
    server.greet().await;
    server.send([job(1, "a", "now")]).await;
    server.done(1).await;
    running.end().await;
}

#[tokio::test]
async fn a_malformed_message_ends_the_connection_and_not_the_worker() {
    for bad in [vec!["nonsense"], vec!["hello", "0123456789abcdef", "", ""], vec!["a"; 6]] {
        let mut server = Server::bind().await;
        let (ended, mut ends) = mpsc::unbounded_channel();
        let running = Running::start(patient(&server, ended));
        server.greet().await;
        begin(&mut server, 1).await;
        server.send_frames(bad.into_iter().map(Bytes::from_static_str).collect()).await;
        assert_eq!(ends.recv().await, Some(1));
        assert_eq!(server.rest().await, []);
        // It dials again. The sockets still have the dead connection, so a fresh server answers.
        let (jobs, results) = (server.jobs.clone(), server.results.clone());
        server.die().await;
        let mut server = Server::bind_at(&jobs, &results).await;
        server.greet().await;
        running.end().await;
    }
}

#[tokio::test]
async fn a_server_that_drains_gets_what_is_held() {
    let mut server = Server::bind().await;
    let (ended, mut ends) = mpsc::unbounded_channel();
    let running = Running::start(patient(&server, ended));
    let ready = server.greet().await;
    begin(&mut server, 1).await;
    let bye = ToWorker::Bye { lane: ready.lane, reason: "restart".to_owned() };
    server.send([bye, ToWorker::Cancel { job: id(1) }]).await;
    assert_eq!(ends.recv().await, Some(1));
    assert_eq!(server.failed(1).await.0, "cancelled");
    let (jobs, results) = (server.jobs.clone(), server.results.clone());
    server.die().await;
    let mut server = Server::bind_at(&jobs, &results).await;
    server.greet().await;
    running.end().await;
}

trait FromStaticStr {
    fn from_static_str(text: &'static str) -> Self;
}

impl FromStaticStr for Bytes {
    fn from_static_str(text: &'static str) -> Self {
        Self::from_static(text.as_bytes())
    }
}
