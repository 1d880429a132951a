//! Whom a connection trusts: the system's roots, plus a CA of the operator's own, or exactly one
//! certificate. Ring does the cryptography and is named here, so nothing has to be installed first.

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::Arc;

/// Whom to trust at the other end. The default is the system's roots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// CA certificates in PEM, trusted besides the system's.
    pub ca_pem: Option<String>,
    /// SHA-256 of the one server certificate (DER) to accept, whoever signed it and whatever name it
    /// bears: self-signed panels are common.
    pub pinned_sha256: Option<[u8; 32]>,
    /// What we show of ourselves, where the other end asks for it.
    pub client_certificate: Option<ClientCertificate>,
}

/// A certificate of ours and its key, both files in PEM. They are read when a connection is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, and those between it and its CA.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

impl Trust {
    /// Reads a fingerprint as people paste it: 64 hex digits, colons and spaces allowed.
    pub fn parse_pin(text: &str) -> Option<[u8; 32]> {
        let digits: Vec<u8> =
            text.bytes().filter(|b| !matches!(b, b':' | b' ')).map(|b| b.to_ascii_lowercase()).collect();
        let mut pin = [0u8; 32];
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in pin.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(pin)
    }
}

/// The TLS settings of one connection; `Err` is a sentence for the form.
pub(crate) fn client_config(trust: &Trust) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let verifier: Arc<dyn ServerCertVerifier> = match trust.pinned_sha256 {
        Some(pin) => Arc::new(PinnedCertificate { pin, provider }),
        None => WebPkiServerVerifier::builder_with_provider(Arc::new(roots(trust)?), provider)
            .build()
            .map_err(|error| format!("no usable CA certificate: {error}"))?,
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match &trust.client_certificate {
        None => builder.with_no_client_auth(),
        Some(ClientCertificate { cert_file, key_file }) => {
            let bad = |file: &PathBuf, words: String| format!("{}: {words}", file.display());
            let chain = CertificateDer::pem_file_iter(cert_file).and_then(Iterator::collect);
            let chain = chain.map_err(|error| bad(cert_file, error.to_string()))?;
            let key =
                PrivateKeyDer::from_pem_file(key_file).map_err(|error| bad(key_file, error.to_string()))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| bad(cert_file, error.to_string()))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn roots(trust: &Trust) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = &trust.ca_pem {
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| format!("the CA is not valid PEM: {error}"))?;
            roots.add(certificate).map_err(|error| format!("the CA certificate is not usable: {error}"))?;
            count += 1;
        }
        if count == 0 {
            return Err("the CA holds no certificate in PEM form".to_owned());
        }
    }
    Ok(roots)
}

/// Accepts one certificate by its fingerprint; the handshake must still be signed by its key.
#[derive(Debug)]
struct PinnedCertificate {
    pin: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedCertificate {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found: [u8; 32] = Sha256::digest(end_entity.as_ref()).into();
        if found == self.pin {
            return Ok(ServerCertVerified::assertion());
        }
        let found = hex::encode(found);
        Err(rustls::Error::General(format!("the certificate is not the pinned one, its SHA-256 is {found}")))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_as_people_paste_it() {
        let plain = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
        let colons: Vec<&str> = (0..32).map(|at| &plain[at * 2..at * 2 + 2]).collect();
        assert_eq!(Trust::parse_pin(plain), Trust::parse_pin(&colons.join(":")));
        assert_eq!(Trust::parse_pin(plain).unwrap()[1], 0x11);
        assert!(Trust::parse_pin("0011").is_none() && Trust::parse_pin(&"zz".repeat(32)).is_none());
    }

    #[test]
    fn a_broken_ca_is_named() {
        let trust = Trust { ca_pem: Some("hello".into()), ..Trust::default() };
        assert!(client_config(&trust).unwrap_err().contains("no certificate"));
        assert!(client_config(&Trust { pinned_sha256: Some([0; 32]), ..Trust::default() }).is_ok());
    }
}
