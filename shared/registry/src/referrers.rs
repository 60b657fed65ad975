//! Listing what refers to a manifest: by the referrers API, or by the fallback tag where there is none
//! (distribution specification, listing referrers).
//!
//! "None" is said only by whoever can know it. A registry that refuses, breaks off or contradicts
//! itself gives an error. All are listed, never filtered by artifact type: the filter is optional, and
//! what a registry takes for an artifact type differs.

use std::collections::HashSet;

use mirror_oci::{Digest, MAX_REFERRERS, MediaType, Referrer};
use mirror_transport::{Body, Method, Response, TransportError, header};
use url::Url;

use crate::fallback::{Fallback, Tagged};
use crate::referrers_api::{Api, ReferrersApi};
use crate::repository::Ask;
use crate::{RegistryError, Repository, link};

/// Pages that a listing may have: a hundred each of a hundred.
const MAX_PAGES: usize = 100;
/// A manifest's own bound is 4 MiB, and so that of a fallback tag; no page need be larger than two.
const MAX_PAGE_BYTES: usize = 8 << 20;
/// All pages together, as they are held in memory: 6 KiB each of as many as there may be. They have some
/// half.
const MAX_BYTES: usize = 64 << 20;
/// What is shown of why a page cannot be read.
const MAX_REASON_CHARS: usize = 200;

/// What refers to a manifest, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// The referrers API: each once, in its order.
    Api(Vec<Referrer>),
    /// The fallback tag; `None` where there is no such tag.
    Fallback(Option<Fallback>),
    /// The registry says that there is no such repository, so nothing is concluded about its API.
    NoRepository,
}

/// What came of asking the API.
enum Asked {
    Page(Page),
    /// A registry that lists does not know the subject.
    NoSubject,
    NoApi,
    NoRepository,
}

/// One page as it was read.
struct Page {
    referrers: Vec<Referrer>,
    bytes: usize,
    next: Option<Url>,
}

impl Repository {
    /// Lists what refers to `subject`.
    ///
    /// One request for each page; where the repository is known to have no referrers API, one for the
    /// fallback tag alone. `may_have_fallback` is false where a whole tag list proved that tag missing:
    /// then it is not asked for.
    ///
    /// There is no API where the first answer is 404, 400, 405, 406, or 200 of anything but an image
    /// index; that is found out once per repository, by one request while the others wait. Two 404s say
    /// something else. `NAME_UNKNOWN`: no repository, unless its fallback tag is there.
    /// `MANIFEST_UNKNOWN`, of a repository that has listed before: the registry has no such manifest,
    /// and nothing that refers to it, where the specification wants an empty list.
    ///
    /// # Errors
    /// [`RegistryError::TooMany`] beyond 100 pages, 8 MiB in one, 64 MiB in all, or [`MAX_REFERRERS`];
    /// [`RegistryError::Protocol`] where a list cannot be read or goes in circles, or where an API that
    /// has listed is gone. A refusal is an error, never "there are none".
    pub async fn referrers(
        &self,
        subject: &Digest,
        may_have_fallback: bool,
    ) -> Result<Listed, RegistryError> {
        match self.ask_api(subject).await? {
            Asked::Page(first) => Ok(Listed::Api(self.all_pages(subject, first).await?)),
            Asked::NoSubject => Ok(Listed::Api(Vec::new())),
            Asked::NoApi if !may_have_fallback => Ok(Listed::Fallback(None)),
            Asked::NoRepository if !may_have_fallback => Ok(Listed::NoRepository),
            Asked::NoApi => Ok(Listed::Fallback(self.fallback(subject).await?)),
            // A registry may say so of a path that it takes for a repository's name.
            Asked::NoRepository => match self.tagged(subject).await? {
                Tagged::Index(fallback) => Ok(Listed::Fallback(Some(fallback))),
                Tagged::Missing => Ok(Listed::Fallback(None)),
                Tagged::NoRepository => Ok(Listed::NoRepository),
            },
        }
    }

    /// Returns whether the repository has the referrers API, as far as that is known.
    pub fn has_referrers_api(&self) -> Option<bool> {
        self.referrers_api().is_there()
    }

    /// Finds out whether the repository has the referrers API: by what is known, or by asking about
    /// `subject`, once for all who want to know. One that is not there yet has none.
    ///
    /// # Errors
    /// As [`Repository::referrers`].
    pub async fn find_referrers_api(&self, subject: &Digest) -> Result<bool, RegistryError> {
        let api = self.referrers_api();
        let _ahead = api.go_ahead(&self.budget).await;
        if let Some(is_there) = api.is_there() {
            return Ok(is_there);
        }
        match self.ask_first(&api, subject).await? {
            Asked::Page(_) | Asked::NoSubject => Ok(true),
            Asked::NoApi | Asked::NoRepository => Ok(false),
        }
    }

    /// Returns what is known of this repository's API.
    pub(crate) fn referrers_api(&self) -> std::sync::Arc<ReferrersApi> {
        self.registry.referrers.of(&self.name)
    }

    /// Asks for the first page, where there may be an API, and learns whether there is.
    async fn ask_api(&self, subject: &Digest) -> Result<Asked, RegistryError> {
        let api = self.referrers_api();
        let _ahead = api.go_ahead(&self.budget).await;
        if api.is_there() == Some(false) {
            return Ok(Asked::NoApi);
        }
        self.ask_first(&api, subject).await
    }

    async fn ask_first(
        &self,
        api: &ReferrersApi,
        subject: &Digest,
    ) -> Result<Asked, RegistryError> {
        let known = api.known();
        let path = self.path(&format!("referrers/{subject}"));
        let response = self.send(accepting(Ask::new(Method::GET, path)), Body::Empty).await?;
        let status = response.status.as_u16();
        match status {
            200 if is_index(&response) => {
                let page = self.read_page(subject, response).await?;
                api.learn(Api::Answered);
                return Ok(Asked::Page(page));
            }
            404 => {
                let refusal = self.refusal(listing_of(self, subject), response).await;
                if refusal.is_repository_unknown() {
                    return Ok(Asked::NoRepository);
                }
                if known == Some(Api::Answered) && refusal.is_manifest_unknown() {
                    return Ok(Asked::NoSubject);
                }
            }
            200 | 400 | 405 | 406 => {}
            _ => return Err(self.refusal(listing_of(self, subject), response).await),
        }
        if known == Some(Api::Answered) {
            let reason = format!("it has listed referrers before, and now answers {status}");
            return Err(self.protocol(listing_of(self, subject), reason));
        }
        api.learn(Api::Missing);
        Ok(Asked::NoApi)
    }

    /// Follows the first page to the last.
    async fn all_pages(
        &self,
        subject: &Digest,
        first: Page,
    ) -> Result<Vec<Referrer>, RegistryError> {
        let mut all = Vec::new();
        let mut seen = HashSet::new();
        let mut asked = HashSet::new();
        let mut bytes = 0;
        let mut page = first;
        let mut pages = 1;
        loop {
            let (Page { referrers, bytes: more, next }, before) = (page, seen.len());
            bytes += more;
            let is_empty = referrers.is_empty();
            all.extend(referrers.into_iter().filter(|one| seen.insert(one.descriptor.digest)));
            if all.len() > MAX_REFERRERS {
                return Err(self.too_many(subject, "referrers", MAX_REFERRERS));
            }
            if bytes > MAX_BYTES {
                return Err(self.too_many(subject, "bytes of referrers", MAX_BYTES));
            }
            let Some(next) = next else { return Ok(all) };
            // A page may be empty and not the last; one that brings nothing new is an old one.
            if !asked.insert(next.clone()) || (seen.len() == before && !is_empty) {
                let reason = "its list of referrers has no end";
                return Err(self.protocol(listing_of(self, subject), reason));
            }
            if pages == MAX_PAGES {
                return Err(self.too_many(subject, "pages of referrers", MAX_PAGES));
            }
            pages += 1;
            let response = self.send(accepting(Ask::to(Method::GET, next)), Body::Empty).await?;
            page = match response.status.as_u16() {
                200 if is_index(&response) => self.read_page(subject, response).await?,
                200 => {
                    let reason = "a page of its list of referrers is no image index";
                    return Err(self.protocol(listing_of(self, subject), reason));
                }
                _ => return Err(self.refusal(listing_of(self, subject), response).await),
            };
        }
    }

    async fn read_page(&self, subject: &Digest, response: Response) -> Result<Page, RegistryError> {
        let next = link::next(&response.headers, &response.url);
        let body = match response.bytes("referrers", MAX_PAGE_BYTES as u64).await {
            Err(TransportError::TooLarge { .. }) => {
                return Err(self.too_many(subject, "bytes of referrers in a page", MAX_PAGE_BYTES));
            }
            read => read?,
        };
        let referrers = Referrer::parse_page(&body).map_err(|error| {
            let error: String = error.to_string().chars().take(MAX_REASON_CHARS).collect();
            let reason = format!("its list of referrers cannot be read: {error}");
            self.protocol(listing_of(self, subject), reason)
        })?;
        Ok(Page { referrers, bytes: body.len(), next })
    }

    pub(crate) fn too_many(
        &self,
        subject: &Digest,
        what: &'static str,
        most: usize,
    ) -> RegistryError {
        let (host, subject) = (self.registry.host.to_string(), format!("{}@{subject}", self.name));
        RegistryError::TooMany { host, subject, what, most }
    }
}

fn accepting(ask: Ask) -> Ask {
    ask.header(header::ACCEPT, MediaType::OCI_INDEX)
}

/// Parameters do not matter, nor does case (RFC 9110, section 8.3.1).
fn is_index(response: &Response) -> bool {
    let media_type = response.header("content-type").and_then(MediaType::parse);
    media_type.is_some_and(|one| one.as_str().eq_ignore_ascii_case(MediaType::OCI_INDEX))
}

/// What an error is about.
fn listing_of(repository: &Repository, subject: &Digest) -> String {
    format!("the referrers of {}@{subject}", repository.name)
}
