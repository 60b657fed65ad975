//! A connection, plain or TLS, that can be given up in each way a peer may see.

use std::io;
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

/// How long bytes that were written may take to a peer on this machine.
const ARRIVAL: Duration = Duration::from_millis(20);

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
                sleep(ARRIVAL).await;
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
