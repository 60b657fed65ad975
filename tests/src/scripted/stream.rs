//! A connection, plain or TLS, that can be given up in each way a peer may see.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;

use super::fault::Stop;

/// How long a peer may go on sending after a clean end; a socket closed earlier would be a reset.
const DRAIN: Duration = Duration::from_secs(5);

/// How long what was written may take to a peer, who may be slow to read it, before a reset is sent
/// after all.
const ARRIVAL: Duration = Duration::from_secs(10);

/// How often it is looked whether all has arrived; and how long it may take where nobody says.
const LOOK: Duration = Duration::from_millis(20);

/// A connection that was accepted.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Gives the connection up.
    pub(super) async fn give_up(mut self, stop: Stop) {
        match stop {
            Stop::Reset => {
                // What was written arrives before the reset throws the rest away.
                drop(self.flush().await);
                drop(timeout(ARRIVAL, arrival(self.tcp())).await);
                // A zero linger makes the drop below a reset; where it cannot be set, the peer is
                // gone already.
                drop(self.tcp().set_zero_linger());
            }
            Stop::Fin => {
                drop(self.shutdown().await);
                drop(timeout(DRAIN, self.drain()).await);
            }
            Stop::Hang => self.drain().await,
        }
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Reads until the peer is gone.
    async fn drain(&mut self) {
        let mut buffer = vec![0; 16 * 1024];
        while !matches!(self.read(&mut buffer).await, Ok(0) | Err(_)) {}
    }
}

/// Waits until the peer's machine has all that was written: from there the peer can read it, reset
/// or not.
async fn arrival(tcp: &TcpStream) {
    let (Ok(local), Ok(peer)) = (tcp.local_addr(), tcp.peer_addr()) else { return };
    loop {
        let table = tokio::fs::read_to_string("/proc/net/tcp").await.unwrap_or_default();
        match unacknowledged(&table, local, peer) {
            Some(0) => return,
            Some(_) => sleep(LOOK).await,
            None => return sleep(LOOK).await,
        }
    }
}

/// Returns how many bytes of a connection's queue its peer has not acknowledged, by Linux's table
/// of connections over IPv4 (`tx_queue` in `proc_net_tcp.rst`).
fn unacknowledged(table: &str, local: SocketAddr, peer: SocketAddr) -> Option<u64> {
    let (local, peer) = (in_table(local)?, in_table(peer)?);
    let mut rows = table.lines().map(|line| line.split_ascii_whitespace().skip(1));
    let mut row = rows.find(|row| row.clone().take(2).eq([local.as_str(), peer.as_str()]))?;
    let (unacknowledged, _unread) = row.nth(3)?.split_once(':')?;
    u64::from_str_radix(unacknowledged, 16).ok()
}

/// Writes an address as that table does.
fn in_table(address: SocketAddr) -> Option<String> {
    let SocketAddr::V4(address) = address else { return None };
    let ip = u32::from_ne_bytes(address.ip().octets());
    Some(format!("{ip:08X}:{:04X}", address.port()))
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
