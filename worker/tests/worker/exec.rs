//! Real commands as workers.

use acequia_wire::worker::{FromWorker, JobMessage, ToWorker};
use acequia_wire::{Body, ContentType};
use acequia_worker::exec::{Exec, ExecError};

use crate::server::{Running, Server, hello_of, id, job, message, shown};

fn sh(script: &str) -> Exec {
    Exec::new("sh", ["-c", script])
}

/// What comes of one job.
async fn run(exec: Exec, job: JobMessage) -> FromWorker {
    let mut server = Server::bind().await;
    let worker = server.worker().queue("a", exec.into_handler().unwrap());
    let running = Running::start(worker);
    let answer = server.run_one(job).await;
    running.end().await;
    answer
}

/// The result of one job, as type and text.
async fn output(exec: Exec, content_type: ContentType, payload: &'static str) -> (String, String) {
    match run(exec, message(1, "a", content_type, payload)).await {
        FromWorker::Done { body, .. } => shown(&body),
        other => panic!("expected done, not {other:?}"),
    }
}

/// The failure of one job, as code, message and retry.
async fn failure(exec: Exec, job: JobMessage) -> (String, String, bool) {
    match run(exec, job).await {
        FromWorker::Fail { code, message, retry, .. } => (code.unwrap_or_default(), message, retry),
        other => panic!("expected fail, not {other:?}"),
    }
}

fn octets(payload: &'static str) -> JobMessage {
    message(1, "a", ContentType::Octets, payload)
}

fn text(text: &str) -> (String, String) {
    ("text/plain".to_owned(), text.to_owned())
}

#[tokio::test]
async fn the_payload_goes_in_and_the_output_comes_out() {
    let cat = || Exec::new("cat", [""; 0]);
    assert_eq!(output(cat(), ContentType::Octets, "a\nb\n").await, text("a\nb\n"));
    assert_eq!(output(cat(), ContentType::Json, r#"{"a": "b"}"#).await, text(r#"{"a": "b"}"#));
    let typed = cat().content_type("text/csv");
    assert_eq!(output(typed, ContentType::Octets, "1,2").await.0, "text/csv");
    let binary = sh(r"cat >/dev/null; printf '\377\000'");
    assert_eq!(output(binary, ContentType::Octets, "x").await.0, "application/octet-stream");
}

#[tokio::test]
async fn a_json_string_arrives_as_its_text() {
    let words = || Exec::new("wc", ["-w"]);
    let count = output(words(), ContentType::Json, r#" "one two\nthree" "#).await;
    assert_eq!(count.1.trim(), "3");
    let raw = Exec::new("cat", [""; 0]).raw(true);
    assert_eq!(output(raw, ContentType::Json, r#""one\n""#).await, text(r#""one\n""#));
    // Only JSON is read as JSON.
    let cat = Exec::new("cat", [""; 0]);
    assert_eq!(output(cat, ContentType::Text, r#""one""#).await, text(r#""one""#));
}

#[tokio::test]
async fn a_large_payload_goes_through_a_command_that_answers_while_it_reads() {
    let payload = "0123456789abcdef".repeat(1 << 16);
    let job = message(1, "a", ContentType::Octets, payload.clone());
    let FromWorker::Done { body, .. } = run(Exec::new("cat", [""; 0]), job).await else {
        panic!("not done")
    };
    assert!(body.bytes() == payload.as_bytes());
}

#[tokio::test]
async fn a_command_need_not_read_its_input() {
    let job = message(1, "a", ContentType::Octets, vec![b'x'; 1 << 20]);
    let FromWorker::Done { body, .. } = run(sh("echo fine"), job).await else { panic!("not done") };
    assert_eq!(shown(&body), text("fine\n"));
}

#[tokio::test]
async fn exit_codes_and_signals_are_failures() {
    let failed = failure(sh("echo no paper >&2; exit 3"), octets("")).await;
    assert_eq!(failed, ("exit_3".to_owned(), "no paper".to_owned(), true));
    let silent = failure(sh("exit 4"), octets("")).await;
    assert_eq!(
        (silent.0.as_str(), silent.1.as_str()),
        ("exit_4", "`sh` ended with exit code 4 and said nothing")
    );
    let killed = failure(sh("kill -9 $$"), octets("")).await;
    assert_eq!(killed.0, "signal_9");
    let chatty = failure(sh("yes | head -c 100000 >&2; exit 1"), octets("")).await;
    assert!(chatty.1.len() <= 2048 && chatty.1.len() > 1900, "{}", chatty.1.len());
}

#[tokio::test]
async fn the_facts_of_the_job_are_in_the_environment() {
    let script = r#"echo "$ACEQUIA_JOB $ACEQUIA_QUEUE $ACEQUIA_ATTEMPT $ACEQUIA_TYPE \
$ACEQUIA_TIMEOUT_MS $ACEQUIA_META_TRACE_PARENT ${ACEQUIA_META_ZERO-unset} $#""#;
    let mut job = octets("$(echo payload)");
    job.attempt = 3;
    job.timeout_ms = Some(60_000);
    job.meta = vec![
        ("trace-parent".to_owned(), "$(date); 00-1".to_owned()),
        ("zero".to_owned(), "a\0b".to_owned()),
    ];
    let FromWorker::Done { body, .. } = run(sh(script), job).await else { panic!("not done") };
    let expected = format!("{} a 3 application/octet-stream 60000 $(date); 00-1 unset 0\n", id(1));
    assert_eq!(shown(&body), text(&expected));
}

#[tokio::test]
async fn streamed_lines_are_chunks() {
    let mut server = Server::bind().await;
    let exec =
        sh("echo one; printf 'two\\r\\n\\n'; printf 'a\\0b\\377\\n'; printf end").stream(true);
    let running = Running::start(server.worker().queue("a", exec.into_handler().unwrap()));
    server.greet().await;
    server.send([job(1, "a", "")]).await;
    let (chunks, done) = chunks(&mut server).await;
    let shown_chunks: Vec<_> = chunks.iter().map(shown).collect();
    let binary = ("application/octet-stream".to_owned(), "a\0b\u{fffd}\n".to_owned());
    let lines = [text("one\n"), text("two\r\n"), text("\n"), binary, text("end")];
    assert_eq!(shown_chunks, lines);
    assert_eq!(together(&chunks), b"one\ntwo\r\n\na\0b\xff\nend");
    assert_eq!(shown(&done), text(""));
    running.end().await;
}

/// The chunks of a job, and its result.
async fn chunks(server: &mut Server) -> (Vec<Body>, Body) {
    let mut chunks = Vec::new();
    loop {
        match server.recv().await {
            FromWorker::Chunk { body, .. } => chunks.push(body),
            FromWorker::Done { body, .. } => return (chunks, body),
            other => panic!("unexpected {other:?}"),
        }
    }
}

fn together(chunks: &[Body]) -> Vec<u8> {
    chunks.iter().flat_map(|chunk| chunk.bytes().to_vec()).collect()
}

#[tokio::test]
async fn a_streamed_line_that_is_too_long_goes_in_parts_between_characters() {
    let said = "ü".repeat(1000) + "\nshort\n";
    let mut server = Server::bind().await;
    let exec = Exec::new("printf", ["%s", &said]).stream(true);
    let running = Running::start(server.worker().queue("a", exec.into_handler().unwrap()));
    server.accept().await;
    server.send([hello_of(1, 501)]).await;
    server.ready().await;
    server.send([job(1, "a", "")]).await;
    let (chunks, _) = chunks(&mut server).await;
    assert_eq!(together(&chunks), said.as_bytes());
    assert!(chunks.iter().all(|chunk| chunk.bytes().len() <= 501));
    assert!(chunks.iter().all(|chunk| shown(chunk).0 == "text/plain"), "{chunks:?}");
    running.end().await;
}

#[tokio::test]
async fn a_command_that_says_nothing_streams_nothing() {
    let mut server = Server::bind().await;
    let exec = Exec::new("true", [""; 0]).stream(true);
    let running = Running::start(server.worker().queue("a", exec.into_handler().unwrap()));
    server.greet().await;
    server.send([job(1, "a", "")]).await;
    let (chunks, done) = chunks(&mut server).await;
    assert_eq!((chunks.len(), shown(&done)), (0, text("")));
    running.end().await;
}

#[tokio::test]
async fn a_cancel_ends_the_command_and_what_it_started() {
    let mut server = Server::bind().await;
    // The inner one keeps the output open: only its end ends the job.
    let exec = sh("sh -c 'echo inner; sleep 1000' & echo outer; sleep 1000; wait").stream(true);
    let running = Running::start(server.worker().queue("a", exec.into_handler().unwrap()));
    server.greet().await;
    server.send([job(1, "a", "")]).await;
    for _ in 0..2 {
        let FromWorker::Chunk { .. } = server.recv().await else { panic!("no chunk") };
    }
    server.send([ToWorker::Cancel { job: id(1) }]).await;
    let (code, _, retry) = server.failed(1).await;
    assert_eq!((code.as_str(), retry), ("cancelled", false));
    running.end().await;
}

#[tokio::test]
async fn a_command_over_its_time_is_ended() {
    let mut job = octets("");
    job.timeout_ms = Some(50);
    let (code, message, retry) = failure(Exec::new("sleep", ["1000"]), job).await;
    assert_eq!((code.as_str(), retry), ("timeout", true));
    assert!(message.contains("50 ms"), "{message}");
}

#[tokio::test]
async fn an_output_over_the_limit_is_given_up() {
    let exec = sh("yes");
    let mut server = Server::bind().await;
    let running = Running::start(server.worker().queue("a", exec.into_handler().unwrap()));
    server.accept().await;
    server.send([hello_of(1, 100_000)]).await;
    server.ready().await;
    server.send([job(1, "a", "")]).await;
    let (code, message, retry) = server.failed(1).await;
    assert_eq!((code.as_str(), retry), ("bad_result", false));
    assert!(message.contains("output") && message.contains("100000"), "{message}");
    running.end().await;
}

#[test]
fn what_cannot_run_is_found_out_before_a_job_comes() {
    let error = |exec: Exec| exec.into_handler().err().unwrap();
    let none = [""; 0];
    let missing = error(Exec::new("no-such-program-here", none));
    assert_eq!(missing, ExecError::NotFound("no-such-program-here".to_owned()));
    assert!(missing.to_string().contains("PATH"));
    assert!(matches!(error(Exec::new("./no/such", none)), ExecError::NotFound(_)));
    assert!(matches!(error(Exec::new("", none)), ExecError::NotFound(_)));
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(matches!(error(Exec::new(file.path(), none)), ExecError::NotExecutable(_)));
    let long = Exec::new("cat", none).content_type("x".repeat(129));
    assert!(matches!(error(long), ExecError::ContentType(_)));
}

#[tokio::test]
async fn a_program_that_vanishes_fails_its_jobs() {
    use std::os::unix::fs::PermissionsExt;

    let mut server = Server::bind().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let exec = Exec::new(file.path(), [""; 0]).into_handler().unwrap();
    file.close().unwrap();
    let running = Running::start(server.worker().queue("a", exec));
    let FromWorker::Fail { code, .. } = server.run_one(octets("")).await else {
        panic!("not failed")
    };
    assert_eq!(code.as_deref(), Some("spawn_failed"));
    running.end().await;
}
