//! Requests to a chart repository and to whoever its index names.

use std::sync::Arc;

use mirror_transport::header::{
    ACCEPT_ENCODING, AUTHORIZATION, HeaderName, HeaderValue, IF_NONE_MATCH,
};
use mirror_transport::{
    Budget, Download, Host, HostOptions, Lane, Method, Request, Response, Scheme, Transfer,
    TransportError, retry_after,
};
use url::{Position, Url};

use crate::access::Access;
use crate::{ChartError, Charts, Heeded, urls};

/// An answer, of which the body is still to be read.
pub(crate) struct Answered {
    pub(crate) response: Response,
    host: Arc<Host>,
}

impl Charts {
    /// Waits for the right to read a body, which is to be held until its end.
    ///
    /// Whoever keeps what he reads has room for it by then: an upload waits for this right with its
    /// archive in hand, and two orders would wait for each other.
    pub(crate) async fn download(
        &self,
        answered: Answered,
        budget: &Arc<Budget>,
    ) -> (Download, Transfer) {
        let transfer = self.options.transport.transfer(&[&answered.host], budget).await;
        (answered.response.download(), transfer)
    }
}

/// What is asked for.
pub(crate) struct Question<'q> {
    pub(crate) url: &'q Url,
    /// How it may come packed.
    pub(crate) encoding: &'static str,
    /// What is known already.
    pub(crate) etag: Option<&'q str>,
}

impl Charts {
    /// Asks for something; 200 and 304 are answers, and all else is an error.
    ///
    /// Another origin than the repository's is dialled only where the repository itself could stand
    /// (threat S14).
    pub(crate) async fn get(
        &self,
        access: &Access,
        question: &Question<'_>,
        budget: &Arc<Budget>,
    ) -> Result<Answered, ChartError> {
        let Question { url, encoding, etag } = question;
        let (host, unplaced) = self.host(access, url, budget).await;
        let mut request = Request::new(Method::GET, path(url))
            .lane(Lane::Bodies)
            .header(ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        if let Some(authorization) = access.shown(url).authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = match (host.send(request, budget).await, unplaced) {
            (Ok(response), _) => response,
            // Somewhere private, which may be right once the repository answers.
            (Err(TransportError::Forbidden { .. }), Some(error)) => {
                return Err(no_answer(access, &access.repository, error));
            }
            (Err(error), _) => return Err(no_answer(access, url, error)),
        };
        match response.status.as_u16() {
            200 | 304 => Ok(Answered { response, host }),
            status => Err(refusal(access, url, status, &response)),
        }
    }

    /// Returns the host of `url`, as the repository lets it be spoken to; and why it is not known where
    /// the repository stands.
    async fn host(
        &self,
        access: &Access,
        url: &Url,
        budget: &Arc<Budget>,
    ) -> (Arc<Host>, Option<TransportError>) {
        let transport = &self.options.transport;
        let own = &access.repository;
        let scheme = if own.scheme() == "http" { Scheme::Http } else { Scheme::Found };
        let options = HostOptions { tls: access.shown(own).tls, scheme, ..HostOptions::default() };
        let sender = transport.host_with(&authority(own), options);
        if access.is_own(url) {
            return (sender, None);
        }
        let unplaced = self.find_place(access, &sender, budget).await.err();
        let scheme = if url.scheme() == "http" { Scheme::Http } else { Scheme::Https };
        let tls = access.shown(url).tls;
        let sent_by = Some(sender);
        let options = HostOptions { tls, scheme, sent_by, ..HostOptions::default() };
        (transport.host_with(&authority(url), options), unplaced)
    }

    /// Asks a repository for anything where nobody knows yet where it stands: a worker may not have read
    /// the index. One job asks for all that want to know; the next asks again where nobody answered.
    async fn find_place(
        &self,
        access: &Access,
        sender: &Arc<Host>,
        budget: &Arc<Budget>,
    ) -> Result<(), TransportError> {
        if sender.is_placed() {
            return Ok(());
        }
        let own = &access.repository;
        let asked = self.asked(&urls::shown(own));
        let mut is_answered = {
            let _waiting = budget.wait();
            asked.lock().await
        };
        // Behind a proxy, an answer says nothing.
        if *is_answered || sender.is_placed() {
            return Ok(());
        }
        let mut request = Request::new(Method::HEAD, path(own));
        if let Some(authorization) = access.shown(own).authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        // Whatever it answers: what counts is from where.
        sender.send(request, budget).await?;
        *is_answered = true;
        Ok(())
    }
}

/// What no answer says.
fn no_answer(access: &Access, url: &Url, error: TransportError) -> ChartError {
    let TransportError::Tls { host, .. } = &error else { return error.into() };
    let is_same = *host == authority(url);
    let heeded = if is_same { access.heeded(url) } else { Heeded::Redirected };
    ChartError::Tls { url: urls::shown(url), heeded, source: error }
}

/// What an answer says that is no success.
fn refusal(access: &Access, url: &Url, status: u16, response: &Response) -> ChartError {
    let shown = urls::shown(url);
    match status {
        401 | 403 => {
            let host = authority(&response.url);
            if host != authority(url) {
                let repository = urls::shown(&access.repository);
                return ChartError::Redirected { url: shown, host, status, repository };
            }
            ChartError::Unauthorized { url: shown, status, login: access.explain(url) }
        }
        _ => {
            let retry_after = retry_after(&response.headers, std::time::SystemTime::now());
            ChartError::Status { url: shown, status, retry_after }
        }
    }
}

/// A URL's host, and its port where it names one.
pub(crate) fn authority(url: &Url) -> String {
    url[Position::BeforeHost..Position::AfterPort].to_owned()
}

/// A URL's path and query, as something to join to its origin.
fn path(url: &Url) -> String {
    let path = &url[Position::BeforePath..Position::AfterQuery];
    // Two slashes at the start would name another host.
    if path.starts_with("//") { format!("/.{path}") } else { path.to_owned() }
}

/// Returns a header's text.
pub(crate) fn header(response: &Response, name: &HeaderName) -> Option<String> {
    response.header(name.as_str()).map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_on_its_host() {
        for (text, authority_of, path_of) in [
            ("https://a.example/x/y?z#f", "a.example", "/x/y?z"),
            ("https://a.example:8443", "a.example:8443", "/"),
            ("http://me:pw@[::1]:80/x", "[::1]", "/x"),
            ("https://a.example//b.example/x", "a.example", "/.//b.example/x"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((authority(&url).as_str(), path(&url).as_str()), (authority_of, path_of));
            let mut base = url.clone();
            base.set_path("/");
            let joined = base.join(&path(&url)).unwrap();
            assert_eq!((joined.origin(), joined.path()), (url.origin(), url.path()), "{text}");
        }
    }
}
