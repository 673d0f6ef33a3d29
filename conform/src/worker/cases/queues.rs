//! What takes a queue with a meaning of its own.

use acequia_wire::ContentType;

use crate::case::Over;
use crate::worker::book::Answer;
use crate::worker::stage::{Hello, Stage, job_head};

pub(super) async fn three_types(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    let jobs: [(ContentType, &[u8]); 3] = [
        (ContentType::Json, "{\"a\": [1, \"ü\\n\"]}".as_bytes()),
        (ContentType::MsgPack, &[0x82, 0xa1, b'a', 0xc0, 0xa1, b'b', 0xc4, 2, 0, 255]),
        (ContentType::Octets, &[0, 255, b'\n', 0xc3]),
    ];
    for (content_type, payload) in jobs {
        let head = job_head("echo", content_type.as_str());
        let (job, say) = stage.job_with(Some(lane), head, content_type.clone(), payload.to_vec());
        stage.say(lane, &[say]);
        match stage.answer(job, "W40").await? {
            Answer::Done(body) if body.bytes() == payload => {}
            Answer::Done(body) => {
                let len = body.bytes().len();
                stage.broke(
                    "W40",
                    format!(
                        "the echo of {} bytes of {content_type} has {len} other bytes",
                        payload.len()
                    ),
                );
            }
            Answer::Fail { code, .. } => {
                stage.broke("W40", format!("the echo of {content_type} has failed ({code:?})"))
            }
        }
    }
    stage.settle().await
}

pub(super) async fn chunks(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    let job = stage.give(lane, "chunks", "3");
    stage.answer(job, "W40").await?;
    let chunks = stage.book.lanes[lane].said.iter().filter(|kind| **kind == "chunk").count();
    if chunks != 3 {
        stage.broke("W40", format!("{chunks} chunks before the answer; there were to be 3"));
    }
    stage.settle().await
}

pub(super) async fn progress(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    let job = stage.give(lane, "progress", "3");
    stage.answer(job, "W27").await?;
    stage.settle().await
}

pub(super) async fn too_large(stage: &mut Stage) -> Result<(), Over> {
    stage.hello = Some(Hello { max_body: 4_096, ..Hello::default() });
    let lane = stage.lane("W23").await?;
    for bytes in ["5000", "4096"] {
        let job = stage.give(lane, "bytes", bytes);
        stage.answer(job, "W27").await?;
    }
    stage.settle().await
}

pub(super) async fn large_results(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    let slots = stage.known().map_or(1, |facts| facts.slots.min(8));
    let jobs: Vec<_> = (0..slots).map(|_| stage.give(lane, "bytes", "200000")).collect();
    for job in jobs {
        stage.answer(job, "W27").await?;
    }
    stage.settle().await
}

/// Whatever is thrown is a failure, and the worker lives.
pub(super) async fn failures(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    for thrown in ["error", "bytes", "long", "other", "fail"] {
        let job = stage.give(lane, "throw", format!("\"{thrown}\""));
        match stage.answer(job, "W27").await? {
            Answer::Fail { retry: true, .. } if thrown == "fail" => {
                stage.broke("W42", "a failure that says so has `retry` true");
            }
            Answer::Done(_) => {
                stage.broke("W27", format!("`done` for a job that throws ({thrown})"))
            }
            Answer::Fail { .. } => {}
        }
    }
    stage.settle().await
}

pub(super) async fn publish(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    let job = stage.give(lane, "publish", "{\"topic\": \"news\", \"data\": {\"a\": 1}}");
    stage.answer(job, "W47").await?;
    if !stage.book.lanes[lane].said.contains(&"publish") {
        stage.broke("W47", "nothing was published before the answer to the job that does so");
    }
    stage.settle().await
}
