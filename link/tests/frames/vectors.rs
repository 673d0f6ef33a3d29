//! The golden vectors of `vectors/frames.json`: what their bytes mean, and that it is written so.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

use acequia_link::{Frame, FromDoor, FromOwner, Hold, LinkPeer, Offer, Whose};
use acequia_wire::client::{
    Batch, Event, HelloOp, JobEvent, OnDisconnect, Refusal, Request, Resume, Retry, Submit,
    Watched, Welcome,
};
use acequia_wire::code::{FailCode, RejectCode, ServerFailCode};
use acequia_wire::worker::{JobMessage, Progress, Word};
use acequia_wire::{
    Body, ContentType, CorrelationId, JobId, Limits, Payload, QueueName, TraceParent,
};
use bytes::Bytes;
use serde_json::Value;

use super::bytes::{decode_all, encode};

const VECTORS: &str = include_str!("../../vectors/frames.json");
/// The connection, or the lane, of all that are about one.
const N: u64 = 300;

/// Frames by the names of their vectors.
type Named<F> = Vec<(String, F)>;

fn job(first: u8) -> JobId {
    JobId::from_bytes(std::array::from_fn(|nth| first + u8::try_from(nth).expect("few")))
}

fn int(id: i64) -> CorrelationId {
    CorrelationId::Int(id)
}

fn word(id: &str) -> CorrelationId {
    CorrelationId::Text(id.into())
}

fn payload(content_type: ContentType, bytes: &'static [u8]) -> Payload {
    Payload::new(content_type, Bytes::from_static(bytes)).expect("what it says")
}

fn png() -> ContentType {
    ContentType::parse("image/png").expect("a short type")
}

fn queue(name: &str) -> QueueName {
    name.parse().expect("a name")
}

fn span() -> Box<TraceParent> {
    let mut bytes: [u8; TraceParent::BYTES] =
        std::array::from_fn(|nth| u8::try_from(nth + 1).expect("few"));
    bytes[24] = 1;
    Box::new(TraceParent::from_bytes(bytes).expect("a span"))
}

fn requests() -> Named<Request> {
    let plain = Submit {
        id: int(7),
        payload: payload(ContentType::Json, br#"{"a":[1]}"#),
        queue: QueueName::default(),
        priority: 4,
        delay_ms: 0,
        timeout_ms: None,
        ttl_ms: None,
        attempts: 1,
        key: None,
        on_disconnect: OnDisconnect::Keep,
        batch: None,
        traceparent: None,
    };
    let whole = Submit {
        id: word("a"),
        payload: payload(png(), b"\x89PNG"),
        queue: queue("images"),
        priority: 9,
        delay_ms: 300,
        timeout_ms: Some(30_000),
        ttl_ms: Some(1),
        attempts: 3,
        key: Some("k".into()),
        on_disconnect: OnDisconnect::CancelAfter { ms: 60_000 },
        batch: Some("b".into()),
        traceparent: Some(span()),
    };
    let hello = |token: Option<&str>, resume| {
        Request::Hello(HelloOp { token: token.map(str::to_owned), resume })
    };
    let refused = Refusal::new(RejectCode::BadRequest, "no op");
    let mut refused_submit = Refusal::new(RejectCode::RateLimited, "too fast").of_submit(int(7));
    refused_submit.retry_after_ms = Some(500);
    let resume = Resume::Session { secret: "secret".to_owned(), last: 300 };
    let watched = Watched::Batch("b".into());
    named([
        ("submit", Request::Submit { job: job(0), spec: Arc::new(plain) }),
        ("submit_whole", Request::Submit { job: job(16), spec: Arc::new(whole) }),
        ("cancel", Request::Cancel { id: int(-2) }),
        ("watch_job", Request::Watch { id: word("w"), what: Watched::Job(job(0)) }),
        ("watch_batch", Request::Watch { id: int(1), what: watched }),
        ("hello", hello(None, None)),
        ("hello_new", hello(Some("jwt"), Some(Resume::New))),
        ("hello_resume", hello(None, Some(resume))),
        ("limited", Request::Limited { jobs: 10, ops_per_s: 1_000 }),
        ("ack", Request::Ack { seq: 1 << 63 }),
        ("subscribe", Request::Subscribe { topic: "news".to_owned() }),
        ("unsubscribe", Request::Unsubscribe { topic: "news".to_owned() }),
        ("refused", Request::Refused(refused)),
        ("refused_submit", Request::Refused(refused_submit)),
    ])
}

fn events() -> Named<Event> {
    let of_job = |what| Event::Job { id: int(7), job: job(0), what, traceparent: None };
    let traced = |what| Event::Job { id: int(7), job: job(0), what, traceparent: Some(span()) };
    let progress = |done, total, note: Option<&str>| {
        let note = note.map(str::to_owned);
        of_job(JobEvent::Progress(Box::new(Progress { done, total, note })))
    };
    let retry = Retry {
        attempt: 2,
        code: ServerFailCode::Timeout.into(),
        message: "too long".into(),
        in_ms: 1_500,
    };
    let failed = JobEvent::Failed {
        code: FailCode::of_worker("dry".to_owned()),
        message: "no ink".into(),
        attempt: 3,
    };
    let limits = Limits {
        payload_bytes: 1_000,
        result_bytes: 1_001,
        message_bytes: 1_002,
        client_jobs: 1_003,
        queue_jobs: 1_004,
        waiting_jobs: 1_005,
        payloads_bytes: 1_006,
        sessions: 1_007,
        address_connections: 1_008,
        ops_per_s: 1_009,
        handshake_s: 1_010,
        idle_s: 1_011,
    };
    let welcome = Welcome { session: Some("secret".to_owned()), resumed: true, limits };
    let batch =
        Batch { name: "b".into(), jobs: 6, done: 3, failed: 2, cancelled: 1, elapsed_ms: 1_234 };
    let data = |content_type, bytes| payload(content_type, bytes);
    named([
        ("accepted", of_job(JobEvent::Accepted)),
        ("accepted_traced", traced(JobEvent::Accepted)),
        ("started", of_job(JobEvent::Started { attempt: 2, worker: "worker-1".into() })),
        ("progress", progress(Some(1.0), Some(2.0), Some("half"))),
        ("progress_silent", progress(None, None, None)),
        ("chunk", of_job(JobEvent::Chunk { n: 3, data: data(ContentType::Octets, b"\0\xff") })),
        ("retrying", of_job(JobEvent::Retrying(Box::new(retry)))),
        ("done", of_job(JobEvent::Done { result: data(ContentType::Json, b"[1]") })),
        ("done_traced", traced(JobEvent::Done { result: data(ContentType::MsgPack, b"\x91\x01") })),
        ("failed", of_job(failed)),
        ("cancelled", of_job(JobEvent::Cancelled)),
        ("welcome", Event::Welcome(Box::new(welcome))),
        (
            "rejected",
            Event::Rejected {
                id: word("a"),
                code: RejectCode::QueueFull,
                message: "full".to_owned(),
                retry_after_ms: Some(250),
            },
        ),
        (
            "error",
            Event::Error { id: None, code: RejectCode::BadRequest, message: "what?".to_owned() },
        ),
        (
            "message",
            Event::Message { topic: "news".into(), data: data(ContentType::Json, br#""hot""#) },
        ),
        ("batch", Event::Batch(Box::new(batch))),
        ("gap", Event::Gap { missed: 5, outcome_of: None }),
        ("gap_outcome", Event::Gap { missed: 1, outcome_of: Some((int(7), job(0))) }),
        ("bye", bye()),
    ])
}

fn bye() -> Event {
    Event::Bye { reason: "stops".to_owned(), reconnect_in_ms: 1_000, close: 1_001 }
}

fn words() -> Named<Word> {
    let body = |declared, bytes: &'static [u8]| Body::new(declared, Bytes::from_static(bytes));
    let done = |body| Word::Done { job: job(0), body };
    let fail = |code: Option<&str>, message: &str, retry| {
        let (code, message) = (code.map(str::to_owned), message.to_owned());
        Word::Fail { job: job(0), code, message, retry }
    };
    let bad = body(Some(ContentType::Json), b"{");
    assert!(!bad.is_checked());
    let progress = Progress { done: Some(0.5), total: None, note: None };
    let message = "no head".to_owned();
    named([
        ("done", done(body(None, b"[1]"))),
        ("done_declared", done(body(Some(ContentType::Octets), b"\xff"))),
        ("done_bad", done(bad)),
        ("fail", fail(Some("dry"), "no ink", false)),
        ("fail_plain", fail(None, "oh", true)),
        ("progress", Word::Progress { job: job(0), progress }),
        ("chunk", Word::Chunk { job: job(0), body: body(None, br#""a""#) }),
        ("bad", Word::Bad { job: job(0), last: true, message }),
        (
            "publish",
            Word::Publish { topic: "news".to_owned(), body: body(Some(ContentType::Text), b"hot") },
        ),
        ("beat", Word::Beat),
        ("heard", Word::Heard),
        ("bye", Word::Bye),
    ])
}

fn from_door() -> Named<FromDoor> {
    let opened = |whose| FromDoor::Opened { connection: N, whose };
    let asked = |requests| FromDoor::Requests { connection: N, requests };
    let said = |words| FromDoor::Said { lane: N, words };
    let ready = |queues: &[&str], peer, holds| {
        let queues = queues.iter().map(|name| queue(name)).collect();
        let offer = Offer { name: "worker-1".to_owned(), slots: 8, queues, peer, holds };
        FromDoor::Ready { lane: N, offer }
    };
    let at = |peer| ready(&["default", "images"], peer, Vec::new());
    let v4 = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 1), 7_000));
    let v6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 7_000, 5, 6);
    let hold = |(job, attempt, chunks)| Hold { job, attempt, chunks };
    let holds = [(job(0), 1, 0), (job(16), 300, 7)].map(hold).to_vec();
    let mut all = named([
        ("opened", opened(Whose::Proven(9))),
        ("opened_own", opened(Whose::Own)),
        ("requests", asked(values(requests()))),
        ("requests_none", asked(Vec::new())),
        ("closed", FromDoor::Closed { connection: N, for_good: true }),
        ("written", FromDoor::Written { connection: N, events: 2, bytes: 1_000, is_empty: true }),
        ("mark", FromDoor::Mark { number: 77 }),
        ("ready_unknown", at(None)),
        ("ready_v4", at(Some(LinkPeer::Tcp(v4)))),
        ("ready_v6", at(Some(LinkPeer::Tcp(v6.into())))),
        ("ready_ipc", at(Some(LinkPeer::Ipc { pid: None }))),
        ("ready_ipc_of", at(Some(LinkPeer::Ipc { pid: Some(4_321) }))),
        ("ready_holds", ready(&[], None, holds)),
        ("said", said(values(words()))),
        ("ended", FromDoor::Ended { lane: N }),
        ("declared", FromDoor::Declared),
        ("beat_of_door", FromDoor::Beat),
        ("goes_on", FromDoor::GoesOn { connection: N, secret: "a secret".to_owned(), last: 77 }),
        ("again", FromDoor::Again { connection: N, since: 77, requests: values(requests()) }),
    ]);
    let one = |(name, request)| (format!("request_{name}"), asked(vec![request]));
    all.extend(requests().into_iter().map(one));
    all.extend(words().into_iter().map(|(name, word)| (format!("said_{name}"), said(vec![word]))));
    all
}

fn from_owner() -> Named<FromOwner> {
    let told = |first_seq, events| FromOwner::Events { connection: N, first_seq, events };
    let close = |last: Option<Event>, code, reason: &str, superseded| {
        let (last, reason) = (last.map(Box::new), reason.to_owned());
        FromOwner::Close { connection: N, last, code, reason, superseded }
    };
    let plain = JobMessage {
        job: job(0),
        queue: queue("images"),
        attempt: 2,
        content_type: ContentType::Json,
        timeout_ms: None,
        meta: Vec::new(),
        body: "[1]".into(),
    };
    let whole = JobMessage {
        job: job(0),
        queue: QueueName::default(),
        attempt: 1,
        content_type: png(),
        timeout_ms: Some(30_000),
        meta: vec![("traceparent".to_owned(), "00-x".to_owned())],
        body: Bytes::from_static(b"\x89PNG"),
    };
    let mut all = named([
        ("events", told(Some(1_000), values(events()))),
        ("want_empty", FromOwner::WantEmpty { connection: N }),
        ("backlog", FromOwner::Backlog { connection: N, bytes: 1 << 20 }),
        ("close", close(Some(bye()), 1_001, "stops", false)),
        ("close_superseded", close(None, 4_001, "resumed elsewhere", true)),
        ("overflow", FromOwner::Overflow { connection: N }),
        ("run", FromOwner::Run { lane: N, job: plain }),
        ("run_whole", FromOwner::Run { lane: N, job: whole }),
        ("cancel", FromOwner::Cancel { lane: N, job: job(0) }),
        ("bye", FromOwner::Bye { lane: N, reason: "stops".to_owned() }),
        ("end", FromOwner::End { lane: N }),
        ("hold", FromOwner::Hold { lane: N }),
        ("let_go", FromOwner::LetGo { lane: N }),
        ("durable", FromOwner::Durable { mark: 1 << 40 }),
        ("beat_of_owner", FromOwner::Beat),
        ("leave", FromOwner::Leave { reason: "hands over".to_owned() }),
    ]);
    let one = |(name, event)| (format!("event_{name}"), told(None, vec![event]));
    all.extend(events().into_iter().map(one));
    all
}

fn named<T, const N: usize>(all: [(&str, T); N]) -> Named<T> {
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn values<T>(all: Named<T>) -> Vec<T> {
    all.into_iter().map(|(_, value)| value).collect()
}

/// The bytes of the vectors of one end, by their names.
fn vectors(from: &str) -> BTreeMap<String, Vec<u8>> {
    let document: Value = serde_json::from_str(VECTORS).expect("JSON");
    assert_eq!(document["version"], 1);
    let cases = document["cases"].as_array().expect("cases").iter();
    let text = |case: &Value, key: &str| case[key].as_str().expect(key).to_owned();
    let of_end = cases.filter(|case| case["from"] == from);
    of_end.map(|case| (text(case, "name"), unhex(&text(case, "hex")))).collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).expect("hex"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hex")).collect()
}

fn check<F: Frame + PartialEq + std::fmt::Debug>(from: &str, all: Named<F>) {
    let mut vectors = vectors(from);
    for (name, frame) in all {
        let bytes = vectors.remove(&name).unwrap_or_else(|| panic!("no vector {name}"));
        assert_eq!(decode_all::<F>(&bytes), std::slice::from_ref(&frame), "{name}");
        assert_eq!(encode(&[frame]), bytes, "{name}");
    }
    assert!(vectors.is_empty(), "not known: {:?}", vectors.keys());
}

#[test]
fn frames_of_doors_are_as_written_down() {
    check("door", from_door());
}

#[test]
fn frames_of_owners_are_as_written_down() {
    check("owner", from_owner());
}

/// The kinds are those that are named in `codec/from_door.rs` and `codec/from_owner.rs`.
#[test]
fn there_is_a_vector_of_each_kind() {
    let kinds = |from| vectors(from).into_values().map(|bytes| bytes[4]);
    let of_door: BTreeSet<u8> = kinds("door").collect();
    assert!(of_door.into_iter().eq(1..=12));
    let of_owner: BTreeSet<u8> = kinds("owner").collect();
    assert!(of_owner.into_iter().eq(65..=78));
}
