//! Handlers: what they see, what they send, what becomes of their panics.

use std::future::pending;
use std::sync::Arc;

use acequia_wire::ContentType;
use acequia_wire::worker::{FromWorker, ToWorker};
use acequia_worker::{Failure, Job, Reply, Worker};
use tokio::sync::Notify;

use crate::server::{MAX_BODY, Running, Server, hello_of, id, job, message, shown};

#[tokio::test]
async fn ready_says_what_the_worker_offers() {
    let mut server = Server::bind().await;
    let worker = server.worker().slots(3).queue("b", echo).queue("a", echo);
    let running = Running::start(worker);
    let ready = server.greet().await;
    assert_eq!((ready.slots, ready.pack), (3, 256));
    assert_eq!(ready.name.as_deref(), Some("tested"));
    assert_eq!(ready.queues, ["a".parse().unwrap(), "b".parse().unwrap()]);
    assert_eq!(ready.auth, None);
    running.end().await;
}

#[tokio::test]
async fn a_token_is_proven_and_not_shown() {
    let mut server = Server::bind().await;
    let running = Running::start(server.worker().token("secret").queue("a", echo));
    let ready = server.greet().await;
    // Computed with Python: hmac.new(b"secret", b"\x09" * 32 + b"\x01" * 16, "sha256").
    let auth: String = ready.auth.unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(auth, AUTH);
    running.end().await;
}

const AUTH: &str = "8e38e77aca6c10d6d88c3a6f2b51d30f3b9eca620f3cd5fe7015ba9e390b73d1";

#[tokio::test]
async fn jobs_come_packed_and_one_by_one() {
    let mut server = Server::bind().await;
    let running = Running::start(server.worker().slots(100).queue("a", echo));
    server.greet().await;
    server.send([job(0, "a", "first")]).await;
    assert_eq!(shown(&server.done(0).await), (String::new(), "first".to_owned()));

    server.send((1..=100).map(|n| job(n, "a", vec![n; 100]))).await;
    let mut left: Vec<u8> = (1..=100).collect();
    while !left.is_empty() {
        let FromWorker::Done { job, body } = server.recv().await else { panic!("not done") };
        let n = job.as_bytes()[0];
        assert_eq!(body.bytes(), &vec![n; 100]);
        let place = left.iter().position(|other| *other == n).unwrap();
        left.swap_remove(place);
    }
    running.end().await;
}

#[tokio::test]
async fn a_handler_sees_all_of_its_job() {
    let mut server = Server::bind().await;
    let worker = server.worker().queue("a", async |job: Job| {
        let numbers: Vec<u32> = job.json()?;
        let meta: Vec<_> = job.meta().iter().map(|(k, v)| format!("{k}={v}")).collect();
        let (id, queue, attempt) = (job.id(), job.queue(), job.attempt());
        let (content_type, timeout) = (job.content_type(), job.timeout());
        let sum: u32 = numbers.iter().sum();
        Reply::json(&format!("{id} {queue} {attempt} {content_type} {timeout:?} {meta:?} {sum}"))
    });
    let running = Running::start(worker);
    let mut message = message(1, "a", ContentType::Json, "[1,2,39]");
    message.attempt = 2;
    message.timeout_ms = Some(1500);
    message.meta = vec![("traceparent".to_owned(), "00-1".to_owned())];
    let FromWorker::Done { body, .. } = server.run_one(message).await else { panic!("not done") };
    let expected =
        format!(r#""{} a 2 application/json Some(1.5s) [\"traceparent=00-1\"] 42""#, id(1));
    assert_eq!(shown(&body), ("application/json".to_owned(), expected));
    running.end().await;
}

#[tokio::test]
async fn progress_and_chunks_come_before_the_result_and_in_order() {
    let mut server = Server::bind().await;
    let worker = server.worker().queue("a", async |job: Job| {
        job.progress(1.0, 2.0, "half");
        job.chunk(Reply::text("one")).await?;
        job.publish("news", Reply::text("hear")).await?;
        job.progress(2.0, f64::NAN, "");
        Reply::msgpack(&(1, "x"))
    });
    let running = Running::start(worker);
    server.greet().await;
    server.send([job(1, "a", "")]).await;

    let FromWorker::Progress { progress, .. } = server.recv().await else { panic!("no progress") };
    assert_eq!((progress.done, progress.total), (Some(1.0), Some(2.0)));
    assert_eq!(progress.note.as_deref(), Some("half"));
    let FromWorker::Chunk { body, .. } = server.recv().await else { panic!("no chunk") };
    assert_eq!(shown(&body), ("text/plain".to_owned(), "one".to_owned()));
    let FromWorker::Publish { topic, .. } = server.recv().await else { panic!("no publish") };
    assert_eq!(topic, "news");
    let FromWorker::Progress { progress, .. } = server.recv().await else { panic!("no progress") };
    assert_eq!((progress.done, progress.total, progress.note), (Some(2.0), None, None));
    let body = server.done(1).await;
    assert_eq!(body.bytes().as_ref(), [0x92, 1, 0xa1, b'x']);
    running.end().await;
}

#[tokio::test]
async fn a_blocking_handler_leaves_the_worker_responsive() {
    let mut server = Server::bind().await;
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let worker = server.worker().slots(2).queue("quick", echo).blocking_queue("slow", {
        move |job: Job| {
            job.blocking_chunk(Reply::text("begun"))?;
            wait.lock().unwrap().recv()?;
            Ok(Reply::text("ended"))
        }
    });
    let running = Running::start(worker);
    server.greet().await;
    server.send([job(1, "slow", "")]).await;
    let FromWorker::Chunk { .. } = server.recv().await else { panic!("no chunk") };
    // The test's runtime has one thread only, which the handler therefore does not stand on.
    server.send([job(2, "quick", "x")]).await;
    server.done(2).await;
    go.send(()).unwrap();
    assert_eq!(shown(&server.done(1).await).1, "ended");
    running.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_async_handler_that_blocks_does_not_hold_up_the_others() {
    let mut server = Server::bind().await;
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let worker = server.worker().slots(2).queue("quick", echo).queue("stuck", {
        let wait = Arc::new(wait);
        move |_: Job| {
            let wait = Arc::clone(&wait);
            async move {
                wait.lock().unwrap().recv()?;
                Ok(Reply::text("free"))
            }
        }
    });
    let running = Running::start(worker);
    server.greet().await;
    server.send([job(1, "stuck", "")]).await;
    for n in 2..100 {
        server.send([job(n, "quick", "")]).await;
        server.done(n).await;
    }
    go.send(()).unwrap();
    server.done(1).await;
    running.end().await;
}

#[tokio::test]
async fn jobs_that_share_a_task_are_told_apart() {
    let mut server = Server::bind().await;
    let worker = server.worker().slots(200).queue("a", async |job: Job| {
        match job.payload().as_ref() {
            b"panic" => panic!("on purpose"),
            b"wait" => job.cancelled().await,
            b"yield" => tokio::task::yield_now().await,
            _ => {}
        }
        echo(job).await
    });
    let running = Running::start(worker);
    server.greet().await;
    // Enough of them for the worker to learn that they are quick.
    for n in 0..100 {
        server.send([job(n, "a", "")]).await;
        server.done(n).await;
    }
    for _ in 0..5 {
        let payload = |n: u8| match n {
            40 => "panic",
            50 => "wait",
            n if n.is_multiple_of(13) => "yield",
            _ => "",
        };
        server.send((0..100).map(|n| job(n, "a", payload(n)))).await;
        let mut left: Vec<u8> = (0..100).filter(|n| *n != 50).collect();
        while !left.is_empty() {
            let ended = match server.recv().await {
                FromWorker::Done { job, .. } => job,
                FromWorker::Fail { job, .. } if job == id(40) => job,
                other => panic!("unexpected {other:?}"),
            };
            let place = left.iter().position(|n| id(*n) == ended).unwrap();
            left.swap_remove(place);
        }
        server.send([ToWorker::Cancel { job: id(50) }]).await;
        server.done(50).await;
    }
    running.end().await;
}

#[tokio::test]
async fn a_panic_fails_the_job_and_nothing_else() {
    let mut server = Server::bind().await;
    let worker = server
        .worker()
        .slots(2)
        .queue("a", async |job: Job| match job.payload().as_ref() {
            b"panic" => panic!("out of {}", "paper"),
            _ => echo(job).await,
        })
        .blocking_queue("b", |_| panic!("out of ink"));
    let running = Running::start(worker);
    server.greet().await;
    for (n, queue, text) in [(1, "a", "out of paper"), (2, "b", "out of ink")] {
        server.send([job(n, queue, "panic")]).await;
        let (code, message, retry) = server.failed(n).await;
        assert_eq!((code.as_str(), retry), ("worker_panic", true));
        assert!(message.contains(text), "{message}");
    }
    server.send([job(3, "a", "fine")]).await;
    server.done(3).await;
    running.end().await;
}

#[tokio::test]
async fn failures_reach_the_server_as_they_are() {
    let mut server = Server::bind().await;
    let worker = server.worker().queue("a", async |job: Job| match job.payload().as_ref() {
        b"error" => Err(std::io::Error::other("no disk"))?,
        b"text" => Err(Failure::message("in words")),
        b"json" => job.json::<u32>().and_then(|n| Reply::json(&n)),
        _ => Err(Failure::permanent("no_such_page", "page 7")),
    });
    let running = Running::start(worker);
    server.greet().await;
    let cases = [
        ("error", "", "no disk", true),
        ("text", "", "in words", true),
        ("json", "bad_input", "the payload (application/octet-stream) is not the JSON", false),
        ("page", "no_such_page", "page 7", false),
    ];
    for (payload, code, text, retry) in cases {
        server.send([job(1, "a", payload)]).await;
        let failed = server.failed(1).await;
        assert_eq!((failed.0.as_str(), failed.2), (code, retry));
        assert!(failed.1.starts_with(text), "{failed:?}");
    }
    server.send([job(2, "elsewhere", "")]).await;
    assert_eq!(server.failed(2).await.0, "unknown_queue");
    running.end().await;
}

#[tokio::test]
async fn a_result_over_the_limit_is_never_sent() {
    let mut server = Server::bind().await;
    let worker = server.worker().queue("a", async |job: Job| {
        let bytes: usize = job.json()?;
        assert_eq!(job.max_body(), 1000);
        if bytes == 2000 {
            job.chunk(Reply::bytes(vec![0; 1001])).await?;
        }
        Ok(Reply::typed(if bytes == 7 { TYPE_TOO_LONG } else { "a/b" }, vec![0; bytes]))
    });
    let running = Running::start(worker);
    server.accept().await;
    server.send([hello_of(1, 1000)]).await;
    server.ready().await;
    server.send([job(1, "a", "1000")]).await;
    assert_eq!(server.done(1).await.bytes().len(), 1000);
    for (bytes, texts) in [
        ("1001", ["result has 1001 bytes", "1000"]),
        ("2000", ["chunk has 1001", "1000"]),
        ("7", ["content type has 129 bytes", "128"]),
    ] {
        server.send([job(1, "a", bytes)]).await;
        let (code, message, retry) = server.failed(1).await;
        assert_eq!((code.as_str(), retry), ("bad_result", false));
        assert!(texts.iter().all(|text| message.contains(text)), "{message}");
    }
    running.end().await;
}

const TYPE_TOO_LONG: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

#[tokio::test]
async fn large_results_go_alone_and_small_ones_together() {
    let mut server = Server::bind().await;
    let gate = Arc::new(Notify::new());
    let worker = server.worker().slots(40).queue("a", {
        let gate = Arc::clone(&gate);
        move |job: Job| {
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                Ok(Reply::bytes(vec![0; job.json()?]))
            }
        }
    });
    let running = Running::start(worker);
    server.greet().await;
    let large = MAX_BODY.to_string();
    server
        .send((0..40).map(|n| job(n, "a", if n == 20 { large.clone() } else { "10".into() })))
        .await;
    server.send([job(40, "other", "")]).await;
    // All are started, since what came after them is answered. They end in one go.
    assert_eq!(server.failed(40).await.0, "unknown_queue");
    server.packs.clear();
    gate.notify_waiters();
    let mut bytes = 0;
    for _ in 0..40 {
        let FromWorker::Done { body, .. } = server.recv().await else { panic!("not done") };
        bytes += body.bytes().len();
    }
    assert_eq!(bytes, MAX_BODY + 39 * 10);
    assert!(server.packs.contains(&1) && server.packs.len() <= 5, "{:?}", server.packs);
    running.end().await;
}

#[tokio::test]
async fn a_worker_that_holds_a_job_beats() {
    let mut server = Server::bind().await;
    let worker =
        server.worker().beat(std::time::Duration::from_millis(20)).queue("a", async |job: Job| {
            job.cancelled().await;
            Err(Failure::cancelled())
        });
    let running = Running::start(worker);
    let ready = server.greet().await;
    server.send([job(1, "a", "")]).await;
    for _ in 0..3 {
        assert_eq!(server.recv().await, FromWorker::Beat { lane: ready.lane });
    }
    server.send([ToWorker::Cancel { job: id(1) }]).await;
    let failed = loop {
        match server.recv().await {
            FromWorker::Beat { .. } => {}
            other => break other,
        }
    };
    let FromWorker::Fail { code, retry, .. } = failed else { panic!("not failed: {failed:?}") };
    assert_eq!((code.as_deref(), retry), (Some("cancelled"), false));
    running.end().await;
}

#[tokio::test]
async fn options_that_are_wrong_are_named() {
    let jobs = "tcp://127.0.0.1:5557";
    let stop = pending::<()>;
    let check = async |worker: Worker, texts: &[&str]| {
        let error = worker.run(stop()).await.unwrap_err().to_string();
        assert!(texts.iter().all(|text| error.contains(text)), "{error}");
    };
    for url in
        ["127.0.0.1:5557", "http://x:1", "tcp://x", "tcp://x:0", "tcp://*:5557", "tcp://x:99999"]
    {
        let worker = Worker::new(jobs, url).queue("a", echo);
        check(worker, &["results", url, "tcp://HOST:PORT", "tcp://127.0.0.1:5557"]).await;
    }
    let worker = || Worker::new(jobs, "ipc:///run/x");
    check(worker(), &["1 to 64 queues"]).await;
    check(worker().queue("a b", echo), &["`a b`"]).await;
    check(worker().queue("a", echo).queue("a", echo), &["`a` has two handlers"]).await;
    check(worker().slots(0).queue("a", echo), &["1 to 65536 slots"]).await;
}

async fn echo(job: Job) -> Result<Reply, Failure> {
    Ok(Reply::same_type(job.payload().clone()))
}
