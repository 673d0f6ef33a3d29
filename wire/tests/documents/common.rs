//! What both documents speak of: limits and failure codes.

use acequia_wire::code::ServerFailCode;
use acequia_wire::limits;

use super::markdown::{Document, has_number};

/// The names and values of the constants, as a list that `limits.rs` itself is held against.
macro_rules! constants {
    ($($name:ident)*) => { [$((stringify!($name), limits::$name as u64)),*] };
}

const LIMITS: [(&str, u64); 36] = constants! {
    PAYLOAD_BYTES_MAX RESULT_BYTES_MAX MESSAGE_BYTES_MAX OPS_PER_MESSAGE_MAX NESTING_MAX
    CORRELATION_ID_BYTES_MAX KEY_BYTES_MAX QUEUE_NAME_BYTES_MAX TOPIC_BYTES_MAX
    CONTENT_TYPE_BYTES_MAX PRIORITY_MAX PRIORITY_DEFAULT ATTEMPTS_MAX DURATION_MS_MAX
    CLIENT_JOBS_MAX WAITING_JOBS_MAX PAYLOADS_BYTES_MAX QUEUES_MAX SESSIONS_MAX QUEUE_JOBS_MAX
    ADDRESS_CONNECTIONS_MAX OPS_PER_S_MAX HANDSHAKE_S_MAX IDLE_S_MAX
    TOPICS_PER_SESSION_MAX MAILBOX_EVENTS_MAX MAILBOX_BYTES_MAX SLOTS_MAX PACK_MAX
    QUEUES_PER_WORKER_MAX WORKER_NAME_BYTES_MAX HEAD_BYTES_MAX TEXT_BYTES_MAX FAIL_CODE_BYTES_MAX
    LOSSES_MAX WATCHERS_MAX
};

/// The names of the constants of a type, in source text.
pub(crate) fn constants_in<'a>(source: &'a str, indent: &str) -> Vec<(&'a str, &'a str)> {
    let prefix = format!("{indent}pub const ");
    let lines = source.lines().filter_map(|line| line.strip_prefix(&prefix));
    lines
        .map(|line| {
            let (name, rest) = line.split_once(':').expect("a constant has a type");
            let (_, value) = rest.split_once('=').expect("a constant has a value");
            (name, value.trim().trim_end_matches(';'))
        })
        .collect()
}

#[test]
fn every_limit_stands_in_a_document_with_its_value() {
    let documents = ["worker-protocol.md", "client-protocol.md"].map(Document::read);
    let source = constants_in(include_str!("../../src/limits.rs"), "");
    assert!(source.len() >= 30);
    for (name, _) in &source {
        assert!(LIMITS.iter().any(|(known, _)| known == name), "add {name} to this test");
    }
    for (name, value) in LIMITS {
        let row = name.to_lowercase();
        let mut found = false;
        for table in documents.iter().flat_map(|document| document.tables_of("limit")) {
            if table.names().contains(&row) {
                let cell = table.cell(&row, "value");
                assert!(has_number(cell, value), "{row} is {value}, the document says {cell}");
                found = true;
            }
        }
        assert!(found, "no document has the limit {row}");
    }
    for table in documents.iter().flat_map(|document| document.tables_of("limit")) {
        for name in table.names() {
            let constant = name.to_uppercase();
            assert!(LIMITS.iter().any(|(known, _)| *known == constant), "{name} is no limit");
        }
    }
}

#[test]
fn the_servers_failure_codes_stand_in_both_documents() {
    let codes: Vec<_> = ServerFailCode::ALL.iter().map(|code| code.as_str()).collect();
    let worker = Document::read("worker-protocol.md");
    assert_eq!(worker.table(&["Codes"], "code").names(), codes);
    let client = Document::read("client-protocol.md");
    assert_eq!(client.table(&["Codes of `failed` and `retrying`"], "code").names(), codes);
}
