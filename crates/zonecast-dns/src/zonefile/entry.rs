//! One entry at a time: directives, owners, TTLs and classes; data goes to [`super::rdata`].

use super::generate::Generate;
use zonecast_core::record::words::{Entry, Token};
use zonecast_core::{Name, RecordData, RecordType, Ttl};

/// Takes one record that was read.
pub(super) type Sink<'s> = &'s mut dyn FnMut(Name, RecordType, Ttl, RecordData);

/// What carries over from one entry to the next.
pub(super) struct Reader {
    zone: Name,
    origin: Name,
    owner: Option<Name>,
    /// `$TTL`, else the last TTL written at a record.
    ttl: Option<Ttl>,
    ttl_is_directive: bool,
    fallback_ttl: Ttl,
}

impl Reader {
    pub(super) fn new(zone: Name, fallback_ttl: Ttl) -> Reader {
        Reader { origin: zone.clone(), zone, owner: None, ttl: None, ttl_is_directive: false, fallback_ttl }
    }

    pub(super) fn read(&mut self, entry: Entry<'_>, sink: Sink<'_>) -> Result<(), String> {
        if let Some(fault) = entry.fault {
            return Err(fault.to_owned());
        }
        match entry.tokens.first() {
            Some(Token { text, quoted: false }) if text.starts_with('$') && !entry.same_owner => {
                self.directive(text, &entry.tokens[1..], sink)
            }
            _ => self.record(entry.same_owner, &entry.tokens, sink),
        }
    }

    fn directive(&mut self, keyword: &str, rest: &[Token<'_>], sink: Sink<'_>) -> Result<(), String> {
        match (keyword.to_ascii_uppercase().as_str(), rest) {
            ("$TTL", [ttl]) => {
                self.ttl = Some(Ttl::parse(ttl.text)?);
                self.ttl_is_directive = true;
                Ok(())
            }
            ("$ORIGIN", [name]) => {
                self.origin = Name::parse_below(name.text, &self.origin)?;
                Ok(())
            }
            ("$GENERATE", [range, rest @ ..]) => {
                for words in Generate::parse(range.text)?.lines(rest) {
                    let words = words?;
                    let tokens: Vec<Token<'_>> = words
                        .iter()
                        .zip(rest)
                        .map(|(text, token)| Token { text, quoted: token.quoted })
                        .collect();
                    self.record(false, &tokens, sink)?;
                }
                Ok(())
            }
            ("$INCLUDE", _) => Err("$INCLUDE is refused: put everything into one file".to_owned()),
            ("$TTL" | "$ORIGIN" | "$GENERATE", _) => Err(format!("{keyword} with the wrong number of words")),
            _ => Err(format!("{keyword} is not a directive known here")),
        }
    }

    fn record(&mut self, same_owner: bool, tokens: &[Token<'_>], sink: Sink<'_>) -> Result<(), String> {
        let mut rest = tokens;
        if !same_owner && let Some((owner, tail)) = tokens.split_first() {
            let name = Name::parse_below(owner.text, &self.origin)?;
            if !name.is_within(&self.zone) {
                return Err(format!("{name} is not within zone {}", self.zone));
            }
            self.owner = Some(name);
            rest = tail;
        }
        let owner = self.owner.clone().ok_or("the first record has no owner name")?;
        let (ttl, rest) = read_ttl_and_class(rest)?;
        let (rtype, data) = rest.split_first().ok_or("the record type is missing")?;
        let rtype: RecordType =
            rtype.text.parse().map_err(|_| format!("{:?} is not a record type", rtype.text))?;
        let data = RecordData::read(rtype, data, &self.origin)?;
        let ttl = self.choose_ttl(ttl, &data);
        sink(owner, rtype, ttl, data);
        Ok(())
    }

    /// RFC 2308 section 4 and, for files older than `$TTL`, RFC 1035 section 5.1.
    fn choose_ttl(&mut self, written: Option<Ttl>, data: &RecordData) -> Ttl {
        if let Some(ttl) = written {
            if !self.ttl_is_directive {
                self.ttl = Some(ttl);
            }
            return ttl;
        }
        if self.ttl.is_none() && data.rtype() == RecordType::SOA {
            let minimum = crate::soa::minimum_of(data.wire());
            self.ttl = minimum.and_then(|seconds| Ttl::from_seconds(seconds).ok());
        }
        self.ttl.unwrap_or(self.fallback_ttl)
    }
}

/// TTL and class, in either order, either missing.
fn read_ttl_and_class<'a, 't>(tokens: &'a [Token<'t>]) -> Result<(Option<Ttl>, &'a [Token<'t>]), String> {
    let (mut ttl, mut class, mut rest) = (None, false, tokens);
    while let Some((token, tail)) = rest.split_first() {
        if ttl.is_none() && token.text.starts_with(|c: char| c.is_ascii_digit()) {
            ttl = Some(Ttl::parse(token.text)?);
        } else if !class && token.text.eq_ignore_ascii_case("IN") {
            class = true;
        } else if !class
            && ["CH", "HS", "CS", "ANY"].iter().any(|other| token.text.eq_ignore_ascii_case(other))
        {
            return Err(format!("class {} is not served here, only IN", token.text));
        } else {
            break;
        }
        rest = tail;
    }
    Ok((ttl, rest))
}
