//! Cutting a zone file, or one value, into entries and their words; escapes stay as they are.

/// One word of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'t> {
    /// Its text, escapes as they stand.
    pub text: &'t str,
    /// The word stood in quotes (they are not part of the text).
    pub quoted: bool,
    /// The byte of the file it begins at.
    pub at: usize,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The byte of the file.
    pub at: usize,
    /// What is wrong, for the person who wrote it.
    pub message: String,
}

impl Fault {
    /// Something wrong at a byte of the file.
    pub fn new(at: usize, message: impl Into<String>) -> Fault {
        Fault { at, message: message.into() }
    }
}

/// Line and column of a byte, both from 1; columns count characters.
pub fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    // Bytes that continue a character of UTF-8 count with its first.
    (line, before[start..].iter().filter(|byte| **byte & 0xC0 != 0x80).count() + 1)
}

/// One record or directive, over several lines if in parentheses.
#[derive(Debug)]
pub struct Entry<'t> {
    /// The entry begins with white space: its owner is that of the record before.
    pub same_owner: bool,
    /// Its words.
    pub tokens: Vec<Token<'t>>,
    /// A quote or parenthesis that never closes, or closes without being open.
    pub fault: Option<Fault>,
}

/// The entries of a file; empty lines and comments are none.
pub fn entries(text: &str) -> impl Iterator<Item = Entry<'_>> {
    let mut lexer = Lexer { text, at: 0 };
    std::iter::from_fn(move || {
        while lexer.at < lexer.text.len() {
            let entry = lexer.entry();
            if !entry.tokens.is_empty() || entry.fault.is_some() {
                return Some(entry);
            }
        }
        None
    })
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn entry(&mut self) -> Entry<'t> {
        let same_owner = matches!(self.peek(), Some(b' ' | b'\t'));
        let mut entry = Entry { same_owner, tokens: Vec::with_capacity(8), fault: None };
        let (mut depth, mut opened) = (0usize, self.at);
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' => {
                    self.at += 1;
                    if depth == 0 {
                        return entry;
                    }
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b';' => self.skip_while(|byte| byte != b'\n'),
                b'(' => {
                    if depth == 0 {
                        opened = self.at;
                    }
                    depth += 1;
                    self.at += 1;
                }
                b')' => {
                    if depth == 0 {
                        let words = "a closing parenthesis without an opening one";
                        entry.fault = Some(Fault::new(self.at, words));
                    }
                    self.at += 1;
                    depth = depth.saturating_sub(1);
                }
                b'"' => {
                    let start = self.at;
                    match self.quoted() {
                        Some(token) => entry.tokens.push(token),
                        None => entry.fault = Some(Fault::new(start, "a quote is not closed on its line")),
                    }
                }
                _ => {
                    let token = self.word();
                    entry.tokens.push(token);
                }
            }
        }
        if depth > 0 {
            entry.fault = Some(Fault::new(opened, "an opening parenthesis is never closed"));
        }
        entry
    }

    fn word(&mut self) -> Token<'t> {
        let start = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' => self.skip_escaped(),
                // A service parameter, `alpn="h2,h3"`: the quotes belong to the word.
                b'"' if self.text[start..self.at].ends_with('=') && self.quoted().is_some() => {}
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b')' | b'"' => break,
                _ => self.at += 1,
            }
        }
        Token { text: &self.text[start..self.at], quoted: false, at: start }
    }

    fn quoted(&mut self) -> Option<Token<'t>> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let token = Token { text: &self.text[start..self.at], quoted: true, at: start - 1 };
                    self.at += 1;
                    return Some(token);
                }
                Some(b'\\') => self.skip_escaped(),
                None | Some(b'\n') => return None,
                Some(_) => self.at += 1,
            }
        }
    }

    /// The backslash and what it escapes, but never a line end and never half a character.
    fn skip_escaped(&mut self) {
        self.at += 1;
        if let Some(escaped) = self.text[self.at..].chars().next().filter(|escaped| *escaped != '\n') {
            self.at += escaped.len_utf8();
        }
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}
