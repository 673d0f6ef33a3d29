//! What a door has its owner answer: all calls over HTTP, as they come.

use std::pin::Pin;
use std::sync::Arc;

use acequia_wire::code::RejectCode;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use serde_json::{Value, json};

use super::admin::BODY_BYTES_MAX;
use super::door::Door;
use super::from_door::CALLER;
use super::listener::Caller;

/// Has the owner answer a request; or says why it does not.
pub(crate) type Ask = Arc<
    dyn Fn(Request) -> Pin<Box<dyn Future<Output = Result<Response, String>> + Send>> + Send + Sync,
>;

/// Headers that are about a connection, or for this door alone, which has heeded them.
const LEFT_OUT: [HeaderName; 8] = [
    header::CONNECTION,
    header::EXPECT,
    header::ORIGIN,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// What is told of a server is not longer.
const SERVER_BYTES_MAX: usize = 64 << 10;
/// What of it is a door's own.
const OWN: [&str; 3] = ["http", "jobs", "results"];

/// The owner of a door, for calls.
#[derive(Clone)]
pub(crate) struct Forward(Ask);

impl Forward {
    pub(crate) fn new(ask: Ask) -> Self {
        Self(ask)
    }

    /// Has the owner answer, in the name of `caller`.
    pub(super) async fn ask(
        &self,
        caller: &Caller,
        mut request: Request,
    ) -> Result<Response, String> {
        let headers = request.headers_mut();
        LEFT_OUT.iter().for_each(|name| _ = headers.remove(name));
        let peer = HeaderValue::try_from(caller.peer().to_string());
        headers.insert(CALLER, peer.map_err(|error| error.to_string())?);
        let mut response = (self.0)(request).await?;
        LEFT_OUT.iter().for_each(|name| _ = response.headers_mut().remove(name));
        Ok(response)
    }
}

/// Admin calls as a door has them: its owner answers, and asks for the token.
pub(super) fn admin_calls(to: &Forward) -> Router<Arc<Door>> {
    let (to, of_server) = (to.clone(), to.clone());
    let pass = move |Extension(caller): Extension<Caller>, request: Request| {
        let to = to.clone();
        async move { to.ask_as_operator(&caller, request).await }
    };
    let server = move |State(door): State<Arc<Door>>,
                       Extension(caller): Extension<Caller>,
                       request: Request| {
        let to = of_server.clone();
        async move {
            let answer = to.ask(&caller, request).await.map_err(|why| unanswered(&why))?;
            Ok::<_, Response>(with_own_ports(&door, answer).await)
        }
    };
    Router::new().route("/v1/admin/server", any(server)).route("/v1/admin/{*rest}", any(pass))
}

impl Forward {
    /// The body goes whole, before the owner hears of it: it may end a call in the middle of one.
    async fn ask_as_operator(
        &self,
        caller: &Caller,
        request: Request,
    ) -> Result<Response, Response> {
        let (mut head, body) = request.into_parts();
        let ask = async |request| self.ask(caller, request).await.map_err(|why| unanswered(&why));
        if let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await {
            return ask(Request::from_parts(head, Body::from(body))).await;
        }
        // Whoever is no operator hears that, and not how large bodies may be.
        head.method = Method::OPTIONS;
        head.headers.remove(header::CONTENT_LENGTH);
        match ask(Request::from_parts(head, Body::empty())).await? {
            refused if refused.status() == StatusCode::UNAUTHORIZED => Ok(refused),
            _ => Err(too_large()),
        }
    }
}

fn too_large() -> Response {
    let message =
        format!("the body breaks off, or has more than {BODY_BYTES_MAX} bytes, the limit");
    let refused = json!({ "code": RejectCode::TooLarge.as_str(), "message": message });
    (StatusCode::PAYLOAD_TOO_LARGE, axum::Json(refused)).into_response()
}

/// What is told of the server, with the ports of this door: those are what can be dialled here.
async fn with_own_ports(door: &Door, answer: Response) -> Response {
    if answer.status() != StatusCode::OK {
        return answer;
    }
    let Ok(body) = to_bytes(answer.into_body(), SERVER_BYTES_MAX).await else {
        return unanswered("its answer breaks off");
    };
    match (serde_json::from_slice(&body), serde_json::to_value(&door.about)) {
        (Ok(Value::Object(mut told)), Ok(Value::Object(own))) => {
            let ports = own.into_iter().filter(|(name, _)| OWN.contains(&name.as_str()));
            told.extend(ports);
            axum::Json(Value::Object(told)).into_response()
        }
        _ => unanswered("its answer is not understood"),
    }
}

/// As other admin calls are refused.
fn unanswered(why: &str) -> Response {
    let message = format!("the owner of this door does not answer: {why}");
    let refused = json!({ "code": RejectCode::Draining.as_str(), "message": message });
    let again = [(header::RETRY_AFTER, "1")];
    (StatusCode::SERVICE_UNAVAILABLE, again, axum::Json(refused)).into_response()
}
