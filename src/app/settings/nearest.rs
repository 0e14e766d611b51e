//! What somebody who mistyped a name may have meant.

/// The known name that is nearest to this one, if any is near: mistyped, or written without its section.
pub(super) fn nearest<'k>(name: &str, known: &'k [String]) -> Option<&'k String> {
    let within_a_section = |known: &&String| known.ends_with(&format!(".{name}"));
    let limit = 1 + name.len() / 8;
    let distances = known.iter().map(|known| (distance(name, known), known));
    let near = distances.filter(|(distance, _)| *distance <= limit).min_by_key(|(distance, _)| *distance);
    near.map(|(_, known)| known).or_else(|| known.iter().find(within_a_section))
}

/// How many letters to add, drop or exchange to make the one the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (above, letter) in one.chars().enumerate() {
        let mut next = vec![above + 1];
        for ((diagonal, beside), against) in row.iter().zip(row.iter().skip(1)).zip(other.chars()) {
            let left = next.last().copied().unwrap_or_default();
            next.push((diagonal + usize::from(letter != against)).min(beside + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_single_letters() {
        for (one, other, letters) in [
            ("front", "front", 0),
            ("fronnt", "front", 1),
            ("frmnt", "front", 1),
            ("", "log", 3),
            ("port", "front", 3),
        ] {
            assert_eq!(distance(one, other), letters, "{one} {other}");
            assert_eq!(distance(other, one), letters, "{other} {one}");
        }
    }

    #[test]
    fn what_is_near_is_suggested_and_what_is_far_is_not() {
        let known: Vec<String> =
            ["issuer", "server", "server.front", "tokens.access_lifetime_s"].map(str::to_owned).into();
        for (typed, meant) in [
            ("isuer", Some("issuer")),
            ("sever", Some("server")),
            ("server.fronnt", Some("server.front")),
            ("front", Some("server.front")),
            ("tokens.access_lifetime", Some("tokens.access_lifetime_s")),
            ("cluster", None),
            ("server.colour", None),
        ] {
            assert_eq!(nearest(typed, &known).map(String::as_str), meant, "{typed}");
        }
    }
}
