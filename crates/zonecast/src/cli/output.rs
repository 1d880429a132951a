//! How answers are printed: tables for people, JSON and YAML exactly as the API has them in `data`.

use super::failure::Failure;
use clap::ValueEnum;
use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use serde_json::Value;
use std::io::{IsTerminal, Write};

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// What the API has in `data`.
    Json,
    /// The same as YAML.
    Yaml,
}

/// Where answers go.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    format: Format,
    quiet: bool,
    colour: bool,
}

/// One column of a table: its heading and the JSON pointer of its value.
pub type Column = (&'static str, &'static str);

impl Output {
    /// Colour only on a terminal, and never where `NO_COLOR` is set (no-color.org).
    pub fn new(format: Format, quiet: bool) -> Output {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Output { format, quiet, colour: !plain && std::io::stdout().is_terminal() }
    }

    /// Whether a person reads along: then progress is shown and sentences are said.
    pub fn is_for_people(&self) -> bool {
        self.format == Format::Table
    }

    /// Whether only what was asked for is printed.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Prints `data` as it is, or calls `table` where a person reads.
    pub fn show(&self, data: &Value, table: impl FnOnce(&Output) -> String) -> Result<(), Failure> {
        let text = match self.format {
            Format::Table => table(self),
            Format::Json => serde_json::to_string_pretty(data).map_err(|e| Failure::Other(e.to_string()))?,
            Format::Yaml => serde_yaml_ng::to_string(data).map_err(|e| Failure::Other(e.to_string()))?,
        };
        self.print(text.trim_end());
        Ok(())
    }

    /// One sentence for a person, on stdout; nothing where a program reads or `--quiet` is given.
    pub fn say(&self, text: impl AsRef<str>) {
        if self.is_for_people() && !self.quiet {
            self.print(text.as_ref());
        }
    }

    /// One line about the way, on stderr.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{}", text.as_ref());
        }
    }

    /// Lines on stdout. A reader that has gone away (`| head`) ends the command silently.
    pub fn print(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
            std::process::exit(0);
        }
    }

    /// A table of rows, one column per pointer.
    pub fn rows(&self, columns: &[Column], rows: &[Value]) -> String {
        let cells = rows.iter().map(|row| columns.iter().map(|(_, at)| text_at(row, at)).collect()).collect();
        let heads: Vec<&str> = columns.iter().map(|(head, _)| *head).collect();
        self.table(&heads, cells)
    }

    /// A table of cells; columns without any content are left out.
    pub fn table(&self, heads: &[&str], rows: Vec<Vec<String>>) -> String {
        let used: Vec<usize> = (0..heads.len())
            .filter(|column| rows.iter().any(|row| !row.get(*column).is_none_or(String::is_empty)))
            .collect();
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(used.iter().map(|column| Cell::new(heads[*column])));
        for row in rows {
            table.add_row(used.iter().map(|column| self.cell(row.get(*column).map_or("", String::as_str))));
        }
        let text = table.to_string();
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    /// `heading: value` lines of one object; what is empty is left out.
    pub fn fields(&self, columns: &[Column], row: &Value) -> String {
        let width = columns.iter().map(|(head, _)| head.len()).max().unwrap_or(0);
        let lines = columns.iter().filter_map(|(head, at)| {
            let text = text_at(row, at);
            (!text.is_empty()).then(|| format!("{:width$}  {}", head.to_lowercase(), self.paint(&text)))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// A word in the colour of what it means.
    pub fn paint(&self, word: &str) -> String {
        let code = match colour_of(word) {
            Some(Color::Green) if self.colour => "32",
            Some(Color::Yellow) if self.colour => "33",
            Some(Color::Red) if self.colour => "31",
            _ => return word.to_owned(),
        };
        format!("\x1b[{code}m{word}\x1b[0m")
    }

    fn cell(&self, text: &str) -> Cell {
        match colour_of(text) {
            Some(colour) if self.colour => Cell::new(text).fg(colour),
            _ => Cell::new(text),
        }
    }
}

/// The states of design section 4, and what they mean to whoever looks.
fn colour_of(word: &str) -> Option<Color> {
    match word {
        "ok" | "served" | "done" | "yes" | "active" => Some(Color::Green),
        "pending" | "applied" | "retrying" | "held" | "queued" | "running" | "partial" | "stale" | "warn"
        | "paused" | "probing" | "suspended" | "deleting" => Some(Color::Yellow),
        "failed" | "fail" | "conflict" | "contested" | "unsupported" | "occluded" | "unreachable"
        | "parked" | "no" | "no_matching_zone" => Some(Color::Red),
        _ => None,
    }
}

/// The text of the value at a JSON pointer; lists are joined, nothing is empty.
pub fn text_at(row: &Value, pointer: &str) -> String {
    row.pointer(pointer).map(text_of).unwrap_or_default()
}

/// A value as a person reads it.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(", "),
        Value::Object(map) => match (map.get("ip"), map.get("reverse_name").and_then(Value::as_str)) {
            (Some(ip), Some(name)) => format!("{} ({name})", text_of(ip)),
            (Some(ip), None) => text_of(ip),
            _ => map.iter().map(|(k, v)| format!("{k}={}", text_of(v))).collect::<Vec<_>>().join(" "),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_leaves_out_what_nobody_filled() {
        let out = Output { format: Format::Table, quiet: false, colour: false };
        let rows =
            [json!({"id": 1, "addresses": ["192.0.2.1", {"ip": "192.0.2.2", "reverse_name": "m.example"}]})];
        let text = out.rows(&[("ID", "/id"), ("ADDRESSES", "/addresses"), ("TTL", "/ttl")], &rows);
        assert!(text.contains("192.0.2.1, 192.0.2.2 (m.example)") && !text.contains("TTL"), "{text}");
    }
}
