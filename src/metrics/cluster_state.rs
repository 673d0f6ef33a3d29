//! What a server is in its cluster, for Prometheus.

/// What a server is in its cluster, and what has happened since its process began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClusterState {
    pub(crate) is_owner: bool,
    /// How often the journal has changed hands, as this server saw it last.
    pub(crate) epoch: u64,
    /// How often this server became the owner.
    pub(crate) takeovers: u64,
    /// How often it found out that it is not any more.
    pub(crate) fenced: u64,
    /// Whether the database has lost what it had confirmed.
    pub(crate) is_lost: bool,
}
