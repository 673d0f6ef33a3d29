//! The flags that say which jobs are traced.

use acequia::TraceRatio;
use anyhow::Context as _;

#[derive(clap::Args)]
#[command(next_help_heading = "Traces")]
pub(super) struct TraceArgs {
    /// Which share of the jobs begin a trace that come without a traceparent: 0 for none, 1 for all
    #[arg(long, env = "ACEQUIA_TRACE_RATIO", default_value_t = 0.0, value_name = "RATIO")]
    trace_ratio: f64,
}

impl TraceArgs {
    pub(super) fn ratio(&self) -> anyhow::Result<TraceRatio> {
        let ratio = self.trace_ratio;
        TraceRatio::new(ratio).with_context(|| {
            format!("--trace-ratio {ratio}: it has to be from 0 to 1, such as 0.1")
        })
    }
}
