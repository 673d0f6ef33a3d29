//! The protocol documents say what the types say: every kind, op, event, key, code, close code and
//! limit stands in its table, with its value, and no table has another. The conversations in them
//! are run through the codecs.

mod documents {
    mod client;
    mod common;
    mod markdown;
    mod worker;
}
