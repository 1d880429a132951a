//! What an operator decides per zone: who may copy it, who hears of changes, with which key.

use crate::tsig::TsigKey;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Transfer settings of a zone. The default lets nobody transfer it and tells nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneSettings {
    /// Networks that may transfer the zone. Empty with a key: any address that signs with the key.
    /// Empty without a key: nobody.
    pub allow_transfer: Vec<IpNet>,
    /// Secondaries that get a NOTIFY after each change.
    pub notify: Vec<SocketAddr>,
    /// When set, transfers must be signed with this key, and NOTIFY is.
    pub tsig_key: Option<TsigKey>,
}

impl ZoneSettings {
    /// Whether a peer may transfer; `signed` says that its request carried a valid signature by
    /// this zone's key.
    pub fn may_transfer(&self, peer: IpAddr, signed: bool) -> bool {
        let peer = peer.to_canonical();
        let listed = self.allow_transfer.iter().any(|network| network.contains(&peer));
        match &self.tsig_key {
            Some(_) => signed && (listed || self.allow_transfer.is_empty()),
            None => listed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zonecast_core::Name;

    #[test]
    fn transfers_are_denied_unless_something_allows_them() {
        let peer: IpAddr = "192.0.2.7".parse().unwrap();
        let mut settings = ZoneSettings::default();
        assert!(!settings.may_transfer(peer, false) && !settings.may_transfer(peer, true));
        settings.allow_transfer = vec!["192.0.2.0/24".parse().unwrap()];
        assert!(settings.may_transfer(peer, false));
        assert!(settings.may_transfer("::ffff:192.0.2.7".parse().unwrap(), false));
        assert!(!settings.may_transfer("198.51.100.1".parse().unwrap(), false));
        let key = TsigKey::new(Name::parse("k").unwrap(), Default::default(), vec![7; 32]).unwrap();
        settings.tsig_key = Some(key);
        assert!(!settings.may_transfer(peer, false), "a key asks for a signature");
        assert!(settings.may_transfer(peer, true));
        settings.allow_transfer.clear();
        assert!(settings.may_transfer(peer, true), "the key alone is enough");
    }
}
