//! Reading a body so that every wrong field is named at once.
//!
//! A form library stops at the first error and speaks of lines and columns; a person who fills a form
//! wants all wrong fields marked, a program wants JSON pointers. So bodies are read from a JSON value
//! by hand: [`Form`] takes field after field, notes what is wrong, and at the end what nobody asked
//! for. Nothing is stored unless nothing was noted.

use crate::problem::{FieldProblem, Problem};
use serde_json::{Map, Value};
use zonecast_core::Ttl;

/// What a field of a merge patch says (RFC 7396).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Field<T> {
    /// Not there: nothing changes.
    #[default]
    Absent,
    /// `null`: back to the default.
    Null,
    /// A value.
    Is(T),
}

impl<T> Field<T> {
    /// The value, where one was given.
    pub fn value(self) -> Option<T> {
        match self {
            Field::Is(value) => Some(value),
            _ => None,
        }
    }

    /// Puts it over what was there.
    pub fn over(self, slot: &mut Option<T>) {
        match self {
            Field::Absent => {}
            Field::Null => *slot = None,
            Field::Is(value) => *slot = Some(value),
        }
    }

    /// Puts it over what was there, `null` meaning the default.
    pub fn over_default(self, slot: &mut T)
    where
        T: Default,
    {
        match self {
            Field::Absent => {}
            Field::Null => *slot = T::default(),
            Field::Is(value) => *slot = value,
        }
    }

    /// Whether the body names the field at all.
    pub fn is_given(&self) -> bool {
        !matches!(self, Field::Absent)
    }
}

/// Everything found wrong so far.
#[derive(Debug, Default)]
pub struct Errors(Vec<FieldProblem>);

impl Errors {
    /// Notes one wrong field.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldProblem { field: field.into(), message: message.into() });
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many fields are wrong.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether this field was noted already.
    pub fn names(&self, field: &str) -> bool {
        self.0.iter().any(|error| error.field == field)
    }

    /// The value, if nothing was noted.
    pub fn into_result<T>(self, value: T) -> Result<T, Problem> {
        if self.0.is_empty() { Ok(value) } else { Err(Problem::invalid(self.0)) }
    }

    /// All that was noted, for the part of the body at `prefix`.
    pub fn below(self, prefix: &str) -> Vec<FieldProblem> {
        let lift = |error: FieldProblem| FieldProblem { field: format!("{prefix}{}", error.field), ..error };
        self.0.into_iter().map(lift).collect()
    }
}

/// An object of a body, read field by field.
pub struct Form<'a> {
    fields: &'a Map<String, Value>,
    at: String,
    known: Vec<&'static str>,
}

impl<'a> Form<'a> {
    /// The body itself; anything but an object is refused as a whole.
    pub fn body(body: &'a Value) -> Result<Form<'a>, Problem> {
        match body {
            Value::Object(fields) => Ok(Form { fields, at: String::new(), known: Vec::with_capacity(12) }),
            other => Err(Problem::field("", format!("the body must be a JSON object, not {}", kind(other)))),
        }
    }

    /// An object inside the body.
    pub fn nested(fields: &'a Map<String, Value>, at: String) -> Form<'a> {
        Form { fields, at, known: Vec::new() }
    }

    /// The JSON pointer of a field.
    pub fn pointer(&self, field: &str) -> String {
        format!("{}/{}", self.at, field.replace('~', "~0").replace('/', "~1"))
    }

    /// A field as it stands.
    pub fn raw(&mut self, field: &'static str) -> Field<&'a Value> {
        self.known.push(field);
        match self.fields.get(field) {
            None => Field::Absent,
            Some(Value::Null) => Field::Null,
            Some(value) => Field::Is(value),
        }
    }

    /// A text.
    pub fn text(&mut self, field: &'static str, errors: &mut Errors) -> Field<&'a str> {
        match self.raw(field) {
            Field::Is(Value::String(text)) => Field::Is(text.as_str()),
            Field::Is(other) => {
                errors.add(self.pointer(field), format!("must be a text, not {}", kind(other)));
                Field::Absent
            }
            Field::Null => Field::Null,
            Field::Absent => Field::Absent,
        }
    }

    /// A text of at most `longest` characters, without control characters; an empty one is `null`.
    pub fn line(&mut self, field: &'static str, longest: usize, errors: &mut Errors) -> Field<String> {
        self.parsed(field, errors, |text| {
            if text.chars().count() > longest {
                return Err(format!("is longer than {longest} characters"));
            }
            if text.chars().any(char::is_control) {
                return Err("holds a control character".to_owned());
            }
            Ok(text.to_owned())
        })
    }

    /// A text that `parse` understands; its error is the message. An empty text is `null`.
    pub fn parsed<T, E: std::fmt::Display>(
        &mut self,
        field: &'static str,
        errors: &mut Errors,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Field<T> {
        match self.text(field, errors) {
            Field::Absent => Field::Absent,
            Field::Null | Field::Is("") => Field::Null,
            Field::Is(text) => match parse(text) {
                Ok(value) => Field::Is(value),
                Err(error) => {
                    errors.add(self.pointer(field), error.to_string());
                    Field::Absent
                }
            },
        }
    }

    /// A whole number in a range.
    pub fn number(
        &mut self,
        field: &'static str,
        range: std::ops::RangeInclusive<i64>,
        errors: &mut Errors,
    ) -> Field<i64> {
        match self.raw(field) {
            Field::Is(value) => match value.as_i64().filter(|number| range.contains(number)) {
                Some(number) => Field::Is(number),
                None => {
                    let (from, to) = (range.start(), range.end());
                    errors.add(self.pointer(field), format!("must be a whole number from {from} to {to}"));
                    Field::Absent
                }
            },
            Field::Null => Field::Null,
            Field::Absent => Field::Absent,
        }
    }

    /// A TTL in seconds, 0 to 2^31 - 1 (RFC 2181 section 8).
    pub fn ttl(&mut self, field: &'static str, errors: &mut Errors) -> Field<Ttl> {
        let most = i64::from(Ttl::MAX.seconds());
        match self.number(field, 0..=most, errors) {
            Field::Is(seconds) => {
                let ttl = u32::try_from(seconds).ok().and_then(|seconds| Ttl::from_seconds(seconds).ok());
                ttl.map_or(Field::Absent, Field::Is)
            }
            Field::Null => Field::Null,
            Field::Absent => Field::Absent,
        }
    }

    /// True or false.
    pub fn flag(&mut self, field: &'static str, errors: &mut Errors) -> Field<bool> {
        match self.raw(field) {
            Field::Is(Value::Bool(flag)) => Field::Is(*flag),
            Field::Is(other) => {
                errors.add(self.pointer(field), format!("must be true or false, not {}", kind(other)));
                Field::Absent
            }
            Field::Null => Field::Null,
            Field::Absent => Field::Absent,
        }
    }

    /// A list.
    pub fn list(&mut self, field: &'static str, most: usize, errors: &mut Errors) -> Field<&'a [Value]> {
        match self.raw(field) {
            Field::Is(Value::Array(items)) if items.len() <= most => Field::Is(items.as_slice()),
            Field::Is(Value::Array(items)) => {
                errors.add(self.pointer(field), format!("has {} items; the most is {most}", items.len()));
                Field::Absent
            }
            Field::Is(other) => {
                errors.add(self.pointer(field), format!("must be a list, not {}", kind(other)));
                Field::Absent
            }
            Field::Null => Field::Null,
            Field::Absent => Field::Absent,
        }
    }

    /// An object.
    pub fn object(&mut self, field: &'static str, errors: &mut Errors) -> Field<&'a Map<String, Value>> {
        match self.raw(field) {
            Field::Is(Value::Object(fields)) => Field::Is(fields),
            Field::Is(other) => {
                errors.add(self.pointer(field), format!("must be an object, not {}", kind(other)));
                Field::Absent
            }
            Field::Null => Field::Null,
            Field::Absent => Field::Absent,
        }
    }

    /// Passes over fields that answers carry, so that what was read can be sent back.
    pub fn ignore(&mut self, fields: &[&'static str]) {
        self.known.extend_from_slice(fields);
    }

    /// Refuses every field that was not asked for.
    pub fn finish(self, errors: &mut Errors) {
        for field in self.fields.keys().filter(|field| !self.known.contains(&field.as_str())) {
            let near = self.known.iter().find(|known| is_near(known, field));
            let message = match near {
                Some(known) => format!("is not known here; did you mean {known:?}?"),
                None => format!("is not known here; known are {}", self.known.join(", ")),
            };
            errors.add(self.pointer(field), message);
        }
    }
}

/// One letter more, less or different, or another case.
fn is_near(known: &str, given: &str) -> bool {
    let given = given.to_ascii_lowercase();
    let same_start = known.bytes().zip(given.bytes()).take_while(|(a, b)| a == b).count();
    let same_end = known.bytes().rev().zip(given.bytes().rev()).take_while(|(a, b)| a == b).count();
    let longer = known.len().max(given.len());
    known.len().abs_diff(given.len()) <= 1 && same_start + same_end + 1 >= longer
}

/// How an error names what was given.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_wrong_fields_are_named_at_once() {
        let body = json!({"name": 7, "ttl": -1, "tt": 3, "list": {}, "a/b": 1});
        let mut errors = Errors::default();
        let mut form = Form::body(&body).unwrap();
        form.text("name", &mut errors);
        form.ttl("ttl", &mut errors);
        form.list("list", 3, &mut errors);
        form.finish(&mut errors);
        let problem = errors.into_result(()).unwrap_err();
        let lines: Vec<String> =
            problem.errors.iter().map(|e| format!("{} {}", e.field, e.message)).collect();
        assert_eq!(
            lines,
            [
                "/name must be a text, not a number",
                "/ttl must be a whole number from 0 to 2147483647",
                "/list must be a list, not an object",
                "/a~1b is not known here; known are name, ttl, list",
                "/tt is not known here; did you mean \"ttl\"?",
            ]
        );
        assert_eq!(problem.status, 422);
    }

    #[test]
    fn a_patch_tells_absent_from_null() {
        let body = json!({"ttl": null});
        let mut errors = Errors::default();
        let mut form = Form::body(&body).unwrap();
        let mut ttl = Some(Ttl::DEFAULT);
        form.ttl("other", &mut errors).over(&mut ttl);
        assert_eq!(ttl, Some(Ttl::DEFAULT));
        form.ttl("ttl", &mut errors).over(&mut ttl);
        assert_eq!(ttl, None);
    }

    #[test]
    fn a_number_is_whole_and_in_range() {
        for bad in [json!(1.5), json!("300"), json!(2147483648u64), json!(1e99), json!(true)] {
            let body = json!({"ttl": bad});
            let mut errors = Errors::default();
            Form::body(&body).unwrap().ttl("ttl", &mut errors);
            assert!(!errors.is_empty(), "{body}");
        }
    }
}
