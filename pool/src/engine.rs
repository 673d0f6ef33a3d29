//! One pool at work: the sizer, and around it the server, the processes and the clock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use acequia_client::{AdminClient, CallError};
use acequia_gate::Endpoint;
use acequia_wire::QueueName;
use anyhow::{Context as _, bail};
use hyper::StatusCode;
use rustix::process::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::errands::{self, Errand, News};
use super::guard::Guard;
use super::kin::Child;
use super::output::Printer;
use super::place::{from_here, host_name};
use super::program::Running;
use super::server::{Ports, Report, Seen, Server};
use super::setup::Setup;
use super::sizer::{Action, Bounds, End, Event, Hang, Observation, ProcessId, Sizer, Time};

/// From one look at the server to the next, while something changes.
const QUICK: Duration = Duration::from_millis(100);
/// And while nothing does.
const CALM: Duration = Duration::from_millis(500);
/// From one report to the next.
const REPORT: Duration = Duration::from_secs(1);
/// The longest pause until a server that does not answer is asked again.
const AWAY_MAX: Duration = Duration::from_secs(5);

/// A process that has run for so long without a lane is not what it should be.
const LATE: Duration = Duration::from_secs(30);

/// Keeps the pool until `stop` resolves, and then until its last process has ended.
///
/// # Errors
/// If it cannot begin: the server does not let it, or the program cannot be started.
pub(crate) async fn run(
    mut setup: Setup,
    client: AdminClient,
    printer: Printer,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let (news, mut incoming) = mpsc::unbounded_channel();
    let (errands, todo) = mpsc::unbounded_channel();
    let host = client.server().authority().to_owned();
    let queues = setup.program.queues.clone();
    let server = Server::new(client, setup.name.clone(), queues);
    let server = tokio::spawn(errands::run(server, todo, news.clone()));
    let guard = setup.guard.map(|of| Guard::start(of(setup.rules.grace)?)).transpose();
    let guard = guard.context("cannot start the process that guards the others")?;
    let guard = guard.map(|guard| Arc::new(Mutex::new(guard)));
    let mut kills = setup.kills.take();
    let start = Instant::now();
    let mut engine = Engine {
        sizer: Sizer::new(setup.rules.clone()),
        setup,
        host,
        start,
        guard,
        printer,
        errands,
        news,
        running: HashMap::new(),
        ports: None,
        looking: false,
        look_at: start,
        reporting: false,
        report_at: start,
        stopping: false,
        misses: 0,
        said: None,
        started: false,
    };
    engine.say_what_it_does();
    tokio::pin!(stop);
    while !engine.sizer.is_over() {
        let event = tokio::select! {
            // The engine has one end of the channel itself.
            Some(news) = incoming.recv() => engine.hear(news)?,
            Some(wish) = wish(&mut kills) => {
                engine.kill_one(wish);
                Event::Tick
            }
            () = &mut stop, if !engine.stopping => {
                engine.stopping = true;
                engine.look_at = Instant::now();
                Event::Stop
            }
            () = sleep_until(engine.wakes_at()) => Event::Tick,
        };
        engine.handle(event)?;
    }
    if engine.misses == 0 {
        engine.report();
    }
    drop(engine);
    // The last report is under way.
    _ = server.await;
    Ok(())
}

/// The next wish that a process be killed. Pending where nobody has one.
async fn wish(
    kills: &mut Option<mpsc::Receiver<oneshot::Sender<String>>>,
) -> Option<oneshot::Sender<String>> {
    match kills {
        Some(kills) => kills.recv().await,
        None => std::future::pending().await,
    }
}

/// A process of the pool.
struct Own {
    running: Running,
    name: String,
    /// Whether it was told to end.
    told: bool,
    started: Instant,
    /// Whether it was said that it is.
    is_late: bool,
}

struct Engine {
    sizer: Sizer,
    setup: Setup,
    /// The server's `HOST:PORT`.
    host: String,
    start: Instant,
    /// Shared with those who wait for the processes: it hears of an end before the number is another's.
    guard: Option<Arc<Mutex<Guard>>>,
    printer: Printer,
    errands: mpsc::UnboundedSender<Errand>,
    news: mpsc::UnboundedSender<News>,
    running: HashMap<ProcessId, Own>,
    /// Where processes connect; unknown until the server was seen.
    ports: Option<Ports>,
    /// Whether a look is under way.
    looking: bool,
    look_at: Instant,
    /// Whether a report is under way.
    reporting: bool,
    report_at: Instant,
    stopping: bool,
    /// Looks in a row without an answer.
    misses: u32,
    /// What was said of that last.
    said: Option<String>,
    /// Whether a process was ever started.
    started: bool,
}

impl Engine {
    fn say_what_it_does(&self) {
        let Setup { name: pool, program, .. } = &self.setup;
        let Bounds { min, max } = self.sizer.bounds();
        let queues: Vec<_> = program.queues.iter().map(QueueName::as_str).collect();
        let (queues, command) = (queues.join(","), program.command[0].display());
        let server = &self.host;
        tracing::info!(
            pool,
            %queues,
            %server,
            "keeps {min} to {max} processes of `{command}`, as many as there is work for"
        );
    }

    fn now(&self) -> Time {
        self.start.elapsed()
    }

    /// When there is something to do without any news.
    fn wakes_at(&self) -> Instant {
        let tick = Instant::now() + if self.sizer.is_changing() { QUICK } else { REPORT };
        let look = if self.looking { tick } else { self.look_at };
        // Nothing is reported before the server was seen.
        let report = if self.ports.is_some() { self.report_at } else { tick };
        look.min(report).min(tick)
    }

    fn hear(&mut self, news: News) -> anyhow::Result<Event> {
        match news {
            News::Seen { asked, seen } => {
                self.looking = false;
                self.see(asked, seen)
            }
            News::Reported(answer) => {
                self.reporting = false;
                let bounds = answer.unwrap_or(self.sizer.bounds());
                if bounds != self.sizer.bounds() {
                    let Bounds { min, max } = bounds;
                    tracing::info!(pool = self.setup.name, min, max, "scaled by the operator");
                }
                Ok(Event::Scaled(bounds))
            }
            News::Missed(error) => {
                self.looking = false;
                self.miss(error)
            }
            News::Ended { process, end } => {
                self.forget(process, &end);
                Ok(Event::Ended { process, end })
            }
        }
    }

    fn see(&mut self, asked: Time, seen: Seen) -> anyhow::Result<Event> {
        let Seen { waiting, lanes, ports, leaves } = seen;
        if leaves && !self.stopping {
            return Ok(self.is_away(QUICK, "the server is about to stop".to_owned(), false));
        }
        match self.reachable(ports) {
            Ok(ports) => self.connect_to(ports)?,
            Err(error) if self.ports.is_none() => return Err(error),
            Err(error) => return Ok(self.is_away(CALM, error.to_string(), false)),
        }
        if self.said.take().is_some() {
            tracing::info!(pool = self.setup.name, "the server answers again");
        }
        self.misses = 0;
        self.say_late();
        Ok(Event::Observed(Observation { asked, waiting, lanes }))
    }

    /// Takes in that the server cannot be gone by until the next look, and says why, once.
    fn is_away(&mut self, pause: Duration, said: String, gone: bool) -> Event {
        self.look_at = Instant::now() + pause;
        if self.said.as_ref() != Some(&said) {
            let (pool, processes) = (&self.setup.name, self.running.len());
            tracing::warn!(
                pool,
                processes,
                "{said}; the processes stay as they are until it answers"
            );
            self.said = Some(said);
        }
        Event::Away { gone }
    }

    /// Says, once, of each process that runs and serves none of the queues.
    fn say_late(&mut self) {
        for (process, own) in &mut self.running {
            let is_late = own.started.elapsed() >= LATE && !self.sizer.was_ready(*process);
            if is_late && !std::mem::replace(&mut own.is_late, true) {
                let (pool, name, pid) = (&self.setup.name, &own.name, own.running.pid);
                tracing::warn!(
                    pool,
                    name,
                    pid,
                    "has run for {LATE:?} and is no worker of any queue of the pool yet: does it dial \
                     ACEQUIA_JOBS and ACEQUIA_RESULTS, and say the queues of ACEQUIA_QUEUE in its `ready`?"
                );
            }
        }
    }

    fn forget(&mut self, process: ProcessId, end: &End) {
        let Some(Own { running, name, told, .. }) = self.running.remove(&process) else { return };
        let (pool, pid) = (&self.setup.name, running.pid);
        if told {
            tracing::info!(pool, name, pid, "stopped");
        } else {
            tracing::warn!(pool, name, pid, "ended by itself: {}", end.why);
        }
    }

    fn miss(&mut self, error: CallError) -> anyhow::Result<Event> {
        if self.ports.is_none() && error.status() == Some(StatusCode::UNAUTHORIZED) {
            bail!("{error}; pass the file with the server's admin token: --admin-token-file");
        }
        self.misses = self.misses.saturating_add(1);
        let pause = QUICK.saturating_mul(2_u32.saturating_pow(self.misses)).min(AWAY_MAX);
        Ok(self.is_away(pause, error.to_string(), error.is_gone()))
    }

    /// Takes in where processes are to connect.
    fn connect_to(&mut self, ports: Ports) -> anyhow::Result<()> {
        let has_moved = self.ports.as_ref().is_some_and(|old| *old != ports);
        self.ports = Some(ports);
        if has_moved {
            tracing::info!(
                pool = self.setup.name,
                "the server has other ports: new processes take over"
            );
            self.handle(Event::Moved)?;
        }
        Ok(())
    }

    /// The server's ports as they are dialled from here.
    fn reachable(&self, server: Ports) -> anyhow::Result<Ports> {
        let Setup { jobs, results, .. } = &self.setup;
        let dialled = |flag, given: &Option<Endpoint>, there: Endpoint| match given {
            Some(given) => Ok(given.clone()),
            None => from_here(flag, there, &self.host),
        };
        Ok(Ports {
            jobs: dialled("--jobs", jobs, server.jobs)?,
            results: dialled("--results", results, server.results)?,
        })
    }

    fn handle(&mut self, event: Event) -> anyhow::Result<()> {
        let was_failing = self.sizer.failing(self.now()).is_some();
        let mut actions = Vec::new();
        let is_look = matches!(event, Event::Observed(_));
        self.sizer.handle(self.now(), event, &mut actions);
        for action in actions {
            self.act(action)?;
        }
        if let (false, Some(why)) = (was_failing, self.sizer.failing(self.now())) {
            tracing::error!(pool = self.setup.name, "{why}");
        }
        if is_look {
            self.look_at = Instant::now() + if self.sizer.is_changing() { QUICK } else { CALM };
        }
        self.run_errands();
        Ok(())
    }

    fn run_errands(&mut self) {
        let now = Instant::now();
        if self.report_at <= now && self.ports.is_some() {
            self.report_at = now + REPORT;
            if self.misses == 0 && !self.reporting {
                self.reporting = true;
                self.report();
            }
        }
        if self.looking || now < self.look_at {
            return;
        }
        self.looking = true;
        let child = |(process, own): (&ProcessId, &Own)| Child {
            process: *process,
            pid: own.running.pid,
            name: own.name.clone(),
        };
        let children = self.running.iter().map(child).collect();
        self.send(Errand::Look { asked: self.now(), children });
    }

    fn send(&self, errand: Errand) {
        // Its receiver lives as long as this sender.
        _ = self.errands.send(errand);
    }

    fn report(&self) {
        let Bounds { min, max } = self.sizer.bounds();
        let counts = self.sizer.counts();
        self.send(Errand::Report(Report {
            queues: self.setup.program.queues.iter().map(ToString::to_string).collect(),
            min,
            max,
            processes: counts.processes,
            starting: counts.starting,
            stopping: counts.stopping,
            failing: self.sizer.failing(self.now()),
            host: host_name(),
            pid: std::process::id(),
        }));
    }

    fn act(&mut self, action: Action) -> anyhow::Result<()> {
        match action {
            Action::Start { process, place } => self.start(process, place)?,
            Action::Drain { worker } => self.send(Errand::Drain(worker)),
            Action::GiveUp { process, why } => self.say_that_it_hangs(process, why),
            Action::Terminate { process } => self.signal(process, Signal::TERM),
            Action::Kill { process } => self.signal(process, Signal::KILL),
        }
        Ok(())
    }

    fn say_that_it_hangs(&self, process: ProcessId, why: Hang) {
        let Some(own) = self.running.get(&process) else { return };
        let (pool, name, pid) = (&self.setup.name, &own.name, own.running.pid);
        let why = match why {
            Hang::Silent => "the server hears nothing from it",
            Hang::Void => "it holds on to runs that timed out, were cancelled or went to others",
            Hang::Gone => "it has left the server but still runs",
        };
        tracing::warn!(pool, name, pid, "hangs, and is replaced: {why}");
    }

    fn signal(&mut self, process: ProcessId, signal: Signal) {
        let Some(own) = self.running.get_mut(&process) else { return };
        let (pool, name, pid) = (&self.setup.name, &own.name, own.running.pid);
        if std::mem::replace(&mut own.told, true) {
            tracing::warn!(pool, name, pid, "does not end, and is killed");
        }
        own.running.signal(signal);
    }

    /// Kills the process that has served longest, and tells its name; without one, drops the wish.
    fn kill_one(&mut self, wish: oneshot::Sender<String>) {
        let serving = self
            .running
            .iter()
            .filter(|(process, own)| !own.told && self.sizer.was_ready(**process));
        let Some(process) = serving.min_by_key(|(_, own)| own.started).map(|(process, _)| *process)
        else {
            return;
        };
        let Own { name, running, .. } = &self.running[&process];
        tracing::info!(
            pool = self.setup.name,
            name,
            pid = running.pid,
            "is killed, as was asked for"
        );
        // Who asked may have gone.
        _ = wish.send(name.clone());
        self.signal(process, Signal::KILL);
    }

    fn start(&mut self, process: ProcessId, place: usize) -> anyhow::Result<()> {
        let name = format!("{}-{}", self.setup.name, place + 1);
        // Nothing is started before the server was seen.
        let ports = self.ports.as_ref().context("where to connect is not known yet")?;
        let guard = self.guard.clone();
        let released = move |pid| tell_guard(guard.as_ref(), |guard| guard.remove(pid));
        let started = self.setup.program.start(&name, ports, self.printer.clone(), released);
        let (running, ended) = match started {
            Ok(started) => started,
            Err(error) if !self.started => {
                let program = self.setup.program.command[0].display();
                return Err(error).with_context(|| format!("`{program}` cannot be started"));
            }
            Err(error) => {
                let end = End { success: false, why: format!("cannot be started: {error}") };
                _ = self.news.send(News::Ended { process, end });
                return Ok(());
            }
        };
        self.started = true;
        tell_guard(self.guard.as_ref(), |guard| guard.add(running.pid));
        tracing::info!(pool = self.setup.name, name, pid = running.pid, "started");
        let own = Own { running, name, told: false, started: Instant::now(), is_late: false };
        self.running.insert(process, own);
        let news = self.news.clone();
        tokio::spawn(async move {
            let end = ended.await;
            // An engine that is gone has nothing to do about it.
            _ = news.send(News::Ended { process, end });
        });
        Ok(())
    }
}

fn tell_guard(guard: Option<&Arc<Mutex<Guard>>>, tell: impl FnOnce(&mut Guard)) {
    if let Some(guard) = guard {
        tell(&mut guard.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
