//! Messages on topics, from backends to all pages that subscribed.

use std::sync::Arc;

use acequia_wire::Payload;
use acequia_wire::limits::TOPIC_BYTES_MAX;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::{Details, PROBLEM, Problem};
use super::rights::Rights;
use super::submit::{content_type, read};
use crate::http::door::Door;
use crate::http::query::{self, Given};
use crate::pipeline::{Input, Publish, ask};
use crate::schema;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Fields {
    /// Whether the message is kept for those who subscribe later, in place of the one before it. One
    /// without a body is not kept, and nor is the one before.
    retain: Option<bool>,
}

/// A message that was published.
#[derive(Serialize, ToSchema)]
struct Published {
    /// How many sessions are told.
    subscribers: usize,
}

/// Publishes a message: the body goes to all who subscribed to the topic
#[utoipa::path(
    post,
    path = "/topics/{*topic}",
    operation_id = "publish",
    params(
        ("topic" = String, Path, description = "A topic, of 1 to 128 bytes", min_length = 1, max_length = 128),
        Fields,
    ),
    request_body(content = inline(schema::Anything), content_type = "*/*", description = "Anything; its type is that of the message"),
    responses(
        (status = OK, description = "How many are told", body = inline(Published)),
        (status = PAYLOAD_TOO_LARGE, description = "The body is too large", content_type = PROBLEM, body = Details),
    ),
)]
pub(super) async fn publish(
    State(door): State<Arc<Door>>,
    rights: Rights,
    Path(topic): Path<String>,
    query: Given<Fields>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Fields { retain } = query::read(query).map_err(Problem::bad_request)?;
    if !(1..=TOPIC_BYTES_MAX).contains(&topic.len()) {
        let message =
            format!("the topic has {} bytes; it must have 1 to {TOPIC_BYTES_MAX}", topic.len());
        return Err(Problem::bad_request(message));
    }
    rights.check_topic(&topic).map_err(Problem::from)?;
    let retain = retain.unwrap_or(false);
    let body = read(body, door.front.limits.payload_bytes).await?;
    let data = if retain && body.is_empty() {
        Payload::new(acequia_wire::ContentType::Octets, body)
    } else {
        Payload::new(content_type(&headers)?, body)
    };
    let data = data.map_err(|bad| Problem::bad_request(format!("the body is {bad}")))?;
    let (client, ops_per_s) = (rights.client(), rights.ops_per_s());
    let published = ask(&door.inbox, |answer| {
        Input::Publish(Publish { client, ops_per_s, topic, data, retain, answer })
    });
    let subscribers = published.await.ok_or_else(Problem::unavailable)?.map_err(Problem::from)?;
    Ok(axum::Json(Published { subscribers }).into_response())
}
