//! What lets us into one chart repository, and where else it may go.
//!
//! User and password go to the repository's own origin, elsewhere only where Helm's file says so, and
//! across no redirect; nor in the clear where the repository is encrypted. Authorities and client certificate
//! likewise; skipped verification goes nowhere else.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mirror_oci::Digest;
use mirror_transport::header::HeaderValue;
use mirror_transport::{Authorities, Identity, Tls, TlsError, Trust};
use url::Url;
use zeroize::Zeroizing;

use crate::repositories::{Answer, Known, read};
use crate::{Heeded, Login, RepositoriesError, RepositoriesFile, urls};

/// The largest file of certificates or a key: some hundred certificates.
const MAX_PEM_BYTES: usize = 1 << 20;
/// TLS settings that are remembered: some for each repository, and as many again when files change.
const MAX_REMEMBERED: usize = 1_000;

/// What lets us into one chart repository.
pub(crate) struct Access {
    pub(crate) repository: Url,
    answer: Answer,
    authorization: Option<HeaderValue>,
    own_tls: Option<Tls>,
    other_tls: Option<Tls>,
}

/// What goes to one origin.
pub(crate) struct Shown {
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) tls: Option<Tls>,
}

/// Makes TLS settings of files once for each content: hosts are told apart by their settings.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    made: Mutex<HashMap<Parts, Tls>>,
}

/// What TLS settings are made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Parts {
    authorities: Option<Digest>,
    identity: Option<(Digest, Digest)>,
    anybody: bool,
}

impl Access {
    /// Finds out what lets us into `repository`.
    pub(crate) async fn to(
        repository: Url,
        file: &RepositoriesFile,
        settings: &Settings,
    ) -> Result<Self, RepositoriesError> {
        let answer = file.ask(&repository).await?;
        let mut access =
            Self { repository, answer, authorization: None, own_tls: None, other_tls: None };
        let Answer::Known(known) = &access.answer else { return Ok(access) };
        access.authorization = known.user.as_ref().and_then(|(name, password)| {
            let pair = Zeroizing::new(format!("{name}:{}", password.expose()));
            let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
            let mut value = HeaderValue::from_str(&value).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        let files = Files::read(known).await?;
        access.own_tls = settings.tls(known, &files, known.skips_verification)?;
        if known.passes_credentials {
            access.other_tls = settings.tls(known, &files, false)?;
        }
        Ok(access)
    }

    /// Returns whether `url` is of the repository's own origin.
    pub(crate) fn is_own(&self, url: &Url) -> bool {
        self.repository.origin() == url.origin()
    }

    /// Returns what goes to `url` with a request.
    pub(crate) fn shown(&self, url: &Url) -> Shown {
        let passes = match &self.answer {
            Answer::Known(known) => known.passes_credentials,
            Answer::None(_) => false,
        };
        if self.is_own(url) {
            Shown { authorization: self.authorization.clone(), tls: self.own_tls.clone() }
        } else if passes && (url.scheme() == "https" || self.repository.scheme() == "http") {
            Shown { authorization: self.authorization.clone(), tls: self.other_tls.clone() }
        } else {
            Shown { authorization: None, tls: None }
        }
    }

    /// Says where the repository's user comes from.
    pub(crate) fn source(&self) -> String {
        let Answer::Known(known) = &self.answer else { return "none, anonymous".to_owned() };
        let without = if self.authorization.is_some() { "" } else { ", without a user" };
        format!("{}{without}", known.entry)
    }

    /// Says what was shown to `url`, and what to do where that was not enough.
    pub(crate) fn explain(&self, url: &Url) -> Login {
        let repository = urls::shown(&self.repository);
        match &self.answer {
            Answer::None(none) => Login::Nobody(none.clone()),
            Answer::Known(known) => {
                let name = known.entry.name.clone();
                match (&self.authorization, self.shown(url).authorization) {
                    (None, _) => Login::NoUser { name },
                    (Some(_), None) => Login::Elsewhere { name, repository },
                    (Some(_), Some(_)) => Login::Used { name },
                }
            }
        }
    }

    /// Says what held for a TLS session with the host of `url`, and why no more did.
    pub(crate) fn heeded(&self, url: &Url) -> Heeded {
        let known = match &self.answer {
            Answer::None(none) => return Heeded::None(none.clone()),
            Answer::Known(known) => known,
        };
        let (entry, repository) = (known.entry.clone(), urls::shown(&self.repository));
        let mut fields = tls_fields(known);
        if self.shown(url).tls.is_some() {
            if self.is_own(url) && known.skips_verification {
                fields.push("insecure_skip_tls_verify");
            }
            return Heeded::Entry { entry, fields };
        }
        let may_pass = !fields.is_empty();
        if known.skips_verification {
            fields.push("insecure_skip_tls_verify");
        }
        if fields.is_empty() {
            return Heeded::NoField { entry };
        }
        Heeded::Elsewhere { entry, fields, repository, may_pass }
    }
}

/// The fields of an entry that hold for a TLS session.
fn tls_fields(known: &Known) -> Vec<&'static str> {
    let authorities = known.authorities.is_some().then_some("caFile");
    let identity = known.identity.is_some().then_some("certFile");
    authorities.into_iter().chain(identity).collect()
}

/// The files that an entry names.
struct Files {
    authorities: Option<(PathBuf, Zeroizing<Vec<u8>>)>,
    certificate: Option<(PathBuf, Zeroizing<Vec<u8>>)>,
    key: Option<Zeroizing<Vec<u8>>>,
}

impl Files {
    async fn read(known: &Known) -> Result<Self, RepositoriesError> {
        let mut files = Self { authorities: None, certificate: None, key: None };
        if let Some(path) = &known.authorities {
            files.authorities = Some((path.clone(), Self::one(known, "caFile", path).await?));
        }
        if let Some((certificate, key)) = &known.identity {
            let bytes = Self::one(known, "certFile", certificate).await?;
            files.certificate = Some((certificate.clone(), bytes));
            files.key = Some(Self::one(known, "keyFile", key).await?);
        }
        Ok(files)
    }

    async fn one(
        known: &Known,
        field: &'static str,
        path: &Path,
    ) -> Result<Zeroizing<Vec<u8>>, RepositoriesError> {
        match read(path, MAX_PEM_BYTES).await {
            Err(RepositoriesError::Unreadable { path, source }) => {
                let entry = known.entry.clone();
                Err(RepositoriesError::Named { path, field, entry, source })
            }
            other => other,
        }
    }
}

impl Settings {
    /// Returns the settings of an entry's files; `None` where they are everybody's.
    fn tls(
        &self,
        known: &Known,
        files: &Files,
        anybody: bool,
    ) -> Result<Option<Tls>, RepositoriesError> {
        let Files { authorities, certificate, key } = files;
        let identity = certificate.as_ref().zip(key.as_ref());
        let parts = Parts {
            authorities: authorities.as_ref().map(|(_, bytes)| Digest::of(bytes)),
            identity: identity.map(|((_, bytes), key)| (Digest::of(bytes), Digest::of(key))),
            anybody,
        };
        if parts == Parts::default() {
            return Ok(None);
        }
        if let Some(tls) = self.lock().get(&parts) {
            return Ok(Some(tls.clone()));
        }
        let fault = |path: &Path| {
            let (path, name) = (path.to_owned(), known.entry.name.clone());
            move |source: TlsError| RepositoriesError::Tls { path, name, source }
        };
        let trust = match authorities {
            _ if anybody => Trust::Anybody,
            Some((path, pem)) => {
                Trust::Authorities(Authorities::from_pem(pem).map_err(fault(path))?)
            }
            None => Trust::System,
        };
        let identity = identity.map(|((path, certificate), key)| {
            Identity::from_pem(certificate, key).map_err(fault(path))
        });
        let tls = Tls::new(trust, identity.transpose()?);
        let mut made = self.lock();
        if made.len() >= MAX_REMEMBERED {
            made.clear();
        }
        made.insert(parts, tls.clone());
        Ok(Some(tls))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Parts, Tls>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
