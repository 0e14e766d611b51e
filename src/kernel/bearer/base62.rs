//! Numbers in base62, big end first: digits that no URL, shell or double-click takes apart.

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The digit of a value below 62.
pub(super) fn digit(value: u32) -> Option<char> {
    ALPHABET.get(usize::try_from(value).ok()?).copied().map(char::from)
}

/// `value` in exactly `width` digits, of at most six, padded with `0`.
pub(super) fn encode(value: u32, width: usize) -> String {
    let units = [916_132_832, 14_776_336, 238_328, 3844, 62, 1];
    units.iter().skip(units.len().saturating_sub(width)).filter_map(|unit| digit(value / unit % 62)).collect()
}

/// The number that these digits say; `None` if one of them is none, or if there are too many.
pub(super) fn decode(digits: &str) -> Option<u64> {
    digits.bytes().try_fold(0_u64, |sum, digit| {
        let value = ALPHABET.iter().position(|&known| known == digit)?;
        sum.checked_mul(62)?.checked_add(u64::try_from(value).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn digits_are_padded_and_big_end_first() {
        assert_eq!((encode(0, 6).as_str(), encode(u32::MAX, 6).as_str()), ("000000", "4gfFC3"));
        assert_eq!((encode(61, 3).as_str(), encode(62, 3).as_str()), ("00z", "010"));
        assert_eq!((digit(61), digit(62)), (Some('z'), None));
        assert_eq!((decode("1-0"), decode("zzzzzzzzzzzz")), (None, None));
    }

    proptest! {
        #[test]
        fn numbers_round_trip_at_full_width(value: u32) {
            prop_assert_eq!(encode(value, 6).len(), 6);
            prop_assert_eq!(decode(&encode(value, 6)), Some(u64::from(value)));
        }
    }
}
