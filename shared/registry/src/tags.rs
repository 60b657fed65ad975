//! Listing tags.

use std::collections::HashSet;

use mirror_oci::Tag;
use mirror_transport::{Body, Method};
use serde::Deserialize;

use crate::repository::Ask;
use crate::{RegistryError, Repository, link};

/// The most tags of one repository; the largest known have some ten thousand.
pub const MAX_TAGS: usize = 500_000;
/// Asked for in one page: as many as ECR takes.
const PAGE: usize = 1000;
/// Pages that a listing may have: 500,000 tags at a hundred each.
const MAX_PAGES: usize = 5000;
/// A page of a thousand tags of 128 characters is a seventh of this; some registries send all at once.
const MAX_PAGE_BYTES: u64 = 64 << 20;

/// The specification's longest tag: what is longer is none, and is not remembered.
const MAX_TAG_BYTES: usize = 128;

/// One page of a repository's tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagPage {
    /// The tags, in the registry's order.
    pub tags: Vec<Tag>,
    /// Whether these are certainly all.
    pub is_whole: bool,
    /// Whether the registry says that there is no such repository.
    pub is_unknown: bool,
}

#[derive(Deserialize)]
struct TagList {
    /// Go writes an empty list as null.
    tags: Option<Vec<String>>,
}

/// A page as it was read.
struct Page {
    tags: Vec<String>,
    next: Option<url::Url>,
}

impl Repository {
    /// Lists all tags, in the registry's order. Names that the specification does not allow are left
    /// out: nothing could be done with them.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where there is no such repository; a listing that is refused or ends
    /// early is an error, never a shorter list.
    pub async fn tags(&self) -> Result<Vec<Tag>, RegistryError> {
        let mut tags = Vec::new();
        let mut seen = HashSet::new();
        let mut ask = Ask::new(Method::GET, self.path(&format!("tags/list?n={PAGE}")));
        for _ in 0..MAX_PAGES {
            let page = self.page(ask).await?;
            let before = seen.len();
            let short = page.tags.into_iter().filter(|tag| tag.len() <= MAX_TAG_BYTES);
            let fresh = short.filter(|tag| seen.insert(tag.clone()));
            tags.extend(fresh.filter_map(|tag| tag.parse::<Tag>().ok()));
            if seen.len() > MAX_TAGS {
                return Err(self.too_many_tags("tags", MAX_TAGS));
            }
            match page.next {
                None => return Ok(tags),
                // A listing that brings nothing new goes in circles.
                Some(_) if seen.len() == before && before > 0 => {
                    let reason = "its tag list has no end";
                    return Err(self.protocol(self.name.to_string(), reason));
                }
                Some(next) => ask = Ask::to(Method::GET, next),
            }
        }
        Err(self.too_many_tags("pages of tags", MAX_PAGES))
    }

    /// Lists the first page of tags, to learn which are certainly missing.
    ///
    /// # Errors
    /// As [`Repository::tags`], but for a repository that is not there: that is an empty page.
    pub async fn first_tags(&self) -> Result<TagPage, RegistryError> {
        let ask = Ask::new(Method::GET, self.path(&format!("tags/list?n={PAGE}")));
        match self.page(ask).await {
            Ok(Page { tags, next }) => {
                let is_whole = next.is_none() && tags.len() < PAGE;
                let tags = tags.iter().filter_map(|tag| tag.parse().ok()).collect();
                Ok(TagPage { tags, is_whole, is_unknown: false })
            }
            Err(error) if error.is_repository_unknown() => {
                Ok(TagPage { tags: Vec::new(), is_whole: true, is_unknown: true })
            }
            Err(error) => Err(error),
        }
    }

    async fn page(&self, ask: Ask) -> Result<Page, RegistryError> {
        let subject = || self.name.to_string();
        let response = self.send(ask, Body::Empty).await?;
        if !response.status.is_success() {
            return Err(self.refusal(subject(), response).await);
        }
        let next = link::next(&response.headers, &response.url);
        let body = response.bytes("tags", MAX_PAGE_BYTES).await?;
        let list: Option<TagList> = serde_json::from_slice(&body).ok();
        let list = list.ok_or_else(|| self.protocol(subject(), "its tag list cannot be read"))?;
        Ok(Page { tags: list.tags.unwrap_or_default(), next })
    }

    fn too_many_tags(&self, what: &'static str, most: usize) -> RegistryError {
        let (host, subject) = (self.registry.host.to_string(), self.name.to_string());
        RegistryError::TooMany { host, subject, what, most }
    }
}
