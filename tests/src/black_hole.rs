//! An address where connecting never ends: as behind a firewall that drops packets.
//!
//! A listener that accepts nobody and whose queue is full: Linux drops what comes then.

use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::ports;

/// How long a connection may take until it is taken to be held: loopback takes microseconds.
const HELD: Duration = Duration::from_millis(200);
/// The most connections that fill the queue; Linux takes one or two more than it was told.
const FILL: usize = 16;

/// A host that drops whoever comes; dropped, its address refuses connections.
#[derive(Debug)]
pub struct BlackHole {
    listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl BlackHole {
    /// Takes a free port and fills its queue.
    ///
    /// Panics where the system does not hold connections back.
    pub async fn start() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        socket.bind(ports::free()).expect("it is free");
        let listener = socket.listen(0).expect("a bound socket listens");
        let address = listener.local_addr().expect("a listener has an address");
        let mut queue = Vec::new();
        for _ in 0..FILL {
            match timeout(HELD, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => queue.push(stream),
                Ok(Err(error)) => panic!("cannot fill the queue of {address}: {error}"),
                Err(_) => return Self { listener, _queue: queue },
            }
        }
        panic!("{FILL} connections to {address} and still more are taken");
    }

    /// Returns `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.listener.local_addr().expect("a listener has an address").to_string()
    }
}

/// Returns a `127.0.0.1:PORT` where nobody listens: connections are refused.
pub fn nobody() -> String {
    ports::free().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connecting_never_ends_or_is_refused() {
        let hole = BlackHole::start().await;
        assert!(timeout(HELD, TcpStream::connect(hole.host())).await.is_err());
        assert!(TcpStream::connect(nobody()).await.is_err());
    }
}
