//! Whole screens, of what a real server told (`tests/history.json`, `tests/tick.json`), and what keys
//! do to them. `ACEQUIA_BLESS=1 cargo test` writes the screens anew: look at the difference.

use std::path::Path;

use acequia_plain::Plain;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;

use super::app::{App, Next, Panel, Told};
use super::command::{Answer, Command};
use super::once::picture;
use super::told::{Pool, Tick};
use super::view::{self, Theme};

const HISTORY: &str = include_str!("tests/history.json");
const TICK: &str = include_str!("tests/tick.json");

fn tick() -> Tick {
    serde_json::from_str(TICK).expect("a tick")
}

/// What is shown once the first tick has come.
fn app() -> App {
    let mut app = App::new("127.0.0.1:8080");
    app.hear(Told::History(serde_json::from_str(HISTORY).expect("a history")));
    app.hear(Told::Tick(Box::new(tick())));
    app
}

fn drawn(app: &mut App, width: u16, height: u16, theme: &Theme) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| view::draw(frame, app, theme)).expect("a picture");
    terminal.backend().clone()
}

/// The screen without the quotes that `TestBackend` puts around its lines.
fn screen(app: &mut App, width: u16, height: u16) -> String {
    let backend = drawn(app, width, height, &Theme::plain());
    let lines = backend.to_string();
    let lines = lines.lines().map(|line| line.trim_matches('"').trim_end().to_owned() + "\n");
    lines.collect()
}

fn check(name: &str, seen: &str) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests").join(name).with_extension("txt");
    if std::env::var_os("ACEQUIA_BLESS").is_some() {
        std::fs::write(&path, seen).expect("a file");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(seen == expected, "{}: expected\n{expected}\nseen\n{seen}", path.display());
}

fn press(app: &mut App, keys: &str) -> Next {
    let mut next = Next::Nothing;
    for key in keys.chars() {
        let code = match key {
            '↓' => KeyCode::Down,
            '↑' => KeyCode::Up,
            '→' => KeyCode::Tab,
            '⎋' => KeyCode::Esc,
            other => KeyCode::Char(other),
        };
        next = app.press(KeyEvent::new(code, KeyModifiers::NONE));
    }
    next
}

#[test]
fn small_screens() {
    for (keys, name) in
        [("1", "queues"), ("2", "workers"), ("3", "pools"), ("4", "failures"), ("?", "help")]
    {
        let mut app = app();
        press(&mut app, keys);
        check(&format!("{name}-80x24"), &screen(&mut app, 80, 24));
    }
}

#[test]
fn a_large_screen() {
    let mut app = app();
    press(&mut app, "2↓");
    check("all-140x50", &screen(&mut app, 140, 50));
}

#[test]
fn as_text() {
    check("once", &picture(&app()));
}

#[test]
fn slots_that_void_runs_hold_are_shown() {
    let mut told: serde_json::Value = serde_json::from_str(TICK).expect("a tick");
    let at_ms = told["at_ms"].as_u64().expect("a time");
    let held = serde_json::json!([{"job": "j-1", "since_ms": at_ms - 12_000, "why": "timeout"}]);
    for worker in told["workers"].as_array_mut().expect("workers") {
        worker["slots_held"] = 1.into();
        worker["held"] = held.clone();
    }
    let mut app = app();
    app.hear(Told::Tick(serde_json::from_value(told).expect("a tick")));
    press(&mut app, "2");
    let seen = screen(&mut app, 140, 50);
    assert!(seen.contains("a slot is held by j-1, void for 12s (timeout)"), "{seen}");
}

#[test]
fn before_the_first_tick() {
    let mut app = App::new("127.0.0.1:8080");
    check("first-80x24", &screen(&mut app, 80, 24));
    assert_eq!(picture(&app), "\nqueues: 0\n\nworkers: 0\n\npools: 0\n\nfailures: 0\n");
}

#[test]
fn without_a_connection_the_last_picture_stays() {
    let mut app = app();
    let before = screen(&mut app, 80, 24);
    app.hear(Told::Lost("127.0.0.1:8080 says \u{1b}[2Jnothing any more".to_owned()));
    let after = screen(&mut app, 80, 24);
    check("lost-80x24", &after);
    assert!(before.lines().any(|line| line.contains("held") && after.contains(line)));
    app.hear(Told::Tick(Box::new(tick())));
    assert_eq!(screen(&mut app, 80, 24).lines().next(), before.lines().next());
}

#[test]
fn any_size_can_be_drawn() {
    for panel in ["1", "2", "3", "4", "?"] {
        for (width, height) in
            (0..=150).step_by(3).flat_map(|w| (0..=50).step_by(7).map(move |h| (w, h)))
        {
            let mut app = app();
            press(&mut app, panel);
            drawn(&mut app, width, height, &Theme::coloured());
        }
    }
    let small = screen(&mut app(), 30, 7);
    assert!(small.contains("80x24") && small.contains("30x7"), "{small}");
    let smaller = screen(&mut app(), 79, 24);
    assert!(smaller.contains("80x24 shows more") && smaller.contains("held"), "{smaller}");
}

#[test]
fn nothing_that_others_said_reaches_the_terminal_as_it_was() {
    // Server, workers and jobs may all be of somebody else.
    let hostile = TICK
        .replace("held", r"he\u001b[2Jld\u009b\u202e")
        .replace("slow-1", r"s\u001b]0;title\u0007\r\u0008")
        .replace("\"ready\"", r#""re\u001bcady""#)
        .replace("web1", r"w\u001b[31meb");
    assert!(hostile.matches("\\u001b").count() > 8);
    let mut app = App::new("127.0.0.1:8080");
    app.hear(Told::Tick(Box::new(serde_json::from_str(&hostile).expect("a tick"))));
    app.answered(Err("it\u{1b}[2J is refused".to_owned()));
    let harmless = |text: &str| {
        let bad: Vec<char> =
            text.chars().filter(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}').collect();
        assert!(bad.is_empty(), "{bad:?} in {text}");
    };
    for keys in ["1", "1p", "2", "2↓↓↓d", "3", "4", "4r"] {
        press(&mut app, keys);
        // Line by line: what is not shown as one column would shift the rest.
        let seen = screen(&mut app, 140, 50);
        harmless(&seen);
        press(&mut app, "n");
    }
    harmless(&picture(&app));
    assert!(picture(&app).contains("he␛[2Jld��"), "{}", picture(&app));
}

#[test]
fn no_color_means_none() {
    let colours = |theme: &Theme| {
        let mut app = app();
        press(&mut app, "p");
        app.hear(Told::Lost("gone".to_owned()));
        let backend = drawn(&mut app, 140, 50, theme);
        let cells = backend.buffer().content().iter();
        cells.filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count()
    };
    assert_eq!(colours(&Theme::plain()), 0);
    assert!(colours(&Theme::coloured()) > 0);
}

#[test]
fn a_queue_is_paused_and_resumed_once_that_is_affirmed() {
    let mut app = app();
    let queue = |name: &str| Plain::new(name);
    assert_eq!(press(&mut app, "p"), Next::Nothing);
    assert!(screen(&mut app, 80, 24).contains("Pause crop? None of its jobs will begin. y/n"));
    // No other key means anything now.
    assert_eq!(press(&mut app, "2q↓"), Next::Nothing);
    assert_eq!((app.panel, press(&mut app, "n")), (Panel::Queues, Next::Nothing));
    assert_eq!(press(&mut app, "y"), Next::Nothing);
    assert_eq!(press(&mut app, "py"), Next::Do(Command::Pause { queue: queue("crop") }));
    assert_eq!(press(&mut app, "↓↓py"), Next::Do(Command::Resume { queue: queue("held") }));
    let mut answer = tick().queues.remove(2);
    answer.paused = false;
    app.answered(Ok(Answer::Queue(answer)));
    assert!(screen(&mut app, 80, 24).contains("held is not paused"));
    assert_eq!(press(&mut app, "py"), Next::Do(Command::Pause { queue: queue("held") }));
}

#[test]
fn workers_are_drained_and_failures_run_again() {
    let mut app = app();
    let first = app.workers.rows()[0].clone();
    let drain = Command::Drain { worker: first.worker, name: first.name };
    assert_eq!(press(&mut app, "2dy"), Next::Do(drain));
    let job = app.failures.rows()[0].job.clone();
    assert_eq!(press(&mut app, "4ry"), Next::Do(Command::Redrive { job: job.clone() }));
    let as_job = Plain::new("another");
    app.answered(Ok(Answer::Redriven { job: job.clone(), as_job }));
    assert!(app.failures.rows().iter().all(|failure| failure.job != job));
    // What is of other panels does nothing here.
    assert_eq!(press(&mut app, "4pyd+1r"), Next::Nothing);
}

#[test]
fn each_key_scales_from_where_the_one_before_it_came_to() {
    let mut app = app();
    let scale = |min, max| {
        let pool = Plain::new("reports");
        Next::Do(Command::Scale { pool, min, max })
    };
    assert_eq!(press(&mut app, "3+"), scale(0, 9));
    assert_eq!(press(&mut app, "+"), scale(0, 10));
    assert_eq!(press(&mut app, ">"), scale(1, 10));
    assert_eq!(press(&mut app, "-"), scale(1, 9));
    assert_eq!(press(&mut app, "<"), scale(0, 9));
    assert_eq!(press(&mut app, "<"), Next::Nothing, "fewer than none");
    let pool = app.pools.chosen().expect("a pool").clone();
    app.pools.put(Pool { min: 3, max: 3, ..pool.clone() });
    assert_eq!(press(&mut app, ">"), Next::Nothing, "more at least than at most");
    assert_eq!(press(&mut app, "-"), scale(2, 2));
    app.pools.put(Pool { min: 0, max: 1000, ..pool });
    assert_eq!(press(&mut app, "+"), Next::Nothing, "more than a server lets a pool have");
}

#[test]
fn keys_to_quit() {
    for quit in ["q", "⎋"] {
        assert_eq!(press(&mut app(), quit), Next::Quit);
    }
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    let mut app = app();
    press(&mut app, "p");
    assert_eq!(app.press(control_c), Next::Quit);
    assert_eq!(press(&mut app, "⎋"), Next::Nothing, "it was no to the question");
    assert_eq!(press(&mut app, "?q"), Next::Nothing, "it left the page of keys");
    assert_eq!(press(&mut app, "q"), Next::Quit);
}

#[test]
fn panels_go_round() {
    let mut app = app();
    for panel in [Panel::Workers, Panel::Pools, Panel::Failures, Panel::Queues] {
        press(&mut app, "→");
        assert_eq!(app.panel, panel);
    }
}

#[test]
fn sorting_shows_the_column_and_keeps_what_is_chosen() {
    let mut app = app();
    press(&mut app, "↓");
    for _ in 0..9 {
        press(&mut app, "s");
    }
    let seen = screen(&mut app, 80, 24);
    assert!(seen.contains("wait p50▾"), "{seen}");
    assert_eq!(app.queues.chosen().map(|queue| queue.queue.as_str()), Some("default"));
}

#[test]
fn the_chosen_row_is_on_the_screen() {
    let mut all = tick();
    let like = all.queues[0].clone();
    all.queues = (0..1000)
        .map(|n| {
            let mut queue = like.clone();
            queue.queue = Plain::new(&format!("queue-{n:04}"));
            queue
        })
        .collect();
    let mut app = App::new("127.0.0.1:8080");
    app.hear(Told::Tick(Box::new(all)));
    screen(&mut app, 80, 24);
    app.press(KeyEvent::new(KeyCode::End, KeyModifiers::NONE));
    assert!(screen(&mut app, 80, 24).contains("queue-0999"));
    app.press(KeyEvent::new(KeyCode::PageUp, KeyModifiers::NONE));
    let seen = screen(&mut app, 80, 24);
    let chosen = app.queues.chosen().expect("a queue").queue.to_string();
    assert!(*chosen < *"queue-0999" && seen.contains(&chosen), "{chosen}\n{seen}");
    app.press(KeyEvent::new(KeyCode::Home, KeyModifiers::NONE));
    assert!(screen(&mut app, 80, 24).contains("queue-0000"));
}
