//! One entry at a time: directives, owners, TTLs and classes; data goes to [`RecordData::read`].

use super::generate::Generate;
use zonecast_core::record::words::{Entry, Fault, Token};
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

    pub(super) fn read(&mut self, entry: Entry<'_>, sink: Sink<'_>) -> Result<(), Fault> {
        if let Some(fault) = entry.fault {
            return Err(fault);
        }
        match entry.tokens.first() {
            Some(word @ Token { text, quoted: false, .. }) if text.starts_with('$') && !entry.same_owner => {
                self.directive(word, &entry.tokens[1..], sink)
            }
            _ => self.record(entry.same_owner, &entry.tokens, sink),
        }
    }

    fn directive(&mut self, word: &Token<'_>, rest: &[Token<'_>], sink: Sink<'_>) -> Result<(), Fault> {
        let keyword = word.text;
        let bad = |words: String| Err(Fault::new(word.at, words));
        match (keyword.to_ascii_uppercase().as_str(), rest) {
            ("$TTL", [ttl]) => {
                self.ttl = Some(Ttl::parse(ttl.text).map_err(wrong(ttl))?);
                self.ttl_is_directive = true;
                Ok(())
            }
            ("$ORIGIN", [name]) => {
                self.origin = Name::parse_below(name.text, &self.origin).map_err(wrong(name))?;
                Ok(())
            }
            ("$GENERATE", [range, rest @ ..]) => {
                for words in Generate::parse(range.text).map_err(wrong(range))?.lines(rest) {
                    let words = words.map_err(wrong(word))?;
                    let tokens: Vec<Token<'_>> =
                        words.iter().zip(rest).map(|(text, token)| Token { text, ..*token }).collect();
                    self.record(false, &tokens, sink)?;
                }
                Ok(())
            }
            ("$INCLUDE", _) => bad("$INCLUDE is refused: put everything into one file".to_owned()),
            ("$TTL" | "$ORIGIN" | "$GENERATE", _) => bad(format!("{keyword} with the wrong number of words")),
            _ => bad(format!("{keyword} is not a directive known here")),
        }
    }

    fn record(&mut self, same_owner: bool, tokens: &[Token<'_>], sink: Sink<'_>) -> Result<(), Fault> {
        let start = tokens.first().map_or(0, |first| first.at);
        let end = tokens.last().map_or(0, |last| last.at + last.text.len());
        let mut rest = tokens;
        if !same_owner && let Some((owner, tail)) = tokens.split_first() {
            let name = Name::parse_below(owner.text, &self.origin).map_err(wrong(owner))?;
            if !name.is_within(&self.zone) {
                return Err(Fault::new(owner.at, format!("{name} is not within zone {}", self.zone)));
            }
            self.owner = Some(name);
            rest = tail;
        }
        let owner =
            self.owner.clone().ok_or_else(|| Fault::new(start, "the first record has no owner name"))?;
        let (ttl, rest) = read_ttl_and_class(rest)?;
        let (word, data) = rest.split_first().ok_or_else(|| Fault::new(end, "the record type is missing"))?;
        let rtype: RecordType = word
            .text
            .parse()
            .map_err(|_| Fault::new(word.at, format!("{:?} is not a record type", word.text)))?;
        if data.is_empty() {
            return Err(Fault::new(end, format!("the data of {rtype} is missing")));
        }
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

/// An error at this word.
fn wrong(word: &Token<'_>) -> impl FnOnce(String) -> Fault {
    let at = word.at;
    move |message| Fault { at, message }
}

/// TTL and class, in either order, either missing.
fn read_ttl_and_class<'a, 't>(tokens: &'a [Token<'t>]) -> Result<(Option<Ttl>, &'a [Token<'t>]), Fault> {
    let (mut ttl, mut class, mut rest) = (None, false, tokens);
    while let Some((token, tail)) = rest.split_first() {
        if ttl.is_none() && token.text.starts_with(|c: char| c.is_ascii_digit()) {
            ttl = Some(Ttl::parse(token.text).map_err(wrong(token))?);
        } else if !class && token.text.eq_ignore_ascii_case("IN") {
            class = true;
        } else if !class
            && ["CH", "HS", "CS", "ANY"].iter().any(|other| token.text.eq_ignore_ascii_case(other))
        {
            return Err(Fault::new(token.at, format!("class {} is not served here, only IN", token.text)));
        } else {
            break;
        }
        rest = tail;
    }
    Ok((ttl, rest))
}
