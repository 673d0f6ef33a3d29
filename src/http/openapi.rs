//! The document that describes all calls for programs, made of what stands beside each of them.

use std::sync::{Arc, LazyLock};

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value};
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::admin;
use super::door::Door;

/// What is true of all calls.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Acequia admin calls",
        version = "1",
        description = "What an operator asks of a running server or tells it; docs/admin.md says more."
    ),
    servers((url = "/v1/admin")),
    security(("token" = []), ()),
    modifiers(&Token),
)]
struct Head;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut Document) {
        let description = "The token of --admin-token-file, if the server has one";
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let scheme = SecurityScheme::Http(bearer.description(Some(description)).build());
        document.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

/// Written once, when it is first asked for.
static TEXT: LazyLock<String> = LazyLock::new(|| written(&admin_calls().into_openapi()));

/// The admin calls, with that for the document.
pub(crate) fn admin_calls() -> OpenApiRouter<Arc<Door>> {
    admin::calls(OpenApiRouter::with_openapi(Head::openapi()).routes(routes!(read)))
}

/// This document
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    responses((status = OK, description = "An OpenAPI document", body = Object)),
)]
async fn read() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}

fn written(document: &Document) -> String {
    // It is a map with texts for keys, which is always written.
    let mut document = serde_json::to_value(document).unwrap_or_default();
    each_map(&mut document, &mut |map| {
        join_parts(map);
        close(map);
        leave_out_formats(map);
        shorten_descriptions(map);
    });
    document.to_string()
}

/// Does something to each map, the outer ones first.
fn each_map(value: &mut Value, act: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            act(map);
            map.values_mut().for_each(|value| each_map(value, act));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| each_map(value, act)),
        _ => {}
    }
}

/// What is flattened into an object is described as parts of it, none of which could be closed.
fn join_parts(schema: &mut Map<String, Value>) {
    let Some(Value::Array(parts)) = schema.remove("allOf") else { return };
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for mut part in parts {
        if let Some(Value::Object(more)) = part.get_mut("properties") {
            properties.append(more);
        }
        if let Some(Value::Array(more)) = part.get_mut("required") {
            required.append(more);
        }
    }
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), properties.into());
    schema.insert("required".to_owned(), required.into());
}

/// An object has the keys that are described, and no others.
fn close(schema: &mut Map<String, Value>) {
    if schema.get("type").is_some_and(|of| of == "object") && schema.contains_key("properties") {
        schema.entry("additionalProperties").or_insert(false.into());
    }
}

/// Those of numbers are of types that have a sign, which these mostly have not.
fn leave_out_formats(schema: &mut Map<String, Value>) {
    let format = schema.get("format").and_then(Value::as_str);
    if format.is_some_and(|format| ["int32", "int64", "float", "double"].contains(&format)) {
        schema.remove("format");
    }
}

/// They are sentences in the code, and phrases in the document.
fn shorten_descriptions(map: &mut Map<String, Value>) {
    if let Some(Value::String(description)) = map.get_mut("description")
        && let Some(phrase) = description.strip_suffix('.')
    {
        *description = phrase.replace('\n', " ");
    }
}
