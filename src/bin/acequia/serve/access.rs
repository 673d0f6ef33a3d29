//! The flags that decide who may come in.

use acequia::{AllowedOrigin, Config};

#[derive(clap::Args)]
#[command(next_help_heading = "Who may come in")]
pub(super) struct AccessArgs {
    /// Pages of this origin, such as https://app.example, may open sessions; may be given several
    /// times. `*` lets every page in that a browser of one of your users has open, which is
    /// dangerous unless clients need tokens
    #[arg(long, env = "ACEQUIA_ALLOW_ORIGIN", value_delimiter = ',', value_name = "ORIGIN")]
    allow_origin: Vec<AllowedOrigin>,
}

impl AccessArgs {
    /// The configuration with what these flags say.
    pub(super) fn apply(self, config: Config) -> anyhow::Result<Config> {
        if self.allow_origin.iter().any(AllowedOrigin::is_any) {
            tracing::warn!(
                "--allow-origin *: any page may have its visitors' browsers submit jobs"
            );
        }
        Ok(Config { allowed_origins: self.allow_origin, ..config })
    }
}
