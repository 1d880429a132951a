//! Names inside a value that somebody most likely did not write out.

use super::RecordType;
use super::form::{Field, form};
use super::words::entries;

/// The names in a value's text that are one word without a dot, as `mail` in `10 mail`: read as a whole
/// name each is a top-level name. With a dot at its end it is meant.
///
/// ```text
/// MX  "10 mail"    mail
/// MX  "10 mail."   nothing
/// TXT "mail"       nothing
/// ```
pub fn bare_names(rtype: RecordType, text: &str) -> Vec<&str> {
    let (Some(fields), Some(entry)) = (form(rtype), entries(text).next()) else { return Vec::new() };
    let words = fields.iter().zip(&entry.tokens);
    let names = words.filter(|(field, _)| **field == Field::Name).map(|(_, token)| token.text);
    names.filter(|name| !name.contains('.')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_without_a_dot_is_no_whole_name() {
        for (rtype, text, bare) in [
            (RecordType::MX, "10 mail", vec!["mail"]),
            (RecordType::MX, "10 mail.", vec![]),
            (RecordType::MX, "0 .", vec![]),
            (RecordType::MX, "10 @", vec!["@"]),
            (RecordType::MX, "10 mail.a.test", vec![]),
            (RecordType::CNAME, "www", vec!["www"]),
            (RecordType::SRV, "0 5 5060 sip", vec!["sip"]),
            (RecordType(17), "admin txt", vec!["admin", "txt"]),
            (RecordType(65), "1 . alpn=h2", vec![]),
            (RecordType::TXT, "mail", vec![]),
            (RecordType::A, "192.0.2.1", vec![]),
        ] {
            assert_eq!(bare_names(rtype, text), bare, "{rtype} {text}");
        }
    }
}
