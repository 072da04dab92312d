//! An endpoint for webhooks: an HTTP server on threads of its own, which keeps what it was sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_core::crypto::digest::hmac_sha256;
use serde_json::Value;
use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The secret that the receiver shares with a core.
pub const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A request that the receiver got, and whose signature it has found to be good.
#[derive(Clone, Debug)]
pub struct Received {
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`.
    pub timestamp: i64,
    /// The body.
    pub body: Value,
}

impl Received {
    /// What happened.
    pub fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default()
    }

    /// The event's number.
    pub fn event_id(&self) -> i64 {
        self.body["data"]["id"].as_i64().expect("a number")
    }

    /// The user that it is about.
    pub fn user_id(&self) -> &str {
        self.body["data"]["userId"].as_str().unwrap_or_default()
    }
}

/// What the receiver answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status; 0 stands for none: the connection is closed.
    pub status: u16,
    /// How long it takes to answer.
    pub delay: Duration,
    /// `retry-after`, in seconds.
    pub retry_after: Option<u64>,
}

impl Answer {
    /// A status at once.
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }
}

type Decide = dyn Fn(&Received) -> Answer + Send + Sync;

/// A receiver; it ends when it is dropped.
pub struct Receiver {
    shared: Arc<Shared>,
    address: SocketAddr,
    listening: Option<JoinHandle<()>>,
}

struct Shared {
    decide: Box<Decide>,
    received: Mutex<Vec<Received>>,
    /// Requests that cannot be from a core that shares the secret.
    faults: Mutex<Vec<String>>,
    ended: AtomicBool,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Receiver {
    /// A receiver that decides what it answers to each request.
    pub fn start(decide: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), decide)
    }

    /// As [`Receiver::start`], at an address.
    pub fn start_at(
        address: SocketAddr,
        decide: impl Fn(&Received) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).expect("the port is free");
        let address = listener.local_addr().expect("a bound listener");
        let shared = Arc::new(Shared {
            decide: Box::new(decide),
            received: Mutex::default(),
            faults: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let listening = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.ended.load(Ordering::SeqCst) {
                    return;
                }
                let serving = Arc::clone(&serving);
                thread::spawn(move || serving.serve(&stream));
            }
        });
        Self { shared, address, listening: Some(listening) }
    }

    /// A receiver that takes everything.
    pub fn of_all() -> Self {
        Self::start(|_| Answer::status(204))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What belongs into `webhook_url`.
    pub fn url(&self) -> String {
        format!("http://{}/hooks?from=portcullis", self.address)
    }

    /// What it got until now, in the order in which it came; every request must have been signed well.
    pub fn received(&self) -> Vec<Received> {
        let faults = lock(&self.shared.faults);
        assert!(faults.is_empty(), "{faults:?}");
        lock(&self.shared.received).clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // The listener looks up, and lets go of the port.
        let _ = TcpStream::connect(self.address);
        let _ = self.listening.take().map(JoinHandle::join);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic")
}

impl Shared {
    /// Answers requests until the other side closes the connection, or the receiver ends.
    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some((head, body)) = read(&mut reader) {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            let received = match check(&head, &body) {
                Ok(received) => received,
                Err(fault) => return lock(&self.faults).push(format!("{fault}: {head:?}")),
            };
            lock(&self.received).push(received.clone());
            let Answer { status, delay, retry_after } = (self.decide)(&received);
            thread::sleep(delay);
            if status == 0 {
                return;
            }
            let retry_after =
                retry_after.map(|after| format!("retry-after: {after}\r\n")).unwrap_or_default();
            let answer = format!("HTTP/1.1 {status} said\r\n{retry_after}content-length: 0\r\n\r\n");
            // A 204 has no length, and a client may have gone.
            let answer = if status == 204 { answer.replace("content-length: 0\r\n", "") } else { answer };
            if (&*stream).write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

type Head = Vec<(String, String)>;

fn read(reader: &mut BufReader<&TcpStream>) -> Option<(Head, String)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut head = vec![("request".to_owned(), line.trim_end().to_owned())];
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        head.push((name.to_lowercase(), value.to_owned()));
    }
    let mut body = vec![0; find(&head, "content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).ok()?))
}

fn find<'a>(head: &'a Head, name: &str) -> Option<&'a str> {
    head.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// As the specification says.
fn check(head: &Head, body: &str) -> Result<Received, String> {
    let required = |name: &str| find(head, name).ok_or_else(|| format!("no {name}"));
    if required("request")? != "POST /hooks?from=portcullis HTTP/1.1" {
        return Err("not the receiver's path".to_owned());
    }
    if required("content-type")? != "application/json" {
        return Err("no JSON".to_owned());
    }
    let (id, timestamp) = (required("webhook-id")?, required("webhook-timestamp")?);
    let key = STANDARD.decode(&WEBHOOK_SECRET["whsec_".len()..]).map_err(|error| error.to_string())?;
    let signature = STANDARD.encode(hmac_sha256(&key, format!("{id}.{timestamp}.{body}").as_bytes()));
    if !required("webhook-signature")?.split(' ').any(|given| given == format!("v1,{signature}")) {
        return Err("a wrong signature".to_owned());
    }
    Ok(Received {
        id: id.to_owned(),
        timestamp: timestamp.parse().map_err(|_| "no time".to_owned())?,
        body: serde_json::from_str(body).map_err(|error| error.to_string())?,
    })
}
