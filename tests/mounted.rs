//! A Rust program has a port and a router, and mounts the server in it, below a path.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use acequia::client::{AdminClient, Client, ServerUrl};
use acequia::{Broken, ClientAddress, Config, Routes, Secret, Server};
use acequia_wire::Limits;
use acequia_wire::client::{Encoding, Event, HelloOp, Op};
use acequia_worker::{Job, Reply, Worker};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower_service::Service as _;

const TOKEN: &str = "an admin token of more than thirty-two bytes";
const HERE: &str = "192.0.2.1";

fn config() -> Config {
    let any: acequia::Endpoint = "tcp://127.0.0.1:0".parse().expect("as written");
    Config {
        jobs: any.clone(),
        results: any,
        journal: None,
        admin_token: Some(Secret::new(TOKEN.as_bytes()).expect("as written")),
        ..Config::default()
    }
}

/// A server that runs, mounted in a program that has a route of its own.
struct Mounted {
    listener: TcpListener,
    routes: Routes,
    workers: [String; 2],
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), Broken>>,
}

impl Mounted {
    async fn start(config: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (server, routes) = Server::mounted(config, address).await.expect("free ports");
        assert_eq!(server.addresses().http, address);
        let workers =
            [&server.addresses().jobs, &server.addresses().results].map(|at| at.to_string());
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(server.run(async { drop(stopped.await) }));
        Self { listener, routes, workers, stop, server }
    }

    /// The program's routes.
    fn app(&self) -> Router {
        below("/tools/acequia", self.routes.all())
    }
}

fn below(path: &str, routes: Router) -> Router {
    Router::new().route("/", get(|| async { "its own" })).nest_service(path, routes)
}

fn from(address: &str) -> ConnectInfo<SocketAddr> {
    let address: IpAddr = address.parse().expect("as written");
    ConnectInfo((address, 4711).into())
}

fn get_of(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("as written")
}

async fn call(app: &Router, request: Request<Body>) -> Response {
    let Ok(answer) = app.clone().call(request).await;
    answer
}

/// Of somebody whose connection the program has accepted.
async fn call_from(app: &Router, address: &str, mut request: Request<Body>) -> Response {
    request.extensions_mut().insert(from(address));
    call(app, request).await
}

async fn text(answer: Response) -> String {
    let body = to_bytes(answer.into_body(), 1 << 20).await.expect("a body");
    String::from_utf8(body.to_vec()).expect("text")
}

#[tokio::test]
async fn sessions_and_operators_come_in_below_the_path_and_hear_of_the_end() {
    let mounted = Mounted::start(config()).await;
    let app = mounted.app().into_make_service_with_connect_info::<SocketAddr>();
    let at = format!("{}/tools/acequia", mounted.listener.local_addr().expect("an address"));
    let (stop, stopped) = oneshot::channel::<()>();
    let program = axum::serve(mounted.listener, app);
    let program = program.with_graceful_shutdown(async { drop(stopped.await) });
    let program = tokio::spawn(program.into_future());

    let url: ServerUrl = format!("ws://{at}/v1/ws").parse().expect("as written");
    let mut client = Client::connect(&url, Encoding::Json).await.expect("a session");
    client.send(&Op::Hello(HelloOp { token: None, resume: None })).await.expect("sent");
    assert!(matches!(client.recv().await, Ok(Event::Welcome(_))));
    let url: ServerUrl = format!("http://{at}").parse().expect("as written");
    let mut operator = AdminClient::new(url.with_token(TOKEN));
    let told: serde_json::Value = operator.get("workers").await.expect("an answer");
    assert_eq!(told["workers"], serde_json::json!([]));

    mounted.stop.send(()).expect("the server runs");
    assert!(matches!(client.recv().await, Ok(Event::Bye { .. })), "a last word");
    mounted.server.await.expect("the server ends").expect("nothing broke");
    stop.send(()).expect("the program runs");
    program.await.expect("the program ends").expect("as it should");
}

#[tokio::test]
async fn answers_lead_to_where_it_is_mounted() {
    let mounted = Mounted::start(config()).await;
    let [jobs, results] = mounted.workers.clone();
    let worker = Worker::new(jobs, results)
        .queue("upper", async |job: Job| Reply::json(&job.json::<String>()?.to_uppercase()));
    let worker = tokio::spawn(worker.run(std::future::pending()));
    let app = mounted.app();

    let submit = Request::post("/tools/acequia/v1/queues/upper/jobs")
        .header(header::CONTENT_TYPE, "application/json")
        .header("prefer", "wait=60")
        .body("\"hello\"".into())
        .expect("as written");
    let answer = call_from(&app, HERE, submit).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let job = answer.headers()[header::LOCATION].to_str().expect("text").to_owned();
    assert!(job.starts_with("/tools/acequia/v1/jobs/"), "{job}");
    assert_eq!(text(answer).await, "\"HELLO\"");
    let told = text(call_from(&app, HERE, get_of(&job)).await).await;
    assert!(told.contains("\"done\""), "{told}");

    for (asked, leads_to) in [
        ("/tools/acequia", Some("/tools/acequia/")),
        ("/tools/acequia/", None),
        ("/tools/acequia/dashboard/", Some("../dashboard")),
        ("/tools/acequia/dashboard", None),
        ("/tools/acequia/client/index.js", None),
        ("/", None),
    ] {
        let answer = call_from(&app, HERE, get_of(asked)).await;
        let location = answer.headers().get(header::LOCATION);
        let location = location.map(|at| at.to_str().expect("text"));
        assert_eq!(location, leads_to, "{asked}");
        let is_found = answer.status() == StatusCode::OK;
        assert_eq!(is_found, leads_to.is_none(), "{asked}: {}", answer.status());
    }
    worker.abort();
}

#[tokio::test]
async fn at_the_root_what_the_program_does_not_have_is_the_servers() {
    let mounted = Mounted::start(config()).await;
    let app = Router::new().route("/own", get(|| async { "its own" }));
    let app = app.fallback_service(mounted.routes.all());
    for path in ["/own", "/", "/v1/openapi.json", "/healthz"] {
        let answer = call_from(&app, HERE, get_of(path)).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn admin_calls_need_the_token_or_are_left_out() {
    let mounted = Mounted::start(config()).await;
    let queues = |token: Option<&str>| {
        let request = Request::get("/a/v1/admin/queues");
        let request = match token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        };
        request.body(Body::empty()).expect("as written")
    };
    let routes = &mounted.routes;
    for (routes, with_token, without) in [
        (routes.all(), StatusCode::OK, StatusCode::UNAUTHORIZED),
        (routes.for_operators(), StatusCode::OK, StatusCode::UNAUTHORIZED),
        (routes.for_clients(), StatusCode::NOT_FOUND, StatusCode::NOT_FOUND),
    ] {
        let app = below("/a", routes);
        for (token, status) in [(Some(TOKEN), with_token), (Some("x"), without), (None, without)] {
            assert_eq!(call_from(&app, HERE, queues(token)).await.status(), status, "{token:?}");
        }
    }
    let for_operators = below("/a", routes.for_operators());
    let of_clients = call_from(&for_operators, HERE, get_of("/a/v1/openapi.json")).await;
    assert_eq!(of_clients.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_request_that_comes_from_nowhere_is_answered_with_what_is_missing() {
    let mounted = Mounted::start(config()).await;
    let app = mounted.app();
    let answer = call(&app, get_of("/tools/acequia/healthz")).await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let told = text(answer).await;
    for part in ["into_make_service_with_connect_info", "acequia::ClientAddress"] {
        assert!(told.contains(part), "{told}");
    }
    let mut request = get_of("/tools/acequia/healthz");
    request.extensions_mut().insert(ClientAddress([192, 0, 2, 7].into()));
    assert_eq!(call(&app, request).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_an_address_asks_for_is_counted() {
    let limits = Limits { address_connections: 1, ..Limits::default() };
    let trusted_proxies = vec!["10.0.0.1".parse().expect("as written")];
    let mounted = Mounted::start(Config { limits, trusted_proxies, ..config() }).await;
    let app = mounted.app();
    let waiting = || {
        let request =
            Request::post("/tools/acequia/v1/queues/nobody/jobs").header("prefer", "wait=60");
        request.body(Body::from("1")).expect("as written")
    };
    let status = async |address, forwarded: Option<&str>| {
        let request = Request::get("/tools/acequia/healthz");
        let request = match forwarded {
            Some(client) => request.header("x-forwarded-for", client),
            None => request,
        };
        let request = request.body(Body::empty()).expect("as written");
        call_from(&app, address, request).await.status()
    };
    let mut first = Box::pin(call_from(&app, HERE, waiting()));
    // It is polled once, and has its place.
    assert!(futures_util::poll!(&mut first).is_pending());
    assert_eq!(status(HERE, None).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(status("192.0.2.2", None).await, StatusCode::OK);
    assert_eq!(status("10.0.0.1", Some(HERE)).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(status("10.0.0.1", Some("192.0.2.3")).await, StatusCode::OK);
    assert_eq!(status("192.0.2.2", Some(HERE)).await, StatusCode::OK, "nobody believes that one");
    drop(first);
    assert_eq!(status(HERE, None).await, StatusCode::OK);
}

#[tokio::test]
async fn a_session_has_its_place_until_it_ends() {
    let limits = Limits { address_connections: 1, ..Limits::default() };
    let mounted = Mounted::start(Config { limits, ..config() }).await;
    let app = mounted.app();
    let at = mounted.listener.local_addr().expect("an address");
    let service = app.clone().into_make_service_with_connect_info::<SocketAddr>();
    let program = tokio::spawn(axum::serve(mounted.listener, service).into_future());
    let url: ServerUrl = format!("ws://{at}/tools/acequia/v1/ws").parse().expect("as written");
    let mut client = Client::connect(&url, Encoding::Json).await.expect("a session");
    client.send(&Op::Hello(HelloOp { token: None, resume: None })).await.expect("sent");
    assert!(matches!(client.recv().await, Ok(Event::Welcome(_))));
    let status =
        async || call_from(&app, "127.0.0.1", get_of("/tools/acequia/healthz")).await.status();
    assert_eq!(status().await, StatusCode::TOO_MANY_REQUESTS);
    client.close().await;
    tokio::time::timeout(Duration::from_secs(60), async {
        while status().await != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the place is given back");
    program.abort();
}

#[tokio::test]
async fn a_server_that_has_ended_says_so() {
    let mounted = Mounted::start(config()).await;
    let app = mounted.app();
    mounted.stop.send(()).expect("the server runs");
    mounted.server.await.expect("the server ends").expect("nothing broke");
    for path in ["healthz", "readyz", "v1/jobs/01938c2e-7a3b-7c4d-9e5f-60718293a4b5"] {
        let answer = call_from(&app, HERE, get_of(&format!("/tools/acequia/{path}"))).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
}

#[tokio::test]
async fn what_needs_a_port_of_its_own_is_refused_by_name() {
    let at: SocketAddr = ([127, 0, 0, 1], 3000).into();
    let admin_listen = Some("127.0.0.1:0".to_owned());
    for (config, named) in [
        (Config { admin_listen, ..config() }, ["admin_listen", "for_operators"]),
        (Config { proxy_protocol: true, ..config() }, ["proxy_protocol", "ClientAddress"]),
    ] {
        let error = Server::mounted(config, at).await.expect_err("it has no port").to_string();
        assert!(named.iter().all(|part| error.contains(part)), "{error}");
    }
}
