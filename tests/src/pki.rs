//! A certificate authority for tests, with leaves for a server and a client, as PEM files.
//!
//! The server's certificate is for `localhost`, `127.0.0.1` and `::1`. `foreign.pem` is another
//! authority, `other.pem` its client: both are there to be refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The files; they go when the last clone goes.
#[derive(Clone, Debug)]
pub struct Pki {
    folder: Arc<TempDir>,
}

impl Default for Pki {
    fn default() -> Self {
        Self::new()
    }
}

impl Pki {
    /// Makes new keys and certificates.
    pub fn new() -> Self {
        Self::of_names(&["localhost", "127.0.0.1", "::1"])
    }

    /// The same, with a server's certificate for other names.
    pub fn of_names(names: &[&str]) -> Self {
        let pki = Self { folder: Arc::new(TempDir::new().expect("a temporary folder")) };
        let ca = pki.authority("ca", "test CA");
        let foreign = pki.authority("foreign", "foreign CA");
        pki.leaf("server", names, ExtendedKeyUsagePurpose::ServerAuth, &ca);
        pki.leaf("client", &["client.test"], ExtendedKeyUsagePurpose::ClientAuth, &ca);
        pki.leaf("other", &["other.test"], ExtendedKeyUsagePurpose::ClientAuth, &foreign);
        pki
    }

    /// Returns the folder of all files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// Returns another authority's certificate.
    pub fn foreign_ca(&self) -> PathBuf {
        self.file("foreign.pem")
    }

    /// Returns the server's certificate and key.
    pub fn server(&self) -> (PathBuf, PathBuf) {
        (self.file("server.pem"), self.file("server.key"))
    }

    /// Has servers trust the clients of the authorities in `file` too.
    pub fn trust(&self, file: &Path) {
        let read = |path: &Path| fs::read(path).expect("it is a file");
        let both = [read(&self.ca()), read(file)].concat();
        fs::write(self.ca(), both).expect("the temporary folder can be written to");
    }

    /// Has servers be somebody else, by a certificate with its chain and its key, both in PEM.
    pub fn be(&self, certificate: &str, key: &str) {
        let (certificate_file, key_file) = self.server();
        let written =
            fs::write(certificate_file, certificate).and_then(|()| fs::write(key_file, key));
        written.expect("the temporary folder can be written to");
    }

    /// Returns the client's certificate and key.
    pub fn client(&self) -> (PathBuf, PathBuf) {
        (self.file("client.pem"), self.file("client.key"))
    }

    /// Returns the certificate and key of a client that the other authority vouches for.
    pub fn other_client(&self) -> (PathBuf, PathBuf) {
        (self.file("other.pem"), self.file("other.key"))
    }

    /// Returns the TLS of a server that asks for certificates of this authority's clients, or not.
    pub fn server_config(&self, client_certificates: bool) -> Arc<ServerConfig> {
        let (certificate, key) = self.server();
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has TLS 1.2 and 1.3");
        let builder = if client_certificates {
            let provider = Arc::new(aws_lc_rs::default_provider());
            let roots = Arc::new(self.roots());
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            builder.with_client_cert_verifier(verifier.expect("there is a root"))
        } else {
            builder.with_no_client_auth()
        };
        let config = builder
            .with_single_cert(certificates(&certificate), private_key(&key))
            .expect("the certificate is of the key");
        Arc::new(config)
    }

    pub(crate) fn acceptor(&self, client_certificates: bool) -> TlsAcceptor {
        TlsAcceptor::from(self.server_config(client_certificates))
    }

    /// Shows the client's certificate to servers that ask for one.
    pub(crate) fn connector(&self) -> TlsConnector {
        let (certificate, key) = self.client();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has TLS 1.2 and 1.3")
            .with_root_certificates(self.roots())
            .with_client_auth_cert(certificates(&certificate), private_key(&key))
            .expect("the certificate is of the key");
        TlsConnector::from(Arc::new(config))
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.ca()) {
            roots.add(certificate).expect("a certificate just made");
        }
        roots
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn authority(&self, file: &str, name: &str) -> Issuer<'static, KeyPair> {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.self_signed(&key).expect("a key signs its own certificate");
        self.write(file, &certificate.pem(), &key);
        Issuer::new(params, key)
    }

    fn leaf(
        &self,
        file: &str,
        names: &[&str],
        usage: ExtendedKeyUsagePurpose,
        issuer: &Issuer<'_, KeyPair>,
    ) {
        let mut params = params(file, names);
        params.extended_key_usages = vec![usage];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, issuer).expect("an authority signs");
        self.write(file, &certificate.pem(), &key);
    }

    fn write(&self, file: &str, certificate: &str, key: &KeyPair) {
        let written = fs::write(self.file(&format!("{file}.pem")), certificate)
            .and_then(|()| fs::write(self.file(&format!("{file}.key")), key.serialize_pem()));
        written.expect("the temporary folder can be written to");
    }
}

fn params(name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("the names are ASCII");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn certificates(file: &Path) -> Vec<CertificateDer<'static>> {
    let found = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    found.unwrap_or_else(|error| panic!("{} is no certificate: {error}", file.display()))
}

fn private_key(file: &Path) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_file(file)
        .unwrap_or_else(|error| panic!("{} is no key: {error}", file.display()))
}
