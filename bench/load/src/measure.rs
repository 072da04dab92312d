//! One path on one engine: ours and its limit, in turns, so that a busy machine slows both alike.

use crate::client::Call;
use crate::core::Core;
use crate::cpu::Snapshot;
use crate::floors::{Cost, Floor, Floors, HttpFloor, json};
use crate::load::{Tally, Worker, closed, count, open, turns};
use crate::paths::{Path, Users};
use bytes::Bytes;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) rounds: usize,
    pub(crate) closed: Duration,
    pub(crate) http: Duration,
    pub(crate) open: Duration,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) path: Path,
    pub(crate) is_postgres: bool,
    pub(crate) closed: Tally,
    /// At half of the closed loop's rate.
    pub(crate) open: Tally,
    pub(crate) rounds: Vec<Round>,
    /// To the database, for each request.
    pub(crate) round_trips: Option<f64>,
}

/// Costs of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub(crate) ours: Cost,
    pub(crate) ideal: Cost,
    /// With what the protocol asks besides.
    pub(crate) ideal_of_protocol: Cost,
}

/// What a path is called in tables.
pub(crate) fn name(path: &Path, is_postgres: bool) -> String {
    if is_postgres { path.name.to_owned() } else { format!("{}-sqlite", path.name) }
}

impl Measured {
    pub(crate) fn name(&self) -> String {
        name(&self.path, self.is_postgres)
    }

    /// The median of the rounds.
    pub(crate) fn ratio(&self) -> f64 {
        self.median(|round| round.ideal.core.as_secs_f64() / round.ours.core.as_secs_f64())
    }

    /// As [`Self::ratio`], with what the protocol asks besides in the limit.
    pub(crate) fn ratio_of_protocol(&self) -> f64 {
        self.median(|round| round.ideal_of_protocol.core.as_secs_f64() / round.ours.core.as_secs_f64())
    }

    pub(crate) fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        let mut all: Vec<f64> = self.rounds.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    }
}

/// What the paths of one core are measured with.
pub(crate) struct Bench<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) core: &'a Core,
    pub(crate) users: &'a Users,
    pub(crate) http: &'a HttpFloor,
    pub(crate) floors: Floors,
    /// PostgreSQL's first process.
    pub(crate) server: Option<i32>,
    pub(crate) times: Times,
}

impl Bench<'_> {
    pub(crate) fn measure(&mut self, path: Path) -> Measured {
        eprintln!("{}{}", path.name, if self.server.is_some() { "" } else { " on sqlite" });
        let users = self.users;
        self.floors.vacuum();
        let connect = self.core.workers(path.connections, |n| (path.driver)(users.clone(), n));
        let mut workers = self.runtime.block_on(connect);
        self.runtime.block_on(turns(&mut workers, path.warm_up));
        let samples = self.runtime.block_on(samples(&mut workers[0]));
        let mut bare = self.runtime.block_on(self.http.workers(&samples, path.connections));
        let (mut rounds, mut all) = (Vec::new(), None::<Tally>);
        for _ in 0..self.times.rounds {
            let mut ideal = self.runtime.block_on(self.http.measure(&mut bare, self.times.http));
            if !path.is_constant {
                ideal += json(&samples);
            }
            for floor in path.floors {
                ideal += self.floors.measure(*floor);
            }
            let mut ideal_of_protocol = ideal;
            for floor in path.besides {
                ideal_of_protocol += self.floors.measure(*floor);
            }
            let left_out = path.left_out.map(|floor: Floor| self.floors.measure(floor)).unwrap_or_default();
            let (tally, ours) = self.drive(&mut workers);
            let core = ours.core.saturating_sub(left_out.core);
            rounds.push(Round { ours: Cost { core, ..ours }, ideal, ideal_of_protocol });
            match &mut all {
                Some(all) => all.add(&tally),
                None => all = Some(tally),
            }
        }
        let closed = all.unwrap();
        let open = self.runtime.block_on(open(&mut workers, closed.rate() / 2.0, self.times.open));
        let is_postgres = self.server.is_some();
        Measured { path, is_postgres, closed, open, rounds, round_trips: None }
    }

    /// The load, and what one request of it costs.
    fn drive(&self, workers: &mut Vec<Worker>) -> (Tally, Cost) {
        let database = || self.server.map(Snapshot::of);
        let before = (self.core.snapshot(), database());
        let tally = self.runtime.block_on(closed(workers, self.times.closed));
        let used = self.core.snapshot().since(&before.0);
        let of_database = database().zip(before.1).map(|(now, before)| now.since(&before));
        let done = usize::try_from(tally.done()).unwrap();
        (tally, Cost::each(used, of_database.unwrap_or_default(), done))
    }
}

/// Some requests with their answers, to know their lengths.
async fn samples(worker: &mut Worker) -> Vec<(Call, Bytes)> {
    let mut samples = Vec::new();
    for _ in 0..4 {
        samples.push(worker.turn().await);
    }
    samples
}

/// Round trips of one request to a core behind a counter, once its statements are prepared.
pub(crate) async fn round_trips(path: Path, core: &Core, users: &Users, trips: impl Fn() -> u64) -> f64 {
    const REQUESTS: usize = 40;
    let mut workers = core.workers(1, |n| (path.driver)(users.clone(), n)).await;
    turns(&mut workers, path.warm_up + REQUESTS).await;
    let before = trips();
    turns(&mut workers, REQUESTS).await;
    count(trips() - before) / count(REQUESTS as u64)
}
