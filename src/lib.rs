//! Acequia: jobs from a browser to a pool of workers in any language, and their results live back.
//!
#![doc = include_str!("../docs/embedding.md")]
//!
//! `ARCHITECTURE.md` has the picture; the stages are crates of their own.

mod access;
mod addresses;
mod calls;
mod clock;
mod cluster;
mod config;
mod demo;
mod door;
mod http;
mod links;
mod metrics;
mod parts;
mod pipeline;
mod ports;
mod relay;
mod reload;
mod schema;
mod server;
#[cfg(feature = "otlp")]
mod spans;
mod workers;

pub use access::{
    AllowedOrigin, BadKeys, BadOrigin, BadOwnName, BadSecret, BadTrustedProxy, ClientTokens,
    KeySource, OwnName, Secret, TrustedProxy,
};
pub use acequia_client as client;
pub use acequia_tls::{BadTls, TlsFiles};
pub use addresses::Addresses;
pub use cluster::{Cluster, End};
pub use config::{Config, Journal, Links, Owners, Shared, StartError};
pub use demo::{Demo, Kill};
pub use door::Door;
pub use http::{ClientAddress, Routes};
pub use parts::Broken;
pub use server::Server;
#[cfg(feature = "otlp")]
pub use spans::{BadOtlpEndpoint, OtlpEndpoint};

// What an embedding program needs to fill in a `Config`.
pub use acequia_gate::{Endpoint, SocketAccess};
pub use acequia_journal::{BadDatabase, Database};
pub use acequia_wire::{Limits, TraceRatio};
