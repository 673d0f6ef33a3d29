//! Shutdown: nothing is lost that was finished in time, and nothing keeps the worker from ending.

use std::sync::Arc;
use std::time::Duration;

use acequia_wire::worker::{FromWorker, ToWorker};
use acequia_worker::{Failure, Job, Reply, Worker};
use tokio::sync::Semaphore;

use crate::server::{MAX_BODY, Running, Server, ended, job};

/// A worker whose jobs wait for a permit and then give `bytes` zeros.
fn gated(worker: Worker, gate: &Arc<Semaphore>, bytes: usize) -> Worker {
    let gate = Arc::clone(gate);
    worker.slots(100).queue("a", move |_: Job| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await?.forget();
            Ok(Reply::bytes(vec![0; bytes]))
        }
    })
}

#[tokio::test]
async fn what_is_held_is_finished_and_written() {
    let mut server = Server::bind().await;
    let gate = Arc::new(Semaphore::new(0));
    // More than the socket and the operating system take at once.
    let running = Running::start(gated(server.worker(), &gate, MAX_BODY));
    let lane = server.greet().await.lane;
    server.send((0..12).map(|n| job(n, "a", ""))).await;
    // Answered only once those before it are taken.
    server.send([job(99, "unknown", "")]).await;
    server.failed(99).await;
    let stopped = running.stop();
    assert_eq!(server.recv().await, FromWorker::Bye { lane });
    gate.add_permits(12);
    let rest = server.rest().await;
    let done = rest.iter().filter(|message| matches!(message, FromWorker::Done { .. }));
    assert_eq!((done.count(), rest.len()), (12, 12));
    ended(stopped).await;
}

#[tokio::test]
async fn a_job_that_crosses_the_bye_is_run() {
    let mut server = Server::bind().await;
    let gate = Arc::new(Semaphore::new(1));
    let running = Running::start(gated(server.worker(), &gate, 1));
    let lane = server.greet().await.lane;
    let stopped = running.stop();
    assert_eq!(server.recv().await, FromWorker::Bye { lane });
    let bye = ToWorker::Bye { lane, reason: "as you wish".to_owned() };
    server.send([job(1, "a", ""), bye]).await;
    server.done(1).await;
    ended(stopped).await;
}

#[tokio::test]
async fn after_the_grace_time_jobs_are_given_up_unanswered() {
    let mut server = Server::bind().await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let worker = server.worker().grace(Duration::from_millis(10)).queue("a", move |job: Job| {
        let tell = tell.clone();
        async move {
            job.progress(0.0, 1.0, "begun");
            job.cancelled().await;
            tell.send(())?;
            Err::<Reply, _>(Failure::cancelled())
        }
    });
    let running = Running::start(worker);
    let lane = server.greet().await.lane;
    server.send([job(1, "a", "")]).await;
    let FromWorker::Progress { .. } = server.recv().await else { panic!("not begun") };
    let stopped = running.stop();
    // Only so do others get the job: a `fail` would be its end.
    assert_eq!(server.rest().await, [FromWorker::Bye { lane }]);
    assert_eq!(told.recv().await, Some(()));
    ended(stopped).await;
}

#[tokio::test]
async fn a_worker_without_a_server_stops_at_once() {
    let server = Server::bind().await;
    let gate = Arc::new(Semaphore::new(0));
    let worker = gated(server.worker(), &gate, 1);
    server.die().await;
    Running::start(worker).end().await;
}

#[tokio::test]
async fn a_worker_that_was_not_greeted_stops_at_once() {
    let mut server = Server::bind().await;
    let gate = Arc::new(Semaphore::new(0));
    let running = Running::start(gated(server.worker(), &gate, 1));
    server.accept().await;
    running.end().await;
}
