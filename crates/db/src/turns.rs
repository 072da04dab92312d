//! Who waits for a connection: a call whose turn would come too late is refused at once.

use crate::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The turns at a number of connections.
#[derive(Debug)]
pub(crate) struct Turns {
    connections: u64,
    patience: Duration,
    waiting: AtomicUsize,
    /// How long a turn takes: a running average, in microseconds.
    pace: AtomicU64,
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
        let connections = u64::try_from(connections).unwrap_or(u64::MAX).max(1);
        Arc::new(Self { connections, patience, waiting: AtomicUsize::new(0), pace: AtomicU64::new(0) })
    }

    /// Queues up, unless those who wait already would take too long.
    pub(crate) fn queue(self: &Arc<Self>) -> Result<Waiting> {
        let before = u64::try_from(self.waiting.fetch_add(1, Ordering::Relaxed)).unwrap_or(u64::MAX);
        let waiting = Waiting { turns: Arc::clone(self), since: Instant::now() };
        let wait = self.pace.load(Ordering::Relaxed).saturating_mul(before) / self.connections;
        // With nobody before it a call is always let in, so a pace that is no longer true is found out.
        if before > 0 && Duration::from_micros(wait) > self.patience {
            return Err(Error::PoolFull);
        }
        Ok(waiting)
    }

    fn took(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let pace = self.pace.load(Ordering::Relaxed);
        self.pace.store(pace - pace / 8 + time / 8, Ordering::Relaxed);
    }
}

impl Waiting {
    /// The turn begins.
    pub(crate) fn begin(self) -> Turn {
        Turn { turns: Arc::clone(&self.turns), since: Instant::now() }
    }

    /// No connection could be made: that too took up a place.
    pub(crate) fn fail(self) {
        self.turns.took(self.since.elapsed());
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.turns.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.took(self.since.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_that_would_come_too_late_is_refused_until_the_queue_is_shorter() {
        let turns = Turns::new(2, Duration::from_secs(1));
        let first: Vec<Waiting> = (0..50).map(|_| turns.queue().unwrap()).collect();
        drop(first);
        (0..64).for_each(|_| turns.took(Duration::from_secs(1)));
        // Each takes a second, and two go at a time: who has two before it waits a second.
        let mut waiting: Vec<Waiting> = (0..3).map(|_| turns.queue().unwrap()).collect();
        assert!(matches!(turns.queue(), Err(Error::PoolFull)));
        drop(waiting.pop());
        turns.queue().unwrap();
        // Once turns are short again, many may wait.
        drop(waiting);
        (0..64).for_each(|_| turns.took(Duration::from_millis(1)));
        let many: Vec<Waiting> = (0..200).map(|_| turns.queue().unwrap()).collect();
        assert_eq!(turns.waiting.load(Ordering::Relaxed), many.len());
    }

    #[test]
    fn who_comes_first_is_let_in_whatever_the_pace_was() {
        let turns = Turns::new(1, Duration::from_millis(1));
        (0..64).for_each(|_| turns.took(Duration::from_mins(1)));
        turns.queue().unwrap().begin();
        assert!(turns.queue().is_ok());
    }
}
