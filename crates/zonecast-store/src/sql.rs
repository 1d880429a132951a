//! Statements: one text for both engines.
//!
//! Placeholders are `$1`, `$2` ... . Where the engines must differ (clock, row locks) a statement has
//! two texts. A [`Bulk`] statement takes any number of rows: its rows appear in the body as table `v`,
//! what is common to all of them as the one row of table `x`. SQLite gets them as multi-row `VALUES`
//! with anonymous placeholders (named ones cost it a linear search each), PostgreSQL as `UNNEST` of one
//! array per column, so it keeps one statement for any number of rows. The road not taken: JSON
//! arguments, twice the CPU on SQLite.

use std::fmt::Write as _;
use zonecast_core::{Name, RecordType, Ttl};

/// One statement.
#[derive(Debug)]
pub(crate) struct Sql {
    pub name: &'static str,
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

/// A statement over many rows at once.
#[derive(Debug)]
pub(crate) struct Bulk {
    pub name: &'static str,
    pub one: &'static [(&'static str, Kind)],
    pub many: &'static [(&'static str, Kind)],
    pub body: &'static str,
    /// What only PostgreSQL needs at the end: a row lock. SQLite has one writer at a time.
    pub lock: &'static str,
}

/// The three column types there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Int,
    Text,
    Blob,
}

/// Declares statements and lists them for the test that prepares every one.
macro_rules! statements {
    ($($name:ident = $sqlite:literal $(, postgres $postgres:literal)?;)*) => {
        $(pub(crate) const $name: crate::sql::Sql = crate::sql::Sql {
            name: stringify!($name),
            sqlite: $sqlite,
            postgres: crate::sql::either(&[$sqlite $(, $postgres)?]),
        };)*
        pub(crate) const STATEMENTS: &[&crate::sql::Sql] = &[$(&$name),*];
    };
}

/// Declares bulk statements: `NAME [common columns] [row columns] = "body";`, with `, lock "..."`
/// after the body where PostgreSQL has to lock what it reads.
macro_rules! bulk {
    ($($name:ident [$($one:ident: $one_kind:ident),*] [$($many:ident: $many_kind:ident),+] = $body:literal $(, lock $lock:literal)?;)*) => {
        $(pub(crate) const $name: crate::sql::Bulk = crate::sql::Bulk {
            name: stringify!($name),
            one: &[$((stringify!($one), crate::sql::Kind::$one_kind)),*],
            many: &[$((stringify!($many), crate::sql::Kind::$many_kind)),+],
            body: $body,
            lock: crate::sql::either(&["" $(, $lock)?]),
        };)*
        pub(crate) const BULKS: &[&crate::sql::Bulk] = &[$(&$name),*];
    };
}
pub(crate) use {bulk, statements};

/// The last of the texts given: PostgreSQL's own, or the common one.
pub(crate) const fn either(texts: &[&'static str]) -> &'static str {
    texts[texts.len() - 1]
}

/// How many rows one SQLite statement takes; a rest is cut into the next smaller sizes, so that the
/// statement cache holds five texts and not one per size.
pub(crate) const SIZES: [usize; 5] = [256, 64, 16, 4, 1];

impl Bulk {
    /// The largest prepared size that `rows` fill.
    pub fn next_size(rows: usize) -> usize {
        SIZES.into_iter().find(|size| *size <= rows).unwrap_or(1)
    }

    pub fn sqlite(&self, rows: usize) -> String {
        let mut text = String::with_capacity(self.body.len() + rows * (self.many.len() * 2 + 3) + 80);
        text.push_str("WITH ");
        if !self.one.is_empty() {
            self.columns(&mut text, "x", self.one);
            text.push_str(" AS (VALUES ");
            marks(&mut text, self.one.len());
            text.push_str("), ");
        }
        self.columns(&mut text, "v", self.many);
        text.push_str(" AS (VALUES ");
        for row in 0..rows {
            if row > 0 {
                text.push(',');
            }
            marks(&mut text, self.many.len());
        }
        text.push_str(") ");
        text.push_str(self.body);
        text
    }

    pub fn postgres(&self) -> String {
        let mut text = String::with_capacity(self.body.len() + 200);
        let mut next = 1;
        text.push_str("WITH ");
        if !self.one.is_empty() {
            self.columns(&mut text, "x", self.one);
            text.push_str(" AS (VALUES (");
            casts(&mut text, self.one, &mut next, "");
            text.push_str(")), ");
        }
        self.columns(&mut text, "v", self.many);
        text.push_str(" AS (SELECT * FROM UNNEST(");
        casts(&mut text, self.many, &mut next, "[]");
        text.push_str(")) ");
        text.push_str(self.body);
        text.push_str(self.lock);
        text
    }

    fn columns(&self, text: &mut String, table: &str, columns: &[(&str, Kind)]) {
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let _ = write!(text, "{table} ({})", names.join(", "));
    }
}

fn marks(text: &mut String, count: usize) {
    for index in 0..count {
        text.push_str(if index == 0 { "(?" } else { ",?" });
    }
    text.push(')');
}

fn casts(text: &mut String, columns: &[(&str, Kind)], next: &mut usize, suffix: &str) {
    for (index, (_, kind)) in columns.iter().enumerate() {
        let kind = match kind {
            Kind::Int => "BIGINT",
            Kind::Text => "TEXT",
            Kind::Blob => "BYTEA",
        };
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(text, "{comma}${next}::{kind}{suffix}");
        *next += 1;
    }
}

/// One bound value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Blob(Option<Vec<u8>>),
}

/// Makes the list of values to bind.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$(crate::sql::Value::from($value)),*] };
}
pub(crate) use args;

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Int(Some(value))
    }
}
impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Value {
        Value::Int(value)
    }
}
impl From<usize> for Value {
    fn from(value: usize) -> Value {
        Value::Int(Some(i64::try_from(value).unwrap_or(i64::MAX)))
    }
}
impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Int(Some(value.into()))
    }
}
impl From<RecordType> for Value {
    fn from(value: RecordType) -> Value {
        Value::Int(Some(value.0.into()))
    }
}
impl From<Ttl> for Value {
    fn from(value: Ttl) -> Value {
        Value::Int(Some(value.seconds().into()))
    }
}
impl From<Option<Ttl>> for Value {
    fn from(value: Option<Ttl>) -> Value {
        Value::Int(value.map(|ttl| ttl.seconds().into()))
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::from(value.to_owned())
    }
}
impl From<String> for Value {
    fn from(value: String) -> Value {
        // PostgreSQL has no zero character in text; a provider's words may hold one.
        Value::Text(Some(if value.contains('\0') { value.replace('\0', "\u{fffd}") } else { value }))
    }
}
macro_rules! words {
    ($($state:ident)*) => {
        $(impl From<zonecast_core::$state> for Value {
            fn from(value: zonecast_core::$state) -> Value {
                Value::from(value.as_str())
            }
        })*
    };
}
words! { ConnectionState JobState KeyState OwnerState ZoneState }
impl From<&String> for Value {
    fn from(value: &String) -> Value {
        Value::from(value.as_str())
    }
}
impl From<&Option<String>> for Value {
    fn from(value: &Option<String>) -> Value {
        value.as_deref().map_or(Value::Text(None), Value::from)
    }
}
impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Value {
        value.map_or(Value::Text(None), Value::from)
    }
}
impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Value {
        Value::Blob(Some(value.to_vec()))
    }
}
impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Value {
        Value::Blob(Some(value))
    }
}
impl From<&Option<Vec<u8>>> for Value {
    fn from(value: &Option<Vec<u8>>) -> Value {
        Value::Blob(value.clone())
    }
}
impl From<&Name> for Value {
    fn from(value: &Name) -> Value {
        Value::Blob(Some(value.key().to_vec()))
    }
}
impl From<&Option<Name>> for Value {
    fn from(value: &Option<Name>) -> Value {
        Value::Blob(value.as_ref().map(|name| name.key().to_vec()))
    }
}
