//! An index as its repository serves it: unpacked on the way, within its bound, and not again where it is
//! known.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;

use flate2::write::MultiGzDecoder;
use futures_util::StreamExt;
use mirror_transport::Budget;
use mirror_transport::header::{CONTENT_ENCODING, ETAG};

use super::{Index, MAX_INDEX_BYTES};
use crate::access::Access;
use crate::request::{Answered, Question, header};
use crate::{ChartError, Charts, urls};

/// What an index is called.
const FILE: &str = "index.yaml";

impl Charts {
    /// Reads a repository's index; gives `known` back where that is still it.
    pub(crate) async fn read_index(
        &self,
        access: &Access,
        wanted: &BTreeSet<String>,
        known: Option<&Arc<Index>>,
        budget: &Arc<Budget>,
    ) -> Result<Arc<Index>, ChartError> {
        let nowhere = || ChartError::Repository { text: urls::shown(&access.repository) };
        let url = urls::resolve(&access.repository, FILE).ok().ok_or_else(nowhere)?;
        let shown = urls::shown(&url);
        let etag = known.and_then(|known| known.etag.as_deref());
        let question = Question { url: &url, encoding: "gzip", etag };
        let answered = self.get(access, &question, budget).await?;
        let etag = header(&answered.response, &ETAG);
        if answered.response.status.as_u16() == 304 {
            // Only who knows something asks whether it has changed.
            let unasked = ChartError::Status { url: shown, status: 304, retry_after: None };
            return known.cloned().ok_or(unasked);
        }
        let text = self.unpacked(answered, &shown, budget).await?;
        let wanted = wanted.clone();
        let parsing = tokio::task::spawn_blocking(move || Index::parse(&text, &wanted));
        match parsing.await {
            Ok(Ok(index)) => Ok(Arc::new(Index { etag, url: shown, ..index })),
            Ok(Err(source)) => Err(ChartError::Index { url: shown, source }),
            Err(_) => Err(ChartError::Lost { url: shown }),
        }
    }

    /// Reads a body, whether it comes packed or not.
    async fn unpacked(
        &self,
        answered: Answered,
        url: &str,
        budget: &Arc<Budget>,
    ) -> Result<Vec<u8>, ChartError> {
        let fault = |reason: String| ChartError::Encoding { url: url.to_owned(), reason };
        let encoding = header(&answered.response, &CONTENT_ENCODING).unwrap_or_default();
        let mut body = match encoding.to_ascii_lowercase().as_str() {
            "" | "identity" => Body::Plain(Limited(Vec::new())),
            "gzip" | "x-gzip" => Body::Packed(Box::new(MultiGzDecoder::new(Limited(Vec::new())))),
            other => {
                let shown: String = other.chars().take(40).flat_map(char::escape_default).collect();
                return Err(fault(format!("it is encoded as {shown}, which was not asked for")));
            }
        };
        let failed = |error: io::Error| {
            if error.kind() == io::ErrorKind::FileTooLarge {
                return ChartError::TooLarge { url: url.to_owned(), limit: MAX_INDEX_BYTES };
            }
            fault(error.to_string())
        };
        let Answered { response, .. } = &answered;
        if encoding.is_empty() && response.content_length().is_some_and(|all| all > MAX_INDEX_BYTES)
        {
            return Err(failed(io::ErrorKind::FileTooLarge.into()));
        }
        let (mut download, _transfer) = self.download(answered, budget).await;
        while let Some(chunk) = download.next().await {
            body.write_all(&chunk?).map_err(failed)?;
        }
        body.finish().map_err(failed)
    }
}

/// A body on its way.
enum Body {
    Plain(Limited),
    Packed(Box<MultiGzDecoder<Limited>>),
}

impl Body {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(limited) => limited.write_all(bytes),
            Self::Packed(decoder) => decoder.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain(limited) => Ok(limited.0),
            Self::Packed(decoder) => decoder.finish().map(|limited| limited.0),
        }
    }
}

/// Bytes that are no more than an index may have.
struct Limited(Vec<u8>);

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.0.len() + bytes.len()) as u64 > MAX_INDEX_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
