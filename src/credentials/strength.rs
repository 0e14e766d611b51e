//! How hard a secret is to guess that somebody brought along.

/// Bits below which a secret is taken for one that a person thought up.
const ENOUGH: f64 = 100.0;

/// Letters of one case, or digits, that stand together like this are taken for a word or a number.
const WORD: usize = 4;

/// What a letter of a word is worth, in bits.
const IN_A_WORD: f64 = 2.5;

/// Whether it looks random. A guess, on the careful side: words, numbers that are counted up and separators are worth
/// little, and all else what its alphabet is worth.
pub(super) fn looks_random(secret: &str) -> bool {
    let of_alphabet = alphabet(secret).log2();
    let bits: f64 = runs(secret).iter().map(|run| worth(run, of_alphabet)).sum();
    bits >= ENOUGH
}

/// The number of characters that it may have been drawn from.
fn alphabet(secret: &str) -> f64 {
    let has = |class: fn(&u8) -> bool, size: f64| if secret.bytes().any(|b| class(&b)) { size } else { 0.0 };
    let letters = has(u8::is_ascii_lowercase, 26.0) + has(u8::is_ascii_uppercase, 26.0);
    (letters + has(u8::is_ascii_digit, 10.0)).max(2.0)
}

/// Characters of one class that stand together.
fn runs(secret: &str) -> Vec<&[u8]> {
    secret.as_bytes().chunk_by(|a, b| class(*a) == class(*b)).collect()
}

fn class(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        b'0'..=b'9' => 3,
        _ => 4,
    }
}

fn worth(run: &[u8], of_alphabet: f64) -> f64 {
    let length = f64::from(u16::try_from(run.len()).unwrap_or(u16::MAX));
    match run.first().copied().map(class) {
        Some(1 | 2) if run.len() >= WORD => length * IN_A_WORD,
        Some(3) if run.len() >= WORD && run.windows(2).all(counts_on) => length,
        Some(1..=3) => length * of_alphabet,
        _ => length,
    }
}

/// Whether the second is the same as the first or its neighbour.
fn counts_on(pair: &[u8]) -> bool {
    matches!(pair, [a, b] if a.abs_diff(*b) <= 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_person_thought_up_is_told_from_what_was_drawn() {
        for weak in [
            "premium-api-key-12345",
            "basic-api-key-67890",
            "todo-api-key-11111",
            "correct-horse-battery-staple",
            "AcmeCorpProductionKey",
            "--------------------------------------------------",
            "11111111111111111111111111111111111111111111",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert!(!looks_random(weak), "{weak}");
        }
        for strong in [
            "9f86d081884c7d659a2feaa0c55ad015",
            "b3f0c9d2-6f0e-4a77-9d5b-1c2a8e7f4d11",
            "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
            "xK7pQz9LmN2vR4tY8wB1cA",
        ] {
            assert!(looks_random(strong), "{strong}");
        }
    }

    proptest! {
        #[test]
        fn thirty_two_drawn_from_letters_and_digits_look_random(drawn in "[0-9A-Za-z]{32}") {
            // Of what is drawn, one in very many looks like words; none is that bad.
            prop_assume!(!drawn.as_bytes().windows(6).any(|six| six.iter().all(|b| class(*b) == class(six[0]))));
            prop_assert!(looks_random(&drawn), "{}", drawn);
        }

        #[test]
        fn any_text_whatever_is_judged(text in ".{0,600}") {
            let _ = looks_random(&text);
        }
    }
}
