use acequia::client::Acequia;
use acequia::{Config, Server};
use acequia_worker::{Job, Reply, Worker};

#[tokio::test(flavor = "multi_thread")]
async fn smoke() {
    let any: acequia::Endpoint = "tcp://127.0.0.1:0".parse().expect("as written");
    let config = Config { listen: "127.0.0.1:0".to_owned(), jobs: any.clone(), results: any, journal: None, ..Config::default() };
    let server = Server::bind(config).await.expect("free ports");
    let a = server.addresses().clone();
    tokio::spawn(server.run(std::future::pending()));
    let worker = Worker::new(a.jobs.to_string(), a.results.to_string()).slots(64)
        .queue("upper", async |job: Job| Reply::json(&job.json::<String>()?.to_uppercase()));
    tokio::spawn(worker.run(std::future::pending()));
    let client = Acequia::connect(format!("http://{}", a.http)).await.expect("a session");
    let job = client.submit("upper", &"hello").expect("room");
    assert_eq!(job.await.expect("done").read::<String>().expect("text"), "HELLO");
    let t = std::time::Instant::now();
    let jobs: Vec<_> = (0..5000).map(|n| client.submit("upper", &format!("x{n}")).expect("room")).collect();
    for (n, job) in jobs.into_iter().enumerate() {
        assert_eq!(job.await.expect("done").read::<String>().expect("text"), format!("X{n}"));
    }
    println!("5000 in {:?}", t.elapsed());
    client.close().await;
}
