//! Secrets at rest: the master key, and sealing single fields with it.
//!
//! XChaCha20-Poly1305 with a random nonce; table, row id and field are bound in as associated data, so
//! a ciphertext that somebody moves to another row does not open there. The key lives outside the
//! database: a systemd credential, else the environment, else `secret.key` beside the data.

use crate::error::StoreError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The first byte of every sealed text: which way it was sealed.
const FORMAT: u8 = 1;
const NONCE: usize = 24;
/// The name under which systemd hands the key over.
const CREDENTIAL: &str = "zonecast-key";

/// The key that opens every secret in the database. Cheap to clone, shows nothing.
#[derive(Clone)]
pub struct MasterKey(Arc<Zeroizing<[u8; 32]>>);

/// Where a master key came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeySource {
    /// A systemd credential.
    Credential,
    /// The environment.
    Environment,
    /// `secret.key` in the data folder: whoever copies the folder has key and secrets together, so
    /// say a warning.
    File,
    /// The same, made just now.
    NewFile,
}

impl KeySource {
    /// Whether an operator should be told to move the key elsewhere.
    pub fn is_beside_the_data(self) -> bool {
        matches!(self, KeySource::File | KeySource::NewFile)
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey([secret])")
    }
}

impl MasterKey {
    /// A key from text or bytes of any form (white space around it does not count), at least 16 of them.
    pub fn from_bytes(bytes: &[u8]) -> Result<MasterKey, StoreError> {
        let bytes = bytes.trim_ascii();
        if bytes.len() < 16 {
            return Err(StoreError::NoKey("it is shorter than 16 characters".into()));
        }
        let mut hash = Sha256::new();
        hash.update(b"zonecast master key 1\0");
        hash.update(bytes);
        Ok(MasterKey(Arc::new(Zeroizing::new(hash.finalize().into()))))
    }

    /// A random key, for a database that does not outlive the process.
    pub fn ephemeral() -> Result<MasterKey, StoreError> {
        MasterKey::from_bytes(random_hex()?.as_bytes())
    }

    /// Finds the key: `credentials_directory` (`$CREDENTIALS_DIRECTORY`), else `environment`
    /// (`$ZONECAST_SECRET_KEY`), else `secret.key` in the data folder, made on first use.
    pub fn load(
        credentials_directory: Option<&Path>,
        environment: Option<&str>,
        data_folder: &Path,
    ) -> Result<(MasterKey, KeySource), StoreError> {
        if let Some(folder) = credentials_directory {
            let path = folder.join(CREDENTIAL);
            match std::fs::read(&path).map(Zeroizing::new) {
                Ok(bytes) => return Ok((MasterKey::from_bytes(&bytes)?, KeySource::Credential)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::NoKey(format!("{}: {error}", path.display()))),
            }
        }
        if let Some(text) = environment.filter(|text| !text.is_empty()) {
            return Ok((MasterKey::from_bytes(text.as_bytes())?, KeySource::Environment));
        }
        key_file(&data_folder.join("secret.key"))
    }

    /// Seals a field of a row: base64 of format byte, nonce and ciphertext.
    pub(crate) fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Result<String, StoreError> {
        let mut nonce = [0u8; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| StoreError::NoKey(format!("no randomness: {error}")))?;
        let bound = place.bound();
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: bound.as_bytes() })
            .map_err(|_| StoreError::NoKey("a secret is too long to seal".into()))?;
        let mut out = vec![FORMAT];
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(STANDARD_NO_PAD.encode(out))
    }

    /// Opens a field where it was sealed, and nowhere else.
    pub(crate) fn open(&self, place: &Place<'_>, sealed: &str) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let bytes = STANDARD_NO_PAD.decode(sealed).map_err(|_| place.damaged())?;
        let (head, cipher) = bytes.split_at_checked(1 + NONCE).ok_or_else(|| place.damaged())?;
        let nonce = <[u8; NONCE]>::try_from(&head[1..]).map_err(|_| place.damaged())?;
        if head[0] != FORMAT {
            return Err(place.damaged());
        }
        let bound = place.bound();
        let plain =
            self.cipher().decrypt(&XNonce::from(nonce), Payload { msg: cipher, aad: bound.as_bytes() });
        plain.map(Zeroizing::new).map_err(|_| place.damaged())
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(**self.0))
    }
}

/// Where a secret lives: what its ciphertext is bound to.
pub(crate) struct Place<'a> {
    pub table: &'static str,
    pub row: &'a str,
    pub field: &'a str,
}

impl Place<'_> {
    fn bound(&self) -> String {
        format!("{}|{}|{}", self.table, self.row, self.field)
    }

    fn damaged(&self) -> StoreError {
        StoreError::Corrupt(format!("the secret {} does not open", self.bound()))
    }
}

fn random_hex() -> Result<Zeroizing<String>, StoreError> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    getrandom::fill(&mut *bytes).map_err(|error| StoreError::NoKey(format!("no randomness: {error}")))?;
    Ok(Zeroizing::new(hex::encode(*bytes)))
}

fn key_file(path: &Path) -> Result<(MasterKey, KeySource), StoreError> {
    let failed = |error: std::io::Error| StoreError::NoKey(format!("{}: {error}", path.display()));
    match std::fs::read(path).map(Zeroizing::new) {
        Ok(bytes) => return Ok((MasterKey::from_bytes(&bytes)?, KeySource::File)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let text = random_hex()?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    // Written beside and linked into place, so that two first starts agree on one whole key.
    let beside = path.with_extension(format!("new-{}", &random_hex()?[..12]));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside).map_err(failed)?;
    let written =
        file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).and_then(|()| file.sync_all());
    let placed = written.and_then(|()| std::fs::hard_link(&beside, path));
    let _ = std::fs::remove_file(&beside);
    if let (Ok(()), Some(folder)) = (&placed, path.parent()) {
        // The name must survive power loss too, before anything is sealed with the key.
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    match placed {
        Ok(()) => Ok((MasterKey::from_bytes(text.as_bytes())?, KeySource::NewFile)),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let bytes = std::fs::read(path).map(Zeroizing::new).map_err(failed)?;
            Ok((MasterKey::from_bytes(&bytes)?, KeySource::File))
        }
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_looked_for_in_order_and_made_once() {
        let data = tempfile::tempdir().unwrap();
        let credentials = tempfile::tempdir().unwrap();
        let text = "from the environment";
        let load = |environment| MasterKey::load(Some(credentials.path()), environment, data.path()).unwrap();
        assert_eq!(load(Some(text)).1, KeySource::Environment);
        let (first, source) = load(None);
        assert!(source == KeySource::NewFile && source.is_beside_the_data());
        let (second, source) = load(None);
        assert!(source == KeySource::File && first.0 == second.0);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(data.path().join("secret.key")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 1);
        std::fs::write(credentials.path().join(CREDENTIAL), "from the credential\n").unwrap();
        assert_eq!(load(Some(text)).1, KeySource::Credential);
        assert!(MasterKey::from_bytes(b"  short  ").is_err());
    }

    #[test]
    fn a_ciphertext_opens_only_where_it_was_sealed() {
        let key = MasterKey::ephemeral().unwrap();
        let here = Place { table: "connection", row: "1", field: "api_key" };
        let sealed = key.seal(&here, b"hunter2").unwrap();
        assert_eq!(&**key.open(&here, &sealed).unwrap(), b"hunter2");
        assert_ne!(sealed, key.seal(&here, b"hunter2").unwrap());
        for there in [
            Place { table: "connection", row: "2", field: "api_key" },
            Place { table: "connection", row: "1", field: "token" },
            Place { table: "zone", row: "1", field: "api_key" },
        ] {
            assert!(key.open(&there, &sealed).is_err());
        }
        assert!(MasterKey::ephemeral().unwrap().open(&here, &sealed).is_err());
        assert!(key.open(&here, "").is_err() && key.open(&here, &sealed[..20]).is_err());
        assert!(!format!("{key:?}").contains(|c: char| c.is_ascii_digit()));
    }
}
