//! A proxy on the way to the database, which holds up what the database answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Pieces under way at most, on each connection.
const PIECES: usize = 1024;

/// A running proxy.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    delay: Arc<AtomicU64>,
}

impl Proxy {
    pub(super) async fn start(database: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let delay = Arc::new(AtomicU64::new(0));
        let of_answers = Arc::clone(&delay);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&database).await else { continue };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                tokio::spawn(pass(client, server, Arc::clone(&of_answers)));
            }
        });
        Self { address, delay }
    }

    pub(super) fn delay(&self, delay: Duration) {
        self.delay.store(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

async fn pass(client: TcpStream, server: TcpStream, delay: Arc<AtomicU64>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES);
    let read = async move {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from_server.read(&mut piece).await {
            let due = Instant::now() + Duration::from_millis(delay.load(Ordering::SeqCst));
            if sender.send((due, piece[..length].to_vec())).await.is_err() {
                break;
            }
        }
    };
    let write = async move {
        while let Some((due, piece)) = receiver.recv().await {
            tokio::time::sleep_until(due.into()).await;
            if to_client.write_all(&piece).await.is_err() {
                break;
            }
        }
    };
    let ask = async move {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
    };
    tokio::join!(read, write, ask);
}
