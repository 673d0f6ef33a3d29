//! The forms in which the vectors write things down; `vectors/README.md` explains them.

use std::path::Path;

use acequia_wire::{ContentType, CorrelationId, Payload};
use bytes::Bytes;
use serde_json::{Value, json};

/// The cases of a file of vectors, at least so many.
pub(crate) fn cases(file: &str, at_least: usize) -> Vec<Value> {
    // Tests of other crates read them too.
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut paths = folders.map(|folder| folder.join("wire/vectors").join(file));
    let path = paths.find(|path| path.is_file()).expect("the vectors are there");
    let text = std::fs::read_to_string(&path).expect("the vectors are there");
    let document: Value = serde_json::from_str(&text).expect("the vectors are JSON");
    assert_eq!(document["version"], 1);
    let cases = document["cases"].as_array().expect("the vectors hold cases").clone();
    assert!(cases.len() >= at_least, "{file} holds {} cases only", cases.len());
    cases
}

/// The bytes that a form stands for.
pub(crate) fn bytes(form: &Value) -> Bytes {
    if let Some(parts) = form["parts"].as_array() {
        let times = |part: &Value| part["times"].as_u64().expect("a part has its times") as usize;
        return parts.iter().flat_map(|part| bytes(part).repeat(times(part))).collect();
    }
    match (form["text"].as_str(), form["hex"].as_str()) {
        (Some(text), None) => Bytes::copy_from_slice(text.as_bytes()),
        (None, Some(hex)) => unhex(hex).into(),
        _ => panic!("neither text nor hex nor parts: {form}"),
    }
}

pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    assert_eq!(hex.len() % 2, 0, "{hex}");
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect(hex))
        .collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A list in which an entry with `times` stands for so many of it.
pub(crate) fn repeated(list: &Value) -> Vec<Value> {
    let entries = list.as_array().expect("a list");
    entries
        .iter()
        .flat_map(|entry| {
            let mut entry = entry.clone();
            let times = entry.as_object_mut().and_then(|entry| entry.remove("times"));
            let times = times.map_or(1, |times| times.as_u64().expect("a number") as usize);
            vec![entry; times]
        })
        .collect()
}

pub(crate) fn payload(form: &Value) -> Payload {
    let content_type = ContentType::parse(form["type"].as_str().expect("a type")).expect("a type");
    Payload::new(content_type, bytes(form)).expect("a payload is what its type says")
}

pub(crate) fn id(form: &Value) -> CorrelationId {
    match form.as_i64() {
        Some(id) => CorrelationId::Int(id),
        None => CorrelationId::Text(form.as_str().expect("an id").into()),
    }
}

pub(crate) fn id_form(id: &CorrelationId) -> Value {
    match id {
        CorrelationId::Int(id) => json!(id),
        CorrelationId::Text(id) => json!(**id),
    }
}

pub(crate) fn is(case: &Value, flag: &str) -> bool {
    case[flag] == Value::Bool(true)
}

pub(crate) fn name(case: &Value) -> &str {
    case["name"].as_str().expect("a case has a name")
}
