//! Counts round trips: a proxy between the core and PostgreSQL that notices each time when the core speaks
//! after the server did.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// The proxy; it runs as long as its runtime.
pub(crate) struct Counter {
    pub(crate) address: SocketAddr,
    trips: Arc<AtomicU64>,
}

impl Counter {
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let trips = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&trips);
        tokio::spawn(async move {
            loop {
                let (core, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(server).await.unwrap();
                core.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                let (from_core, to_core) = core.into_split();
                let (from_server, to_server) = server.into_split();
                let spoke_last = Arc::new(AtomicBool::new(false));
                let core = Speaker {
                    is_core: true,
                    spoke_last: Arc::clone(&spoke_last),
                    trips: Arc::clone(&counted),
                };
                let server = Speaker { is_core: false, spoke_last, trips: Arc::clone(&counted) };
                tokio::spawn(core.forward(from_core, to_server));
                tokio::spawn(server.forward(from_server, to_core));
            }
        });
        Self { address, trips }
    }

    pub(crate) fn trips(&self) -> u64 {
        self.trips.load(Ordering::Relaxed)
    }
}

/// One side of a connection.
struct Speaker {
    is_core: bool,
    /// Whether the core was the last to speak.
    spoke_last: Arc<AtomicBool>,
    trips: Arc<AtomicU64>,
}

impl Speaker {
    async fn forward(self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let core_did = self.spoke_last.swap(self.is_core, Ordering::Relaxed);
            if self.is_core && !core_did {
                self.trips.fetch_add(1, Ordering::Relaxed);
            }
            if to.write_all(&buffer[..length]).await.is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    }
}
