//! The server itself.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;

use super::answer::{Answer, as_json, at_desk};
use crate::http::about::About;
use crate::http::door::Door;
use crate::pipeline::desk::overview::Overview;

/// What does not change while it runs, and what does.
#[derive(Debug, Serialize)]
pub(super) struct Server<'a> {
    #[serde(flatten)]
    pub(super) about: &'a About,
    #[serde(flatten)]
    pub(super) overview: &'a Overview,
}

pub(super) async fn read(State(door): State<Arc<Door>>) -> Answer {
    let overview = at_desk(&door, |desk| desk.overview()).await?;
    Ok(as_json(&Server { about: &door.about, overview: &overview }))
}
