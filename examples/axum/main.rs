//! A program with an axum app, which has an Acequia server below a path of its own port. Its handlers submit jobs
//! and publish; its page watches; and it brings a worker, which might as well be a program of its own.
#![allow(clippy::print_stdout, reason = "it says where it listens")]

use std::env;
use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use acequia::client::{ContentType, HttpClient, HttpError, Message, Payload, Submit};
use acequia::{Config, Server};
use acequia_worker::{Failure, Job, Reply, Worker};
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;

const ROWS_MAX: u32 = 1000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(setting("LISTEN", "127.0.0.1:8000")).await?;
    let address = listener.local_addr()?;
    let config = Config {
        jobs: setting("ACEQUIA_JOBS", "tcp://127.0.0.1:5557").parse()?,
        results: setting("ACEQUIA_RESULTS", "tcp://127.0.0.1:5558").parse()?,
        journal: env::var_os("ACEQUIA_JOURNAL").map(|path| PathBuf::from(path).into()),
        ..Config::default()
    };
    let (server, routes) = Server::mounted(config, address).await?;
    let (jobs, results) = (&server.addresses().jobs, &server.addresses().results);
    let worker =
        Worker::new(jobs.to_string(), results.to_string()).slots(4).queue("reports", report);

    let app = Router::new()
        .route("/", get(async || Html(include_str!("index.html"))))
        .route("/reports", post(make))
        .route("/news", post(tell))
        .with_state(HttpClient::new(format!("http://{address}/acequia"))?)
        .nest_service("/acequia", routes.for_clients());
    println!("http://{address}/");

    let server = tokio::spawn(server.run(stop()));
    let worker = tokio::spawn(worker.run(stop()));
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(stop())
        .await?;
    worker.await??;
    server.await??;
    Ok(())
}

#[derive(Deserialize)]
struct Asked {
    rows: u32,
    /// The page's own: a report that is asked for twice is one job.
    key: String,
}

/// Submits, and does not wait: the page watches the job by its id, which is as good as a secret.
async fn make(
    State(acequia): State<HttpClient>,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Result<Response, Refused> {
    let Json(Asked { rows, key }) = asked.map_err(|error| Refused::Asked(error.body_text()))?;
    if !(1..=ROWS_MAX).contains(&rows) {
        return Err(Refused::Asked(format!("rows is a whole number from 1 to {ROWS_MAX}")));
    }
    let report = Submit::to("reports").json(&json!({ "rows": rows })).key(key).attempts(3);
    let taken = acequia.submit(&report).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "job": taken.job.to_string() }))).into_response())
}

#[derive(Deserialize, Serialize)]
struct News {
    text: String,
}

/// Tells all pages something.
async fn tell(
    State(acequia): State<HttpClient>,
    Json(news): Json<News>,
) -> Result<Response, Refused> {
    let data = serde_json::to_vec(&news).expect("text is JSON");
    let data = Payload::new(ContentType::Json, data.into()).expect("it is JSON");
    let pages = acequia.publish(&Message { topic: "news".into(), data, retain: false }).await?;
    Ok(Json(json!({ "pages": pages })).into_response())
}

enum Refused {
    /// What the page asked for cannot be.
    Asked(String),
    /// The server does not do it.
    Server(HttpError),
}

impl From<HttpError> for Refused {
    fn from(error: HttpError) -> Self {
        Self::Server(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::Asked(error) => (StatusCode::BAD_REQUEST, error),
            Self::Server(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        };
        (status, Json(json!({ "error": error }))).into_response()
    }
}

#[derive(Deserialize)]
struct Report {
    rows: u32,
}

/// Makes a report, a row at a time.
async fn report(job: Job) -> Result<Reply, Failure> {
    let Report { rows } = job.json()?;
    for row in 1..=rows {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(100)) => {} // work
            () = job.cancelled() => return Err(Failure::cancelled()),
        }
        job.progress(row.into(), rows.into(), "");
    }
    Reply::json(&json!({ "summary": format!("{rows} rows, made by run {}", job.attempt()) }))
}

fn setting(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.to_owned())
}

async fn stop() {
    drop(tokio::signal::ctrl_c().await);
}
