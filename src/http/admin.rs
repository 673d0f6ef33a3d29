//! The admin calls: what an operator asks of a running server or tells it, over HTTP.
//!
//! A module for each thing that is asked about: how it is told, and the calls. What they do is done
//! at the pipeline's desk.

mod answer;
mod dead_letters;
mod guard;
mod jobs;
mod live;
mod pools;
mod queues;
mod server;
mod workers;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use self::answer::BODY_BYTES_MAX;
use self::answer::{Refused, any_refused};
use super::door::Door;

/// All calls, each with its description, beside those that are given.
pub(crate) fn calls(others: OpenApiRouter<Arc<Door>>) -> OpenApiRouter<Arc<Door>> {
    let mut calls = others
        .routes(routes!(server::read))
        .routes(routes!(live::stream))
        .routes(routes!(queues::list))
        .routes(routes!(queues::read))
        .routes(routes!(queues::pause))
        .routes(routes!(queues::resume))
        .routes(routes!(workers::list))
        .routes(routes!(workers::read))
        .routes(routes!(workers::drain))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::read))
        .routes(routes!(jobs::cancel))
        .routes(routes!(dead_letters::list, dead_letters::drop_all))
        .routes(routes!(dead_letters::redrive_all))
        .routes(routes!(dead_letters::read, dead_letters::drop_one))
        .routes(routes!(dead_letters::redrive_one))
        .routes(routes!(pools::list))
        .routes(routes!(pools::report))
        .routes(routes!(pools::scale));
    for item in calls.get_openapi_mut().paths.paths.values_mut() {
        let methods = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        for operation in methods.into_iter().flatten() {
            operation.responses.responses.extend(any_refused());
        }
    }
    calls
}

/// Calls as a port has them: for operators only.
pub(crate) fn router(door: &Arc<Door>, calls: OpenApiRouter<Arc<Door>>) -> Router<Arc<Door>> {
    Router::from(calls)
        .fallback(|| async { Refused::not_found("no such admin call; docs/admin.md lists them") })
        .method_not_allowed_fallback(|| async {
            let message = "wrong method; docs/admin.md says how each call is made";
            Refused::new(StatusCode::METHOD_NOT_ALLOWED, "bad_request", message)
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(door.clone(), guard::only_for_operators))
}

/// What answers where admin calls are not.
pub(crate) fn elsewhere(why: &'static str) -> Router<Arc<Door>> {
    Router::new().fallback(move || async move { Refused::not_found(why) })
}
