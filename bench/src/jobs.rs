//! Jobs of the bench, and what their events say.

use acequia_client::Client;
use acequia_wire::client::{Encoding, Event, OnDisconnect, Op, Submit};
use acequia_wire::limits::PRIORITY_DEFAULT;
use acequia_wire::{ContentType, CorrelationId, Payload, QueueName};
use anyhow::{Context as _, bail};
use bytes::Bytes;

/// A job with this payload and nothing special.
pub(crate) fn submit(id: i64, queue: &QueueName, payload: Payload) -> Submit {
    Submit {
        id: CorrelationId::Int(id),
        payload,
        queue: queue.clone(),
        priority: PRIORITY_DEFAULT,
        delay_ms: 0,
        timeout_ms: None,
        ttl_ms: None,
        attempts: 1,
        key: None,
        on_disconnect: OnDisconnect::Keep,
        batch: None,
        traceparent: None,
    }
}

/// A payload that is the number `n`, for either encoding.
pub(crate) fn number(n: u64, encoding: Encoding) -> anyhow::Result<Payload> {
    let content_type = match encoding {
        Encoding::Json => ContentType::Json,
        Encoding::MsgPack => ContentType::Octets,
    };
    Ok(Payload::new(content_type, Bytes::from(n.to_string()))?)
}

/// Submits one small job and waits until it is done.
pub(crate) async fn one_job(
    client: &mut Client,
    queue: &QueueName,
    encoding: Encoding,
) -> anyhow::Result<()> {
    let job = submit(0, queue, number(0, encoding)?);
    client.send(&Op::Submit(job)).await?;
    loop {
        if let Some((_, is_done)) = outcome(&client.recv().await?)? {
            return if is_done { Ok(()) } else { bail!("it failed or was rejected") };
        }
    }
}

/// The number of the job that the event ends, and whether it is done.
pub(crate) fn outcome(event: &Event) -> anyhow::Result<Option<(usize, bool)>> {
    let (id, is_done) = match event {
        Event::Job { id, what, .. } if what.is_outcome() => (id, what.name() == "done"),
        Event::Rejected { id, .. } => (id, false),
        Event::Error { code, message, .. } => bail!("{code}: {message}"),
        Event::Bye { reason, .. } => bail!("the server says goodbye: {reason}"),
        _ => return Ok(None),
    };
    let number = match id {
        CorrelationId::Int(id) => usize::try_from(*id).ok(),
        CorrelationId::Text(_) => None,
    };
    let number =
        number.with_context(|| format!("an event of the job {id}, which is none of ours"))?;
    Ok(Some((number, is_done)))
}
