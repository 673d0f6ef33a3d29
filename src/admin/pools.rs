//! Pools of worker processes.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Answer, Door, Refused, as_json, at_desk};
use crate::pools::{self, Pool};

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
    body: Bytes,
) -> Answer {
    let report = read(&body)?;
    let wanted = at_desk(&door, move |desk| desk.pools.report(&pool, report, desk.now)).await?;
    Ok(as_json(&wanted?))
}

pub(super) async fn scale(
    State(door): State<Arc<Door>>,
    Path(pool): Path<String>,
    body: Bytes,
) -> Answer {
    let wish = read(&body)?;
    let scaled = at_desk(&door, move |desk| desk.pools.scale(&pool, wish, desk.now)).await?;
    Ok(as_json(&scaled?))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|bad| Refused::bad_request(format!("body: {bad}")))
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
