//! What is written is read as the same, however it is cut, and no bytes make a decoder panic.

mod frames {
    mod batches;
    mod bytes;
    mod cuts;
    mod memory;
    mod roundtrips;
    mod strategies;
    mod vectors;
    #[path = "../../../wire/tests/roundtrip/strategies.rs"]
    #[allow(dead_code, reason = "messages that no link carries are among them")]
    mod wire;
}
