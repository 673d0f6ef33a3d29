//! What a server tells as it goes on, also after it was gone.

use std::time::Duration;

use acequia_client::{CallError, Live, ServerUrl};
use tokio::sync::mpsc;

use super::app::Told;

/// The longest first pause before a server that is gone is dialled again.
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Doublings after which a pause is the longest in any case.
const DOUBLINGS_MAX: u32 = 8;
/// Ticks that may wait to be shown.
const WAITING_MAX: usize = 4;

/// Tells what a server tells, of a stream that is open, and of others once that has ended.
pub(crate) fn follow(
    server: ServerUrl,
    live: Live,
    remedy: impl Fn(&CallError) -> String + Send + 'static,
) -> mpsc::Receiver<Told> {
    let (tell, told) = mpsc::channel(WAITING_MAX);
    tokio::spawn(async move {
        let mut live = Ok(live);
        let mut attempts = 0;
        loop {
            let ended = match live {
                Ok(live) => listen(live, &tell, &mut attempts).await,
                Err(error) => Err(error),
            };
            let why = match ended {
                Ok(()) => "the server has stopped".to_owned(),
                Err(error) => format!("{error}{}", remedy(&error)),
            };
            if tell.send(Told::Lost(why)).await.is_err() {
                return;
            }
            tokio::time::sleep(pause(attempts)).await;
            attempts += 1;
            live = Live::open(&server).await;
        }
    });
    told
}

/// Tells all of a stream, until it ends or nobody listens.
async fn listen(
    mut live: Live,
    tell: &mpsc::Sender<Told>,
    attempts: &mut u32,
) -> Result<(), CallError> {
    while let Some(told) = next(&mut live).await? {
        if matches!(told, Told::Tick(_)) {
            *attempts = 0;
        }
        if tell.send(told).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// The next of what is known of a stream. `None` at its end.
pub(crate) async fn next(live: &mut Live) -> Result<Option<Told>, CallError> {
    while let Some((name, data)) = live.next().await? {
        match name.as_str() {
            "history" => return live.read(&data).map(|history| Some(Told::History(history))),
            "tick" => return live.read(&data).map(|tick| Some(Told::Tick(Box::new(tick)))),
            // Of a later version.
            _ => {}
        }
    }
    Ok(None)
}

/// Anything from a half to all of a ceiling that doubles: of many who watch a server that starts
/// again, not all come at one time.
fn pause(attempts: u32) -> Duration {
    let doubled = PAUSE_MIN.saturating_mul(1 << attempts.min(DOUBLINGS_MAX));
    doubled.min(PAUSE_MAX).mul_f64(f64::midpoint(1.0, fastrand::f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_differ() {
        for (attempts, ceiling) in
            [(0, PAUSE_MIN), (1, 2 * PAUSE_MIN), (9, PAUSE_MAX), (u32::MAX, PAUSE_MAX)]
        {
            let pauses: Vec<_> = (0..100).map(|_| pause(attempts)).collect();
            assert!(pauses.iter().all(|pause| *pause >= ceiling / 2 && *pause <= ceiling));
            assert!(pauses.iter().any(|pause| *pause != pauses[0]));
        }
    }
}
