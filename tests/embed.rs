//! A Rust program embeds the server, and a worker beside it: everything in one process.

use acequia::client::{AdminClient, Client, ServerUrl};
use acequia::{Addresses, Broken, Config, Secret, Server};
use acequia_wire::client::{Encoding, Event, JobEvent, OnDisconnect, Op, Submit};
use acequia_wire::{ContentType, CorrelationId, Payload, QueueName};
use acequia_worker::{Failure, Job, Reply, Worker};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const TOKEN: &[u8] = b"an admin token of more than thirty-two bytes";

/// A server on free ports, with a worker that serves `upper` and `broken`.
struct Embedded {
    addresses: Addresses,
    operator: AdminClient,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), Broken>>,
    stop_worker: oneshot::Sender<()>,
    worker: JoinHandle<Result<(), acequia_worker::WorkerError>>,
}

impl Embedded {
    async fn start() -> Self {
        let any: acequia::Endpoint = "tcp://127.0.0.1:0".parse().expect("as written");
        let config = Config {
            listen: "127.0.0.1:0".to_owned(),
            jobs: any.clone(),
            results: any,
            journal: None,
            admin_token: Some(Secret::new(TOKEN).expect("as written")),
            ..Config::default()
        };
        let server = Server::bind(config).await.expect("free ports");
        let addresses = server.addresses().clone();
        let operator = server.operator();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(server.run(async { drop(stopped.await) }));
        let (stop_worker, worker_stopped) = oneshot::channel();
        let worker = Worker::new(addresses.jobs.to_string(), addresses.results.to_string())
            .name("embedded")
            .slots(4)
            .queue("upper", async |job: Job| {
                job.progress(1.0, 2.0, "half way");
                job.chunk(Reply::text("a part")).await?;
                let text: String = job.json()?;
                Reply::json(&text.to_uppercase())
            })
            .queue("broken", async |_: Job| Err(Failure::permanent("no_way", "it never works")));
        let worker = tokio::spawn(worker.run(async { drop(worker_stopped.await) }));
        Self { addresses, operator, stop, server, stop_worker, worker }
    }

    async fn client(&self) -> Client {
        let url: ServerUrl =
            format!("ws://{}/v1/ws", self.addresses.http).parse().expect("as written");
        Client::connect(&url, Encoding::Json).await.expect("a session")
    }

    async fn stop(self) -> AdminClient {
        self.stop_worker.send(()).expect("the worker runs");
        self.worker.await.expect("as written").expect("the worker drains");
        self.stop.send(()).expect("the server runs");
        self.server.await.expect("the server ends").expect("nothing broke");
        self.operator
    }
}

fn submit(id: i64, queue: &str, json: &'static str) -> Op {
    Op::Submit(Submit {
        id: CorrelationId::Int(id),
        payload: Payload::new(ContentType::Json, json.into()).expect("as written"),
        queue: queue.parse::<QueueName>().expect("as written"),
        priority: 4,
        delay_ms: 0,
        timeout_ms: None,
        ttl_ms: None,
        attempts: 1,
        key: None,
        on_disconnect: OnDisconnect::Keep,
        batch: None,
        traceparent: None,
    })
}

/// The events of one job, to its outcome; `accepted` may or may not be among them.
async fn events(client: &mut Client) -> Vec<JobEvent> {
    let mut seen = Vec::new();
    loop {
        let Event::Job { what, .. } = client.recv().await.expect("an event") else { continue };
        let ended = what.is_outcome();
        if what != JobEvent::Accepted {
            seen.push(what);
        }
        if ended {
            return seen;
        }
    }
}

#[tokio::test]
async fn a_job_goes_out_and_comes_back() {
    let embedded = Embedded::start().await;
    let mut client = embedded.client().await;
    client.send(&submit(1, "upper", "\"hello\"")).await.expect("as written");
    let names: Vec<_> = events(&mut client).await;
    assert_eq!(
        names.iter().map(JobEvent::name).collect::<Vec<_>>(),
        ["started", "progress", "chunk", "done"]
    );
    let Some(JobEvent::Done { result }) = names.last() else { panic!("{names:?}") };
    assert_eq!(result.bytes().as_ref(), b"\"HELLO\"");
    let JobEvent::Started { attempt: 1, worker } = &names[0] else { panic!("{names:?}") };
    assert_eq!(worker.as_ref(), "embedded");

    client.send(&submit(2, "broken", "null")).await.expect("as written");
    let seen = events(&mut client).await;
    let Some(JobEvent::Failed { code, message, attempt: 1 }) = seen.last() else {
        panic!("{seen:?}")
    };
    assert_eq!((code.as_str(), &**message), ("no_way", "it never works"));
    client.close().await;
    embedded.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_says_goodbye() {
    let embedded = Embedded::start().await;
    let mut client = embedded.client().await;
    client.send(&submit(1, "upper", "\"a\"")).await.expect("as written");
    events(&mut client).await;
    embedded.stop().await;
    let Event::Bye { reconnect_in_ms, .. } = client.recv().await.expect("a last word") else {
        panic!("no bye");
    };
    assert!(reconnect_in_ms > 0);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let embedded = Embedded::start().await;
    let taken = embedded.addresses.http.to_string();
    let config = Config { listen: taken.clone(), ..Config::default() };
    let error = Server::bind(config).await.expect_err("it is taken").to_string();
    assert!(error.contains(&taken) && error.contains("--listen"), "{error}");
    embedded.stop().await;
}

/// What the server says of its workers.
#[derive(serde::Deserialize)]
struct Workers {
    workers: Vec<serde_json::Value>,
}

#[tokio::test]
async fn the_program_makes_admin_calls() {
    let mut embedded = Embedded::start().await;
    let mut client = embedded.client().await;
    client.send(&submit(1, "upper", "\"a\"")).await.expect("sent");
    events(&mut client).await;
    let seen: Workers = embedded.operator.get("workers").await.expect("an answer");
    assert_eq!(seen.workers[0]["name"], "embedded");
    // As from elsewhere, but for the token.
    let url = format!("http://{}", embedded.addresses.http);
    let mut stranger = AdminClient::new(url.parse().expect("as written"));
    let refused = stranger.get::<Workers>("workers").await.err().and_then(|error| error.status());
    assert_eq!(refused.map(|status| status.as_u16()), Some(401));
    let token = std::str::from_utf8(TOKEN).expect("as written");
    let known = url.parse::<ServerUrl>().expect("as written").with_token(token);
    let mut known = AdminClient::new(known);
    for _ in 0..2 {
        let seen: Workers = known.get("workers").await.expect("an answer");
        assert_eq!(seen.workers.len(), 1);
    }
    let missing = known.get::<Workers>("workers/0/nothing").await.err();
    assert_eq!(missing.and_then(|error| error.status()).map(|status| status.as_u16()), Some(404));
    let mut operator = embedded.stop().await;
    for client in [&mut operator, &mut known] {
        let gone = client.get::<Workers>("workers").await.err();
        assert!(gone.is_some_and(|error| error.is_gone()), "there is no server any more");
    }
}
