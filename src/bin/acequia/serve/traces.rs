//! The flags that say which jobs are traced, and who is told.

use acequia::{Config, TraceRatio};
use anyhow::Context as _;

#[derive(clap::Args)]
#[command(next_help_heading = "Traces")]
pub(super) struct TraceArgs {
    /// The share of jobs without a traceparent that begin a trace: 0 for none, 1 for all
    #[arg(long, env = "ACEQUIA_TRACE_RATIO", default_value_t = 0.0, value_name = "RATIO")]
    trace_ratio: f64,

    /// The OpenTelemetry collector that gets the spans of jobs whose traces are sampled, by OTLP over
    /// HTTP, such as http://127.0.0.1:4318
    #[cfg(feature = "otlp")]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<String>,
}

impl TraceArgs {
    pub(super) fn apply(self, config: Config) -> anyhow::Result<Config> {
        let ratio = self.trace_ratio;
        let traces = TraceRatio::new(ratio).with_context(|| {
            format!("--trace-ratio {ratio}: it must be from 0 to 1, such as 0.1")
        })?;
        // A variable that is empty is none, as OpenTelemetry has it.
        #[cfg(feature = "otlp")]
        let otlp_endpoint = self.otlp_endpoint.filter(|url| !url.is_empty());
        Ok(Config {
            traces,
            #[cfg(feature = "otlp")]
            otlp_endpoint: otlp_endpoint
                .map(|url| url.parse().context("--otlp-endpoint"))
                .transpose()?,
            ..config
        })
    }
}
