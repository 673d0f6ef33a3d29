//! Jobs over a session.

use acequia::client::{Acequia, ConnectError};
use acequia::client::{
    BadSubmit, Encoding, JobError, JobEvent, StartError, State, Submit, SubmitError,
};
use futures_util::StreamExt as _;

use crate::within::Within;

#[tokio::test]
async fn a_job_is_awaited() {
    let server = Within::start().await;
    let client = server.client().await;
    let job = client.submit("upper", &"hello").expect("a job");
    assert_eq!(job.await.expect("it is done").read::<String>().expect("text"), "HELLO");
    let job = client.submit("broken", &()).expect("a job");
    let error = job.await.expect_err("it never works");
    let failed =
        JobError::Failed { code: "no_way".into(), message: "it never works".into(), attempt: 1 };
    assert_eq!(error, failed);
}

#[tokio::test]
async fn what_happens_on_the_way_is_told() {
    let server = Within::start().await;
    let client = server.client().await;
    let job = client.submit("steps", &3).expect("a job");
    let name = job.accepted().await.expect("the server has it");
    let events: Vec<_> = job.events().collect().await;
    let mut told = Vec::new();
    for event in &events {
        match event {
            JobEvent::Accepted { job, .. } => assert_eq!(*job, name),
            JobEvent::Started { attempt: 1, worker } => told.push(format!("by {worker}")),
            JobEvent::Progress { done: Some(done), total: Some(3.0), note: Some(_) } => {
                told.push(format!("{done} of 3"));
            }
            JobEvent::Chunk { n, data } => {
                assert_eq!(data.read::<u32>().expect("a number"), *n);
                told.push(format!("chunk {n}"));
            }
            JobEvent::Ended(Ok(data)) => {
                told.push(format!("done {}", data.read::<u32>().expect("3")))
            }
            other => panic!("{other:?}"),
        }
    }
    let all = "by within|1 of 3|chunk 1|2 of 3|chunk 2|3 of 3|chunk 3|done 3";
    assert_eq!(told.join("|"), all);
    // The outcome can be asked for as often as one likes, and nothing comes after it.
    assert!(job.outcome().expect("it is known").is_ok());
    assert!(job.result().await.is_ok() && job.result().await.is_ok());
    assert_eq!(job.events().next().await, None);
    assert_eq!(job.id(), Some(name));
}

#[tokio::test]
async fn a_job_is_cancelled_and_one_that_is_dropped_is_not() {
    let server = Within::start().await;
    let client = server.client().await;
    let job = client.submit("forever", &()).expect("a job");
    let mut events = job.events();
    while !matches!(events.next().await, Some(JobEvent::Started { .. })) {}
    job.cancel();
    assert_eq!(job.await, Err(JobError::Cancelled));

    let dropped = client.submit("forever", &()).expect("a job");
    let name = dropped.accepted().await.expect("the server has it");
    drop(dropped);
    let seen = client.watch(name).expect("room");
    let mut events = seen.events();
    while !matches!(events.next().await, Some(JobEvent::Started { .. })) {}
    seen.cancel();
    assert_eq!(seen.await, Err(JobError::Cancelled));
}

#[tokio::test]
async fn another_client_watches_a_job_and_hears_of_one_that_has_ended() {
    let server = Within::start().await;
    let (client, other) = (server.client().await, server.client().await);
    let job = client.submit("forever", &()).expect("a job");
    let seen = other.watch(job.accepted().await.expect("the server has it")).expect("room");
    let mut events = seen.events();
    while !matches!(events.next().await, Some(JobEvent::Started { .. })) {}
    job.cancel();
    assert_eq!((job.await, seen.await), (Err(JobError::Cancelled), Err(JobError::Cancelled)));

    let http = other.http();
    let ended = http.submit(&Submit::to("upper").json("hello")).await.expect("it is taken").job;
    http.outcome(ended).await.expect("it is done");
    let seen = other.watch(ended).expect("room").await.expect("it is done");
    assert_eq!(seen.read::<String>().expect("text"), "HELLO");
    let nobodys = acequia::client::JobId::now();
    let refused = other.watch(nobodys).expect("room").await.expect_err("there is none");
    assert_eq!(refused.code(), Some("not_found"), "{refused}");
}

#[tokio::test]
async fn a_batch_ends_with_its_last_job() {
    let server = Within::start().await;
    let client = server.client().await;
    let jobs: Vec<_> =
        (0..50).map(|n| Submit::to("upper").json(&n.to_string()).batch("night")).collect();
    // It is kept open until somebody waits for it.
    let held = client.submit_with(&Submit::to("forever").batch("night")).expect("a job");
    held.accepted().await.expect("the server has it");
    let jobs = client.submit_many(&jobs).expect("jobs");
    let ended = client.batch("night");
    let all = async {
        for job in jobs {
            job.await.expect("it is done");
        }
        held.cancel();
    };
    let (ended, ()) = tokio::join!(ended, all);
    let ended = ended.expect("it ends");
    assert_eq!((ended.jobs, ended.done, ended.failed, ended.cancelled), (51, 50, 0, 1));
    assert_eq!(client.batch("day").await.expect_err("there is none").code(), Some("not_found"));
    assert_eq!(client.batch("").await.expect_err("no name").code(), Some("bad_request"));
}

#[tokio::test]
async fn a_session_in_messagepack_takes_bytes_and_one_in_json_says_so() {
    let server = Within::start().await;
    let client = Acequia::builder(server.url()).encoding(Encoding::MsgPack).connect().await;
    let client = client.expect("a session");
    let job = client.submit_with(&Submit::to("echo").bytes("\x00\x01")).expect("a job");
    assert_eq!(job.await.expect("it is done").read::<&[u8]>().expect("bytes"), b"\x00\x01");
    let job = client.submit("echo", &("a", 1, None::<u8>)).expect("a job");
    let echoed = job.await.expect("it is done");
    assert_eq!(
        echoed.read::<(String, u8, Option<u8>)>().expect("as it was"),
        ("a".into(), 1, None)
    );

    let client = server.client().await;
    let refused =
        client.submit_with(&Submit::to("echo").bytes("x")).expect_err("JSON has no bytes");
    assert!(matches!(refused, SubmitError::Bad(BadSubmit::NotJson(_))), "{refused}");
}

#[tokio::test]
async fn a_client_has_room_for_so_much_and_no_more() {
    let server = Within::start().await;
    let builder = Acequia::builder(server.url()).jobs_max(2).unsent_bytes_max(1_000);
    let client = builder.connect().await.expect("a session");
    let one = client.submit("forever", &()).expect("a job");
    let two = client.submit("forever", &()).expect("a job");
    assert_eq!(
        client.submit("forever", &()).expect_err("no room"),
        SubmitError::TooManyJobs { most: 2 }
    );
    let upper = Submit::to("upper").json("a");
    let (waited, ()) = tokio::join!(client.submit_when_free(&upper), async { one.cancel() });
    assert_eq!(one.await, Err(JobError::Cancelled));
    assert!(waited.expect("a job").await.is_ok());
    two.cancel();
    assert_eq!(two.await, Err(JobError::Cancelled));
    let large = client.submit("upper", &"x".repeat(1_000)).expect_err("no room");
    assert!(matches!(large, SubmitError::NoRoom { bytes: 1_001.., most: 1_000 }), "{large}");
}

#[tokio::test]
async fn what_the_server_refuses_is_the_outcome() {
    let server = Within::start().await;
    let client = server.client().await;
    let refused = client.submit("upper", &"x".repeat(1 << 21)).expect("a job").await;
    assert_eq!(refused.expect_err("too large").code(), Some("too_large"));
    // One that no message would hold does not reach the server, which would hang up on it.
    let refused = client.submit("upper", &"x".repeat(5 << 20)).expect("a job").await;
    assert_eq!(refused.expect_err("too large").code(), Some("too_large"));
    assert!(client.submit("upper", &"a").expect("a job").await.is_ok());
}

#[tokio::test]
async fn many_jobs_go_out_and_come_back() {
    let server = Within::start().await;
    let client = server.client().await;
    let jobs: Vec<_> =
        (0..5_000).map(|n| client.submit("upper", &format!("x{n}")).expect("a job")).collect();
    for (n, job) in jobs.into_iter().enumerate() {
        let result = job.await.expect("it is done");
        assert_eq!(result.read::<String>().expect("text"), format!("X{n}"));
    }
}

#[tokio::test]
async fn a_client_that_is_closed_says_so_everywhere() {
    let server = Within::start().await;
    let client = server.client().await;
    let live = client.submit("forever", &()).expect("a job");
    let mut news = client.subscribe("news").expect("a topic");
    client.close().await;
    assert_eq!(live.await, Err(JobError::Closed));
    assert!(matches!(&*client.state().borrow(), State::Closed { .. }));
    assert_eq!(client.submit("upper", &"a").expect_err("closed"), SubmitError::Closed);
    assert_eq!(news.next().await, None);
    client.close().await;
}

#[tokio::test]
async fn what_was_submitted_is_sent_though_nobody_is_left() {
    let server = Within::start().await;
    let watcher = server.client().await;
    let mut news = watcher.subscribe("news").expect("a topic");
    // By the answer to this one the topic is known to the server.
    assert!(watcher.submit("upper", &"a").expect("a job").await.is_ok());
    let client = server.client().await;
    drop(client.submit("tell", &"still here").expect("a job"));
    drop(client);
    let told = news.next().await.expect("a message").expect("and no gap");
    assert_eq!(told.read::<String>().expect("text"), "still here");
}

#[tokio::test]
async fn who_cannot_connect_is_told_why() {
    let refused = Acequia::connect("http://127.0.0.1:1").await.expect_err("nobody listens there");
    assert!(matches!(refused, StartError::Connect(ConnectError::Unreachable { .. })), "{refused}");
    let refused = Acequia::connect("127.0.0.1:8080").await.expect_err("no URL");
    assert!(matches!(refused, StartError::Url(_)), "{refused}");
}
