//! A connection on which the last word of the other side is heard.
//!
//! With TLS 1.3 a client may speak before the server has looked at its certificate (RFC 8446, section
//! 4.4). The refusal is then an alert on a connection that seems to stand, and the server closes it while
//! we are still writing: HTTP/2 ends at the write that failed, or with its task before a call is handed
//! to it, and the alert lies unread or is forgotten. So here a write that fails is no end, since reading
//! tells why, and what reading tells is kept beside the connection.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::cause::{self, Objection};

/// How each record of TLS with an alert begins: its type, and the first half of its version (RFC 8446,
/// section 5.1).
const ALERT: &[u8] = &[0x15, 0x03];

/// How each answer of HTTP/1 begins (RFC 9112, section 4). To HTTP/2 it would be a frame of megabytes.
const HTTP_1: &[u8] = b"HTTP/1.";

/// What the other side objected to since it last spoke to us.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastWord(Arc<Mutex<Option<Objection>>>);

impl LastWord {
    /// Returns the objection.
    pub(crate) fn objection(&self) -> Option<Objection> {
        *self.lock()
    }

    /// Replaces it, or forgets it.
    pub(crate) fn set(&self, objection: Option<Objection>) {
        *self.lock() = objection;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Objection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection, its TLS included.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    secure: bool,
    last_word: LastWord,
    /// The other side has spoken, and what it says is for us.
    spoken: bool,
    /// Nothing that is written arrives any more.
    deaf: bool,
}

impl<S> Wire<S> {
    /// Puts the last word of `stream`, TLS if `secure`, into `last_word`.
    pub(crate) fn new(stream: S, secure: bool, last_word: LastWord) -> Self {
        Self { stream, secure, last_word, spoken: false, deaf: false }
    }

    /// Looks at the first that the other side says.
    fn hear(&mut self, said: &[u8]) {
        if self.spoken || said.is_empty() {
            return;
        }
        self.spoken = true;
        self.last_word.set(match said {
            _ if self.secure => None,
            said if said.starts_with(ALERT) => Some(Objection::PLAINTEXT),
            said if said.starts_with(HTTP_1) => Some(Objection::HTTP_1),
            _ => None,
        });
    }

    /// Takes a write that failed for one that nobody heard.
    fn unheard<T>(&mut self, written: io::Result<T>, all: T) -> Poll<io::Result<T>> {
        Poll::Ready(Ok(written.unwrap_or_else(|_why_is_read| {
            self.deaf = true;
            all
        })))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        match &read {
            Ok(()) => self.hear(buffer.filled().get(before..).unwrap_or_default()),
            Err(error) => {
                if let Some(objection) = cause::last_word(error) {
                    self.last_word.set(Some(objection));
                }
            }
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.deaf {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        self.unheard(written, bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = slices.iter().map(|slice| slice.len()).sum();
        if self.deaf {
            return Poll::Ready(Ok(all));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices));
        self.unheard(written, all)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.deaf {
            return Poll::Ready(Ok(()));
        }
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        self.unheard(flushed, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpListener};
    use std::thread::JoinHandle;

    use mirror_tests::pki::Pki;
    use rustls::pki_types::ServerName;
    use rustls::{ServerConnection, Stream};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;

    use super::*;
    use crate::trust::Trust;

    /// A server that has closed the connection, with something of ours unread, once this has ended.
    fn closing(
        serve: impl FnOnce(&mut std::net::TcpStream) + Send + 'static,
    ) -> (SocketAddr, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let closed = std::thread::spawn(move || serve(&mut listener.accept().unwrap().0));
        (address, closed)
    }

    async fn tls(pki: &Pki, address: SocketAddr) -> TlsStream<TcpStream> {
        let config = Trust::new(Some(pki.ca()), None).read().unwrap();
        let tcp = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap()
    }

    /// Writes to whoever is gone, which is no error, and reads to the end.
    async fn speak<S: AsyncRead + AsyncWrite + Unpin>(mut wire: Wire<S>) {
        for _ in 0..3 {
            wire.write_all(b"PRI * HTTP/2.0").await.unwrap();
            wire.flush().await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert!(wire.deaf);
        let _the_end = wire.read_to_end(&mut Vec::new()).await;
    }

    #[tokio::test]
    async fn an_alert_is_heard_though_writing_has_failed() {
        let pki = Pki::new();
        let config = pki.server_config(true);
        let (address, closed) = closing(move |tcp| {
            let mut tls = ServerConnection::new(config).unwrap();
            let refused = Stream::new(&mut tls, tcp).read(&mut [0]).unwrap_err();
            assert!(refused.to_string().contains("certificate"), "{refused}");
        });
        let tls = tls(&pki, address).await;
        closed.join().unwrap();
        let last_word = LastWord::default();
        speak(Wire::new(tls, true, last_word.clone())).await;
        let objection = last_word.objection().unwrap().to_string();
        assert_eq!(objection, "it asks for a client certificate, give one and its key");
    }

    #[tokio::test]
    async fn what_breaks_tls_is_no_objection() {
        let pki = Pki::new();
        let config = pki.server_config(false);
        let (address, closed) = closing(move |tcp| {
            ServerConnection::new(config).unwrap().complete_io(tcp).unwrap();
            tcp.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").unwrap();
        });
        let last_word = LastWord::default();
        let tls = tls(&pki, address).await;
        closed.join().unwrap();
        speak(Wire::new(tls, true, last_word.clone())).await;
        assert_eq!(last_word.objection(), None);
    }

    #[tokio::test]
    async fn what_is_said_to_plaintext_is_known_until_something_else_is_said() {
        let last_word = LastWord::default();
        for (said, expected) in [
            (&b"\x15\x03\x03\0\x02\x02\x46"[..], Some(Objection::PLAINTEXT)),
            (b"", Some(Objection::PLAINTEXT)),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", Some(Objection::HTTP_1)),
            (b"\0\0\0\x04\0\0\0\0\0\x15\x03", None),
        ] {
            let (address, closed) = closing(move |tcp| tcp.write_all(said).unwrap());
            let tcp = TcpStream::connect(address).await.unwrap();
            closed.join().unwrap();
            speak(Wire::new(tcp, false, last_word.clone())).await;
            assert_eq!(last_word.objection(), expected);
        }
    }
}
