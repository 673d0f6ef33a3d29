//! Jobs over HTTP.

use std::time::Duration;

use acequia::client::{
    BadSubmit, ContentType, HttpClient, HttpError, JobError, JobId, JobState, Submit,
};

use crate::process::Process;
use crate::within::{Within, worker};

#[tokio::test]
async fn a_job_is_submitted_and_waited_for() {
    let server = Within::start().await;
    let client = HttpClient::new(server.url()).expect("a URL");
    let result = client.call("upper", &"hello").await.expect("it is done");
    assert_eq!(result.read::<String>().expect("text"), "HELLO");

    let job = client.submit(&Submit::to("upper").json("hello")).await.expect("it is taken").job;
    let status = client.wait(job, Duration::from_secs(60)).await.expect("it is there");
    assert_eq!((status.state, status.queue.as_deref()), (JobState::Done, Some("upper")));
    assert_eq!(client.result(job).await.expect("it is done").bytes().as_ref(), b"\"HELLO\"");
    assert_eq!(client.outcome(job).await.expect("it is done").bytes().as_ref(), b"\"HELLO\"");
}

#[tokio::test]
async fn a_payload_of_any_type_comes_back_as_it_went() {
    let server = Within::start().await;
    let client = HttpClient::new(server.url()).expect("a URL");
    let png = ContentType::parse("image/png").expect("short");
    let job = Submit::to("echo").typed(png.clone(), vec![0; 300_000]).priority(9).batch("a b&c");
    let result = client.run(&job).await.expect("it is done");
    assert_eq!((result.content_type(), result.bytes().len()), (&png, 300_000));
    let bad = Submit::to("echo").bytes("x").cancel_after_disconnect(Duration::from_secs(1));
    assert!(matches!(client.run(&bad).await, Err(HttpError::Bad(BadSubmit::NotOverHttp(_)))));
    let bad = Submit::to("echo").bytes("x").key("of two lines\n");
    assert!(matches!(client.run(&bad).await, Err(HttpError::Bad(BadSubmit::NotOverHttp(_)))));
}

#[tokio::test]
async fn a_job_that_fails_and_one_that_is_not_there_are_told_apart() {
    let server = Within::start().await;
    let client = HttpClient::new(server.url()).expect("a URL");
    let failed = client.call("broken", &()).await.expect_err("it never works");
    let HttpError::Job(JobError::Failed { code, attempt: 1, .. }) = &failed else {
        panic!("{failed:?}")
    };
    assert_eq!(&**code, "no_way");
    let job = client.submit(&Submit::to("broken")).await.expect("it is taken").job;
    let failed = client.outcome(job).await.expect_err("it never works");
    assert!(matches!(failed, HttpError::Job(JobError::Failed { .. })), "{failed:?}");

    let HttpError::Problem(problem) = client.status(JobId::now()).await.expect_err("there is none")
    else {
        panic!("it is a problem")
    };
    assert_eq!((problem.status, problem.code.as_str()), (404, "not_found"));
    let large = Submit::to("echo").bytes(vec![0; 2 << 20]);
    let HttpError::Problem(problem) = client.submit(&large).await.expect_err("too large") else {
        panic!("it is a problem")
    };
    assert_eq!((problem.status, problem.code.as_str()), (413, "too_large"));
}

#[tokio::test]
async fn a_job_is_cancelled_and_a_key_is_one_job() {
    let server = Within::start().await;
    let client = HttpClient::new(server.url()).expect("a URL");
    let job = Submit::to("forever").key("\"a key\" of its own");
    let first = client.submit(&job).await.expect("it is taken").job;
    assert_eq!(client.submit(&job).await.expect("it is taken").job, first);
    client.cancel(first).await.expect("it is cancelled");
    let cancelled = client.outcome(first).await.expect_err("it is cancelled");
    assert!(matches!(cancelled, HttpError::Job(JobError::Cancelled)), "{cancelled:?}");
    let HttpError::Problem(problem) = client.cancel(first).await.expect_err("it is over") else {
        panic!("it is a problem")
    };
    assert_eq!(problem.code, "has_ended");
}

#[tokio::test]
async fn of_many_jobs_each_is_taken_or_refused() {
    let server = Within::start().await;
    let client = HttpClient::new(server.url()).expect("a URL");
    let jobs = [Submit::to("upper").json("a"), Submit::to("echo").json(&"x".repeat(2 << 20))];
    let answers = client.submit_many(&jobs).await.expect("they are looked at");
    let taken = answers[0].as_ref().expect("it is taken");
    assert_eq!(client.outcome(taken.job).await.expect("it is done").bytes().as_ref(), b"\"A\"");
    assert_eq!(answers[1].as_ref().expect_err("too large").code, "too_large");
    assert!(client.submit_many(&[]).await.expect("nothing to do").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_waits_over_a_server_that_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Process::start(Some(folder.path()));
    let client = HttpClient::new(server.url()).expect("a URL");
    let job = client.submit(&Submit::to("upper").json("a")).await.expect("it is taken").job;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.outcome(job).await }
    });
    // It is asked for by then.
    client.status(job).await.expect("it is there");
    server.kill();
    let early = tokio::spawn({
        let client = client.clone();
        async move { client.call("upper", &"b").await }
    });
    server.start_again();
    let serving = worker(&server.jobs, &server.results).start();
    assert_eq!(waiting.await.expect("it goes on").expect("it is done").bytes().as_ref(), b"\"A\"");
    assert_eq!(early.await.expect("it goes on").expect("it is done").bytes().as_ref(), b"\"B\"");
    serving.abort();
}
