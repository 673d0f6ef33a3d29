//! The server itself.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{ANSWERED, Answer, as_json, at_desk};
use crate::http::about::About;
use crate::http::door::Door;
use crate::pipeline::desk::overview::Overview;

/// A server: what does not change while it runs, and what does.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Server<'a> {
    #[serde(flatten)]
    #[schema(inline)]
    pub(super) about: &'a About,
    #[serde(flatten)]
    #[schema(inline)]
    pub(super) overview: &'a Overview,
}

/// The server
#[utoipa::path(
    get,
    path = "/server",
    operation_id = "server",
    responses((status = OK, description = ANSWERED, body = Server)),
)]
pub(super) async fn read(State(door): State<Arc<Door>>) -> Answer {
    let overview = at_desk(&door, |desk| desk.overview()).await?;
    Ok(as_json(&Server { about: &door.about, overview: &overview }))
}
