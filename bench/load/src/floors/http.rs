//! Bare HTTP: a process with one thread that reads a request's body and answers fixed bytes, by hyper alone;
//! and bare JSON.

use super::Cost;
use crate::client::Call;
use crate::cpu::{self, Snapshot};
use crate::load::{Driver, Worker, closed, turns};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::convert::Infallible;
use std::hint::black_box;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::net::TcpListener;

const LONGEST: usize = 1 << 20;
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");

/// The process: prints its port, and serves until it is killed.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bytes = Bytes::from(vec![b'#'; LONGEST]);
    let serving = async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let bytes = bytes.clone();
            let service = service_fn(move |request| answer(request, bytes.clone()));
            tokio::task::spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    };
    tokio::task::LocalSet::new().block_on(&runtime, serving);
}

/// `/<n>/…` is answered by n bytes.
async fn answer(request: Request<Incoming>, bytes: Bytes) -> Result<Response<Full<Bytes>>, Infallible> {
    let length: usize = request.uri().path().split('/').nth(1).unwrap().parse().unwrap();
    black_box(request.into_body().collect().await.unwrap());
    let mut response = Response::new(Full::new(bytes.slice(..length)));
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    Ok(response)
}

/// The process, running.
pub(crate) struct HttpFloor {
    process: Child,
    address: SocketAddr,
}

impl HttpFloor {
    pub(crate) fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut process = command.arg("serve-floor").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, address: line.trim().parse().unwrap() }
    }

    /// Workers that send the same requests as were sent to the core, and get answers of the same length.
    pub(crate) async fn workers(&self, samples: &[(Call, Bytes)], connections: usize) -> Vec<Worker> {
        let mut workers = Vec::new();
        for _ in 0..connections {
            workers.push(Worker::new(self.address, replay(samples)).await);
        }
        turns(&mut workers, 20).await;
        workers
    }

    pub(crate) async fn measure(&self, workers: &mut Vec<Worker>, time: Duration) -> Cost {
        let pid = i32::try_from(self.process.id()).unwrap();
        let before = Snapshot::of(pid);
        let tally = closed(workers, time).await;
        let used = Snapshot::of(pid).since(&before);
        Cost::each(used, Duration::ZERO, usize::try_from(tally.done()).unwrap())
    }
}

impl Drop for HttpFloor {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn replay(samples: &[(Call, Bytes)]) -> Driver {
    let calls: Vec<Call> = samples
        .iter()
        .map(|(call, answer)| Call { path: format!("/{}{}", answer.len(), call.path), ..call.clone() })
        .collect();
    let mut at = 0;
    Box::new(move |_| {
        at += 1;
        calls[at % calls.len()].clone()
    })
}

/// Reading the body into a value and writing the answer from one.
pub(crate) fn json(samples: &[(Call, Bytes)]) -> Cost {
    const TIMES: usize = 100;
    let answers: Vec<Value> =
        samples.iter().map(|(_, answer)| serde_json::from_slice(answer).unwrap()).collect();
    let before = cpu::of_thread();
    for _ in 0..TIMES {
        for ((call, _), answer) in samples.iter().zip(&answers) {
            if !call.body.is_empty() {
                black_box(serde_json::from_slice::<Value>(&call.body).unwrap());
            }
            black_box(serde_json::to_vec(answer).unwrap());
        }
    }
    Cost::each(cpu::of_thread().saturating_sub(before), Duration::ZERO, TIMES * samples.len())
}
