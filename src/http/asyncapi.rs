//! The document that describes the WebSocket protocol for programs: its ops and events, each a message
//! with its keys. `docs/client-protocol.md` says what they mean.

use std::sync::LazyLock;

use acequia_wire::client::{Encoding, OP_NAMES, OpKey};
use acequia_wire::code::RejectCode;
use acequia_wire::limits::{OPS_PER_MESSAGE_MAX, TOPIC_BYTES_MAX};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

use crate::schema;

/// It is written once, when it is first asked for.
static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());

/// The message that holds many ops.
const MANY: &str = "many";

pub(super) async fn read() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}

fn document() -> Value {
    let ops: Vec<Value> = OP_NAMES.iter().map(|name| op(name)).collect();
    let each = OP_NAMES
        .iter()
        .map(|name| json!({ "$ref": format!("#/components/messages/{name}/payload") }));
    let many = json!({
        "name": MANY,
        "summary": "Several ops in one message, handled in order",
        "payload": {
            "type": "array",
            "maxItems": OPS_PER_MESSAGE_MAX,
            "items": { "oneOf": each.collect::<Vec<_>>() },
        },
    });
    let asked: Vec<Value> = ops.into_iter().chain([many]).collect();
    let told: Vec<Value> = EVENTS.iter().map(Event::message).collect();
    let operation = |action, summary, messages: &[Value]| {
        let messages = named(messages, |name| format!("#/channels/session/messages/{name}"));
        let messages: Vec<Value> = messages.into_iter().map(|(_, reference)| reference).collect();
        json!({
            "action": action,
            "summary": summary,
            "channel": { "$ref": "#/channels/session" },
            "messages": messages,
        })
    };
    let all: Vec<Value> = [&asked[..], &told[..]].concat();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Acequia jobs over WebSocket",
            "version": "1",
            "description": "What clients and the server say to each other; docs/client-protocol.md says more.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "session": {
                "address": "/v1/ws",
                "summary": "A session; the subprotocol picks the encoding of both directions",
                "messages": Map::from_iter(named(&all, |name| format!("#/components/messages/{name}"))),
                "bindings": { "ws": {
                    "method": "GET",
                    "headers": { "type": "object", "properties": { "Sec-WebSocket-Protocol": {
                        "type": "string",
                        "description": "JSON in text frames where none is given",
                        "enum": Encoding::ALL.map(Encoding::subprotocol),
                    } } },
                } },
            },
        },
        "operations": {
            "ask": operation("receive", "Ops, which clients send", &asked),
            "tell": operation("send", "Events, which the server sends", &told),
        },
        "components": { "messages": by_name(all) },
    })
}

/// A reference to each of the messages.
fn named(messages: &[Value], place: impl Fn(&str) -> String) -> Vec<(String, Value)> {
    let names = messages.iter().filter_map(|message| message["name"].as_str());
    names.map(|name| (name.to_owned(), json!({ "$ref": place(name) }))).collect()
}

fn by_name(messages: Vec<Value>) -> Map<String, Value> {
    let name = |message: &Value| message["name"].as_str().unwrap_or_default().to_owned();
    messages.into_iter().map(|message| (name(&message), message)).collect()
}

/// An op, with the keys that the decoder has for it.
fn op(name: &'static str) -> Value {
    let keys = OpKey::ALL.iter().filter(|key| key.ops().contains(&name));
    let keys = keys.map(|key| match key {
        OpKey::Op => ("op".to_owned(), json!({ "const": name })),
        key => (key.as_str().to_owned(), of_key(*key)),
    });
    let (summary, required): (_, &[&str]) = match name {
        "hello" => ("Who the client is, and whether its session can be resumed", &[]),
        "submit" => ("A job", &["id", "payload"]),
        "cancel" => ("The outcome of this job is no longer wanted", &["id"]),
        "watch" => ("What becomes of a job or a batch that is there already", &["id"]),
        "ack" => ("All events up to this one may be forgotten", &["seq"]),
        "subscribe" => ("Messages on this topic, please", &["topic"]),
        "unsubscribe" => ("No more messages on this topic", &["topic"]),
        _ => ("", &[]),
    };
    let required: Vec<&str> = ["op"].iter().chain(required).copied().collect();
    let mut payload = json!({
        "type": "object",
        "properties": Map::from_iter(keys),
        "required": required,
        "additionalProperties": false,
    });
    if name == "watch" {
        payload["oneOf"] = json!([{ "required": ["job"] }, { "required": ["batch"] }]);
    }
    json!({ "name": name, "summary": summary, "payload": payload })
}

/// What an op may have under a key.
fn of_key(key: OpKey) -> Value {
    match key {
        OpKey::Op => json!({ "enum": OP_NAMES }),
        OpKey::Id => of::<schema::CorrelationId>(),
        OpKey::Job => of::<schema::JobId>(),
        OpKey::Payload => json!({ "description": "What the worker gets: anything" }),
        OpKey::Queue => of::<schema::QueueName>(),
        OpKey::Priority => of::<schema::Priority>(),
        OpKey::DelayMs => of::<schema::DelayMs>(),
        OpKey::TimeoutMs | OpKey::TtlMs => of::<schema::DurationMs>(),
        OpKey::Attempts => of::<schema::Attempts>(),
        OpKey::Idempotency | OpKey::Batch => of::<schema::Name>(),
        OpKey::OnDisconnect => of::<schema::OnDisconnect>(),
        OpKey::TraceParent => of::<schema::TraceParent>(),
        OpKey::Seq | OpKey::Last => of::<schema::Number>(),
        OpKey::Topic => json!({ "type": "string", "minLength": 1, "maxLength": TOPIC_BYTES_MAX }),
        OpKey::Token => json!({ "type": "string", "description": "A JSON Web Token" }),
        OpKey::Resume => json!({
            "description": "Whether it can be resumed; or the secret of the one to go on with",
            "type": ["boolean", "string"],
        }),
    }
}

fn of<T: PartialSchema>() -> Value {
    // It is a map with texts for keys, which is always written.
    serde_json::to_value(T::schema()).unwrap_or_default()
}

/// An event. Whoever reads it ignores keys that it does not know.
struct Event {
    name: &'static str,
    summary: &'static str,
    keys: &'static [Told],
    optional: &'static [Told],
    /// Whether it is counted in a session that can be resumed.
    is_counted: bool,
}

/// A key of an event, and what is under it.
type Told = (&'static str, fn() -> Value);

const ID: Told = ("id", of::<schema::CorrelationId>);
const JOB: Told = ("job", of::<schema::JobId>);
const TRACE: Told = ("traceparent", of::<schema::TraceParent>);
const MESSAGE: Told = ("message", text);
const REFUSED: Told = (
    "code",
    || json!({ "enum": Vec::from_iter(RejectCode::ALL.iter().map(|code| code.as_str())) }),
);
const ATTEMPT: Told = ("attempt", of::<schema::Number32>);
/// One of the server's, or a worker's own.
const FAILED: Told = ("code", text);

fn text() -> Value {
    json!({ "type": "string" })
}

fn anything() -> Value {
    json!({ "description": "Anything; bytes in JSON are a map with the key `$base64` alone" })
}

const fn event(
    name: &'static str,
    summary: &'static str,
    keys: &'static [Told],
    optional: &'static [Told],
) -> Event {
    Event { name, summary, keys, optional, is_counted: true }
}

const fn uncounted(event: Event) -> Event {
    Event { is_counted: false, ..event }
}

const EVENTS: &[Event] = &[
    uncounted(event(
        "welcome",
        "The answer to hello",
        &[("resumed", || json!({ "type": "boolean" })), ("limits", of::<schema::Limits>)],
        &[("session", text)],
    )),
    event("accepted", "The job is taken", &[ID, JOB], &[TRACE]),
    event(
        "rejected",
        "The job was not taken",
        &[ID, REFUSED, MESSAGE],
        &[("retry_after_ms", of::<schema::Number32>)],
    ),
    event("started", "A run has begun", &[ID, JOB, ATTEMPT, ("worker", text)], &[]),
    event(
        "progress",
        "How far the run is",
        &[ID, JOB],
        &[
            ("done", || json!({ "type": "number" })),
            ("total", || json!({ "type": "number" })),
            ("note", text),
        ],
    ),
    event(
        "chunk",
        "A part of the result",
        &[ID, JOB, ("n", of::<schema::Number32>), ("data", anything)],
        &[],
    ),
    event(
        "retrying",
        "A run ended without a result, and another follows",
        &[ID, JOB, ATTEMPT, FAILED, MESSAGE, ("in_ms", of::<schema::Number>)],
        &[],
    ),
    event("done", "Outcome: the result", &[ID, JOB, ("result", anything)], &[TRACE]),
    event("failed", "Outcome: no result", &[ID, JOB, FAILED, MESSAGE, ATTEMPT], &[TRACE]),
    event("cancelled", "Outcome: it was not wanted any more", &[ID, JOB], &[TRACE]),
    event(
        "batch",
        "The last live job of a batch has ended",
        &[
            ("batch", text),
            ("jobs", of::<schema::Number>),
            ("done", of::<schema::Number>),
            ("failed", of::<schema::Number>),
            ("cancelled", of::<schema::Number>),
            ("elapsed_ms", of::<schema::Number>),
        ],
        &[],
    ),
    event("message", "Somebody published on a topic", &[("topic", text), ("data", anything)], &[]),
    event(
        "gap",
        "Events that could not be kept for this client",
        &[("missed", of::<schema::Number>)],
        &[ID, JOB],
    ),
    event("error", "An op was not understood, or could not be done", &[REFUSED, MESSAGE], &[ID]),
    uncounted(event(
        "bye",
        "The server closes this connection",
        &[
            ("reason", text),
            ("reconnect_in_ms", of::<schema::Number>),
            ("close", of::<schema::Number>),
        ],
        &[],
    )),
];

impl Event {
    fn message(&self) -> Value {
        let Self { name, summary, keys, optional, is_counted } = self;
        let seq: Option<Told> = is_counted.then_some(("seq", of::<schema::Number>));
        let ev = [("ev".to_owned(), json!({ "const": name }))];
        let described = keys.iter().chain(*optional).copied().chain(seq);
        let properties = ev.into_iter().chain(described.map(|(key, of)| (key.to_owned(), of())));
        let required: Vec<&str> =
            ["ev"].into_iter().chain(keys.iter().map(|(key, _)| *key)).collect();
        json!({
            "name": name,
            "summary": summary,
            "payload": {
                "type": "object",
                "properties": Map::from_iter(properties),
                "required": required,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The manual, whose tables are held against the types.
    const MANUAL: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/client-protocol.md"));

    /// The names that the manual has headings for, with the rows of their tables as cells.
    fn documented(kind: &str) -> Vec<(&'static str, Vec<Vec<&'static str>>)> {
        let sections = MANUAL.split("\n### ").filter_map(|section| {
            let (head, text) = section.split_once('\n')?;
            let name = head.strip_prefix(kind)?.trim_matches('`');
            let own = text.split("\n#").next()?;
            let rows = own.lines().filter(|line| line.starts_with("| `"));
            Some((name, rows.map(|row| row.split('|').map(str::trim).collect()).collect()))
        });
        sections.collect()
    }

    fn sorted<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_unstable();
        names
    }

    /// Names, keys and which of them are always there, of what is documented and of the document.
    fn hold(kind: &str, name_key: &str, is_required: impl Fn(&[&str]) -> bool, operation: &str) {
        let document: Value = serde_json::from_str(&TEXT).expect("it is JSON");
        let documented = documented(kind);
        let names = documented.iter().map(|(name, _)| *name);
        let listed = document["operations"][operation]["messages"].as_array().expect("messages");
        let listed =
            listed.iter().filter_map(|message| message["$ref"].as_str()?.rsplit('/').next());
        assert_eq!(sorted(listed.filter(|name| *name != MANY)), sorted(names));
        for (name, rows) in documented {
            let message = &document["components"]["messages"][name];
            assert!(
                message["summary"].as_str().is_some_and(|summary| !summary.is_empty()),
                "{name}"
            );
            let payload = &message["payload"];
            assert_eq!(payload["properties"][name_key]["const"], name);
            let properties = payload["properties"].as_object().expect("properties");
            let keys = properties.keys().map(String::as_str);
            let keys = keys.filter(|key| *key != name_key && (*key != "seq" || name == "ack"));
            let key = |row: &Vec<&'static str>| row[1].trim_matches('`');
            assert_eq!(sorted(keys), sorted(rows.iter().map(key)), "the keys of {name}");
            let required = payload["required"].as_array().expect("a list").iter();
            let required = required.filter_map(Value::as_str).filter(|key| *key != name_key);
            let always = rows.iter().filter(|row| is_required(row)).map(key);
            assert_eq!(sorted(required), sorted(always), "what {name} always has");
        }
    }

    #[test]
    fn every_op_and_its_keys_are_those_of_the_manual() {
        hold("Op ", "op", |row| row.contains(&"required"), "ask");
    }

    #[test]
    fn every_event_and_its_keys_are_those_of_the_manual() {
        hold("Event ", "ev", |row| !row[2].ends_with("optional"), "tell");
    }
}
