//! How a scripted registry behaves when nothing goes wrong.

use super::auth::Auth;
use crate::pki::Pki;

/// How a scripted registry behaves; all of it but TLS can be changed while it runs.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a habit of some registry by itself")]
pub struct ScriptedOptions {
    /// Serves HTTPS with this server's certificate, on both listeners.
    pub tls: Option<Pki>,
    /// Asks for a client certificate of that CA too.
    pub client_certificates: bool,
    /// Who may ask what.
    pub auth: Auth,
    /// Most tags in a page, asked for or not.
    pub page: Option<usize>,
    /// Whether there is a referrers API.
    pub referrers: bool,
    /// Most referrers in a page.
    pub referrers_page: Option<usize>,
    /// How many listings leave out a referrer that was put, before it is listed.
    pub referrers_lag: usize,
    /// Whether a referrers API is told by `OCI-Subject` when a referrer is put.
    pub subject_header: bool,
    /// Whether manifests come with an `ETag`.
    pub etags: bool,
    /// Whether `If-Match` is heeded when a manifest is put: 412 where it does not hold.
    pub if_match: bool,
    /// Whether blobs are mounted: 201. Else, and where the source has not the blob, 202.
    pub mount: bool,
    /// Whether a POST with `digest` and a body is a whole upload; else an upload is opened.
    pub single_post: bool,
    /// Whether the parts of a manifest must be there when it is put.
    pub check_manifests: bool,
    /// Whether Accept must name a manifest's type, or it is 404.
    pub strict_accept: bool,
    /// Whether a push makes the repository; else `Store::create` must have.
    pub create_on_push: bool,
    /// Whether Locations are whole URLs; else paths.
    pub absolute_locations: bool,
    /// Whether blobs are redirected to the other host.
    pub redirect_blobs: bool,
    /// Whether new connections are closed at once.
    pub refuse_connections: bool,
}

impl Default for ScriptedOptions {
    /// A strict registry over plain HTTP that does everything the specification has and asks
    /// nobody who he is.
    fn default() -> Self {
        Self {
            tls: None,
            client_certificates: false,
            auth: Auth::None,
            page: None,
            referrers: true,
            referrers_page: None,
            referrers_lag: 0,
            subject_header: true,
            etags: true,
            if_match: true,
            mount: true,
            single_post: true,
            check_manifests: true,
            strict_accept: true,
            create_on_push: true,
            absolute_locations: false,
            redirect_blobs: false,
            refuse_connections: false,
        }
    }
}
