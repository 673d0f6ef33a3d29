//! Acequia: jobs from a browser to a pool of workers in any language, and their results live back.
//!
//! A Rust program embeds the whole server:
//!
//! ```no_run
//! use acequia::{Config, Server};
//!
//! # async fn run() -> Result<(), acequia::StartError> {
//! let server = Server::bind(Config::default()).await?;
//! println!("{}", server.addresses());
//! server.run(async { _ = tokio::signal::ctrl_c().await }).await;
//! # Ok(())
//! # }
//! ```
//!
//! `ARCHITECTURE.md` has the picture; the stages are crates of their own.

mod access;
mod admin;
mod ask;

mod clock;
mod config;
mod durability;
mod front;
mod http;
mod listener;
mod metrics;
mod page;
mod pairing;
mod pipeline;
mod pools;
mod rates;
mod readiness;
mod reload;
mod server;
mod sessions;
#[cfg(feature = "otlp")]
mod spans;


pub use access::{AllowedOrigin, BadKeys, BadOrigin, BadSecret, ClientTokens, KeySource, Secret};
pub use config::{Config, StartError};
pub use server::{Addresses, Server};
#[cfg(feature = "otlp")]
pub use spans::{BadOtlpEndpoint, OtlpEndpoint};
pub use acequia_client as client;
pub use acequia_tls::{BadTls, TlsFiles};

// What an embedding program needs to fill in a `Config`.
pub use acequia_gate::Endpoint;
pub use acequia_wire::{Limits, TraceRatio};
