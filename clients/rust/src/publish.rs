//! Messages on topics, each over a connection of its own: who publishes seldom needs no session.

use std::time::Duration;

use acequia_wire::limits::TOPIC_BYTES_MAX;
use acequia_wire::{ContentType, Payload};
use hyper::Method;
use hyper::header::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::time::timeout;

use crate::asked_for::once_asked_for;
use crate::call::{CallError, answer, broken, dial, late, refused, request};
use crate::url::ServerUrl;

/// How long it may take, with the connection for it. A server waits as long for a body.
const PUBLISH_TIME_MAX: Duration = Duration::from_secs(60);
/// What is not itself in the path of a topic. Slashes are, since some proxies refuse them in any other form.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is published.
#[derive(Clone, Debug)]
pub struct Message {
    /// Where; 1 to 128 bytes.
    pub topic: String,
    /// What; a server takes as much as in the payload of a job.
    pub data: Payload,
    /// Whether it is kept for those who subscribe later, in place of the one before it. Without any bytes
    /// it is not kept, and nor is the one before.
    pub retain: bool,
}

/// Why a message may not have been published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There is no such topic.
    #[error("the topic has {bytes} bytes; it must have 1 to {TOPIC_BYTES_MAX}")]
    Topic {
        /// How many it has.
        bytes: usize,
    },
    /// HTTP cannot say what the message is.
    #[error("{0:?} is no type of a message; it is one such as image/png, without line breaks")]
    Type(ContentType),
    /// The server does not answer, or says no.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// The answer to it.
#[derive(Deserialize)]
struct Published {
    subscribers: usize,
}

/// Publishes a message; returns how many sessions are told. A [`ServerUrl`] with a token shows it as that
/// of a client.
///
/// If the connection breaks or the server does not answer in time, it may have been published or not.
///
/// # Errors
/// If there is no such topic, no answer, or the server refuses: where clients need tokens, their claim
/// `acequia.publish` has the topics that they may publish on.
pub async fn publish(server: &ServerUrl, message: &Message) -> Result<usize, PublishError> {
    let Message { topic, data, retain } = message;
    if !(1..=TOPIC_BYTES_MAX).contains(&topic.len()) {
        return Err(PublishError::Topic { bytes: topic.len() });
    }
    let content_type = data.content_type();
    let said = HeaderValue::from_str(content_type.as_str());
    let said = said.map_err(|_| PublishError::Type(content_type.clone()))?;
    let topic = utf8_percent_encode(topic, ESCAPED);
    let query = if *retain { "?retain=true" } else { "" };
    let path = server.path_below(&format!("topics/{topic}{query}"));
    let request = request(server, &Method::POST, &path, Some(said));
    let request = once_asked_for(request, data.bytes().clone());
    let asked = async {
        let mut link = dial(server).await?;
        answer(&mut link, request).await.map_err(|source| broken(server, source))
    };
    let answered = timeout(PUBLISH_TIME_MAX, asked).await;
    let (status, body) = answered.map_err(|_| late(server, PUBLISH_TIME_MAX))??;
    if !status.is_success() {
        return Err(refused(server, status, &body).into());
    }
    let published = serde_json::from_slice(&body).map_err(|source| CallError::Answer {
        authority: server.authority().to_owned(),
        path,
        source,
    });
    let Published { subscribers } = published?;
    Ok(subscribers)
}
