//! The main cases over real registries: each case over each registry, as source and as destination.

mod cases;
mod registries;

use registries::{Kind, Registries};

/// A test of each case over each kind of registry.
macro_rules! over_each_registry {
    ($($name:ident: $kind:expr,)*) => {
        $(mod $name {
            use super::{Kind, Registries, cases};

            #[tokio::test]
            async fn every_kind_of_content_is_copied_once_and_drift_is_left_alone_or_overwritten() {
                cases::content(&Registries::start($kind).await).await;
            }

            #[tokio::test]
            async fn selectors_choose_among_the_tags() {
                cases::selectors(&Registries::start($kind).await).await;
            }

            #[tokio::test]
            async fn a_blob_of_64_mib_is_copied_whole_and_in_chunks() {
                cases::large(&Registries::start($kind).await).await;
            }
        })*
    };
}

over_each_registry! {
    distribution: Kind::Distribution,
    distribution_with_tls: Kind::Tls,
    distribution_with_absolute_locations: Kind::AbsoluteLocations,
    distribution_with_redirects: Kind::Redirects,
    distribution_with_basic_by_docker_config: Kind::BasicByDockerConfig,
    distribution_with_basic_by_hosts: Kind::BasicByHosts,
    distribution_with_tokens_by_docker_config: Kind::TokensByDockerConfig,
    distribution_with_tokens_by_hosts: Kind::TokensByHosts,
    oci_registry: Kind::Oci,
    oci_registry_with_pages: Kind::Pages,
    oci_registry_with_immutable_tags: Kind::ImmutableTags,
    oci_registry_without_digest_header: Kind::NoDigestHeader,
}

/// Lists longer than any page, where a registry pages unasked and where it pages when asked.
mod pagination {
    use super::registries::PAGE;
    use super::{Kind, Registries, cases};

    /// The tags that we ask for in a page.
    const ASKED: usize = 1000;

    #[tokio::test]
    async fn more_than_a_thousand_tags_are_listed_page_by_page() {
        cases::pagination(&Registries::start(Kind::Pages).await, PAGE).await;
    }

    #[tokio::test]
    async fn more_than_a_thousand_tags_are_listed_where_nobody_pages_unasked() {
        cases::pagination(&Registries::start(Kind::Oci).await, ASKED).await;
    }
}
