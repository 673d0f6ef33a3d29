//! Messages of clients. The first byte picks the encoding.

use acequia_wire::Limits;
use acequia_wire::client::{Encoding, Event, Op};
use bytes::Bytes;

/// The most bytes of a refusal's message: a hostile client must not choose what it costs.
const REFUSAL_BYTES_MAX: usize = 1024;

/// Checks what is said of an input in README.md.
pub fn check(data: &[u8]) {
    let Some((first, message)) = data.split_first() else { return };
    let encoding = Encoding::ALL[usize::from(first & 1)];
    let limits = Limits::default();
    let mut ops = Vec::new();
    Op::decode(encoding, &Bytes::copy_from_slice(message), &limits, &mut ops);
    for op in ops {
        match op {
            Ok(op) => {
                let mut again = Vec::new();
                Op::decode(encoding, &op.encode(encoding).into(), &limits, &mut again);
                assert_eq!(again, [Ok(op)]);
            }
            Err(refusal) => {
                assert!(refusal.message.len() <= REFUSAL_BYTES_MAX, "{}", refusal.message);
                let mut event = String::new();
                Event::from(refusal).encode_json(None, &mut event);
                assert!(serde_json::from_str::<serde_json::Value>(&event).is_ok(), "{event}");
            }
        }
    }
}
