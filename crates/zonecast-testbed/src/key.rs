//! TSIG keys as the servers' own configurations spell them, and the zone every server begins with.

use crate::command::random_secret;

/// A TSIG key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TsigSecret {
    /// Its name.
    pub name: String,
    /// Such as `hmac-sha256`.
    pub algorithm: String,
    /// Base64.
    pub secret: String,
}

impl TsigSecret {
    /// A key nobody guesses.
    pub fn random(name: &str, algorithm: &str) -> TsigSecret {
        // The letters are hexadecimal, so they are base64 too: 36 of them are 27 bytes.
        TsigSecret { name: name.to_owned(), algorithm: algorithm.to_owned(), secret: random_secret() }
    }

    /// The key's statement in BIND's configuration, which other servers' tools read too.
    pub fn bind_text(&self) -> String {
        format!("key \"{}\" {{ algorithm {}; secret \"{}\"; }};\n", self.name, self.algorithm, self.secret)
    }
}

/// SOA and NS.
pub(crate) fn zone_text(zone: &str) -> String {
    format!(
        "$ORIGIN {zone}.\n$TTL 300\n@ IN SOA ns1.example.net. hostmaster.example.net. 1 3600 600 86400 300\n\
         @ IN NS ns1.example.net.\n"
    )
}
