//! A chart's archive, from wherever the index says: as it is, never decoded, and hashed as it comes.
//!
//! Servers like to call a `.tgz` something that is encoded by gzip: it is not.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{Stream, StreamExt};
use mirror_oci::{Digest, Hasher};
use mirror_transport::Budget;
use tokio::sync::OwnedSemaphorePermit;
use url::Url;

use crate::access::Access;
use crate::archive::{self, START_BYTES};
use crate::charts::ROOM_MIB;
use crate::packed::{Fetched, PackedChart};
use crate::request::Question;
use crate::{ChartError, ChartRef, Charts, MAX_ARCHIVE_BYTES, Pull, pull, urls};

/// What is made ready for an archive of which nobody says how long it is: most have less.
const FIRST_BYTES: usize = 1 << 20;

/// The archive of one chart.
pub(crate) struct Archive<'a> {
    pub(crate) charts: &'a Charts,
    pub(crate) chart: &'a ChartRef,
    pub(crate) access: &'a Access,
    pub(crate) pull: &'a dyn Pull,
    pub(crate) budget: &'a Arc<Budget>,
}

/// What becomes of an archive's bytes.
enum Sink {
    /// They are hashed and forgotten, but for their start.
    Hashed(Hasher, Vec<u8>),
    /// They are kept, in room that was taken for them.
    Kept(Hasher, BytesMut, Option<OwnedSemaphorePermit>),
}

impl Archive<'_> {
    /// Fetches the archive from one place and packs it.
    pub(crate) async fn pack(&self, reference: &str) -> Result<PackedChart, ChartError> {
        let sink = Sink::Kept(Digest::of(b"").hasher(), BytesMut::new(), None);
        let (url, digest, kept) = self.take(reference, sink).await?;
        let lost = ChartError::Lost { url: url.clone() };
        let Some((bytes, room)) = kept else { return Err(lost) };
        let fetched = Fetched { url, bytes, digest, room };
        let (name, version) = (self.chart.name.clone(), self.chart.version.clone());
        // Unpacking may take seconds.
        let turn = {
            let _waiting = self.budget.wait();
            Arc::clone(&self.charts.packing).acquire_owned().await
        };
        let packing = tokio::task::spawn_blocking(move || {
            // Held here: nothing stops a thread when its job is gone.
            let _turn = turn;
            PackedChart::pack(fetched, &name, &version)
        });
        packing.await.unwrap_or(Err(lost))
    }

    /// Fetches the archive from one place for its digest.
    pub(crate) async fn hash(&self, reference: &str) -> Result<Digest, ChartError> {
        let sink = Sink::Hashed(Digest::of(b"").hasher(), Vec::new());
        let (_, digest, _) = self.take(reference, sink).await?;
        Ok(digest)
    }

    /// Reads the archive to its end and compares its digest with the one it should have.
    async fn take(
        &self,
        reference: &str,
        sink: Sink,
    ) -> Result<(String, Digest, Option<Kept>), ChartError> {
        let (url, sink) = if reference.starts_with("oci://") {
            self.take_pulled(reference, sink).await?
        } else {
            self.take_fetched(reference, sink).await?
        };
        let (digest, start, kept) = sink.finish();
        if let Some(expected) = self.chart.digest.filter(|expected| *expected != digest) {
            return Err(ChartError::Digest { url, expected, found: digest });
        }
        // Where no digest says otherwise, a login's page would be an archive.
        match archive::begins(&start) {
            Ok(()) => Ok((url, digest, kept)),
            Err(source) => Err(ChartError::Archive { url, source }),
        }
    }

    async fn take_fetched(
        &self,
        reference: &str,
        mut sink: Sink,
    ) -> Result<(String, Sink), ChartError> {
        let url = self.place(reference)?;
        let shown = urls::shown(&url);
        let question = Question { url: &url, encoding: "identity", etag: None };
        let answered = self.charts.get(self.access, &question, self.budget).await?;
        if answered.response.status.as_u16() != 200 {
            let status = answered.response.status.as_u16();
            return Err(ChartError::Status { url: shown, status, retry_after: None });
        }
        let size = answered.response.content_length();
        self.make_room(&mut sink, size, &shown).await?;
        let (download, _transfer) = self.charts.download(answered, self.budget).await;
        fill(&mut sink, download, &shown, ChartError::from).await?;
        Ok((shown, sink))
    }

    async fn take_pulled(
        &self,
        reference: &str,
        mut sink: Sink,
    ) -> Result<(String, Sink), ChartError> {
        let shown = without_query(reference);
        let Some((repository, named)) = pull::parse(reference, &self.chart.version) else {
            return Err(unusable(reference, "which is no reference to a registry"));
        };
        let failed = |source| ChartError::Pull { reference: shown.clone(), source };
        let pulled = self.pull.pull(&repository, &named).await.map_err(failed)?;
        self.make_room(&mut sink, Some(pulled.size), &shown).await?;
        fill(&mut sink, pulled.bytes, &shown, failed).await?;
        Ok((shown, sink))
    }

    /// Resolves what the index says, and judges whether to go there.
    fn place(&self, reference: &str) -> Result<Url, ChartError> {
        let repository = &self.access.repository;
        let resolved = urls::resolve(repository, reference).ok();
        let mut url = resolved.ok_or_else(|| unusable(reference, "which is no URL"))?;
        if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
            return Err(unusable(reference, "which is neither https nor http nor oci"));
        }
        if repository.scheme() == "https" && url.scheme() == "http" {
            // Behind a TLS proxy, a repository may write its own URLs as http: they are meant as https.
            if url.host() == repository.host() && url.port().is_none() {
                let _ = url.set_scheme("https");
                let _ = url.set_port(repository.port());
            } else if self.chart.digest.is_none() {
                let reason = "which leads from https to http, without a digest to check it by";
                return Err(unusable(reference, reason));
            }
        }
        Ok(url)
    }

    /// Takes room for what is kept; as much as it may need at most where nobody says how long it is.
    async fn make_room(
        &self,
        sink: &mut Sink,
        size: Option<u64>,
        url: &str,
    ) -> Result<(), ChartError> {
        if size.is_some_and(|size| size > MAX_ARCHIVE_BYTES) {
            return Err(too_large(url));
        }
        let Sink::Kept(_, bytes, room) = sink else { return Ok(()) };
        let units = units(size.unwrap_or(MAX_ARCHIVE_BYTES));
        let _waiting = self.budget.wait();
        *room = Arc::clone(&self.charts.room).acquire_many_owned(units).await.ok();
        // What grows takes up to twice its size, which the room does not count.
        bytes.reserve(size.and_then(|size| usize::try_from(size).ok()).unwrap_or(FIRST_BYTES));
        Ok(())
    }
}

/// What was kept, and the room it takes.
type Kept = (Bytes, Option<OwnedSemaphorePermit>);

impl Sink {
    fn take(&mut self, chunk: &[u8]) {
        match self {
            Self::Hashed(hasher, start) => {
                hasher.update(chunk);
                let wanted = START_BYTES.saturating_sub(start.len()).min(chunk.len());
                start.extend_from_slice(&chunk[..wanted]);
            }
            Self::Kept(hasher, bytes, _) => {
                hasher.update(chunk);
                bytes.extend_from_slice(chunk);
            }
        }
    }

    /// Returns the digest, the start, and what was kept in no more room than it needs.
    fn finish(self) -> (Digest, Bytes, Option<Kept>) {
        match self {
            Self::Hashed(hasher, start) => (hasher.finish(), start.into(), None),
            Self::Kept(hasher, bytes, mut room) => {
                if let Some(room) = &mut room {
                    let needed = units(bytes.capacity() as u64) as usize;
                    drop(room.split(room.num_permits().saturating_sub(needed)));
                }
                let bytes = bytes.freeze();
                let start = bytes.slice(..bytes.len().min(START_BYTES));
                (hasher.finish(), start, Some((bytes, room)))
            }
        }
    }
}

/// Reads a body to its end, or to the bound.
async fn fill<S, E>(
    sink: &mut Sink,
    mut body: S,
    url: &str,
    failed: impl Fn(E) -> ChartError,
) -> Result<(), ChartError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let mut passed = 0_u64;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(&failed)?;
        passed += chunk.len() as u64;
        if passed > MAX_ARCHIVE_BYTES {
            return Err(too_large(url));
        }
        sink.take(&chunk);
    }
    Ok(())
}

/// The room that so many bytes take, in MiB.
fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(ROOM_MIB).clamp(1, ROOM_MIB)
}

fn too_large(url: &str) -> ChartError {
    ChartError::TooLarge { url: url.to_owned(), limit: MAX_ARCHIVE_BYTES }
}

fn unusable(reference: &str, reason: &'static str) -> ChartError {
    let start = urls::start_shown(reference);
    ChartError::Url { url: start.escape_default().to_string(), reason }
}

/// A registry's reference, in which no user can be, as far as it may be shown.
fn without_query(reference: &str) -> String {
    reference.split(['?', '#']).next().unwrap_or_default().to_owned()
}
