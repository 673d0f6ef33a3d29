//! What a scripted server says: messages with any head that MessagePack can write.

use acequia_wire::JobId;
use bytes::Bytes;
use rmp::encode;

/// A message, of four frames.
#[derive(Clone, Debug)]
pub(crate) struct Say {
    kind: &'static str,
    id: [u8; 16],
    head: Bytes,
    /// The head, as people write it.
    shown: String,
    body: Bytes,
}

/// A value of a head.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Nil,
    Int(u64),
    Text(String),
    Bytes(Vec<u8>),
    Map(Vec<(&'static str, Self)>),
}

/// Keys of a head, in order.
pub(crate) type Head = Vec<(&'static str, Value)>;

impl Say {
    pub(crate) fn new(kind: &'static str, id: [u8; 16], head: Head) -> Self {
        let shown = shown_pairs(&head);
        Self { kind, id, head: written(&Value::Map(head)).into(), shown, body: Bytes::new() }
    }

    /// With a body, whether or not its kind has a use for it.
    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// With a head that need not be a map.
    pub(crate) fn raw_head(mut self, head: Value) -> Self {
        self.shown = format!("a head that is {}", shown(&head));
        self.head = written(&head).into();
        self
    }

    pub(crate) fn cancel(job: JobId) -> Self {
        Self::new("cancel", *job.as_bytes(), Vec::new())
    }

    pub(crate) fn id(&self) -> [u8; 16] {
        self.id
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Its head and body, for a line of the conversation.
    pub(crate) fn shown(&self) -> String {
        let head =
            if self.shown.is_empty() { String::new() } else { format!(" {{{}}}", self.shown) };
        let body = match self.body.len() {
            0 => String::new(),
            1..=60 => format!(" {}", String::from_utf8_lossy(&self.body)),
            len => format!(" {len} bytes"),
        };
        head + &body
    }

    pub(crate) fn frames(&self) -> [Bytes; 4] {
        let id = Bytes::copy_from_slice(&self.id);
        [Bytes::from_static(self.kind.as_bytes()), id, self.head.clone(), self.body.clone()]
    }
}

/// Text as a value.
pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn written(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, value);
    out
}

fn write(out: &mut Vec<u8>, value: &Value) {
    let len = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    // A vector takes all that is written to it.
    match value {
        Value::Nil => _ = encode::write_nil(out),
        Value::Int(n) => _ = encode::write_uint(out, *n),
        Value::Text(text) => _ = encode::write_str(out, text),
        Value::Bytes(bytes) => _ = encode::write_bin(out, bytes),
        Value::Map(pairs) => _ = encode::write_map_len(out, len(pairs.len())),
    }
    if let Value::Map(pairs) = value {
        for (key, value) in pairs {
            write(out, &text(key));
            write(out, value);
        }
    }
}

fn shown_pairs(pairs: &[(&'static str, Value)]) -> String {
    let pairs = pairs.iter().map(|(key, value)| format!("{key}: {}", shown(value)));
    pairs.collect::<Vec<_>>().join(", ")
}

fn shown(value: &Value) -> String {
    match value {
        Value::Nil => "nil".to_owned(),
        Value::Int(n) => n.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::Map(pairs) => format!("{{{}}}", shown_pairs(pairs)),
    }
}
