//! Round trips of the records, and bytes that are none.

use std::sync::Arc;

use acequia_wire::client::{OnDisconnect, Submit};
use acequia_wire::code::{FailCode, ServerFailCode};
use acequia_wire::record::BadRecord;
use acequia_wire::{ContentType, CorrelationId, JobId, Payload, TraceParent};
use proptest::option::of;
use proptest::prelude::*;

use super::block::{Block, Builder, Fate};
use super::check::{self, Kind, Record};
use super::job::{Names, decode_job, encode_job};
use super::letter::{decode_letter, encode_letter};
use super::small;
use crate::entry::{Admitted, BatchEnd, Counts, DeadLetter, Kept, Outcome, Past, Session, Tally};

fn id() -> impl Strategy<Value = CorrelationId> {
    prop_oneof![
        any::<i64>().prop_map(CorrelationId::Int),
        ".{0,20}".prop_map(|text| CorrelationId::Text(text.into())),
    ]
}

fn text() -> impl Strategy<Value = Box<str>> {
    ".{0,30}".prop_map(Box::from)
}

fn payload() -> impl Strategy<Value = Payload> {
    let json = ".{0,30}".prop_map(|text| {
        let json = format!("{text:?}").replace("\\u{", "").replace(['}', '\\', '\''], "");
        (ContentType::Json, json.into_bytes())
    });
    let octets = any::<Vec<u8>>().prop_map(|bytes| (ContentType::Octets, bytes));
    let text = any::<String>().prop_map(|text| (ContentType::Text, text.into_bytes()));
    let other = any::<Vec<u8>>()
        .prop_map(|bytes| (ContentType::parse("image/png").expect("a short type"), bytes));
    let msgpack = any::<u8>().prop_map(|n| (ContentType::MsgPack, vec![0xcc, n]));
    prop_oneof![json, octets, text, other, msgpack]
        .prop_filter_map("is what its type says", |(content_type, bytes)| {
            Payload::new(content_type, bytes.into()).ok()
        })
}

fn traceparent() -> impl Strategy<Value = Box<TraceParent>> {
    let ids = (any::<[u8; 16]>(), any::<[u8; 16]>());
    let of = |[trace, span]: [JobId; 2]| TraceParent::begun_by(trace).at_job(span);
    ids.prop_map(move |(trace, span)| Box::new(of([trace, span].map(JobId::from_bytes))))
}

fn on_disconnect() -> impl Strategy<Value = OnDisconnect> {
    prop_oneof![
        Just(OnDisconnect::Keep),
        Just(OnDisconnect::Cancel),
        any::<u32>().prop_map(|ms| OnDisconnect::CancelAfter { ms }),
    ]
}

prop_compose! {
    fn submit()(
        id in id(), payload in payload(), queue in "[A-Za-z0-9._-]{1,64}", priority in 0_u8..=9,
        delay_ms in any::<u32>(), timeout_ms in of(any::<u32>()), ttl_ms in of(any::<u32>()),
        attempts in any::<u32>(), key in of(text()), on_disconnect in on_disconnect(),
        batch in of(text()), traceparent in of(traceparent()),
    ) -> Submit {
        let queue = queue.parse().expect("a queue name");
        Submit {
            id, payload, queue, priority, delay_ms, timeout_ms, ttl_ms, attempts, key,
            on_disconnect, batch, traceparent,
        }
    }
}

prop_compose! {
    pub(crate) fn admitted()(
        ticket in any::<u64>(), job in any::<[u8; 16]>(), client in any::<u64>(),
        session in any::<u64>(), submitted_ms in any::<u64>(), spec in submit(),
    ) -> Admitted {
        let spec = Arc::new(spec);
        Admitted { ticket, job: JobId::from_bytes(job), client, session, submitted_ms, spec }
    }
}

fn code() -> impl Strategy<Value = FailCode> {
    prop_oneof![
        Just(FailCode::from(ServerFailCode::Timeout)),
        "[a-z_]{0,64}".prop_map(FailCode::of_worker),
    ]
}

prop_compose! {
    fn letter()(
        job in admitted(), failed_ms in any::<u64>(), code in code(), message in text(),
        runs in any::<u32>(), failures in any::<u32>(), losses in any::<u32>(),
    ) -> DeadLetter {
        DeadLetter { job, failed_ms, code, message, runs, failures, losses }
    }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        payload().prop_map(|result| Outcome::Done { result }),
        (code(), text(), any::<u32>()).prop_map(|(code, message, attempt)| Outcome::Failed {
            code,
            message,
            attempt
        }),
        Just(Outcome::Cancelled),
    ]
}

prop_compose! {
    fn kept()(
        job in any::<[u8; 16]>(), client in any::<u64>(), id in id(), key in of(text()),
        session in any::<u64>(), seq in any::<u64>(), ended_ms in any::<u64>(),
        outcome in outcome(), traceparent in of(traceparent()), is_given_up in any::<bool>(),
        past in of((any::<u64>(), any::<u32>())),
    ) -> Kept {
        let job = JobId::from_bytes(job);
        let past = past.map(|(submitted_ms, runs)| {
            Past { queue: "images.eu-1".parse().expect("a name"), submitted_ms, runs }
        });
        let (ticket, spans) = (0, traceparent);
        let mut kept = Kept {
            ticket, job, client, session, seq, id, key, ended_ms, outcome, traceparent: spans, past,
        };
        if is_given_up {
            kept.give_up();
        }
        kept
    }
}

fn read_all(block: &[u8]) -> Result<Vec<Kept>, BadRecord> {
    match check::read(Kind::Outcomes, block)? {
        Record::Outcomes(all) => Ok(all),
        other => panic!("{other:?} is no block"),
    }
}

proptest! {
    #[test]
    fn a_job_comes_back_as_it_was(admitted in admitted()) {
        let mut record = Vec::new();
        encode_job(&admitted, &mut record);
        let back = decode_job(admitted.ticket, &record, &mut Names::default());
        prop_assert_eq!(back, Ok(admitted));
    }

    #[test]
    fn a_letter_comes_back_as_it_was(letter in letter()) {
        let mut record = Vec::new();
        encode_letter(&letter, &mut record);
        let back = decode_letter(letter.job.ticket, &record, &mut Names::default());
        prop_assert_eq!(back, Ok(letter));
    }

    #[test]
    fn a_letter_cut_short_is_refused_or_only_its_payload_is_shorter(
        letter in letter(), cut in any::<prop::sample::Index>(),
    ) {
        let mut record = Vec::new();
        encode_letter(&letter, &mut record);
        record.truncate(cut.index(record.len()));
        if let Ok(back) = decode_letter(1, &record, &mut Names::default()) {
            let (whole, left) = (&letter.job.spec.payload, &back.job.spec.payload);
            prop_assert!(whole.bytes().starts_with(left.bytes()));
        }
    }

    #[test]
    fn outcomes_come_back_as_they_were(all in prop::collection::vec(kept(), 1..8)) {
        let mut builder = Builder::default();
        all.iter().for_each(|kept| builder.push(kept, 0));
        let mut block = Vec::new();
        let contents = builder.finish(&mut block);
        prop_assert_eq!(Block::contents(&block), Ok(contents.clone()));
        let given_up = all.iter().filter(|kept| kept.outcome == Outcome::GivenUp);
        let given_up: Vec<u64> = given_up.map(|kept| kept.client).collect();
        prop_assert_eq!(contents.outcomes, all.len() - given_up.len());
        prop_assert_eq!((contents.given_up, contents.bytes), (given_up, block.len()));
        let newest_ms = all.iter().map(|kept| kept.ended_ms).max();
        prop_assert_eq!([contents.newest_ms, contents.ended_ms].map(Some), [newest_ms; 2]);
        prop_assert_eq!(read_all(&block), Ok(all));
    }

    #[test]
    fn a_block_that_is_written_anew_has_what_stays_and_leaves_when_it_would_have(
        all in prop::collection::vec((kept(), 0_usize..3), 1..8),
    ) {
        let mut builder = Builder::default();
        all.iter().for_each(|(kept, _)| builder.push(kept, 5));
        let mut before = Vec::new();
        let newest_ms = builder.finish(&mut before).newest_ms;
        let mut fates = all.iter().map(|(_, nth)| [Fate::Stays, Fate::GivenUp, Fate::Leaves][*nth]);
        let mut after = Vec::new();
        let block = Block::read(&before).expect("a block");
        let contents = block.write_anew(|_| fates.next().expect("each once"), &mut after);
        let stays = all.into_iter().filter(|(_, nth)| *nth != 2);
        let expected: Vec<Kept> = stays.map(|(mut kept, nth)| {
            if nth == 1 {
                kept.give_up();
            }
            kept
        }).collect();
        let contents = contents.expect("a block");
        prop_assert_eq!(contents.is_none(), expected.is_empty());
        if let Some(contents) = contents {
            prop_assert_eq!(contents.newest_ms, newest_ms);
            prop_assert_eq!(Block::contents(&after), Ok(contents));
            prop_assert_eq!(read_all(&after), Ok(expected));
        }
    }

    #[test]
    fn a_job_cut_short_is_refused_or_only_its_payload_is_shorter(
        admitted in admitted(), cut in any::<prop::sample::Index>(),
    ) {
        let mut record = Vec::new();
        encode_job(&admitted, &mut record);
        record.truncate(cut.index(record.len()));
        if let Ok(back) = decode_job(admitted.ticket, &record, &mut Names::default()) {
            prop_assert!(admitted.spec.payload.bytes().starts_with(back.spec.payload.bytes()));
        }
    }

    #[test]
    fn any_bytes_are_a_record_or_an_error(
        admitted in admitted(), letter in letter(), all in prop::collection::vec(kept(), 0..3),
        at in any::<prop::sample::Index>(), with in any::<u8>(), noise in any::<Vec<u8>>(),
    ) {
        let mut record = Vec::new();
        encode_job(&admitted, &mut record);
        let index = at.index(record.len());
        record[index] = with;
        check::check(Kind::Job, &record);

        record.clear();
        encode_letter(&letter, &mut record);
        let index = at.index(record.len());
        record[index] = with;
        check::check(Kind::Letter, &record);

        let mut builder = Builder::default();
        all.iter().for_each(|kept| builder.push(kept, 0));
        let mut block = Vec::new();
        builder.finish(&mut block);
        let index = at.index(block.len());
        block[index] = with;
        check::check(Kind::Outcomes, &block);

        for kind in Kind::ALL {
            check::check(kind, &noise);
        }
    }

    #[test]
    fn small_records_come_back_as_they_were(
        numbers in any::<[u32; 3]>(), large in any::<[u64; 3]>(), name in text(),
        secret_hash in any::<[u8; 32]>(), sessions in any::<Vec<u64>>(), noise in any::<Vec<u8>>(),
    ) {
        let ([first, second, third], [key, other, time]) = (numbers, large);
        let counts = Counts { runs: first, failures: second, losses: third, not_before_ms: time };
        prop_assert_eq!(small::decode_counts(&small::encode_counts(&counts)), Ok(counts));
        let session = Session { session: key, client: other, secret_hash };
        prop_assert_eq!(small::decode_session(key, &small::encode_session(&session)), Ok(session));
        let (done, failed, cancelled) = (first, second, third);
        let name: Arc<str> = (&*name).into();
        let tally = Tally { client: key, name: name.clone(), began_ms: time, done, failed, cancelled, sessions };
        prop_assert_eq!(small::decode_tally(key, &name, &small::encode_tally(&tally)), Ok(tally));
        let end = BatchEnd { session: key, seq: other, name, done, failed, cancelled, elapsed_ms: time };
        prop_assert_eq!(small::decode_end(key, other, &small::encode_end(&end)), Ok(end));
        for kind in [Kind::Counts, Kind::Session, Kind::Tally, Kind::End] {
            let mut record = vec![1];
            record.extend(&noise);
            check::check(kind, &record);
        }
    }
}

#[test]
fn a_record_of_another_version_names_it() {
    assert_eq!(decode_job(1, &[9], &mut Names::default()), Err(BadRecord::Version(9)));
    assert_eq!(decode_letter(1, &[8], &mut Names::default()), Err(BadRecord::Version(8)));
    assert_eq!(read_all(&[7]), Err(BadRecord::Version(7)));
    assert_eq!(decode_job(1, &[], &mut Names::default()), Err(BadRecord::Truncated));
}

/// A job and its record.
fn known_job() -> (Admitted, Vec<u8>) {
    let spec = Submit {
        id: CorrelationId::Int(-2),
        payload: Payload::new(ContentType::Json, "[1]".into()).unwrap(),
        queue: "q".parse().unwrap(),
        priority: 4,
        delay_ms: 300,
        timeout_ms: Some(5),
        ttl_ms: None,
        attempts: 2,
        key: Some("k".into()),
        on_disconnect: OnDisconnect::Cancel,
        batch: None,
        traceparent: None,
    };
    let job = JobId::from_bytes([7; 16]);
    let spec = Arc::new(spec);
    let admitted = Admitted { ticket: 1, job, client: 1, session: 9, submitted_ms: 128, spec };
    let mut expected = vec![1];
    expected.extend([7; 16]);
    expected.extend([1, 9, 0x80, 1, 0b1_0101, 4, 0xac, 2, 2, 5, 0, 3, 1, b'q', 1, b'k', 0]);
    expected.extend(b"[1]");
    (admitted, expected)
}

#[test]
fn a_priority_that_there_is_not_is_refused() {
    let (_, mut record) = known_job();
    let at = 1 + 16 + 1 + 1 + 2 + 1;
    assert_eq!(record[at], 4);
    record[at] = 10;
    let refused = Err(BadRecord::Unknown { field: "priority", value: 10 });
    assert_eq!(decode_job(1, &record, &mut Names::default()), refused);
}

#[test]
fn a_job_that_is_cancelled_both_at_once_and_later_is_refused() {
    let (_, mut record) = known_job();
    let at = 1 + 16 + 1 + 1 + 2;
    assert_eq!(record[at], 0b1_0101);
    record[at] |= 0b10_0000;
    let refused = Err(BadRecord::Unknown { field: "flags", value: 0b11_0101 });
    assert_eq!(decode_job(1, &record, &mut Names::default()), refused);
}

#[test]
fn a_block_of_more_outcomes_than_bytes_is_refused() {
    assert_eq!(read_all(&[1, 0, 1]), Err(BadRecord::Truncated));
    assert_eq!(read_all(&[1, 0, 0]), Ok(Vec::new()));
}

#[test]
fn the_layout_of_a_job_does_not_change() {
    let (admitted, expected) = known_job();
    let mut record = Vec::new();
    encode_job(&admitted, &mut record);
    assert_eq!(record, expected);
}

#[test]
fn the_layout_of_a_job_with_a_trace_does_not_change() {
    let (mut admitted, mut expected) = known_job();
    let span = TraceParent::begun_by(JobId::from_bytes([9; 16]));
    Arc::make_mut(&mut admitted.spec).traceparent = Some(Box::new(span));
    let (flags, content_type) = (1 + 16 + 1 + 1 + 2, expected.len() - 4);
    expected[flags] |= 0b100_0000;
    let bytes = span.to_bytes();
    expected.splice(content_type..content_type, bytes);
    let mut record = Vec::new();
    encode_job(&admitted, &mut record);
    assert_eq!(record, expected);
    // No trace is all zeros.
    record[content_type..content_type + 16].fill(0);
    let refused = decode_job(1, &record, &mut Names::default());
    assert_eq!(refused, Err(BadRecord::TraceParent));
}

#[test]
fn the_layout_of_a_letter_does_not_change() {
    let (job, record_of_job) = known_job();
    let (code, message) = (FailCode::of_worker("dry".to_owned()), "no".into());
    let letter = DeadLetter { job, failed_ms: 129, code, message, runs: 3, failures: 2, losses: 1 };
    let mut record = Vec::new();
    encode_letter(&letter, &mut record);
    let mut expected = vec![1, 0x81, 1, 3, 2, 1, 3, b'd', b'r', b'y', 2, b'n', b'o'];
    expected.extend(record_of_job);
    assert_eq!(record, expected);
}

#[test]
fn the_layout_of_small_records_does_not_change() {
    let counts = Counts { runs: 3, failures: 2, losses: 1, not_before_ms: 129 };
    assert_eq!(small::encode_counts(&counts), [1, 3, 2, 1, 0x81, 1]);
    let session = Session { session: 9, client: 129, secret_hash: [7; 32] };
    assert_eq!(small::encode_session(&session), [&[1, 0x81, 1][..], &[7; 32]].concat());
    let (done, failed, cancelled, name) = (4, 1, 2, Arc::from("ab"));
    let tally =
        Tally { client: 9, name, began_ms: 129, done, failed, cancelled, sessions: vec![5] };
    assert_eq!(small::encode_tally(&tally), [1, 0x81, 1, 4, 1, 2, 5]);
    let Tally { name, .. } = tally;
    let end = BatchEnd { session: 9, seq: 8, name, done, failed, cancelled, elapsed_ms: 129 };
    assert_eq!(small::encode_end(&end), [1, 4, 1, 2, 0x81, 1, 2, b'a', b'b']);
}
