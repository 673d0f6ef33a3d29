//! The properties themselves.

use acequia_wire::client::{Encoding, Event, OnDisconnect, Op, Submit};
use acequia_wire::limits::PRIORITY_DEFAULT;
use acequia_wire::worker::{About, FromWorker, Packer, ToWorker};
use acequia_wire::{JobId, Limits, QueueName};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::strategies::{
    encodings, events, from_worker, jobs, json, octets, of_json, ops, submits, to_worker,
};

/// Packs `messages` in groups of at most `sizes` and calls `decode` with each group's frames.
fn packed<T: Clone>(
    messages: &[T],
    sizes: &[usize],
    encode: fn(T, &mut Packer),
    mut decode: impl FnMut(std::vec::IntoIter<Bytes>),
) {
    let (mut rest, mut sizes, mut packer) = (messages, sizes.iter().cycle(), Packer::default());
    while !rest.is_empty() {
        let (group, after) = rest.split_at(rest.len().min(*sizes.next().expect("endless")));
        group.iter().cloned().for_each(|message| encode(message, &mut packer));
        assert_eq!(packer.messages(), group.len());
        decode(packer.finish().into_iter());
        rest = after;
    }
}

fn decode_ops(encoding: Encoding, message: impl Into<Bytes>) -> Vec<Result<Op, String>> {
    let mut out = Vec::new();
    Op::decode(encoding, &message.into(), &Limits::default(), &mut out);
    out.into_iter().map(|op| op.map_err(|refusal| refusal.to_string())).collect()
}

fn encode_event(event: &Event, seq: Option<u64>, encoding: Encoding) -> Bytes {
    match encoding {
        Encoding::Json => {
            let mut out = String::new();
            event.encode_json(seq, &mut out);
            out.into()
        }
        Encoding::MsgPack => event.encode_msgpack(seq).into(),
    }
}

/// An array of the messages, each encoded.
fn array_of(encoding: Encoding, messages: &[Vec<u8>]) -> Vec<u8> {
    match encoding {
        Encoding::Json => [&b"["[..], &messages.join(&b','), b"]"].concat(),
        Encoding::MsgPack => {
            let len = u16::try_from(messages.len()).expect("few");
            [&[0xdc], &len.to_be_bytes()[..], &messages.concat()].concat()
        }
    }
}

/// Bytes that come near the protocol: a good message with a part of it put elsewhere.
fn mangled(good: Vec<u8>, at: prop::sample::Index, cut: usize, put: &[u8]) -> Vec<u8> {
    let at = at.index(good.len() + 1);
    let end = good.len().min(at + cut);
    [&good[..at], put, &good[end..]].concat()
}

/// What fails once is kept as a golden vector, in place of a file of seeds.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn ops_come_back((encoding, ops) in encodings().prop_flat_map(|encoding| {
        (Just(encoding), vec(ops(encoding), 0..8))
    })) {
        let encoded: Vec<_> = ops.iter().map(|op| op.encode(encoding)).collect();
        for (op, encoded) in ops.iter().zip(&encoded) {
            prop_assert_eq!(decode_ops(encoding, encoded.clone()), vec![Ok(op.clone())]);
        }
        let expected: Vec<_> = ops.into_iter().map(Ok).collect();
        prop_assert_eq!(decode_ops(encoding, array_of(encoding, &encoded)), expected);
    }

    #[test]
    fn a_bad_value_of_a_submit_is_refused_with_its_id(
        (encoding, submit) in encodings().prop_flat_map(|encoding| (Just(encoding), submits(encoding))),
        key in prop::sample::select(&[
            "queue", "priority", "delay_ms", "timeout_ms", "ttl_ms", "attempts", "key",
            "on_disconnect", "batch", "traceparent",
        ]),
        first in any::<bool>(),
    ) {
        // An array fits none of them.
        let op = Op::Submit(Submit {
            queue: QueueName::default(), priority: PRIORITY_DEFAULT, delay_ms: 0, timeout_ms: None,
            ttl_ms: None, attempts: 1, key: None, on_disconnect: OnDisconnect::Keep, batch: None,
            traceparent: None, ..submit.clone()
        });
        let good = op.encode(encoding);
        let message = match encoding {
            Encoding::Json => {
                let inner = std::str::from_utf8(&good[1..good.len() - 1]).expect("JSON");
                let bad = format!("\"{key}\":[]");
                if first { format!("{{{bad},{inner}}}") } else { format!("{{{inner},{bad}}}") }
                    .into_bytes()
            }
            Encoding::MsgPack => {
                let bad = [rmp_serde::to_vec(key).expect("text"), vec![0x90]].concat();
                let head = vec![good[0] + 1];
                if first {
                    [head, bad, good[1..].to_vec()].concat()
                } else {
                    [head, good[1..].to_vec(), bad].concat()
                }
            }
        };
        let mut decoded = Vec::new();
        Op::decode(encoding, &message.into(), &Limits::default(), &mut decoded);
        let refusal = decoded.remove(0).expect_err("refused");
        prop_assert_eq!(refusal.id, Some(submit.id));
        prop_assert!(refusal.submit);
        prop_assert!(refusal.message.starts_with(&format!("`{key}` must be ")), "{}", refusal.message);
    }

    #[test]
    fn a_bad_op_disturbs_no_other(
        (encoding, ops) in encodings().prop_flat_map(|encoding| {
            (Just(encoding), vec(ops(encoding), 0..4))
        }),
        bad in json().prop_filter("an op by chance", |value| value.get("op").is_none()),
        at in any::<prop::sample::Index>(),
    ) {
        let at = at.index(ops.len() + 1);
        let mut encoded: Vec<_> = ops.iter().map(|op| op.encode(encoding)).collect();
        encoded.insert(at, match encoding {
            Encoding::Json => bad.to_string().into_bytes(),
            Encoding::MsgPack => rmp_serde::to_vec(&bad).expect("MessagePack"),
        });
        let mut decoded = decode_ops(encoding, array_of(encoding, &encoded));
        prop_assert!(decoded.remove(at).is_err());
        let expected: Vec<_> = ops.into_iter().map(Ok).collect();
        prop_assert_eq!(decoded, expected);
    }

    #[test]
    fn events_come_back((encoding, (event, seq)) in encodings().prop_flat_map(|encoding| {
        (Just(encoding), events(encoding))
    })) {
        let encoded = encode_event(&event, seq, encoding);
        let decoded = Event::decode(encoding, &encoded);
        // A JSON result that spells `$base64` itself is read as bytes; the document says so.
        prop_assume!(!encoded.windows(9).any(|part| part == b"\"$base64\"")
            || event.payload_len() == 0
            || matches!(decoded, Ok((ref decoded, _)) if *decoded == event));
        prop_assert_eq!(decoded.expect("an event"), (event, seq));
    }

    #[test]
    fn events_are_good_json(
        (event, seq) in prop_oneof![events(Encoding::Json), events(Encoding::MsgPack)],
    ) {
        let mut out = String::new();
        event.encode_json(seq, &mut out);
        let value: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        prop_assert!(value["ev"].is_string());
        prop_assert_eq!(value["seq"].as_u64(), seq);
    }

    #[test]
    fn a_payload_of_json_is_the_same_value_in_msgpack(value in json()) {
        let event = Event::Message { topic: "t".into(), data: of_json(&value) };
        let encoded = event.encode_msgpack(None);
        let decoded: serde_json::Value = rmp_serde::from_slice(&encoded).expect("MessagePack");
        prop_assert_eq!(&decoded["data"], &value);
    }

    #[test]
    fn messages_of_workers_come_back(
        messages in vec(from_worker(), 1..24),
        sizes in vec(1..8_usize, 1..8),
    ) {
        let mut decoded = Vec::new();
        packed(&messages, &sizes, FromWorker::encode, |frames| {
            FromWorker::decode(frames, &mut decoded).expect("what was written is understood");
        });
        prop_assert_eq!(decoded, messages.into_iter().map(Ok).collect::<Vec<_>>());
    }

    #[test]
    fn a_bad_message_about_a_job_disturbs_no_other(
        messages in vec(from_worker(), 0..8),
        at in any::<prop::sample::Index>(),
        job in jobs(),
        kind in prop::sample::select(&["progress", "chunk", "done", "fail", "failed", "DONE", ""]),
        head in vec(any::<u8>(), 0..40),
    ) {
        let at = at.index(messages.len() + 1);
        let mut packer = Packer::default();
        messages.iter().cloned().for_each(|message| message.encode(&mut packer));
        let mut frames = packer.finish();
        let odd = [kind.as_bytes(), job.as_bytes(), &head, b"1"].map(Bytes::copy_from_slice);
        frames.splice(4 * at..4 * at, odd);
        let mut decoded = Vec::new();
        prop_assert_eq!(FromWorker::decode(frames.into_iter(), &mut decoded), Ok(()));
        if let Err(bad) = decoded.remove(at) {
            let About::Job { job: named, .. } = bad.about else { panic!("about no job") };
            prop_assert_eq!(named, job);
            prop_assert!(bad.why.len() <= 512);
        }
        prop_assert_eq!(decoded, messages.into_iter().map(Ok).collect::<Vec<_>>());
    }

    #[test]
    fn frames_that_cannot_be_told_apart_name_their_jobs(
        named in vec(jobs(), 1..8),
        missing in 1..4_usize,
    ) {
        let four = |job: &JobId| [b"done", &job.as_bytes()[..], b"", b"1"].map(Bytes::copy_from_slice);
        let mut frames: Vec<_> = named.iter().flat_map(four).collect();
        // The last one has its kind and its id, or nothing at all.
        frames.extend(four(&named[0]).into_iter().take(4 - missing));
        prop_assume!(frames.len() > 4 && frames.len() % 4 != 0);
        let mut decoded = Vec::new();
        prop_assert_eq!(FromWorker::decode(frames.into_iter(), &mut decoded), Ok(()));
        for (said, job) in decoded.iter().zip(&named) {
            let bad = said.as_ref().expect_err("nothing is understood");
            prop_assert_eq!(bad.about, About::Job { job: *job, last: true });
        }
        prop_assert!(decoded.len() >= named.len());
    }

    #[test]
    fn messages_to_workers_come_back(
        messages in vec(to_worker(), 1..24),
        sizes in vec(1..8_usize, 1..8),
    ) {
        let mut decoded = Vec::new();
        packed(&messages, &sizes, ToWorker::encode, |frames| {
            ToWorker::decode(frames, &mut decoded).expect("what was written is understood");
        });
        prop_assert_eq!(decoded, messages);
    }

    #[test]
    fn no_bytes_of_a_client_panic(
        encoding in encodings(),
        message in vec(any::<u8>(), 0..400),
    ) {
        decode_ops(encoding, message.clone());
        let _ = Event::decode(encoding, &message.into());
    }

    #[test]
    fn no_mangled_message_of_a_client_panics(
        (encoding, op, (event, seq)) in encodings().prop_flat_map(|encoding| {
            (Just(encoding), ops(encoding), events(encoding))
        }),
        at in any::<prop::sample::Index>(),
        cut in 0..8_usize,
        put in vec(any::<u8>(), 0..8),
    ) {
        decode_ops(encoding, mangled(op.encode(encoding), at, cut, &put));
        let event = mangled(encode_event(&event, seq, encoding).into(), at, cut, &put);
        let _ = Event::decode(encoding, &event.into());
    }

    #[test]
    fn no_frames_panic(
        kind in prop::sample::select(&[
            "ready", "progress", "chunk", "done", "fail", "beat", "publish", "bye", "hello", "job",
            "cancel",
        ]),
        head in vec(any::<u8>(), 0..100),
        mut frames in vec(octets(), 0..10),
    ) {
        let _ = FromWorker::decode(frames.clone().into_iter(), &mut Vec::new());
        let _ = ToWorker::decode(frames.clone().into_iter(), &mut Vec::new());
        frames.truncate(1);
        let known = [Bytes::from_static(kind.as_bytes()), Bytes::from_static(&[7; 16]), head.into()];
        let frames: Vec<_> = known.into_iter().chain(frames).collect();
        let _ = FromWorker::decode(frames.clone().into_iter(), &mut Vec::new());
        let _ = ToWorker::decode(frames.into_iter(), &mut Vec::new());
    }

    #[test]
    fn no_mangled_head_panics(
        message in from_worker(),
        to_worker in to_worker(),
        at in any::<prop::sample::Index>(),
        cut in 0..8_usize,
        put in vec(any::<u8>(), 0..8),
    ) {
        let mut packer = Packer::default();
        message.encode(&mut packer);
        let mut frames = packer.finish();
        frames[2] = mangled(frames[2].to_vec(), at, cut, &put).into();
        let _ = FromWorker::decode(frames.into_iter(), &mut Vec::new());
        to_worker.encode(&mut packer);
        let mut frames = packer.finish();
        frames[2] = mangled(frames[2].to_vec(), at, cut, &put).into();
        let _ = ToWorker::decode(frames.into_iter(), &mut Vec::new());
    }
}
