//! Pools of worker processes.

use std::sync::Arc;

use acequia_wire::code::RejectCode;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::answer::{
    ANSWERED, Answer, BODY_BYTES_MAX, NOT_NOW, NOT_THERE, Refused, as_json, at_desk, in_words,
};
use crate::http::door::Door;
use crate::pipeline::pools::{self, POOLS_MAX, Pool, Report, Rescale, Scale};
use crate::schema;

/// What the document says of a body that is refused for its size.
const TOO_LARGE: &str = "The body is too large";

schema::described! {
    Pools of Pool = schema::list_of::<Pool>(POOLS_MAX);
}

/// All pools.
#[derive(Serialize, ToSchema)]
struct Page {
    #[schema(value_type = Pools)]
    pools: Vec<Pool>,
}

/// The pools that report themselves, by name
#[utoipa::path(
    get,
    path = "/pools",
    operation_id = "pools",
    responses((status = OK, description = ANSWERED, body = inline(Page))),
)]
pub(super) async fn list(State(door): State<Arc<Door>>) -> Answer {
    let pools = at_desk(&door, |desk| desk.pools.list(desk.now)).await?;
    Ok(as_json(&Page { pools }))
}

/// A pool reports itself, about every second
#[utoipa::path(
    put,
    path = "/pools/{pool}",
    operation_id = "report_pool",
    params(("pool" = inline(schema::QueueName), Path, description = "A pool")),
    request_body = Report,
    responses(
        (status = OK, description = ANSWERED, body = Scale),
        (status = CONFLICT, description = NOT_NOW, body = Refused),
        (status = PAYLOAD_TOO_LARGE, description = TOO_LARGE, body = Refused),
    ),
)]
pub(super) async fn report(
    State(door): State<Arc<Door>>,
    Path(pool): Path<String>,
    body: Body,
) -> Answer {
    let report: Report = read(body)?;
    let wanted = at_desk(&door, move |desk| desk.pools.report(&pool, report, desk.now)).await?;
    Ok(as_json(&wanted?))
}

/// Has a pool keep to other bounds
#[utoipa::path(
    post,
    path = "/pools/{pool}/scale",
    operation_id = "scale_pool",
    params(("pool" = inline(schema::QueueName), Path, description = "A pool")),
    request_body = inline(Rescale),
    responses(
        (status = OK, description = ANSWERED, body = Pool),
        (status = NOT_FOUND, description = NOT_THERE, body = Refused),
        (status = PAYLOAD_TOO_LARGE, description = TOO_LARGE, body = Refused),
    ),
)]
pub(super) async fn scale(
    State(door): State<Arc<Door>>,
    Path(pool): Path<String>,
    body: Body,
) -> Answer {
    let wish: Rescale = read(body)?;
    let scaled = at_desk(&door, move |desk| desk.pools.scale(&pool, wish, desk.now)).await?;
    Ok(as_json(&scaled?))
}

type Body = Result<Bytes, BytesRejection>;

fn read<T: DeserializeOwned>(body: Body) -> Result<T, Refused> {
    let body = body.map_err(|_| {
        let message = format!("the body has more than {BODY_BYTES_MAX} bytes, the limit");
        Refused::new(StatusCode::PAYLOAD_TOO_LARGE, RejectCode::TooLarge.as_str(), message)
    })?;
    // A list would be taken for the values of the keys.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Refused::bad_request("body: it must be a JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(&body);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|bad| bad.to_string());
    let whole = read.and_then(|read| reader.end().map(|()| read).map_err(|bad| bad.to_string()));
    whole.map_err(|bad| Refused::bad_request(format!("body: {}", in_words(&bad))))
}

impl From<pools::Refused> for Refused {
    fn from(refused: pools::Refused) -> Self {
        let message = refused.to_string();
        match refused {
            pools::Refused::Bad(_) => Self::bad_request(message),
            pools::Refused::Unknown(_) => Self::not_found(message),
            pools::Refused::Taken { .. } => {
                Self::new(StatusCode::CONFLICT, "duplicate_id", message)
            }
            pools::Refused::TooMany => Self::new(StatusCode::CONFLICT, "too_many_pools", message),
        }
    }
}
