//! What every case looks at: each message of the client, held against the rules.

use std::collections::HashSet;

use acequia_wire::client::{Encoding, HelloOp, Op, Submit};
use acequia_wire::limits::OPS_PER_MESSAGE_MAX;
use acequia_wire::{CorrelationId, Limits};
use bytes::Bytes;

use crate::findings::Findings;

/// The rules that are looked at in each case.
pub(crate) const WATCHED: &[&str] = &["C3", "C8", "C14", "C15", "C17", "C18", "C22", "C24"];

/// Integers beyond are not those of JavaScript and others.
const EXACT_MAX: u64 = 1 << 53;

/// What was said on both sides.
pub(crate) struct Book {
    pub(crate) findings: Findings,
    /// What `welcome` says.
    pub(crate) limits: Limits,
    /// Every `submit`, in order, with the connection on which it came.
    pub(crate) submits: Vec<(usize, Submit)>,
    /// Every `hello`, in the same way.
    pub(crate) hellos: Vec<(usize, HelloOp)>,
    /// How many messages had a `submit`.
    pub(crate) submit_messages: usize,
    /// The highest number of an event that was sent.
    pub(crate) seq: u64,
    live: HashSet<CorrelationId>,
    has_op: bool,
}

impl Book {
    pub(crate) fn new(findings: Findings) -> Self {
        Self {
            findings,
            limits: Limits::default(),
            submits: Vec::new(),
            hellos: Vec::new(),
            submit_messages: 0,
            seq: 0,
            live: HashSet::new(),
            has_op: false,
        }
    }

    /// A connection begins. What was live may be submitted again.
    pub(crate) fn connected(&mut self) {
        self.live.clear();
        self.has_op = false;
    }

    /// No more of a job comes.
    pub(crate) fn ended(&mut self, id: &CorrelationId) {
        self.live.remove(id);
    }

    /// A message of the client; the ops that it holds.
    pub(crate) fn heard(
        &mut self,
        conn: usize,
        encoding: Encoding,
        bytes: &Bytes,
        is_text: bool,
    ) -> Vec<Op> {
        self.note(encoding, bytes);
        if is_text != (encoding == Encoding::Json) {
            let kind = if is_text { "a text message" } else { "a binary message" };
            self.findings.broke("C8", format!("{kind} in a session of {}", encoding.subprotocol()));
            return Vec::new();
        }
        if bytes.len() > self.limits.message_bytes {
            let came = format!(
                "a message of {} bytes; `message_bytes` is {}",
                bytes.len(),
                self.limits.message_bytes
            );
            self.findings.broke("C3", came);
        }
        let mut decoded = Vec::new();
        Op::decode(encoding, bytes, &Limits::default(), &mut decoded);
        if decoded.len() > OPS_PER_MESSAGE_MAX {
            self.findings.broke("C3", format!("a message of {} ops", decoded.len()));
        }
        let mut ops = Vec::new();
        for op in decoded {
            match op {
                Ok(op) => {
                    self.look(conn, &op);
                    ops.push(op);
                }
                Err(refusal) => {
                    let rule = if refusal.message.contains("twice") { "C15" } else { "C14" };
                    self.findings.broke(rule, format!("an op that the server refuses: {refusal}"));
                }
            }
        }
        self.submit_messages += usize::from(ops.iter().any(|op| matches!(op, Op::Submit(_))));
        ops
    }

    fn look(&mut self, conn: usize, op: &Op) {
        match op {
            Op::Submit(submit) => {
                if !self.live.insert(submit.id.clone()) {
                    self.findings
                        .broke("C17", format!("a submit with the id {} of a live job", submit.id));
                }
                if let CorrelationId::Int(id) = submit.id
                    && id.unsigned_abs() > EXACT_MAX
                {
                    self.findings.broke("C18", format!("the id {id}, beyond 2^53"));
                }
                self.submits.push((conn, submit.clone()));
            }
            Op::Hello(hello) => {
                if self.has_op && hello.resume.is_some() {
                    self.findings.broke(
                        "C22",
                        "a `hello` with `resume` that is not the first op of its connection",
                    );
                }
                self.hellos.push((conn, hello.clone()));
            }
            Op::Ack { seq } if *seq > self.seq => {
                let came =
                    format!("an ack of {seq}; the highest number that was sent is {}", self.seq);
                self.findings.broke("C24", came);
            }
            _ => {}
        }
        self.has_op = true;
    }

    fn note(&mut self, encoding: Encoding, bytes: &Bytes) {
        const SHOWN: usize = 400;
        let text = match encoding {
            Encoding::Json => String::from_utf8_lossy(bytes).into_owned(),
            Encoding::MsgPack => rmp_serde::from_slice::<serde_json::Value>(bytes)
                .map_or_else(|_| format!("{} bytes", bytes.len()), |value| value.to_string()),
        };
        let shown: String = text.chars().take(SHOWN).collect();
        let more = if shown.len() < text.len() { " …" } else { "" };
        self.findings.note(format!("C {shown}{more}"));
    }
}
