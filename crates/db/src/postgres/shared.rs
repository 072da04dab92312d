//! Connections that several readers use at the same time: their statements are sent without waiting for the
//! answers to others, which costs both sides half of what a connection for each of them does.

use deadpool_postgres::Object;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Places in use at most; the rest of the pool is left to whoever needs a connection of its own.
const PLACES_MAX: usize = 2;
/// Connections of a pool for each place.
const CONNECTIONS_PER_PLACE: usize = 2;
/// Readers of one connection at most: more of them would only wait for one another.
const READERS_MAX: usize = 16;

/// The places where connections are shared.
#[derive(Debug)]
pub(super) struct Shared {
    places: Vec<Place>,
    turn: AtomicUsize,
}

impl Shared {
    /// For a pool of so many connections.
    pub(super) fn of(pool_size: usize) -> Self {
        let places = (pool_size / CONNECTIONS_PER_PLACE).min(PLACES_MAX);
        Self { places: (0..places).map(|_| Place::default()).collect(), turn: AtomicUsize::new(0) }
    }

    /// The next place; `None` if the pool is too small to share any.
    pub(super) fn place(&self) -> Option<&Place> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.places.get(turn.checked_rem(self.places.len())?)
    }
}

/// A place for a connection, which goes back to the pool once nobody reads by it.
#[derive(Debug, Default)]
pub(super) struct Place(Mutex<Weak<Object>>);

/// A reader's hold on a shared connection.
#[derive(Debug)]
pub(super) struct Seat(Arc<Object>);

impl Place {
    /// A hold on the connection that is here, if it lives and is not used by many.
    pub(super) fn seat(&self) -> Option<Seat> {
        let client = self.0.lock().unwrap_or_else(PoisonError::into_inner).upgrade()?;
        let is_free = !client.is_closed() && Arc::strong_count(&client) <= READERS_MAX;
        is_free.then_some(Seat(client))
    }

    /// Shares a connection from now on. One that is here already stays with those who use it.
    pub(super) fn open(&self, client: Object) -> Seat {
        let client = Arc::new(client);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&client);
        Seat(client)
    }
}

impl Deref for Seat {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.0
    }
}
