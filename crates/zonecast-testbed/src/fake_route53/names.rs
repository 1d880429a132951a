//! Names in Route 53's form: lower case, absolute, everything odd in octal.

/// `*.Example.org` becomes `\052.example.org.`
pub(super) fn normal(name: &str) -> String {
    let mut out = String::new();
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        match c.to_ascii_lowercase() {
            '\\' => {
                let digits: String = chars.by_ref().take(3).collect();
                let byte = u8::from_str_radix(&digits, 8).unwrap_or(b'?').to_ascii_lowercase();
                match byte {
                    b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => out.push(byte as char),
                    other => out.push_str(&format!("\\{other:03o}")),
                }
            }
            c @ ('a'..='z' | '0'..='9' | '-' | '_' | '.') => out.push(c),
            c => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| out.push_str(&format!("\\{byte:03o}"))),
        }
    }
    if !out.ends_with('.') {
        out.push('.');
    }
    out
}

/// The labels from the root down.
pub(super) fn labels(name: &str) -> Vec<String> {
    let mut labels: Vec<String> =
        name.trim_end_matches('.').split('.').map(str::to_owned).filter(|label| !label.is_empty()).collect();
    labels.reverse();
    labels
}

/// Back from labels.
pub(super) fn joined(labels: &[String]) -> String {
    labels.iter().rev().map(|label| format!("{label}.")).collect()
}
