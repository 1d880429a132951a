//! The tables of a MySQL dump, as mysqldump, phpMyAdmin and WHMCS's own backup write it.
//!
//! Only `CREATE TABLE` (for the order of the columns) and `INSERT` are read, of the tables that somebody
//! wants; of everything else only its end is looked for. A parser of the whole language would fail at
//! the first statement of a dump that it does not know.

use super::tables::{Row, Table};
use std::collections::HashMap;

#[derive(Debug, PartialEq)]
enum Token {
    /// A bare word or number.
    Word(String),
    /// Between backticks.
    Name(String),
    /// Between quotes.
    Text(String),
    /// One of `( ) ,`.
    Sign(u8),
    /// A semicolon.
    End,
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn line(&self, at: usize) -> usize {
        self.text[..at].bytes().filter(|byte| *byte == b'\n').count() + 1
    }

    fn rest(&self) -> &[u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// Over white space and comments.
    fn pass(&mut self) {
        loop {
            let rest = self.rest();
            let end = match rest {
                [b' ' | b'\t' | b'\r' | b'\n', ..] => 1,
                [b'#', ..] | [b'-', b'-', b' ' | b'\t' | b'\r' | b'\n', ..] => {
                    rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
                }
                [b'/', b'*', ..] => {
                    rest.windows(2).skip(2).position(|pair| pair == b"*/").map_or(rest.len(), |at| at + 4)
                }
                _ => return,
            };
            self.at += end;
        }
    }

    fn next(&mut self) -> Result<Option<Token>, String> {
        self.pass();
        let Some(first) = self.rest().first().copied() else { return Ok(None) };
        Ok(Some(match first {
            b';' => {
                self.at += 1;
                Token::End
            }
            b'(' | b')' | b',' => {
                self.at += 1;
                Token::Sign(first)
            }
            b'`' => Token::Name(self.quoted(first)?),
            b'\'' | b'"' => Token::Text(self.quoted(first)?),
            _ => {
                let ends = |byte: &u8| byte.is_ascii_whitespace() || b"();,'\"`".contains(byte);
                let end = self.rest().iter().position(ends).unwrap_or(self.rest().len());
                let word = self.text[self.at..self.at + end].to_owned();
                self.at += end;
                Token::Word(word)
            }
        }))
    }

    /// What stands between quotes: a doubled quote is one, and a backslash escapes but in names.
    fn quoted(&mut self, quote: u8) -> Result<String, String> {
        let begin = self.at;
        let mut out = Vec::new();
        let mut bytes = self.text.as_bytes()[begin + 1..].iter().copied().enumerate();
        while let Some((at, byte)) = bytes.next() {
            if byte == quote {
                if self.text.as_bytes().get(begin + at + 2) != Some(&quote) {
                    self.at = begin + at + 2;
                    return Ok(String::from_utf8_lossy(&out).into_owned());
                }
                out.push(quote);
                bytes.next();
            } else if byte == b'\\' && quote != b'`' {
                out.extend(bytes.next().map(|(_, escaped)| match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'0' => 0,
                    other => other,
                }));
            } else {
                out.push(byte);
            }
        }
        Err(format!("a text that begins in line {} does not end: the dump is not whole", self.line(begin)))
    }

    /// To the end of a statement.
    fn skip(&mut self) -> Result<(), String> {
        while !matches!(self.next()?, None | Some(Token::End)) {}
        Ok(())
    }
}

/// The tables of a dump that `wanted` names.
pub fn tables(text: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<Table>, String> {
    let mut lexer = Lexer { text, at: 0 };
    let mut columns: HashMap<String, Vec<String>> = HashMap::new();
    let mut tables: Vec<Table> = Vec::new();
    while let Some(token) = lexer.next()? {
        let Token::Word(word) = token else { continue };
        match word.to_ascii_uppercase().as_str() {
            "CREATE" => {
                if let Some((table, found)) = create(&mut lexer)? {
                    columns.insert(table, found);
                }
            }
            "INSERT" | "REPLACE" => insert(&mut lexer, &wanted, &columns, &mut tables)?,
            _ => lexer.skip()?,
        }
    }
    Ok(tables)
}

/// The columns of a table in their order; nothing for what else is created.
fn create(lexer: &mut Lexer<'_>) -> Result<Option<(String, Vec<String>)>, String> {
    let mut name = None;
    loop {
        match lexer.next()? {
            Some(Token::Name(text)) => name = Some(text),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("TABLE") => {}
            Some(Token::Word(word)) => name = Some(word),
            Some(Token::Sign(b'(')) => break,
            None | Some(Token::End) => return Ok(None),
            Some(_) => {}
        }
    }
    let (mut columns, mut depth, mut begins) = (Vec::new(), 1, true);
    loop {
        match lexer.next()? {
            Some(Token::Sign(b'(')) => depth += 1,
            Some(Token::Sign(b')')) => depth -= 1,
            Some(Token::Sign(_)) if depth == 1 => {
                begins = true;
                continue;
            }
            Some(Token::Name(column)) if begins => columns.push(column),
            Some(Token::Word(word)) if begins && !is_key(&word) => columns.push(word),
            None | Some(Token::End) => break,
            Some(_) => {}
        }
        begins = false;
        if depth == 0 {
            lexer.skip()?;
            break;
        }
    }
    Ok(name.map(|name| (name, columns)))
}

/// Words that begin a line of a table which is no column.
fn is_key(word: &str) -> bool {
    let words =
        ["KEY", "PRIMARY", "UNIQUE", "CONSTRAINT", "INDEX", "FULLTEXT", "SPATIAL", "FOREIGN", "CHECK"];
    words.iter().any(|key| word.eq_ignore_ascii_case(key))
}

fn insert(
    lexer: &mut Lexer<'_>,
    wanted: &impl Fn(&str) -> bool,
    columns: &HashMap<String, Vec<String>>,
    tables: &mut Vec<Table>,
) -> Result<(), String> {
    let begin = lexer.at;
    let mut name = String::new();
    let mut own: Vec<String> = Vec::new();
    loop {
        match lexer.next()? {
            Some(Token::Name(text)) if name.is_empty() => name = text,
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("VALUES") => break,
            Some(Token::Word(word)) if ["INTO", "IGNORE"].iter().any(|w| word.eq_ignore_ascii_case(w)) => {}
            Some(Token::Word(word)) if name.is_empty() => name = word,
            Some(Token::Name(column) | Token::Word(column)) => own.push(column),
            None | Some(Token::End) => return Ok(()),
            Some(_) => {}
        }
    }
    if !wanted(&name) {
        return lexer.skip();
    }
    let known = if own.is_empty() { columns.get(&name) } else { Some(&own) };
    let Some(known) = known else {
        return Err(format!(
            "line {}: nothing says which columns {name} has: dump it with its CREATE TABLE",
            lexer.line(begin)
        ));
    };
    let at = tables.iter().position(|table| table.name == name).unwrap_or_else(|| {
        tables.push(Table { name: name.clone(), rows: Vec::new() });
        tables.len() - 1
    });
    while let Some(token) = lexer.next()? {
        match token {
            Token::Sign(b'(') => {
                let values = values(lexer, begin)?;
                let place = format!("{name} row {}", tables[at].rows.len() + 1);
                tables[at].rows.push(Row::new(place, known, values));
            }
            Token::End => return Ok(()),
            _ => {}
        }
    }
    Err(format!(
        "the statement that begins in line {} does not end: the dump is not whole",
        lexer.line(begin)
    ))
}

/// The values of one row, up to its closing bracket.
fn values(lexer: &mut Lexer<'_>, begin: usize) -> Result<Vec<Option<String>>, String> {
    let mut values = Vec::new();
    let mut value: Option<String> = None;
    let mut depth = 1;
    while let Some(token) = lexer.next()? {
        match token {
            Token::Sign(b')') if depth == 1 => {
                values.push(value);
                return Ok(values);
            }
            Token::Sign(b',') if depth == 1 => values.push(value.take()),
            Token::Sign(b'(') => depth += 1,
            Token::Sign(_) => depth -= 1,
            // `_binary 'x'`: the word only says how the text is coded.
            Token::Word(word) if word.starts_with('_') => {}
            Token::Word(word) if word.eq_ignore_ascii_case("NULL") => value = None,
            Token::Word(word) => value = Some(of_hex(&word).unwrap_or(word)),
            Token::Text(text) | Token::Name(text) => value = Some(text),
            Token::End => break,
        }
    }
    Err(format!("a row in line {} does not end: the dump is not whole", lexer.line(begin)))
}

/// `0x41`, as `--hex-blob` writes texts of binary columns.
fn of_hex(word: &str) -> Option<String> {
    String::from_utf8(hex::decode(word.strip_prefix("0x")?).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_gives_its_rows_whatever_stands_in_its_texts() {
        let dump = r#"
-- MySQL dump; don't look here
/*!40101 SET NAMES utf8 */;
CREATE TABLE `other` (`a` int, PRIMARY KEY (`a`));
INSERT INTO `other` VALUES (1),(2);
CREATE TABLE IF NOT EXISTS `vm` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `name` varchar(255) DEFAULT 'a,b);' COMMENT 'it''s',
  note text,
  PRIMARY KEY (`id`), KEY `n` (`name`)
) ENGINE=InnoDB;
LOCK TABLES `vm` WRITE;
INSERT INTO `vm` VALUES (1,'it\'s (a); b','x\ny'),(2,NULL,_binary 'ü'),(3,'a''b',0x6f6b);
INSERT INTO vm (note, id) VALUES ('n', -4);
INSERT INTO vm (note, id) VALUES ('n');
"#;
        let tables = tables(dump, |name| name == "vm").unwrap();
        let [table] = tables.as_slice() else { panic!("one table") };
        let rows: Vec<_> =
            table.rows.iter().map(|row| ["id", "name", "note"].map(|column| row.get(column))).collect();
        assert_eq!(
            rows[..4],
            [
                [Some("1"), Some("it's (a); b"), Some("x\ny")],
                [Some("2"), None, Some("ü")],
                [Some("3"), Some("a'b"), Some("ok")],
                [Some("-4"), None, Some("n")],
            ]
        );
        assert_eq!(table.rows[4].wrong.as_deref(), Some("has 1 values for 2 columns"));
    }

    #[test]
    fn half_a_dump_is_said_to_be_one() {
        for dump in [
            "INSERT INTO vm (a) VALUES ('x",
            "INSERT INTO vm (a) VALUES ('x')",
            "INSERT INTO vm (a) VALUES (",
        ] {
            assert!(tables(dump, |_| true).err().unwrap().contains("not whole"), "{dump}");
        }
        assert!(tables("INSERT INTO vm VALUES (1);", |_| true).err().unwrap().contains("CREATE TABLE"));
    }
}
