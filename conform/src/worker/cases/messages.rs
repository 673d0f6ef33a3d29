//! Messages as a server may write them, and as it may not.

use acequia_wire::ContentType;

use crate::case::Over;
use crate::worker::book::Answer;
use crate::worker::say::{Head, Say, Value, text};
use crate::worker::stage::{Event, HELLO, Hello, Stage, job_head};

/// Keys that no version knows, with values of all kinds.
fn unknown_keys() -> Head {
    vec![
        ("x-text", text("hello")),
        ("x-number", Value::Int(1 << 40)),
        ("x-nil", Value::Nil),
        ("x-bytes", Value::Bytes(vec![0, 255])),
        ("x-map", Value::Map(vec![("v", Value::Int(2)), ("x", Value::Map(Vec::new()))])),
    ]
}

pub(super) async fn unknown(stage: &mut Stage) -> Result<(), Over> {
    stage.hello = Some(Hello { more: unknown_keys(), body: "of no use", ..Hello::default() });
    let lane = stage.lane("W11").await?;
    let head = [unknown_keys(), job_head(&stage.main(), "application/json")].concat();
    let (job, say) = stage.job_with(Some(lane), head, ContentType::Json, HELLO);
    stage.say(lane, &[say]);
    stage.answer(job, "W11").await?;
    // Of a job that has ended.
    stage.say(lane, &[Say::new("cancel", *job.as_bytes(), unknown_keys()).body("of no use")]);
    let job = stage.give(lane, &stage.main(), HELLO);
    stage.answer(job, "W11").await?;
    stage.settle().await
}

pub(super) async fn nil(stage: &mut Stage) -> Result<(), Over> {
    stage.hello = Some(Hello { more: vec![("server", Value::Nil)], ..Hello::default() });
    let lane = stage.lane("W12").await?;
    let main = stage.main();
    let queue = if main == "default" { Value::Nil } else { text(&main) };
    let json = vec![
        ("queue", queue.clone()),
        ("attempt", Value::Nil),
        ("type", text("application/json")),
        ("timeout_ms", Value::Nil),
    ];
    let mut octets = json.clone();
    octets[2].1 = Value::Nil;
    for (head, content_type) in [(json, ContentType::Json), (octets, ContentType::Octets)] {
        let (job, say) = stage.job_with(Some(lane), head, content_type, HELLO);
        stage.say(lane, &[say]);
        stage.answer(job, "W12").await?;
    }
    stage.settle().await
}

pub(super) async fn absent(stage: &mut Stage) -> Result<(), Over> {
    stage.hello = Some(Hello { is_least: true, ..Hello::default() });
    let lane = stage.lane("W30").await?;
    let main = stage.main();
    let head = if main == "default" { Vec::new() } else { vec![("queue", text(&main))] };
    let (job, say) = stage.job_with(Some(lane), head, ContentType::Octets, HELLO);
    stage.say(lane, &[say]);
    stage.answer(job, "W30").await?;
    stage.settle().await
}

pub(super) async fn meta(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    let mut head = job_head(&stage.main(), "application/json");
    let meta = vec![
        ("tenant", text("blue")),
        ("traceparent", text("00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01")),
        ("x-empty", text("")),
        ("ключ", text("ü€😀")),
    ];
    head.retain(|(key, _)| *key != "meta");
    head.push(("meta", Value::Map(meta)));
    let (job, say) = stage.job_with(Some(lane), head, ContentType::Json, HELLO);
    stage.say(lane, &[say]);
    stage.answer(job, "W29").await?;
    stage.settle().await
}

pub(super) async fn packed(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    let pack = stage.known().map_or(1, |facts| facts.pack);
    let mut says: Vec<_> = (1..pack).map(|_| Say::cancel(stage.new_job())).collect();
    let (job, say) = stage.job(lane, &stage.main(), HELLO);
    says.push(say);
    stage.say(lane, &says);
    stage.answer(job, "W17").await?;
    // In another order, the job would be cancelled.
    let (job, say) = stage.job(lane, &stage.main(), HELLO);
    stage.say(lane, &[Say::cancel(job), say]);
    if let Answer::Fail { code, .. } = stage.answer(job, "W19").await? {
        let code = code.unwrap_or_default();
        stage.broke(
            "W19",
            format!("a job that was packed behind its own cancel has failed ({code:?})"),
        );
    }
    stage.settle().await
}

pub(super) async fn malformed(stage: &mut Stage) -> Result<(), Over> {
    for is_known in [false, true] {
        let lane = stage.settle_on_a_lane().await?;
        // Noted as given: a worker that does not look at heads may answer it.
        let (job, say) = stage.job_with(Some(lane), Vec::new(), ContentType::Octets, "");
        let unknown = Say::new("jab", *job.as_bytes(), Vec::new());
        stage.say(lane, &[if is_known { say.raw_head(Value::Int(7)) } else { unknown }]);
        // Its answer would show that the lane goes on.
        let job = stage.give(lane, &stage.main(), HELLO);
        loop {
            match stage.event(stage.time_max()).await {
                Event::Ended(said) => {
                    stage.broke(
                        "W22",
                        format!("the program has ended ({said}); it was to begin a lane anew"),
                    );
                    return Err(Over);
                }
                _ if stage.book.lanes[lane].is_over => break,
                Event::Late => {
                    stage.broke("W22", "the lane was not closed");
                    return Err(Over);
                }
                _ if stage.book.answers.contains_key(&job) => {
                    stage.broke("W22", "the lane was not closed: the next job on it was answered");
                    break;
                }
                _ => {}
            }
        }
    }
    stage.settle_on_a_lane().await.map(drop)
}
