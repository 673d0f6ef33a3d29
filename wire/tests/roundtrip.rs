//! What is written is read as the same, and no bytes make a decoder panic.

mod roundtrip {
    mod properties;
    mod strategies;
}
