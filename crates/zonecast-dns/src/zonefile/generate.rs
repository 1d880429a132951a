//! `$GENERATE start-stop[/step] ...`: a line per number, as BIND does it.

use zonecast_core::record::words::Token;

/// Lines one directive may make: a /16 of addresses.
const LINES_MAX: u64 = 65_536;

/// The numbers of one directive.
pub(super) struct Generate {
    start: u64,
    stop: u64,
    step: u64,
}

impl Generate {
    pub(super) fn parse(range: &str) -> Result<Generate, String> {
        let bad = || format!("{range:?} is not a range for $GENERATE (start-stop or start-stop/step)");
        let (range_text, step) = range.split_once('/').unwrap_or((range, "1"));
        let (start, stop) = range_text.split_once('-').ok_or_else(bad)?;
        let number = |text: &str| text.parse::<u32>().map(u64::from).map_err(|_| bad());
        let (start, stop, step) = (number(start)?, number(stop)?, number(step)?);
        if step == 0 || stop < start {
            return Err(bad());
        }
        if (stop - start) / step >= LINES_MAX {
            return Err(format!("$GENERATE would make more than {LINES_MAX} records"));
        }
        Ok(Generate { start, stop, step })
    }

    /// The words of each line.
    pub(super) fn lines<'a>(
        &self,
        words: &'a [Token<'a>],
    ) -> impl Iterator<Item = Result<Vec<String>, String>> + 'a {
        let numbers = (self.start..=self.stop).step_by(self.step as usize);
        numbers.map(|number| words.iter().map(|word| substitute(word.text, number as i64)).collect())
    }
}

/// Puts the number in for `$` and `${offset,width,base}`; `$$` and `\$` are a plain `$`.
fn substitute(word: &str, number: i64) -> Result<String, String> {
    let mut out = String::with_capacity(word.len() + 8);
    let mut rest = word;
    while let Some(at) = rest.find(['$', '\\']) {
        let (head, tail) = rest.split_at(at);
        out.push_str(head);
        if let Some(escaped) = tail.strip_prefix('\\') {
            let next = escaped.chars().next();
            if next != Some('$') {
                out.push('\\');
            }
            out.extend(next);
            rest = &escaped[next.map_or(0, char::len_utf8)..];
        } else if let Some(tail) = tail.strip_prefix("$$") {
            out.push('$');
            rest = tail;
        } else if let Some(tail) = tail.strip_prefix("${") {
            let (format, tail) = tail.split_once('}').ok_or("${ without } in $GENERATE")?;
            out.push_str(&formatted(format, number)?);
            rest = tail;
        } else {
            out.push_str(&number.to_string());
            rest = &tail[1..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn formatted(format: &str, number: i64) -> Result<String, String> {
    let bad = || format!("${{{format}}} is not offset,width,base in $GENERATE");
    let mut parts = format.split(',');
    let offset: i64 = parts.next().unwrap_or("0").parse().map_err(|_| bad())?;
    let width: usize = parts.next().unwrap_or("0").parse().map_err(|_| bad())?;
    let base = parts.next().unwrap_or("d");
    let value = number.checked_add(offset).filter(|value| *value >= 0).ok_or_else(bad)?;
    if width > 63 || parts.next().is_some() {
        return Err(bad());
    }
    match base {
        "d" => Ok(format!("{value:0width$}")),
        "o" => Ok(format!("{value:0width$o}")),
        "x" => Ok(format!("{value:0width$x}")),
        "X" => Ok(format!("{value:0width$X}")),
        "n" | "N" => Ok(nibbles(value, width, base == "N")),
        _ => Err(bad()),
    }
}

/// Hexadecimal digits from the least significant up, with dots between: for `ip6.arpa`.
fn nibbles(value: i64, width: usize, upper: bool) -> String {
    let hex = if upper { format!("{value:X}") } else { format!("{value:x}") };
    // The width counts digits and dots, as BIND counts it.
    let digits = hex.len().max(width.div_ceil(2));
    let padded = format!("{hex:0>digits$}");
    padded.chars().rev().map(String::from).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_put_in_as_the_format_says() {
        for (word, want) in [
            ("host$", "host12"),
            ("host${0,4,d}", "host0012"),
            ("h${-2,3,x}", "h00a"),
            ("a\\$b", "a$b"),
            ("a$$b", "a$b"),
            ("${0,7,n}", "c.0.0.0"),
            ("\\046$", "\\04612"),
        ] {
            assert_eq!(substitute(word, 12).unwrap(), want, "{word}");
        }
        assert!(substitute("${-20}", 12).is_err() && substitute("${1", 12).is_err());
        assert!(Generate::parse("1-70000").is_err() && Generate::parse("5-1").is_err());
    }
}
