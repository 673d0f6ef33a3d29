//! Frames at random.

use std::net::SocketAddr;
use std::sync::Arc;

use acequia_link::{FromDoor, FromOwner, Hold, LinkPeer, Offer, Whose};
use acequia_wire::client::{Event, JobEvent, Op, Refusal, Request};
use acequia_wire::worker::{JobMessage, ToWorker, Word};
use acequia_wire::{ContentType, Payload};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::wire;

fn text() -> impl Strategy<Value = String> {
    wire::short_text()
}

fn requests() -> BoxedStrategy<Request> {
    let of_op = |job| {
        move |op| match op {
            Op::Submit(spec) => Request::Submit { job, spec: Arc::new(spec) },
            Op::Cancel { id } => Request::Cancel { id },
            Op::Watch { id, what } => Request::Watch { id, what },
            Op::Hello(hello) => Request::Hello(hello),
            Op::Ack { seq } => Request::Ack { seq },
            Op::Subscribe { topic } => Request::Subscribe { topic },
            Op::Unsubscribe { topic } => Request::Unsubscribe { topic },
        }
    };
    let refusal = (
        option::of(wire::ids()),
        any::<bool>(),
        wire::reject_codes(),
        text(),
        option::of(any::<u32>()),
    );
    prop_oneof![
        8 => (wire::jobs(), wire::encodings()).prop_flat_map(move |(job, encoding)| {
            wire::ops(encoding).prop_map(of_op(job)).boxed()
        }),
        1 => any::<[u32; 2]>()
            .prop_map(|[jobs, ops_per_s]| Request::Limited { jobs, ops_per_s }),
        1 => refusal.prop_map(|(id, submit, code, message, retry_after_ms)| {
            Request::Refused(Refusal { id, submit, code, message, retry_after_ms })
        }),
    ]
    .boxed()
}

fn events() -> BoxedStrategy<Event> {
    let large = (wire::ids(), wire::jobs(), 0..100_000_usize).prop_map(|(id, job, len)| {
        let data = Payload::new(ContentType::Octets, vec![7; len].into()).expect("octets");
        let what = JobEvent::Chunk { n: 1, data };
        Event::Job { id, job, what, traceparent: None }
    });
    let any_event = wire::encodings().prop_flat_map(|encoding| wire::events(encoding).boxed());
    let any_event = any_event.prop_map(|(event, _)| event);
    prop_oneof![9 => any_event, 1 => large].boxed()
}

fn words() -> BoxedStrategy<Word> {
    let code = option::of(text());
    prop_oneof![
        (wire::jobs(), wire::bodies()).prop_map(|(job, body)| Word::Done { job, body }),
        (wire::jobs(), code, text(), any::<bool>())
            .prop_map(|(job, code, message, retry)| Word::Fail { job, code, message, retry }),
        (wire::jobs(), wire::progress())
            .prop_map(|(job, progress)| Word::Progress { job, progress }),
        (wire::jobs(), wire::bodies()).prop_map(|(job, body)| Word::Chunk { job, body }),
        (wire::jobs(), any::<bool>(), text()).prop_map(|(job, last, message)| Word::Bad {
            job,
            last,
            message
        }),
        (text(), wire::bodies()).prop_map(|(topic, body)| Word::Publish { topic, body }),
        Just(Word::Beat),
        Just(Word::Heard),
        Just(Word::Bye),
    ]
    .boxed()
}

fn whose() -> impl Strategy<Value = Whose> {
    option::of(any::<u64>()).prop_map(|client| client.map_or(Whose::Own, Whose::Proven))
}

fn offers() -> BoxedStrategy<Offer> {
    let peer = prop_oneof![
        any::<SocketAddr>().prop_map(LinkPeer::Tcp),
        option::of(any::<i32>()).prop_map(|pid| LinkPeer::Ipc { pid }),
    ];
    let hold = (wire::jobs(), any::<u32>(), any::<u32>()).prop_map(|(job, attempt, chunks)| Hold {
        job,
        attempt,
        chunks,
    });
    let queues = vec(wire::queues(), 0..5);
    (text(), any::<u32>(), queues, option::of(peer), vec(hold, 0..5))
        .prop_map(|(name, slots, queues, peer, holds)| Offer { name, slots, queues, peer, holds })
        .boxed()
}

fn runs() -> BoxedStrategy<JobMessage> {
    let jobs = wire::to_worker().prop_filter_map("no job", |message| match message {
        ToWorker::Job(job) => Some(job),
        _ => None,
    });
    jobs.boxed()
}

fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), 0..1_000_u64]
}

pub(crate) fn from_door() -> BoxedStrategy<FromDoor> {
    let n = numbers;
    let asked = (n(), vec(requests(), 0..6))
        .prop_map(|(connection, requests)| FromDoor::Requests { connection, requests });
    let again = (n(), n(), vec(requests(), 0..6))
        .prop_map(|(connection, since, requests)| FromDoor::Again { connection, since, requests });
    let said = (n(), vec(words(), 0..6)).prop_map(|(lane, words)| FromDoor::Said { lane, words });
    let written = (n(), n(), n(), any::<bool>());
    let other = prop_oneof![
        (n(), whose()).prop_map(|(connection, whose)| FromDoor::Opened { connection, whose }),
        (n(), any::<bool>())
            .prop_map(|(connection, for_good)| FromDoor::Closed { connection, for_good }),
        written.prop_map(|(connection, events, bytes, is_empty)| {
            FromDoor::Written { connection, events, bytes, is_empty }
        }),
        (n(), text(), n()).prop_map(|(connection, secret, last)| FromDoor::GoesOn {
            connection,
            secret,
            last
        }),
        n().prop_map(|number| FromDoor::Mark { number }),
        (n(), offers()).prop_map(|(lane, offer)| FromDoor::Ready { lane, offer }),
        n().prop_map(|lane| FromDoor::Ended { lane }),
        Just(FromDoor::Declared),
        Just(FromDoor::Beat),
    ];
    prop_oneof![asked, again, said, other].boxed()
}

pub(crate) fn from_owner() -> BoxedStrategy<FromOwner> {
    let n = numbers;
    let told =
        (n(), option::of(n()), vec(events(), 0..6)).prop_map(|(connection, first_seq, events)| {
            FromOwner::Events { connection, first_seq, events }
        });
    let run = (n(), runs()).prop_map(|(lane, job)| FromOwner::Run { lane, job });
    let close = (n(), option::of(events()), any::<u16>(), text(), any::<bool>());
    let of_connection = prop_oneof![
        n().prop_map(|connection| FromOwner::WantEmpty { connection }),
        (n(), n()).prop_map(|(connection, bytes)| FromOwner::Backlog { connection, bytes }),
        close.prop_map(|(connection, last, code, reason, superseded)| {
            let last = last.map(Box::new);
            FromOwner::Close { connection, last, code, reason, superseded }
        }),
        n().prop_map(|connection| FromOwner::Overflow { connection }),
    ];
    let other = prop_oneof![
        (n(), wire::jobs()).prop_map(|(lane, job)| FromOwner::Cancel { lane, job }),
        (n(), text()).prop_map(|(lane, reason)| FromOwner::Bye { lane, reason }),
        n().prop_map(|lane| FromOwner::End { lane }),
        n().prop_map(|lane| FromOwner::Hold { lane }),
        n().prop_map(|lane| FromOwner::LetGo { lane }),
        n().prop_map(|mark| FromOwner::Durable { mark }),
        Just(FromOwner::Beat),
        text().prop_map(|reason| FromOwner::Leave { reason }),
    ];
    prop_oneof![told, run, of_connection, other].boxed()
}

/// A frame of either end, as its bytes.
pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        from_door().prop_map(|frame| super::bytes::encode(&[frame])),
        from_owner().prop_map(|frame| super::bytes::encode(&[frame])),
    ]
}
