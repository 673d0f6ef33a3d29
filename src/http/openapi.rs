//! The documents that describe all calls for programs, made of what stands beside each of them.

use std::sync::{Arc, LazyLock};

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, SecurityRequirement, Server,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::admin;
use super::api;
use super::door::Door;

/// What is true of all calls.
fn head() -> OpenApi {
    let info = InfoBuilder::new().title("Acequia admin calls").version("1").description(Some(
        "What an operator asks of a running server or tells it; docs/admin.md says more.",
    ));
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The token of --admin-token-file, or the one that the server made"))
        .build();
    let no_scopes: [&str; 0] = [];
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new("/v1/admin")]))
        .security(Some([SecurityRequirement::new("token", no_scopes)]))
        .components(Some(
            ComponentsBuilder::new().security_scheme("token", SecurityScheme::Http(token)).build(),
        ))
        .build()
}

/// What is true of all calls of clients.
fn head_of_clients() -> OpenApi {
    let info = InfoBuilder::new().title("Acequia jobs over HTTP").version("1").description(Some(
        "Jobs, and messages on topics, for backends; docs/http-api.md says more.",
    ));
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A JSON Web Token, where clients need one"))
        .build();
    let no_scopes: [&str; 0] = [];
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new(api::ROOT)]))
        .security(Some([
            SecurityRequirement::new("token", no_scopes),
            SecurityRequirement::default(),
        ]))
        .components(Some(
            ComponentsBuilder::new().security_scheme("token", SecurityScheme::Http(token)).build(),
        ))
        .build()
}

/// Each is written once, when it is first asked for.
static TEXT: LazyLock<String> = LazyLock::new(|| written(&admin_calls().into_openapi()));
static TEXT_FOR_CLIENTS: LazyLock<String> = LazyLock::new(|| {
    // A topic may have slashes, which OpenAPI has no word for.
    written(&client_calls().into_openapi()).replace("{*topic}", "{topic}")
});

/// The calls of clients, with that for the document.
pub(crate) fn client_calls() -> OpenApiRouter<Arc<Door>> {
    api::calls(OpenApiRouter::with_openapi(head_of_clients()).routes(routes!(read_for_clients)))
}

/// This document
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    responses((status = OK, description = "An OpenAPI document", body = Object)),
)]
async fn read_for_clients() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], TEXT_FOR_CLIENTS.as_str()).into_response()
}

/// The admin calls, with that for the document.
pub(crate) fn admin_calls() -> OpenApiRouter<Arc<Door>> {
    admin::calls(OpenApiRouter::with_openapi(head()).routes(routes!(read)))
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

fn written(document: &OpenApi) -> String {
    // It is a map with texts for keys, which is always written.
    let mut document = serde_json::to_value(document).unwrap_or_default();
    for part in ["components", "paths"] {
        each_map(&mut document[part], &mut |map| {
            join_parts(map);
            close(map);
            leave_out_formats(map);
            lift_description(map);
            shorten_description(map);
            leave_out_required(map);
        });
    }
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

/// What is flattened into an object, or has a description of its own where it is used, is described
/// in parts. None of them could be closed.
fn join_parts(schema: &mut Map<String, Value>) {
    let Some(Value::Array(parts)) = schema.remove("allOf") else { return };
    let mut whole = Map::new();
    for part in parts {
        let Value::Object(part) = part else { continue };
        for (key, value) in part {
            match (whole.get_mut(&key), value) {
                (Some(Value::Object(all)), Value::Object(mut more)) => all.append(&mut more),
                (Some(Value::Array(all)), Value::Array(mut more)) => all.append(&mut more),
                // A part that adds a description alone says that it is an object.
                (Some(_), _) if key == "type" => {}
                (_, value) => _ = whole.insert(key, value),
            }
        }
    }
    whole.append(schema);
    *schema = whole;
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

/// What may be null has its description beside the choice, not in one of its arms.
fn lift_description(schema: &mut Map<String, Value>) {
    let Some(Value::Array(arms)) = schema.get_mut("oneOf") else { return };
    let is_nullable = arms.iter().any(|arm| arm["type"] == "null");
    let mut arms = arms.iter_mut().filter_map(Value::as_object_mut);
    if let (true, Some(description)) = (is_nullable, arms.find_map(|arm| arm.remove("description")))
    {
        schema.insert("description".to_owned(), description);
    }
}

/// A body that may be anything may also be none.
fn leave_out_required(body: &mut Map<String, Value>) {
    if body.get("content").is_some_and(|content| content.get("*/*").is_some()) {
        body.remove("required");
    }
}

/// They are sentences in the code, and phrases in the document.
fn shorten_description(map: &mut Map<String, Value>) {
    if let Some(Value::String(description)) = map.get_mut("description")
        && let Some(phrase) = description.strip_suffix('.')
    {
        *description = phrase.replace('\n', " ");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn document() -> Value {
        serde_json::from_str(&TEXT).expect("it is JSON")
    }

    #[test]
    fn what_it_refers_to_is_in_it() {
        let mut document = document();
        let mut named = BTreeSet::new();
        each_map(&mut document, &mut |map| {
            if let Some(Value::String(reference)) = map.get("$ref") {
                let name = reference.strip_prefix("#/components/schemas/");
                named.insert(name.expect("it is to a schema").to_owned());
            }
        });
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        let known: BTreeSet<String> = schemas.keys().cloned().collect();
        assert_eq!(named, known);
    }

    #[test]
    fn what_is_described_in_parts_is_whole() {
        let document = document();
        let pool = &document["components"]["schemas"]["Pool"];
        assert_eq!(pool["additionalProperties"], false);
        let properties = pool["properties"].as_object().expect("properties");
        for key in ["pool", "failing", "reported_ms"] {
            assert!(properties.contains_key(key), "{key}");
            assert!(pool["required"].as_array().is_some_and(|all| all.contains(&key.into())));
        }
        let report = &document["components"]["schemas"]["PoolReport"]["required"];
        assert!(!report.as_array().is_some_and(|all| all.contains(&"failing".into())));
        let state = &document["components"]["schemas"]["Server"]["properties"]["state"];
        assert_eq!(state["type"], "string");
        assert_eq!(state["description"], "Whether jobs are taken");
    }
}
