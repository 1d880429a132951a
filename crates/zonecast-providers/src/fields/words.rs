//! What to say about a word nobody knows.

/// A sentence about an unknown word, with the nearest known one.
pub(crate) fn unknown_words(start: &str, word: &str, known: &[&str]) -> String {
    let nearest = known.iter().min_by_key(|candidate| distance(word, candidate));
    match nearest {
        Some(near) if distance(word, near) <= word.len().max(near.len()) / 2 => {
            format!("{start}: did you mean {near}?")
        }
        Some(_) => format!("{start}; it has {}", known.join(", ")),
        None => format!("{start}; it has none"),
    }
}

/// How many letters differ (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let cost = corner + usize::from(left != *right);
            corner = row[j + 1];
            row[j + 1] = cost.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
