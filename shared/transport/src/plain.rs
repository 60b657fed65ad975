//! Whether whoever listens at an address speaks plain HTTP.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

/// The longest that is read of what might be an answer in the clear.
const STATUS_LINE_BYTES: u64 = 12;

/// Returns whether whoever listens at `url` answers a question in the clear as if it were meant so. TLS
/// servers answer it by an alert, by 400, or not at all.
pub(crate) async fn says_http(url: &Url) -> bool {
    let port = url.port_or_known_default().unwrap_or(80);
    let name = url.host_str().unwrap_or_default();
    let connected = tokio::net::TcpStream::connect((name.trim_matches(['[', ']']), port)).await;
    let Ok(mut connection) = connected else { return false };
    let question =
        format!("HEAD /v2/ HTTP/1.1\r\nHost: {name}:{port}\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let asked = connection.write_all(question.as_bytes()).await;
    let told = connection.take(STATUS_LINE_BYTES).read_to_end(&mut answer).await;
    asked.is_ok() && told.is_ok() && answer.starts_with(b"HTTP/1.") && !answer.ends_with(b" 400")
}
