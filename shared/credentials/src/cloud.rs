//! Clouds whose registries have a login of their own, and their hosts.

use std::fmt;

use mirror_oci::RegistryHost;

/// A cloud whose registry has a login of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// Amazon ECR, private and public.
    Ecr,
    /// Azure Container Registry.
    Acr,
    /// Google Artifact Registry, and gcr.io.
    Gar,
}

/// The domains of ECR's partitions: the world, China, the European sovereign cloud, and those of
/// the United States' and the United Kingdom's secret services.
const ECR_DOMAINS: [&str; 7] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
];
/// The domains of its other names, which answer by IPv6 too: the world and China.
const DUAL_STACK_DOMAINS: [&str; 2] = ["on.aws", "on.amazonwebservices.com.cn"];
const ECR_PUBLIC: &str = "public.ecr.aws";
/// The world, China, the government of the United States.
const ACR_DOMAINS: [&str; 3] = ["azurecr.io", "azurecr.cn", "azurecr.us"];
/// An AWS account is twelve digits.
const ACCOUNT_DIGITS: usize = 12;

impl Cloud {
    /// Every cloud there is.
    pub const ALL: [Self; 3] = [Self::Ecr, Self::Acr, Self::Gar];

    /// Returns the feature that it needs and that this program was built without.
    pub fn missing_feature(self) -> Option<&'static str> {
        let (feature, is_there) = match self {
            Self::Ecr => ("aws", cfg!(feature = "aws")),
            Self::Acr => ("azure", cfg!(feature = "azure")),
            Self::Gar => ("gcp", cfg!(feature = "gcp")),
        };
        (!is_there).then_some(feature)
    }

    /// Returns the cloud as configs write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ecr => "ecr",
            Self::Acr => "acr",
            Self::Gar => "gar",
        }
    }

    /// Returns whether `host` is one of the cloud's registries; one with a port never is.
    pub fn owns(self, host: &RegistryHost) -> bool {
        let host = host.as_str();
        match self {
            Self::Ecr => ecr_host(host).is_some(),
            Self::Acr => ACR_DOMAINS.iter().any(|domain| is_below(host, domain)),
            Self::Gar => {
                let regional = host.strip_suffix("-docker.pkg.dev");
                let is_regional =
                    regional.is_some_and(|region| !region.is_empty() && !region.contains('.'));
                host == "gcr.io" || is_below(host, "gcr.io") || is_regional
            }
        }
    }

    /// Describes the cloud's hosts.
    pub fn hosts(self) -> &'static str {
        match self {
            Self::Ecr => {
                "<account>.dkr.ecr.<region>.amazonaws.com, <account>.dkr-ecr.<region>.on.aws, those with \
                 -fips and of AWS's other partitions, and public.ecr.aws"
            }
            Self::Acr => "<registry>.azurecr.io, .azurecr.cn and .azurecr.us",
            Self::Gar => "<region>-docker.pkg.dev, gcr.io and <region>.gcr.io",
        }
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What the name of an ECR registry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EcrHost<'h> {
    /// ECR Public.
    Public,
    /// An account's registry.
    Private {
        /// Where it is.
        region: &'h str,
        /// Its partition.
        domain: &'h str,
        /// Whether by cryptography that the government of the United States has approved.
        is_fips: bool,
    },
}

/// Reads `<account>.dkr.ecr[-fips].<region>.<domain>`, `<account>.dkr-ecr[-fips].<region>.on.aws`.
pub(crate) fn ecr_host(host: &str) -> Option<EcrHost<'_>> {
    if host == ECR_PUBLIC {
        return Some(EcrHost::Public);
    }
    let (account, rest) = host.split_once('.')?;
    let services: [(&str, &[&str], bool); 4] = [
        ("dkr.ecr.", &ECR_DOMAINS, false),
        ("dkr.ecr-fips.", &ECR_DOMAINS, true),
        ("dkr-ecr.", &DUAL_STACK_DOMAINS, false),
        ("dkr-ecr-fips.", &DUAL_STACK_DOMAINS, true),
    ];
    let service =
        |(service, domains, is_fips)| Some((rest.strip_prefix(service)?, domains, is_fips));
    let (rest, domains, is_fips) = services.into_iter().find_map(service)?;
    let (region, domain) = rest.split_once('.')?;
    let is_account =
        account.len() == ACCOUNT_DIGITS && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_one = is_account && !region.is_empty() && domains.contains(&domain);
    is_one.then_some(EcrHost::Private { region, domain, is_fips })
}

fn is_below(host: &str, domain: &str) -> bool {
    let below = host.strip_suffix(domain).and_then(|rest| rest.strip_suffix('.'));
    below.is_some_and(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, expected: Option<Cloud>) {
        let parsed: RegistryHost = host.parse().unwrap();
        let owners: Vec<Cloud> =
            Cloud::ALL.into_iter().filter(|cloud| cloud.owns(&parsed)).collect();
        assert_eq!(owners, Vec::from_iter(expected), "{host}");
    }

    #[test]
    fn a_host_is_of_its_cloud_alone() {
        for host in [
            "123456789012.dkr.ecr.us-east-1.amazonaws.com",
            "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "123456789012.dkr-ecr.eu-west-1.on.aws",
            "123456789012.dkr-ecr-fips.us-east-1.on.aws",
            "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
            "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov",
            "123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov",
            "123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk",
            "123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov",
            "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu",
            "public.ecr.aws",
            "PUBLIC.ecr.aws",
        ] {
            check(host, Some(Cloud::Ecr));
        }
        for host in ["name.azurecr.io", "name.azurecr.cn", "name.azurecr.us"] {
            check(host, Some(Cloud::Acr));
        }
        for host in ["gcr.io", "eu.gcr.io", "us-docker.pkg.dev", "europe-west1-docker.pkg.dev"] {
            check(host, Some(Cloud::Gar));
        }
        for host in [
            "ghcr.io",
            "ecr.aws",
            "x.public.ecr.aws",
            "12345.dkr.ecr.us-east-1.amazonaws.com",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com.example.com",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com:443",
            "123456789012.dkr.ecr.amazonaws.com",
            "123456789012.dkr.ecr.us-east-1.on.aws",
            "123456789012.dkr-ecr.us-east-1.amazonaws.com",
            "123456789012.dkr-ecr.us-iso-east-1.c2s.ic.gov",
            "azurecr.io",
            "azurecr.io.example.com",
            "notazurecr.io",
            "gcr.io.example.com",
            "notgcr.io",
            "docker.pkg.dev",
            "-docker.pkg.dev.example.com",
            "a.us-docker.pkg.dev",
            "localhost:5000",
        ] {
            if host.parse::<RegistryHost>().is_ok() {
                check(host, None);
            }
        }
    }
}
