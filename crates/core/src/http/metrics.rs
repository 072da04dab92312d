//! What the core has done and is doing, in Prometheus' form. Kept only if somebody asked for it.

use crate::App;
use portcullis_db::Load;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// The upper ends of the histogram's buckets, in seconds: from a read to a queue of passwords.
const BUCKETS: [f64; 13] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The numbers of one core.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Family<Endpoint, Histogram, fn() -> Histogram>,
    passwords: Family<State, Gauge>,
    connections: Family<State, Gauge>,
    connections_max: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    endpoint: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Endpoint {
    endpoint: &'static str,
    method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

impl Metrics {
    /// Nothing counted yet; `now` in milliseconds.
    pub fn new(now: i64) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        let mut metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(histogram),
            passwords: Family::default(),
            connections: Family::default(),
            connections_max: Gauge::default(),
        };
        metrics.register(now);
        metrics
    }

    fn register(&mut self, now: i64) {
        let registry = &mut self.registry;
        let started = Gauge::<f64, AtomicU64>::default();
        #[expect(clippy::cast_precision_loss, reason = "exact until the year 287396")]
        started.set(now as f64 / 1000.0);
        registry.register_with_unit("process_start_time", "When the core started", Unit::Seconds, started);
        let own = registry.sub_registry_with_prefix("portcullis");
        own.register("build", "The binary", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        own.register("http_requests", "Requests answered", self.requests.clone());
        let help = "From a request's head to its answer";
        own.register_with_unit("http_request_duration", help, Unit::Seconds, self.durations.clone());
        own.register("password_jobs", "Passwords to hash or verify", self.passwords.clone());
        own.register("db_connections", "Connections to all databases", self.connections.clone());
        own.register("db_connections_max", "Connections at most", self.connections_max.clone());
    }

    /// Counts an answered request. An endpoint's path comes from the table of endpoints; it is empty for a
    /// path that is none, so that callers cannot invent labels.
    pub(super) fn count(&self, endpoint: &'static str, method: &http::Method, status: u16, took: Duration) {
        let method = match *method {
            http::Method::GET => "GET",
            http::Method::POST => "POST",
            http::Method::PUT => "PUT",
            http::Method::DELETE => "DELETE",
            _ => "other",
        };
        self.requests.get_or_create(&Request { endpoint, method, status }).inc();
        self.durations.get_or_create(&Endpoint { endpoint, method }).observe(took.as_secs_f64());
    }

    /// Everything, as text.
    pub(super) fn render(&self, app: &App) -> Result<String, std::fmt::Error> {
        let set = |family: &Family<State, Gauge>, state, number| {
            family.get_or_create(&State { state }).set(whole(number));
        };
        let passwords = app.passwords.load();
        set(&self.passwords, "queued", passwords.queued);
        set(&self.passwords, "running", passwords.running);
        let loads: Vec<Load> = app.open_databases().iter().map(|(_, db)| db.load()).collect();
        let sum = |part: fn(&Load) -> usize| loads.iter().map(part).sum();
        set(&self.connections, "in_use", sum(|load| load.in_use));
        set(&self.connections, "idle", sum(|load| load.idle));
        set(&self.connections, "awaited", sum(|load| load.awaited));
        self.connections_max.set(whole(sum(|load| load.max)));
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
