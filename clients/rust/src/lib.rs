#![doc = include_str!("../README.md")]
//!
//! # Inside
//!
//! ```text
//! handles ──commands──▶ driver ──▶ machine ──▶ messages ──▶ server
//!    ▲                     ▲          │                       │
//!    └────── mailboxes ────┴─ effects ┘ ◀────── events ───────┘
//! ```
//!
//! One task owns the connection and all state. What it decides is decided by a state machine without IO, clock or
//! chance, which is tested by itself: every loss at every point, from a seed.

mod acequia;
mod admin;
mod asked_for;
mod builder;
mod call;
mod client;
mod command;
mod connect;
mod data;
mod driver;
mod http;
mod job;
mod job_error;
mod job_event;
mod known;
mod live;
mod machine;
mod mailbox;
mod nearby;
mod publish;
mod start;
mod state;
mod submit;
mod submit_error;
mod subscription;
mod token;
mod told;
mod url;

pub use acequia::Acequia;
pub use acequia_tls::BadTls;
pub use acequia_wire::client::{Batch, Encoding};
pub use acequia_wire::{ContentType, JobId, Payload, TraceParent};
pub use admin::{AdminClient, InProcess};
pub use builder::{Builder, JOBS_MAX, UNSENT_BYTES_MAX};
pub use call::{ANSWER_BYTES_MAX, CallError, Fault};
pub use client::{Client, ClientError, Frame};
pub use connect::ConnectError;
pub use data::{Data, Unreadable};
pub use http::{HttpClient, HttpError, JobState, PATIENCE, Problem, Status, Submitted};
pub use job::{Job, JobEvents};
pub use job_error::{JobError, Loss};
pub use job_event::{JobEvent, Outcome};
pub use live::Live;
pub use nearby::LeftNearby;
pub use publish::{Message, PublishError, publish};
pub use start::StartError;
pub use state::State;
pub use submit::{BadSubmit, Submit};
pub use submit_error::SubmitError;
pub use subscription::Subscription;
pub use told::SubscriptionError;
pub use url::{BadServerUrl, ServerUrl};
