//! The main cases over real registries: each case over each registry, as source and as destination.

mod cases;
mod registries;

use registries::{Kind, Registries};

/// A test of each case over each kind of registry, those without credentials in both modes.
macro_rules! over_each_registry {
    (in both modes: {$($both:ident: $anyone:expr,)*} in process: {$($here:ident: $known:expr,)*}) => {
        $(mod $both {
            use super::{Kind, Registries, cases};

            both_modes!(
                every_kind_of_content_is_copied_once_and_drift_is_left_alone_or_overwritten,
                selectors_choose_among_the_tags,
            );
            over_each_registry!(content $anyone);
            over_each_registry!(selectors $anyone);
            over_each_registry!(large $anyone);
        })*
        $(mod $here {
            use super::{Kind, Registries, cases};

            over_each_registry!(content $known, #[tokio::test]);
            over_each_registry!(selectors $known, #[tokio::test]);
            over_each_registry!(large $known);
        })*
    };
    (content $kind:expr $(, #[$test:meta])?) => {
        $(#[$test])?
        async fn every_kind_of_content_is_copied_once_and_drift_is_left_alone_or_overwritten() {
            cases::content(&Registries::start($kind).await).await;
        }
    };
    (selectors $kind:expr $(, #[$test:meta])?) => {
        $(#[$test])?
        async fn selectors_choose_among_the_tags() {
            cases::selectors(&Registries::start($kind).await).await;
        }
    };
    // In chunks, which the config's hosts ask for: about one process.
    (large $kind:expr) => {
        #[tokio::test]
        async fn a_blob_of_64_mib_is_copied_whole_and_in_chunks() {
            cases::large(&Registries::start($kind).await).await;
        }
    };
}

over_each_registry! {
    in both modes: {
        distribution: Kind::Distribution,
        distribution_with_absolute_locations: Kind::AbsoluteLocations,
        distribution_with_redirects: Kind::Redirects,
        oci_registry: Kind::Oci,
        oci_registry_with_pages: Kind::Pages,
        oci_registry_with_immutable_tags: Kind::ImmutableTags,
        oci_registry_without_digest_header: Kind::NoDigestHeader,
    }
    in process: {
        distribution_with_tls: Kind::Tls,
        distribution_with_basic_by_docker_config: Kind::BasicByDockerConfig,
        distribution_with_basic_by_hosts: Kind::BasicByHosts,
        distribution_with_tokens_by_docker_config: Kind::TokensByDockerConfig,
        distribution_with_tokens_by_hosts: Kind::TokensByHosts,
    }
}

/// Lists longer than any page, where a registry pages unasked and where it pages when asked.
mod pagination {
    use super::registries::PAGE;
    use super::{Kind, Registries, cases};

    /// The tags that we ask for in a page.
    const ASKED: usize = 1000;

    both_modes!(more_than_a_thousand_tags_are_listed_page_by_page);
    async fn more_than_a_thousand_tags_are_listed_page_by_page() {
        cases::pagination(&Registries::start(Kind::Pages).await, PAGE).await;
    }

    both_modes!(more_than_a_thousand_tags_are_listed_where_nobody_pages_unasked);
    async fn more_than_a_thousand_tags_are_listed_where_nobody_pages_unasked() {
        cases::pagination(&Registries::start(Kind::Oci).await, ASKED).await;
    }
}
