//! A pool in one line: `thumbs: 0..8 queue=thumb,crop -- python3 worker.py`.

use std::path::PathBuf;
use std::time::Duration;

use acequia_wire::QueueName;
use acequia_wire::limits::SLOTS_MAX;
use acequia_worker::exec::check_program;
use anyhow::{Context as _, bail};

use super::name::PoolName;
use super::program::{Program, check_queues};
use super::setup::{GRACE, GuardCommand, IDLE, Setup};
use super::sizer::{Bounds, Rules};

const RIGHT: &str = "such as 'thumbs: 0..8 queue=thumb,crop -- python3 worker.py'";
/// As of the flags of `acequia pool`.
const SECONDS_MAX: u64 = 86_400;

impl Setup {
    /// The pool that a line describes, whose workers are told of this token, and which this guards.
    ///
    /// # Errors
    /// If it is no pool, or one of a program that is not there: then it says what would be right.
    pub fn of_line(
        line: &str,
        worker_token_file: Option<PathBuf>,
        guard: Option<GuardCommand>,
    ) -> anyhow::Result<Self> {
        let named = || format!("--pool {line:?}");
        let words = shlex::split(line);
        let words = words.context("a quote or a backslash is left open").with_context(named)?;
        let mut setup = setup(&words).with_context(named)?;
        setup.program.worker_token_file = worker_token_file;
        setup.guard = guard;
        Ok(setup)
    }
}

fn setup(words: &[String]) -> anyhow::Result<Setup> {
    let mut parts = words.splitn(2, |word| word == "--");
    let (head, command) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let [name, head @ ..] = head else { bail!("there is no name; {RIGHT}") };
    let Some(name) = name.strip_suffix(':') else {
        bail!("{name:?} is not a name followed by a colon; {RIGHT}")
    };
    let name: PoolName = name.parse().map_err(anyhow::Error::msg)?;
    let [program, ..] = command else { bail!("there is no command after `--`; {RIGHT}") };
    check_program(program.as_ref())?;
    let mut setup = Setup {
        name: name.into(),
        rules: Rules { bounds: Bounds { min: 0, max: 8 }, idle: IDLE, grace: GRACE, slots: 1 },
        program: Program {
            command: command.iter().map(Into::into).collect(),
            queues: vec![QueueName::default()],
            told_queues: true,
            slots: None,
            worker_token_file: None,
            grace: GRACE,
        },
        jobs: None,
        results: None,
        guard: None,
        kills: None,
    };
    head.iter().try_for_each(|word| apply(&mut setup, word))?;
    Ok(setup)
}

fn apply(setup: &mut Setup, word: &str) -> anyhow::Result<()> {
    let named = || word.to_owned();
    if let Some((min, max)) = word.split_once("..") {
        let (min, max) = (min.parse().with_context(named)?, max.parse().with_context(named)?);
        setup.rules.bounds = Bounds::new(min, max)?;
        return Ok(());
    }
    match word.split_once('=') {
        Some(("queue", queues)) => {
            let queues: Result<Vec<QueueName>, _> = queues.split(',').map(str::parse).collect();
            setup.program.queues = queues.with_context(named)?;
            check_queues(&setup.program.queues)?;
        }
        Some(("slots", slots)) => {
            let slots = slots.parse().with_context(named)?;
            if !(1..=SLOTS_MAX).contains(&slots) {
                bail!("{word}: a process has 1 to {SLOTS_MAX} slots");
            }
            (setup.rules.slots, setup.program.slots) = (slots, Some(slots));
        }
        Some(("idle-s", time)) => setup.rules.idle = seconds(word, time, 1)?,
        Some(("grace-s", time)) => {
            let grace = seconds(word, time, 0)?;
            (setup.rules.grace, setup.program.grace) = (grace, grace);
        }
        _ => {
            bail!("{word:?} is not one of MIN..MAX, queue=, slots=, idle-s= and grace-s=; {RIGHT}")
        }
    }
    Ok(())
}

fn seconds(word: &str, time: &str, min: u64) -> anyhow::Result<Duration> {
    let time = time.parse().with_context(|| word.to_owned())?;
    if !(min..=SECONDS_MAX).contains(&time) {
        bail!("{word}: that is {min} to {SECONDS_MAX} seconds");
    }
    Ok(Duration::from_secs(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> String {
        let error = Setup::of_line(line, None, None).expect_err("it is no pool");
        format!("{error:#}")
    }

    #[test]
    fn a_line_is_a_pool() {
        let line = "thumbs: 1..4 queue=a,b slots=2 idle-s=5 grace-s=0 -- sh -c 'echo \"a b\"' -- x";
        let setup = Setup::of_line(line, Some("token".into()), None).expect("a pool");
        assert_eq!(setup.name, "thumbs");
        assert_eq!(setup.rules.bounds, Bounds { min: 1, max: 4 });
        assert_eq!((setup.rules.slots, setup.program.slots), (2, Some(2)));
        assert_eq!((setup.rules.idle, setup.rules.grace), (Duration::from_secs(5), Duration::ZERO));
        let queues: Vec<_> = setup.program.queues.iter().map(QueueName::as_str).collect();
        assert_eq!(queues, ["a", "b"]);
        assert_eq!(setup.program.command, ["sh", "-c", "echo \"a b\"", "--", "x"]);
        assert_eq!(setup.program.worker_token_file, Some("token".into()));
        let least = Setup::of_line("t: -- cat", None, None).expect("a pool");
        assert_eq!(least.rules.bounds, Bounds { min: 0, max: 8 });
        assert_eq!(least.program.queues, [QueueName::default()]);
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_right() {
        for (line, named) in [
            ("", "there is no name; such as"),
            ("thumbs 0..8 -- cat", "\"thumbs\" is not a name followed by a colon"),
            ("a/b: -- cat", "'/'"),
            ("t: 0..8", "no command after `--`; such as"),
            ("t: 0..8 --", "no command after `--`; such as"),
            ("t: 0..x -- cat", "0..x"),
            ("t: 3..2 -- cat", "--min 3 --max 2"),
            ("t: 0..0 -- cat", "1 to 1000"),
            ("t: queue=a,,b -- cat", "queue=a,,b"),
            ("t: slots=0 -- cat", "slots=0"),
            ("t: idle-s=0 -- cat", "idle-s=0"),
            ("t: grace-s=x -- cat", "grace-s=x"),
            ("t: colour=red -- cat", "\"colour=red\" is not one of"),
            ("t: -- no-such-program", "no-such-program"),
            ("t: -- sh -c 'open", "left open"),
        ] {
            let said = refused(line);
            assert!(said.contains(named), "{line:?}: {said}");
            assert!(said.starts_with("--pool "), "{said}");
        }
    }
}
