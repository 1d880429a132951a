//! One description per resource: what each field is called, what it means, what it can hold.
//!
//! A resource is written down once, with [`described!`](crate::described) and
//! [`worded!`](crate::worded). From there come the type in memory and how it is stored, what a body may
//! say (every wrong field named), the API's schema, the flags of the command line and their help, the
//! page's form and the table in `docs/fields.md`. So a new field is one entry, and its meaning where it
//! is used.

use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

/// One field of a resource.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// As bodies, answers and flags call it.
    pub name: &'static str,
    /// What a form says before it.
    pub label: &'static str,
    /// What it means, in one sentence or two.
    pub meaning: &'static str,
    /// What it can hold.
    pub kind: Kind,
    /// The release it came with.
    pub since: &'static str,
    /// Its value where nothing is said.
    pub default: fn() -> Value,
}

/// What a field can hold.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Yes or no.
    Flag,
    /// A whole number.
    Number {
        /// The least.
        least: u32,
        /// The most.
        most: u32,
    },
    /// One line of so many bytes at most.
    Line {
        /// The most.
        most: usize,
    },
    /// One of these words; what each means.
    Choice(&'static [(&'static str, &'static str)]),
    /// An address prefix.
    Prefix,
    /// Addresses with ports.
    Servers,
}

/// A type that a described field can have.
pub trait Described {
    /// What it can hold.
    const KIND: Kind;
    /// Nothing is said: answers leave it out.
    fn is_absent(&self) -> bool {
        false
    }
}

impl Described for bool {
    const KIND: Kind = Kind::Flag;
}

impl Described for u32 {
    const KIND: Kind = Kind::Number { least: 0, most: u32::MAX };
}

impl Described for zonecast_core::Ttl {
    // RFC 2181 section 8.
    const KIND: Kind = Kind::Number { least: 0, most: i32::MAX as u32 };
}

impl Described for String {
    const KIND: Kind = Kind::Line { most: 1_000 };
}

impl Described for ipnet::IpNet {
    const KIND: Kind = Kind::Prefix;
}

impl Described for Vec<SocketAddr> {
    const KIND: Kind = Kind::Servers;
}

impl<T: Described> Described for Option<T> {
    const KIND: Kind = T::KIND;
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl Field {
    /// Reads a value as a body has it; as it is stored, or a sentence about what is wrong with it.
    pub fn read(&self, value: &Value) -> Result<Value, String> {
        let text = value.as_str().map(str::trim);
        let read = match (self.kind, value) {
            (Kind::Flag, Value::Bool(_)) => Some(value.clone()),
            (Kind::Flag, _) => text.and_then(|text| text.parse::<bool>().ok()).map(Value::Bool),
            (Kind::Number { least, most }, _) => {
                let number = value.as_u64().or_else(|| text?.parse().ok());
                number.filter(|number| (least.into()..=most.into()).contains(number)).map(Value::from)
            }
            (Kind::Line { most }, _) => {
                let line = text.filter(|line| line.len() <= most && !line.chars().any(char::is_control));
                line.map(|line| if line.is_empty() { Value::Null } else { line.into() })
            }
            (Kind::Choice(words), _) => {
                text.filter(|text| words.iter().any(|(word, _)| word == text)).map(Value::from)
            }
            (Kind::Prefix, _) => match text.filter(|text| text.parse::<ipnet::IpNet>().is_ok()) {
                Some(text) => Some(crate::service::forms::parse_prefix(text)?.to_string().into()),
                None => None,
            },
            (Kind::Servers, Value::Array(servers)) => {
                let each = |one: &Value| Some(Value::from(server(one.as_str()?.trim())?.to_string()));
                servers.iter().map(each).collect()
            }
            (Kind::Servers, _) => None,
        };
        read.ok_or_else(|| format!("must be {}", self.holds()))
    }

    /// What it can hold, in words.
    pub fn holds(&self) -> String {
        match self.kind {
            Kind::Flag => "true or false".to_owned(),
            Kind::Number { least, most } => format!("a whole number from {least} to {most}"),
            Kind::Line { most } => format!("one line of at most {most} bytes"),
            Kind::Choice(words) => {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                format!("one of {}", words.join(", "))
            }
            Kind::Prefix => "a prefix such as \"192.0.2.0/26\"".to_owned(),
            Kind::Servers => "a list of addresses with ports, such as \"192.0.2.53:53\"".to_owned(),
        }
    }

    /// What a line of text, from a form or a flag, says; empty and `default` go back to the default.
    /// What is no value goes on as it is, so that [`Field::read`] says what is wrong.
    pub fn of_text(&self, text: &str) -> Value {
        let text = text.trim();
        match self.kind {
            _ if text.is_empty() || text == "default" => Value::Null,
            Kind::Servers => {
                let servers = text.split([' ', ',', '\n', '\t']).filter(|server| !server.is_empty());
                servers.collect()
            }
            Kind::Flag => match text {
                "1" | "yes" | "on" | "true" => true.into(),
                "0" | "no" | "off" | "false" => false.into(),
                text => text.into(),
            },
            _ => text.into(),
        }
    }

    /// A value as a form's field holds it; empty where nothing is said.
    pub fn text_of(&self, value: &Value) -> String {
        match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
            other => other.to_string(),
        }
    }

    /// The default, as people read it.
    pub fn default_text(&self) -> String {
        match self.text_of(&(self.default)()) {
            text if text.is_empty() => "none".to_owned(),
            text => text,
        }
    }

    /// Its flag: a list is given item by item.
    pub fn flag(&self) -> String {
        let name = if self.is_list() { self.name.trim_end_matches('s') } else { self.name };
        name.replace('_', "-")
    }

    /// Whether it holds several values.
    pub fn is_list(&self) -> bool {
        matches!(self.kind, Kind::Servers)
    }

    /// Its schema, as OpenAPI has it; a body may say `null` to go back to the default.
    pub fn schema(&self, in_body: bool) -> Value {
        let (kind, limits) = match self.kind {
            Kind::Flag => ("boolean", json!({})),
            Kind::Number { least, most } => ("integer", json!({ "minimum": least, "maximum": most })),
            Kind::Line { most } => ("string", json!({ "maxLength": most })),
            Kind::Choice(words) => {
                let words: Vec<Value> = words.iter().map(|(word, _)| Value::from(*word)).collect();
                let null = in_body.then_some(Value::Null);
                ("string", json!({ "enum": words.into_iter().chain(null).collect::<Vec<_>>() }))
            }
            Kind::Prefix => ("string", json!({})),
            Kind::Servers => ("array", json!({ "items": { "type": "string" } })),
        };
        let mut schema = json!({ "description": self.meaning });
        schema["type"] = if in_body { json!([kind, "null"]) } else { kind.into() };
        if let (Value::Object(schema), Value::Object(limits)) = (&mut schema, limits) {
            schema.extend(limits);
        }
        if in_body && !(self.default)().is_null() {
            schema["default"] = (self.default)();
        }
        schema
    }
}

/// A name server in a text, at port 53 where none is said.
pub(crate) fn server(text: &str) -> Option<SocketAddr> {
    let ip = text.trim_matches(['[', ']']).parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
    ip.or_else(|_| text.parse()).ok()
}

/// The schemas of fields, by name.
pub fn properties(fields: &[Field], in_body: bool) -> Map<String, Value> {
    fields.iter().map(|field| (field.name.to_owned(), field.schema(in_body))).collect()
}

/// The fields as a table of Markdown.
pub fn table(fields: &[Field]) -> String {
    let mut text =
        "| field | what it means | what it can be | default | since |\n|---|---|---|---|---|\n".to_owned();
    for field in fields {
        let holds = match field.kind {
            Kind::Choice(words) => {
                let words = words.iter().map(|(word, meaning)| format!("`{word}`: {meaning}"));
                words.collect::<Vec<_>>().join("<br>")
            }
            _ => field.holds(),
        };
        let Field { name, meaning, since, .. } = field;
        // Writing to a text cannot fail.
        let _ = writeln!(text, "| `{name}` | {meaning} | {holds} | {} | {since} |", field.default_text());
    }
    text
}

/// A resource: its type, how it is stored, and the description of each field.
///
/// ```ignore
/// described! {
///     /// What it is.
///     pub struct Thing {
///         /// What the field means.
///         size: Option<u32> = None, "size", "Its size", since "0.1";
///     }
/// }
/// ```
#[macro_export]
macro_rules! described {
    (
        $(#[doc = $about:literal])+
        pub struct $resource:ident {
            $(
                $(#[doc = $meaning:literal])+
                $field:ident: $kind:ty = $default:expr, $name:literal, $label:literal, since $since:literal;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $resource {
            $(
                $(#[doc = $meaning])+
                #[serde(rename = $name, skip_serializing_if = "describe::Described::is_absent")]
                pub $field: $kind,
            )+
        }

        impl $resource {
            /// What each field is.
            pub const FIELDS: &'static [describe::Field] = &[$(
                describe::Field {
                    name: $name,
                    label: $label,
                    meaning: concat!($($meaning),+).trim_ascii(),
                    kind: <$kind as describe::Described>::KIND,
                    since: $since,
                    default: || serde_json::json!($resource::default().$field),
                },
            )+];
        }

        impl Default for $resource {
            fn default() -> $resource {
                $resource { $($field: $default,)+ }
            }
        }

        impl utoipa::PartialSchema for $resource {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let properties = describe::properties(Self::FIELDS, false);
                let schema = serde_json::json!({ "type": "object", "properties": properties });
                serde_json::from_value(schema)
                    .unwrap_or_else(|_| utoipa::openapi::ObjectBuilder::new().into())
            }
        }

        impl utoipa::ToSchema for $resource {}
    };
}

/// A choice between words, the first of which is the default.
#[macro_export]
macro_rules! worded {
    (
        $(#[doc = $about:literal])+
        pub enum $choice:ident {
            $(#[doc = $first_meaning:literal])+
            $first:ident = $first_word:tt,
            $($(#[doc = $meaning:literal])+ $variant:ident = $word:tt,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $choice {
            $(#[doc = $first_meaning])+
            #[default]
            #[serde(rename = $first_word)]
            $first,
            $($(#[doc = $meaning])+ #[serde(rename = $word)] $variant,)+
        }

        impl describe::Described for $choice {
            const KIND: describe::Kind = describe::Kind::Choice(&[
                ($first_word, concat!($($first_meaning),+).trim_ascii()),
                $(($word, concat!($($meaning),+).trim_ascii()),)+
            ]);
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe;

    described! {
        /// A thing.
        pub struct Thing {
            /// How many there are.
            count: Option<u32> = None, "count", "Count", since "9.9";
            /// Whether it is loud.
            loud: bool = true, "loud", "Loud", since "9.9";
        }
    }

    /// A field that is described is read, shown, told in a schema and in a table.
    #[test]
    fn a_field_is_added_in_one_place() {
        let thing = Thing { count: Some(3), ..Thing::default() };
        assert_eq!(json!(thing), json!({"count": 3, "loud": true}));
        let [count, loud] = Thing::FIELDS else { panic!("two fields") };
        assert_eq!(count.read(&json!("7")), Ok(json!(7)));
        assert_eq!(count.read(&json!(-1)).unwrap_err(), "must be a whole number from 0 to 4294967295");
        assert_eq!(loud.of_text("no"), json!(false));
        let schema = loud.schema(true);
        assert_eq!((&schema["type"], &schema["default"]), (&json!(["boolean", "null"]), &json!(true)));
        let table = table(Thing::FIELDS);
        assert!(table.contains("| `loud` | Whether it is loud. | true or false | true | 9.9 |"), "{table}");
    }
}
