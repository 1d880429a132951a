//! The tables of an export, whichever way they were written down.
//!
//! | file | made by |
//! |---|---|
//! | SQL | `mysqldump`, phpMyAdmin, WHMCS's backup |
//! | JSON | phpMyAdmin; `dns.php`; an object of arrays |
//! | CSV, or with tabs | phpMyAdmin, `SELECT ... INTO OUTFILE`, `mysql --batch` |

use super::sql;
use serde_json::Value;
use std::collections::BTreeMap;

/// One row, by its columns.
pub struct Row {
    /// Where it stands, for people.
    pub place: String,
    /// Why it is no row of this table.
    pub wrong: Option<String>,
    cells: BTreeMap<String, String>,
}

/// A table with its rows.
pub struct Table {
    /// Its name; that of the file where it has none of its own.
    pub name: String,
    /// In their order.
    pub rows: Vec<Row>,
}

impl Row {
    /// A row of values in the order of the columns.
    pub fn new(place: String, columns: &[String], values: Vec<Option<String>>) -> Row {
        let differ = values.len() != columns.len();
        let wrong = differ.then(|| format!("has {} values for {} columns", values.len(), columns.len()));
        let cells = columns.iter().zip(values);
        let cells = cells.filter_map(|(column, value)| Some((key(column), value?))).collect();
        Row { place, wrong, cells }
    }

    /// What stands in a column; nothing where it is empty.
    pub fn get(&self, column: &str) -> Option<&str> {
        self.cells.get(column).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The first of these columns in which something stands.
    pub fn any(&self, columns: &[&str]) -> Option<&str> {
        columns.iter().find_map(|column| self.get(column))
    }

    /// Columns and what stands in them.
    pub fn cells(&self) -> impl Iterator<Item = (&str, &str)> {
        self.cells.iter().map(|(column, value)| (column.as_str(), value.trim()))
    }

    fn has(&self, column: &str) -> bool {
        self.cells.contains_key(column)
    }
}

/// `Zone ID` and `zone_id` are one column.
fn key(column: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    column.trim().chars().map(plain).collect()
}

/// What a table is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// DNS zones with their provider.
    Zones,
    /// Ranges of addresses.
    Pools,
    /// VMs with their reverse names.
    Machines,
    /// WHMCS's services: names and addresses.
    Services,
    /// Name, address, reverse name: what `dns.php` answers.
    Mapping,
}

impl Table {
    /// What it is about: seen from its name, else from its columns.
    pub fn role(&self) -> Option<Role> {
        role_by_name(&self.name).or_else(|| {
            let has = |column: &str| self.rows.iter().any(|row| row.has(column));
            let columns = [
                (Role::Mapping, has("forward") && has("ip")),
                (Role::Machines, has("vm_name") || has("vm_rev_dns")),
                (Role::Services, has("dedicatedip") || has("assignedips")),
                (Role::Pools, has("mask") && (has("gateway") || has("address_start"))),
                (Role::Zones, has("zone") && has("type")),
            ];
            columns.into_iter().find(|(_, fits)| *fits).map(|(role, _)| role)
        })
    }
}

fn role_by_name(name: &str) -> Option<Role> {
    let name = name.to_ascii_lowercase();
    let known = [
        ("dns_zones", Role::Zones),
        ("ip_pools", Role::Pools),
        ("vm_info", Role::Machines),
        ("tblhosting", Role::Services),
    ];
    let puq = |end: &str| end == "tblhosting" || name.starts_with("puq");
    known.into_iter().find(|(end, _)| name.ends_with(end) && puq(end)).map(|(_, role)| role)
}

/// The tables of one file that are known here, with what they are about.
pub fn read(file: &str, bytes: &[u8]) -> Result<Vec<(Role, Table)>, String> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{FEFF}');
    let (stem, end) = file.rsplit('/').next().unwrap_or(file).rsplit_once('.').unwrap_or((file, ""));
    let is_csv = ["csv", "tsv"].iter().any(|known| end.eq_ignore_ascii_case(known));
    let tables = match text.trim_start().chars().next() {
        None => return Err("is empty".to_owned()),
        Some('[' | '{') => of_json(stem, text)?,
        _ if !is_csv && is_sql(text) => sql::tables(text, |name| role_by_name(name).is_some())?,
        _ => vec![of_csv(stem, text)?],
    };
    let known: Vec<_> = tables.into_iter().filter_map(|table| Some((table.role()?, table))).collect();
    if known.is_empty() {
        return Err(
            "holds no table that is known here: puq_proxmox_kvm_dns_zones, puq_proxmox_kvm_ip_pools, \
             puqProxmoxKVM_vm_info, tblhosting, or the answer of dns.php"
                .to_owned(),
        );
    }
    Ok(known)
}

fn is_sql(text: &str) -> bool {
    let begins =
        |line: &str, word: &str| line.get(..word.len()).is_some_and(|at| at.eq_ignore_ascii_case(word));
    text.lines()
        .any(|line| begins(line, "INSERT ") || begins(line, "REPLACE ") || begins(line, "CREATE TABLE"))
}

fn of_json(stem: &str, text: &str) -> Result<Vec<Table>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
    Ok(match &value {
        Value::Array(items) if items.iter().any(|item| item["type"] == "table") => {
            let tables = items.iter().filter(|item| item["type"] == "table");
            tables.map(|item| json_table(item["name"].as_str().unwrap_or(stem), &item["data"])).collect()
        }
        Value::Array(_) => vec![json_table(stem, &value)],
        Value::Object(map) => map.iter().map(|(name, rows)| json_table(name, rows)).collect(),
        _ => Vec::new(),
    })
}

fn json_table(name: &str, rows: &Value) -> Table {
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(yes) => Some(u8::from(*yes).to_string()),
        other => Some(other.to_string()),
    };
    let row = |(index, row): (usize, &Value)| {
        let place = format!("{name} row {}", index + 1);
        match row {
            Value::Object(map) => {
                let columns: Vec<String> = map.keys().cloned().collect();
                Row::new(place, &columns, map.values().map(text).collect())
            }
            _ => Row { place, wrong: Some("is no object".to_owned()), cells: BTreeMap::new() },
        }
    };
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default().iter().enumerate().map(row).collect();
    Table { name: name.to_owned(), rows }
}

/// The first line names the columns. What `mysql --batch` writes has tabs and no quotes.
fn of_csv(stem: &str, text: &str) -> Result<Table, String> {
    let head = text.lines().next().unwrap_or_default();
    let delimiter =
        [b'\t', b';', b','].into_iter().find(|sign| head.as_bytes().contains(sign)).unwrap_or(b',');
    let batch = delimiter == b'\t';
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .quoting(!batch)
        .escape(Some(b'\\'))
        .flexible(true)
        .from_reader(text.as_bytes());
    let fail = |error: csv::Error| format!("is no table: {error}");
    let columns: Vec<String> = reader.headers().map_err(fail)?.iter().map(str::to_owned).collect();
    let mut table = Table { name: stem.to_owned(), rows: Vec::new() };
    for record in reader.records() {
        let record = record.map_err(fail)?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |text: &str| match text {
            "NULL" | "\\N" => None,
            text if batch => Some(text.replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\")),
            text => Some(text.to_owned()),
        };
        let values = record.iter().map(cell).collect();
        table.rows.push(Row::new(format!("{stem} line {line}"), &columns, values));
    }
    Ok(table)
}
