//! The `acequia` command: a file a subcommand.

mod bench;
mod completions;
mod config;
mod conform;
mod demo;
mod door;
mod failure;
mod job;
mod journal;
mod log;
mod login;
mod man;
mod operators;
mod payload;
mod pool;
mod pool_guard;
mod publish;
mod serve;
mod settings;
mod stop;
mod submit;
mod top;
mod watch;
mod words;
mod worker;

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use self::settings::Refusal;

/// Many small allocations that cross threads: what the system's allocator is worst at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Jobs from a browser to a pool of workers in any language, and their results live back.
///
/// Start with `acequia demo`: a server, two workers and a page to look at. On your own: run
/// `acequia serve`, connect workers to its jobs and results ports (docs/worker-protocol.md; ten
/// lines of Python do), and submit jobs from a page (clients/js) or with `acequia submit`.
#[derive(Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// What is logged to standard error: error, warn, info, debug or trace, also per module
    /// (`info,acequia_gate=debug`)
    #[arg(long, global = true, env = "ACEQUIA_LOG", default_value = "info", value_name = "FILTER")]
    log: String,

    /// The format of the log: lines for people, or one JSON object per line
    #[arg(
        long,
        global = true,
        env = "ACEQUIA_LOG_FORMAT",
        default_value = "text",
        value_name = "text|json"
    )]
    log_format: log::Format,

    /// Threads of this process [default: half of the processors, since workers need some too]
    #[arg(long, global = true, env = "ACEQUIA_THREADS", value_name = "N")]
    threads: Option<NonZeroUsize>,

    /// The file for settings that no flag or variable gives; `acequia config` prints it [default:
    /// acequia.toml in this folder, if there is one]
    // Read before the command line is: see `settings`.
    #[arg(long, global = true, env = "ACEQUIA_CONFIG", value_name = "FILE|none")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Task(Box<Task>),
    Config(config::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// What takes its time; the other commands only print.
#[derive(Subcommand)]
enum Task {
    Demo(demo::Args),
    Serve(Box<serve::Args>),
    Door(Box<door::Args>),
    Worker(worker::Args),
    Pool(pool::Args),
    Submit(submit::Args),
    Watch(watch::Args),
    Publish(publish::Args),
    Top(top::Args),
    Bench(bench::Args),
    Conform(conform::Args),
    #[command(subcommand)]
    Journal(journal::Command),
    #[command(hide = true)]
    PoolGuard(pool_guard::Args),
}

fn main() -> ExitCode {
    start().unwrap_or_else(|refusal| refusal.tell())
}

fn start() -> Result<ExitCode, Refusal> {
    let settings = settings::read(Cli::command, std::env::args_os().collect())?;
    let cli = Cli::from_arg_matches(&settings.matches).map_err(Refusal::from)?;
    let printed = match cli.command {
        Command::Task(task) => {
            // Where a picture is shown there is no place for a log.
            let logs = !matches!(&*task, Task::Top(args) if args.shows_a_picture());
            let started = if logs { log::start(&cli.log, cli.log_format) } else { Ok(()) };
            let code = started.and_then(|()| run(cli.threads, cli.log_format, *task));
            return code.map_err(|error| settings.explain(error));
        }
        Command::Config(args) => config::text(&args, Cli::command, &settings)?.into_bytes(),
        Command::Completions(args) => completions::script(&args, Cli::command()),
        Command::Man(args) => man::page(&args, Cli::command())?,
    };
    std::io::stdout().write_all(&printed).context("cannot print it")?;
    Ok(ExitCode::SUCCESS)
}

fn run(threads: Option<NonZeroUsize>, log: log::Format, task: Task) -> anyhow::Result<ExitCode> {
    let threads = threads.unwrap_or_else(default_threads);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.get())
        .enable_all()
        .build()?;
    let code = runtime.block_on(async {
        // Before anything that takes its time. The guard of a pool ends with the pool, and by no signal
        // that is meant for it.
        if !matches!(task, Task::PoolGuard(_)) {
            let hears_hangup = matches!(task, Task::Submit(_) | Task::Watch(_) | Task::Publish(_));
            stop::catch(hears_hangup).context("cannot catch signals")?;
        }
        match task {
            Task::Demo(args) => demo::run(args, log).await,
            Task::Serve(args) => serve::run(*args, log).await,
            Task::Door(args) => door::run(*args).await,
            Task::Worker(args) => worker::run(args).await,
            Task::Pool(args) => pool::run(args).await,
            Task::Submit(args) => submit::run(args).await,
            Task::Watch(args) => watch::run(args).await,
            Task::Publish(args) => publish::run(args).await,
            Task::Top(args) => top::run(args).await,
            Task::Bench(args) => bench::run(args).await,
            Task::Conform(args) => conform::run(args).await,
            Task::Journal(command) => journal::run(command).await,
            Task::PoolGuard(args) => Ok(pool_guard::run(&args)),
        }
    });
    // A worker's handler that computes on in spite of its cancelling must not hold up the end.
    runtime.shutdown_background();
    code
}

/// Half of the processors: jobs are meant for other processes. It is also what costs the least: on
/// two processors a second thread more than doubled the CPU of a job that travels alone, as each
/// of its steps woke the other thread.
fn default_threads() -> NonZeroUsize {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    NonZeroUsize::new(processors / 2).unwrap_or(NonZeroUsize::MIN)
}
