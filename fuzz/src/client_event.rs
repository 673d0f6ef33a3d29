//! Events, as a client reads them. The first byte picks the encoding.

use acequia_wire::client::{Encoding, Event};
use bytes::Bytes;

/// Checks what is said of an input in README.md.
pub fn check(data: &[u8]) {
    let Some((first, message)) = data.split_first() else { return };
    let encoding = Encoding::ALL[usize::from(first & 1)];
    let Ok((event, seq)) = Event::decode(encoding, &Bytes::copy_from_slice(message)) else {
        return;
    };
    // `welcome` and `bye` are about the connection and are written without one.
    let seq = seq.filter(|_| !matches!(event, Event::Welcome(_) | Event::Bye { .. }));
    let encoded = match encoding {
        Encoding::Json => {
            let mut out = String::new();
            event.encode_json(seq, &mut out);
            out.into()
        }
        Encoding::MsgPack => event.encode_msgpack(seq).into(),
    };
    assert_eq!(Event::decode(encoding, &encoded).expect("an event"), (event, seq));
}
