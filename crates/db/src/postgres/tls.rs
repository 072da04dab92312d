//! How a connection to PostgreSQL is protected: `libpq`'s modes, by rustls.

use crate::{Error, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// What is asked of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Protection {
    pub(super) mode: Mode,
    pub(super) roots: Option<Roots>,
}

/// How much protection is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Never encrypted.
    Disable,
    /// Encrypted if the server can do so.
    Prefer,
    /// Always encrypted; with a root certificate, as [`Mode::VerifyCa`].
    Require,
    /// And the server's certificate is of a known authority.
    VerifyCa,
    /// And it is for the host that the URL names.
    VerifyFull,
}

/// Which authorities are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    /// Those of the machine.
    System,
    /// Those in a PEM file.
    File(PathBuf),
}

impl Protection {
    /// What the driver has to ask the server for.
    pub(super) fn negotiation(&self) -> SslMode {
        match self.mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        }
    }

    /// The maker of encrypted connections.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Engine(error.to_string()))?;
        let config = match self.roots_to_check()? {
            Some(roots) if self.mode == Mode::VerifyFull => config.with_root_certificates(roots),
            roots => {
                config.dangerous().with_custom_certificate_verifier(Arc::new(AnyHost { roots, algorithms }))
            }
        };
        let mut config = config.with_no_client_auth();
        // Servers that are spoken to in TLS from the first byte (`sslnegotiation=direct`) insist on it.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(MakeRustlsConnect::new(config))
    }

    /// A root certificate that is given is always checked, as by `libpq`.
    fn roots_to_check(&self) -> Result<Option<RootCertStore>> {
        match (&self.roots, self.mode) {
            (_, Mode::Disable) | (None, Mode::Prefer | Mode::Require) => Ok(None),
            (Some(Roots::File(path)), _) => from_file(path).map(Some),
            (None | Some(Roots::System), _) => from_system().map(Some),
        }
    }
}

fn from_file(path: &Path) -> Result<RootCertStore> {
    let fault = |reason: String| Error::Engine(format!("sslrootcert {}: {reason}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| fault(error.to_string()))? {
        let certificate = certificate.map_err(|error| fault(error.to_string()))?;
        roots.add(certificate).map_err(|error| fault(error.to_string()))?;
    }
    if roots.is_empty() { Err(fault("no certificate is in it".to_owned())) } else { Ok(roots) }
}

fn from_system() -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let text = "this machine has no root certificates: name a file with sslrootcert".to_owned();
        return Err(Error::Engine(text));
    }
    Ok(roots)
}

/// Accepts a certificate for any host: of one of the authorities, or of anyone if there are none. That the
/// server holds the certificate's key is checked in any case.
#[derive(Debug)]
struct AnyHost {
    roots: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let all = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, all)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
