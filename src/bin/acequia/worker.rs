//! `acequia worker`: a worker that runs a command for each job, or the demo's queues.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use acequia::{Config, Secret};
use acequia_worker::exec::Exec;
use acequia_worker::{Worker, demo};
use anyhow::Context as _;

const EXAMPLES: &str = "\
Examples:
  acequia worker --queue wc -- wc -w
      counts the words of each job's text
  acequia worker --queue thumb --slots 4 --type image/jpeg -- convert - -thumbnail 256x256 jpg:-
      four processes at a time, the result a picture
  acequia worker --queue log --stream -- tail -n 20 -f /var/log/syslog
      each line is a chunk, sent as it comes
  acequia worker --demo
      one more worker for `acequia demo`";

/// Serve a queue with any command: payload on its stdin, result from its stdout
///
/// Exit code 0 is done; any other fails the job, with the end of stderr as the message. A JSON
/// string arrives as its text, other payloads byte for byte. A cancelled job's command gets
/// SIGTERM, then SIGKILL. The job is described in ACEQUIA_JOB, ACEQUIA_QUEUE, ACEQUIA_ATTEMPT,
/// ACEQUIA_TYPE and ACEQUIA_TIMEOUT_MS; one that is part of a trace also in TRACEPARENT. Nothing of
/// a payload is ever an argument, and no shell is involved.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The server's jobs endpoint
    #[arg(long, env = "ACEQUIA_JOBS", default_value = Config::JOBS, value_name = "URL")]
    jobs: String,

    /// The server's results endpoint
    #[arg(long, env = "ACEQUIA_RESULTS", default_value = Config::RESULTS, value_name = "URL")]
    results: String,

    /// The file with the worker token that the server asks for: the same as its --worker-token-file
    #[arg(long, env = "ACEQUIA_WORKER_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// A queue to serve; may be given several times
    #[arg(
        long,
        env = "ACEQUIA_QUEUE",
        default_value = "default",
        value_name = "NAME",
        value_delimiter = ','
    )]
    queue: Vec<String>,

    /// How many jobs run at a time, each in its own process
    #[arg(long, env = "ACEQUIA_SLOTS", value_name = "N")]
    slots: Option<u32>,

    /// The worker's name for people [default: the command's name and this process's id]
    #[arg(long, env = "ACEQUIA_NAME")]
    name: Option<String>,

    /// Send each line of output as a chunk at once; the result is then empty
    #[arg(long)]
    stream: bool,

    /// The media type of the output [default: text/plain if it is UTF-8, else octets]
    #[arg(long = "type", value_name = "TYPE")]
    content_type: Option<String>,

    /// Pass a JSON string to the command as JSON, with its quotes
    #[arg(long)]
    raw: bool,

    /// Log what the command writes to stderr
    #[arg(long)]
    verbose: bool,

    /// How long running jobs may take to finish once the worker is told to stop
    #[arg(long, env = "ACEQUIA_GRACE_S", default_value_t = 30, value_name = "SECONDS")]
    grace_s: u64,

    /// Serve the demo's queues (echo, upper, words, mandelbrot, thumbnail) instead of a command
    #[arg(long, conflicts_with_all = ["command", "queue", "stream", "content_type", "raw"])]
    demo: bool,

    /// Stop when standard input ends: whoever started this worker is gone then, however it went
    #[arg(long, hide = true)]
    leashed: bool,

    /// The command and its arguments
    #[arg(last = true, required_unless_present = "demo", value_name = "CMD")]
    command: Vec<OsString>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut worker = Worker::new(args.jobs, args.results)
        .grace(Duration::from_secs(args.grace_s))
        .slots(args.slots.unwrap_or(1));
    if let Some(file) = args.token_file {
        worker = worker.token(Secret::read(&file).context("--token-file")?.expose());
    }
    worker = match args.command.split_first() {
        None => demo::queues(worker).name(args.name.unwrap_or_else(demo_name)),
        Some((program, arguments)) => {
            let mut exec = Exec::new(program, arguments)
                .stream(args.stream)
                .raw(args.raw)
                .show_stderr(args.verbose);
            if let Some(content_type) = args.content_type {
                exec = exec.content_type(content_type);
            }
            let handler = exec.into_handler()?;
            let name = args.name.unwrap_or_else(|| name_of(&program.to_string_lossy()));
            args.queue
                .into_iter()
                .fold(worker.name(name), |worker, queue| worker.queue(queue, handler.clone()))
        }
    };
    let stop = async {
        tokio::select! {
            () = crate::stop::signal() => {}
            () = leash_ends(), if args.leashed => {}
        }
    };
    worker.run(stop).await.context("the worker cannot run")?;
    Ok(ExitCode::SUCCESS)
}

/// Resolves when standard input ends.
async fn leash_ends() {
    // Whatever is written there is not meant for us; an error is an end as well.
    _ = tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await;
}

fn demo_name() -> String {
    name_of("demo")
}

/// A name that tells workers of one program apart.
fn name_of(program: &str) -> String {
    let program = program.rsplit('/').next().unwrap_or(program);
    format!("{program}-{}", std::process::id())
}
