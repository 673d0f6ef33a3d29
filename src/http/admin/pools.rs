//! Pools of worker processes.

use std::sync::Arc;

use acequia_wire::code::RejectCode;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answer::{Answer, BODY_BYTES_MAX, Refused, as_json, at_desk};
use crate::http::door::Door;
use crate::pipeline::pools::{self, Pool};

#[derive(Serialize)]
struct Page {
    pools: Vec<Pool>,
}

pub(super) async fn list(State(door): State<Arc<Door>>) -> Answer {
    let pools = at_desk(&door, |desk| desk.pools.list(desk.now)).await?;
    Ok(as_json(&Page { pools }))
}

pub(super) async fn report(
    State(door): State<Arc<Door>>,
    Path(pool): Path<String>,
    body: Body,
) -> Answer {
    let report = read(body)?;
    let wanted = at_desk(&door, move |desk| desk.pools.report(&pool, report, desk.now)).await?;
    Ok(as_json(&wanted?))
}

pub(super) async fn scale(
    State(door): State<Arc<Door>>,
    Path(pool): Path<String>,
    body: Body,
) -> Answer {
    let wish = read(body)?;
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
        return Err(Refused::bad_request("body: it is a JSON object"));
    }
    serde_json::from_slice(&body).map_err(|bad| Refused::bad_request(format!("body: {bad}")))
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
