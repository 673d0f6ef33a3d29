use acequia_wire::worker::*;
use acequia_wire::*;
use acequia_worker::*;
use std::time::Instant;
use zeromq::{Socket, SocketRecv, SocketSend, ZmqMessage, PushSocket, PullSocket};
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
async fn serve(n: usize, w: usize) {
    let mut push = PushSocket::new(); let mut pull = PullSocket::new();
    let j = push.bind("tcp://127.0.0.1:0").await.unwrap(); let r = pull.bind("tcp://127.0.0.1:0").await.unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap()).args(["work", &j.to_string(), &r.to_string()]).spawn().unwrap();
    let mut p = Packer::default();
    ToWorker::Hello(Hello{lane: LaneId::from_bytes([1;16]), nonce:[0;32], max_body: 8<<20, server: "x".into()}).encode(&mut p);
    let hello = ZmqMessage::try_from(p.finish()).unwrap();
    while push.send(hello.clone()).await.is_err() { tokio::time::sleep(std::time::Duration::from_millis(20)).await; }
    let mut out = vec![];
    FromWorker::decode(pull.recv().await.unwrap().into_vec().into_iter(), &mut out).unwrap();
    let body = bytes::Bytes::from(vec![b'x'; 128]);
    let mut next = 0u128; let mut sent = 0; let mut done = 0; let mut msgs = 0;
    let queue: QueueName = "a".parse().unwrap();
    let t = Instant::now();
    let mut want = w;
    while done < n {
        while want > 0 && sent < n {
            for _ in 0..want.min(64).min(n - sent) {
                next += 1; sent += 1; want -= 1;
                ToWorker::Job(JobMessage{job: JobId::from_bytes(next.to_be_bytes()), queue: queue.clone(), attempt: 1, content_type: ContentType::Octets, timeout_ms: None, meta: vec![], body: body.clone()}).encode(&mut p);
            }
            push.send(ZmqMessage::try_from(p.finish()).unwrap()).await.unwrap();
        }
        out.clear();
        FromWorker::decode(pull.recv().await.unwrap().into_vec().into_iter(), &mut out).unwrap();
        msgs += 1; done += out.len(); want += out.len();
    }
    let e = t.elapsed().as_secs_f64();
    let c: f64 = { let s = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
      let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
      (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0 };
    println!("w={w} {:.0} jobs/s, {:.2} us/job wall, worker cpu {:.2} us/job, server cpu {:.2}, {:.1} results/message", n as f64/e, e*1e6/n as f64, c*1e6/n as f64, cpu()*1e6/n as f64, n as f64/msgs as f64);
    child.kill().unwrap(); child.wait().unwrap();
}
#[tokio::main(worker_threads = 2)]
async fn main() {
    let a: Vec<String> = std::env::args().collect();
    if a[1] == "work" {
        Worker::new(&a[2], &a[3]).slots(4096).queue("a", async |job: Job| Ok(Reply::bytes(job.payload().clone()))).run(std::future::pending()).await.unwrap();
    } else { serve(a[1].parse().unwrap(), a[2].parse().unwrap()).await }
}
