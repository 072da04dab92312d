//! Who waits for a connection: a call whose turn would come too late is refused at once.

use crate::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The turns at a number of connections.
#[derive(Debug)]
pub(crate) struct Turns {
    connections: u64,
    /// Nobody waits longer. Of whom it is to be expected is refused before.
    patience: Duration,
    waiting: AtomicU64,
    running: AtomicU64,
    /// How long a turn takes: a running average, in microseconds.
    pace: AtomicU64,
    opened: Instant,
    /// When a turn last began or ended, in microseconds since then.
    moved: AtomicU64,
}

/// Where a call is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Nearly every call looks something up first: here it is refused if it would wait for half the time, so that
    /// hardly anybody is let in and then waits in vain.
    First,
    /// Whoever writes has nearly always looked something up, and perhaps waited for that: who only comes now is refused
    /// before it is. A call that writes at once is taken for one of these.
    Later,
}

/// A call that waits for its turn.
#[derive(Debug)]
pub(crate) struct Waiting {
    turns: Arc<Turns>,
    since: Instant,
}

/// A call whose turn it is; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    since: Instant,
}

impl Turns {
    pub(crate) fn new(connections: usize, patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            connections: u64::try_from(connections).unwrap_or(u64::MAX).max(1),
            patience,
            waiting: AtomicU64::new(0),
            running: AtomicU64::new(0),
            pace: AtomicU64::new(0),
            opened: Instant::now(),
            moved: AtomicU64::new(0),
        })
    }

    /// Queues up, unless those who wait already would take too long.
    pub(crate) fn queue(self: &Arc<Self>, step: Step) -> Result<Waiting> {
        let patience = match step {
            Step::First => self.patience / 2,
            Step::Later => self.patience * 3 / 4,
        };
        let now = Instant::now();
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting { turns: Arc::clone(self), since: now };
        // With nobody before it a call is always let in, so a pace that is no longer true is found out.
        if before > 0 && self.wait(before, now) > patience {
            return Err(Error::PoolFull);
        }
        Ok(waiting)
    }

    /// How long it will be until so many have had their turns.
    fn wait(&self, callers: u64, now: Instant) -> Duration {
        let pace = self.pace.load(Ordering::Relaxed).max(self.standstill(now));
        Duration::from_micros(pace.saturating_mul(callers) / self.connections)
    }

    /// While every connection is in use and no turn ends, turns take at least this long: a database that
    /// has become slow is noticed before the first of them is over. A disk that stalls for a moment is not
    /// meant.
    fn standstill(&self, now: Instant) -> u64 {
        let stood = self.since_opened(now).saturating_sub(self.moved.load(Ordering::Relaxed));
        let counts =
            self.running.load(Ordering::Relaxed) >= self.connections && stood > micros(self.patience / 20);
        if counts { stood } else { 0 }
    }

    fn ended(&self, since: Instant) {
        let now = Instant::now();
        self.took(now.saturating_duration_since(since));
        self.moved.store(self.since_opened(now), Ordering::Relaxed);
    }

    fn took(&self, time: Duration) {
        let pace = self.pace.load(Ordering::Relaxed);
        self.pace.store(pace - pace / 8 + micros(time) / 8, Ordering::Relaxed);
    }

    fn since_opened(&self, now: Instant) -> u64 {
        micros(now.saturating_duration_since(self.opened))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Waiting {
    /// The turn begins.
    pub(crate) fn begin(self) -> Turn {
        let (turns, since) = (Arc::clone(&self.turns), Instant::now());
        turns.running.fetch_add(1, Ordering::Relaxed);
        turns.moved.store(turns.since_opened(since), Ordering::Relaxed);
        Turn { turns, since }
    }

    /// No connection could be made: that too took up a place.
    pub(crate) fn fail(self) {
        self.turns.ended(self.since);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.turns.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.running.fetch_sub(1, Ordering::Relaxed);
        self.turns.ended(self.since);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who would wait longer is refused at first.
    const PATIENCE: Duration = Duration::from_secs(1);

    /// As if so many turns had taken so long.
    fn pace(turns: &Turns, time: Duration) {
        (0..64).for_each(|_| turns.took(time));
    }

    #[test]
    fn a_turn_that_would_come_too_late_is_refused_until_the_queue_is_shorter() {
        let turns = Turns::new(2, PATIENCE * 2);
        let first: Vec<Waiting> = (0..50).map(|_| turns.queue(Step::First).unwrap()).collect();
        drop(first);
        pace(&turns, PATIENCE * 99 / 100);
        // Two go at a time: who has three before it waits half as long again.
        let mut waiting: Vec<Waiting> = (0..3).map(|_| turns.queue(Step::First).unwrap()).collect();
        assert!(matches!(turns.queue(Step::First), Err(Error::PoolFull)));
        turns.queue(Step::Later).unwrap();
        drop(waiting.pop());
        turns.queue(Step::First).unwrap();
        // Once turns are short again, many may wait.
        drop(waiting);
        pace(&turns, Duration::from_millis(1));
        let many: Vec<Waiting> = (0..200).map(|_| turns.queue(Step::First).unwrap()).collect();
        assert_eq!(turns.waiting.load(Ordering::Relaxed), many.len() as u64);
    }

    #[test]
    fn who_comes_first_is_let_in_whatever_the_pace_was() {
        let turns = Turns::new(1, PATIENCE * 2);
        pace(&turns, Duration::from_mins(1));
        let first = turns.queue(Step::First).unwrap().begin();
        turns.queue(Step::First).unwrap();
        drop(first);
    }

    #[test]
    fn a_standstill_is_noticed_before_a_turn_ends() {
        let turns = Turns::new(2, PATIENCE * 2);
        let running = [turns.queue(Step::First).unwrap().begin(), turns.queue(Step::First).unwrap().begin()];
        let waiting: Vec<Waiting> = (0..20).map(|_| turns.queue(Step::First).unwrap()).collect();
        let wait = |after| turns.wait(20, Instant::now() + after);
        assert!(wait(Duration::from_millis(10)) < PATIENCE);
        assert!(wait(Duration::from_millis(110)) > PATIENCE);
        drop(running);
        // With a connection free, time that passes says nothing.
        assert!(wait(Duration::from_mins(1)) < PATIENCE);
        drop(waiting);
    }
}
