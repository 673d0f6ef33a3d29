//! What a server says of itself at `/metrics`.

use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the answer may take from a server under load.
const SCRAPE_TIME_MAX: Duration = Duration::from_secs(10);

/// The metrics of one moment, in Prometheus' text format.
pub(crate) struct Metrics(String);

impl Metrics {
    /// Asks the server at `authority`.
    pub(crate) async fn scrape(authority: &str) -> anyhow::Result<Self> {
        let answer = timeout(SCRAPE_TIME_MAX, get(authority)).await;
        let answer = answer
            .with_context(|| format!("no answer within {SCRAPE_TIME_MAX:?}"))
            .and_then(|answer| Ok(answer?))
            .with_context(|| format!("cannot read http://{authority}/metrics"))?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.contains(" 200 ") => Ok(Self(body.to_owned())),
            _ => bail!("http://{authority}/metrics answers {answer:?}"),
        }
    }

    /// The sum of a metric over all its labels. What was never counted is not there, and zero.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let values = self.0.lines().filter_map(|line| {
            let labels_and_value = line.strip_prefix(name)?;
            labels_and_value.starts_with(['{', ' ']).then_some(labels_and_value)
        });
        values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

/// In HTTP/1.0, whose answers come in one piece and end with the connection.
async fn get(authority: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(authority).await?;
    let request = format!("GET /metrics HTTP/1.0\r\nHost: {authority}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_over_all_labels_of_one_name() {
        let text =
            "# TYPE jobs counter\njobs{queue=\"a b\"} 1\njobs{queue=\"c\"} 2.5\njobs_more 9\n";
        let metrics = Metrics(text.to_owned());
        assert!((metrics.sum("jobs") - 3.5).abs() < f64::EPSILON);
        assert!((metrics.sum("jobs_more") - 9.0).abs() < f64::EPSILON);
        assert!(metrics.sum("nothing").abs() < f64::EPSILON);
    }
}
