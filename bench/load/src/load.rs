//! Load: in a closed loop, where each connection sends its next request after the answer, and in an open one,
//! where requests are due at fixed times whether or not the earlier ones were answered.

use crate::client::{Call, Connection};
use bytes::Bytes;
use hdrhistogram::Histogram;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Is given the last answer, and gives the next request.
pub(crate) type Driver = Box<dyn FnMut(Option<&Bytes>) -> Call + Send>;

/// One connection with what it does.
pub(crate) struct Worker {
    connection: Connection,
    driver: Driver,
    answer: Option<Bytes>,
}

impl Worker {
    pub(crate) async fn new(address: SocketAddr, driver: Driver) -> Self {
        Self { connection: Connection::open(address).await, driver, answer: None }
    }

    /// One request; answers what was asked and how long the answer was.
    pub(crate) async fn turn(&mut self) -> (Call, Bytes) {
        let call = (self.driver)(self.answer.as_ref());
        let answer = self.connection.send(call.clone()).await;
        assert!(is_fine(&answer), "{} answered {answer:?}", call.path);
        self.answer = Some(answer.clone());
        (call, answer)
    }
}

/// Every answer of the core that is a success begins so.
fn is_fine(answer: &[u8]) -> bool {
    [&b"{\"status\":\"OK\""[..], b"{\"keys\":", b"#"].iter().any(|start| answer.starts_with(start))
}

/// What came of a load.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) took: Duration,
    /// Microseconds.
    pub(crate) latencies: Histogram<u64>,
}

impl Tally {
    fn new() -> Self {
        Self { took: Duration::ZERO, latencies: Histogram::new(3).unwrap() }
    }

    pub(crate) fn done(&self) -> u64 {
        self.latencies.len()
    }

    pub(crate) fn rate(&self) -> f64 {
        count(self.done()) / self.took.as_secs_f64()
    }

    /// Milliseconds.
    pub(crate) fn quantile(&self, quantile: f64) -> f64 {
        count(self.latencies.value_at_quantile(quantile)) / 1000.0
    }

    fn note(&mut self, latency: Duration) {
        self.latencies.record(u64::try_from(latency.as_micros()).unwrap()).unwrap();
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.took += other.took;
        self.latencies.add(&other.latencies).unwrap();
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn count(number: u64) -> f64 {
    number as f64
}

/// Each worker sends requests one after the other, for a time.
pub(crate) async fn closed(workers: &mut Vec<Worker>, time: Duration) -> Tally {
    revive(workers).await;
    let began = Instant::now();
    let each = |mut worker: Worker| async move {
        let mut tally = Tally::new();
        while began.elapsed() < time {
            let sent = Instant::now();
            worker.turn().await;
            tally.note(sent.elapsed());
        }
        (worker, tally)
    };
    let mut tally = all(workers, each).await;
    tally.took = began.elapsed();
    tally
}

/// Each worker sends so many requests.
pub(crate) async fn turns(workers: &mut Vec<Worker>, number: usize) {
    let each = |mut worker: Worker| async move {
        for _ in 0..number {
            worker.turn().await;
        }
        (worker, Tally::new())
    };
    all(workers, each).await;
}

/// Requests are due at a fixed rate, and a free worker takes the next one. The latency counts from when a
/// request was due, so a core that stops for a while is charged for everything that was due meanwhile, and the load
/// lasts until all of it was answered.
pub(crate) async fn open(workers: &mut Vec<Worker>, rate: f64, time: Duration) -> Tally {
    revive(workers).await;
    let (due, next) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU64::new(0)));
    let began = Instant::now() + Duration::from_millis(5);
    let at = move |number: u64| began + Duration::from_secs_f64(count(number) / rate);
    // The runtime's timers are too coarse for this.
    let clock = std::thread::spawn({
        let (due, callers) = (Arc::clone(&due), workers.len());
        move || {
            for number in (0..).take_while(|number| at(*number) < began + time) {
                std::thread::sleep(at(number).saturating_duration_since(Instant::now()));
                due.add_permits(1);
            }
            // Closed, it would forget what is due and waits: just the requests that take longest. So each worker is
            // given one that is due too late.
            due.add_permits(callers);
        }
    });
    let each = |mut worker: Worker| {
        let (due, next) = (Arc::clone(&due), Arc::clone(&next));
        async move {
            let mut tally = Tally::new();
            while let Ok(permit) = due.acquire().await {
                permit.forget();
                let due_at = at(next.fetch_add(1, Ordering::Relaxed));
                if due_at >= began + time {
                    break;
                }
                worker.turn().await;
                tally.note(due_at.elapsed());
            }
            (worker, tally)
        }
    };
    let mut tally = all(workers, each).await;
    tally.took = began.elapsed();
    clock.join().unwrap();
    tally
}

/// Connections may have been idle while something else was measured.
async fn revive(workers: &mut [Worker]) {
    for worker in workers {
        worker.connection.revive().await;
    }
}

async fn all<F>(workers: &mut Vec<Worker>, each: impl Fn(Worker) -> F) -> Tally
where
    F: Future<Output = (Worker, Tally)> + Send + 'static,
{
    let mut running: JoinSet<_> = workers.drain(..).map(each).collect();
    let mut sum = Tally::new();
    while let Some(ended) = running.join_next().await {
        let (worker, tally) = ended.unwrap();
        workers.push(worker);
        sum.add(&tally);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    /// Answers nothing until it is let.
    async fn serve(mut stream: TcpStream, is_let: Arc<Semaphore>) {
        let mut request = [0; 4096];
        while let Ok(1..) = stream.read(&mut request).await {
            let _permit = is_let.acquire().await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n#").await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_is_due_while_a_core_stops_is_counted_and_has_waited() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (address, is_let) = (listener.local_addr().unwrap(), Arc::new(Semaphore::new(0)));
        let letting = Arc::clone(&is_let);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&letting)));
            }
        });
        let mut workers = Vec::new();
        for _ in 0..2 {
            let driver: Driver = Box::new(|_| Call::get("/".to_owned(), "5.4"));
            workers.push(Worker::new(address, driver).await);
        }
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            is_let.add_permits(2);
        });
        let tally = open(&mut workers, 100.0, Duration::from_millis(200)).await;
        assert_eq!((tally.done(), workers.len()), (20, 2));
        // Each was due in the first 200 of 1000 ms.
        assert!(tally.quantile(0.0) > 500.0, "{}", tally.quantile(0.0));
    }
}
