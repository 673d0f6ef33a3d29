//! Connections that are cut, and servers that are killed, while jobs are on their way.

use std::sync::atomic::Ordering;

use acequia::client::{Acequia, JobError, Loss, State, Submit};
use futures_util::StreamExt as _;

use crate::process::Process;
use crate::proxy::Proxy;
use crate::within::{Within, worker};

const ROUNDS: usize = 5;
const JOBS: usize = 200;

/// Resolves once the client has a connection that it had not when this was called.
fn back(client: &Acequia) -> impl Future<Output = ()> + use<> {
    let mut state = client.state();
    state.mark_unchanged();
    async move {
        state.changed().await.expect("it goes on");
        state.wait_for(|state| *state == State::Open).await.expect("it goes on");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_job_is_lost_or_runs_twice_over_connections_that_are_cut() {
    let server = Within::start().await;
    let proxy = Proxy::start(server.addresses.http.to_string()).await;
    let client = Acequia::connect(format!("http://{}", proxy.at)).await.expect("a session");
    for round in 0..ROUNDS {
        let texts: Vec<_> = (0..JOBS).map(|n| format!("{round}-{n}x")).collect();
        let jobs: Vec<_> =
            texts.iter().map(|text| client.submit("upper", text).expect("a job")).collect();
        let was_cut = async {
            // After some have ended, and others are on their way.
            _ = jobs[round * JOBS / ROUNDS].result().await;
            let back = back(&client);
            proxy.cut();
            back.await;
        };
        was_cut.await;
        for (job, text) in jobs.into_iter().zip(&texts) {
            let result = job.await.expect("it is done");
            assert_eq!(result.read::<String>().expect("text"), text.to_uppercase());
        }
    }
    assert_eq!(server.begun.load(Ordering::Relaxed), ROUNDS * JOBS);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_and_topics_go_on_over_a_server_that_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Process::start(Some(folder.path()));
    let serving = worker(&server.jobs, &server.results).start();
    let client = Acequia::connect(server.url()).await.expect("a session");
    let mut news = client.subscribe("news").expect("a topic");
    for round in 0..3 {
        let keyed = Submit::to("upper").json("with a key").key(format!("key {round}"));
        let keyed = client.submit_with(&keyed).expect("a job");
        let texts: Vec<_> = (0..JOBS).map(|n| format!("{round}-{n}x")).collect();
        let jobs: Vec<_> =
            texts.iter().map(|text| client.submit("upper", text).expect("a job")).collect();
        _ = jobs[round * JOBS / 4].result().await;
        let back = back(&client);
        server.kill();
        // What is submitted while nobody is there waits.
        let late = client.submit("upper", &"late").expect("a job");
        server.start_again();
        back.await;
        for (job, text) in jobs.into_iter().zip(&texts) {
            let result = job.await.expect("it is done");
            assert_eq!(result.read::<String>().expect("text"), text.to_uppercase());
        }
        assert!(late.await.is_ok() && keyed.await.is_ok());
        assert!(client.submit("tell", &round).expect("a job").await.is_ok());
        let told = news.next().await.expect("a message").expect("and no gap");
        assert_eq!(told.read::<usize>().expect("a number"), round);
    }
    client.close().await;
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_a_server_has_forgotten_are_lost_and_it_is_said() {
    let mut server = Process::start(None);
    let serving = worker(&server.jobs, &server.results).start();
    let client = Acequia::connect(server.url()).await.expect("a session");
    let job = client.submit("forever", &()).expect("a job");
    job.accepted().await.expect("the server has it");
    server.kill();
    server.start_again();
    let lost = job.await.expect_err("nobody knows of it");
    assert!(matches!(lost, JobError::Lost { why: Loss::Session, .. }), "{lost}");
    assert!(client.submit("upper", &"a").expect("a job").await.is_ok());
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_cannot_be_resumed_loses_what_was_accepted() {
    let server = Within::start().await;
    let proxy = Proxy::start(server.addresses.http.to_string()).await;
    let builder = Acequia::builder(format!("http://{}", proxy.at)).resume(false);
    let client = builder.connect().await.expect("a session");
    let job = client.submit("forever", &()).expect("a job");
    job.accepted().await.expect("the server has it");
    proxy.cut();
    let lost = job.await.expect_err("nobody tells of it");
    assert!(matches!(lost, JobError::Lost { why: Loss::Connection, .. }), "{lost}");
    assert!(client.submit("upper", &"a").expect("a job").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_begin_before_its_server() {
    let mut server = Process::start(None);
    server.kill();
    let client = Acequia::builder(server.url()).connect_lazy().expect("a URL");
    let job = client.submit("upper", &"early").expect("a job");
    let mut state = client.state();
    state.wait_for(|state| matches!(state, State::Waiting { .. })).await.expect("it goes on");
    server.start_again();
    let serving = worker(&server.jobs, &server.results).start();
    assert_eq!(job.await.expect("it is done").read::<String>().expect("text"), "EARLY");
    serving.abort();
}
