//! Bearers: the strings we hand out, `<tag>_<30 base62><6 base62 CRC32 of what precedes>`.
//!
//! Thirty random characters carry 178 bits; where the first three hold a day instead, 161 remain (both above
//! the 160 bits of RFC 6749 §10.10). Only letters, digits and one underscore, so that a double-click selects
//! all of it. The checksum keeps nothing secret and proves nothing: it is there so that a typo, a truncation
//! or a scanner's guess is refused without touching the database.

use chrono::{DateTime, Days, NaiveDate, Utc};
use rand::CryptoRng;
use thiserror::Error;

mod base62;
mod key_tag;
mod tag;

use crate::kernel::secret::{PlainSecret, SecretHash};

pub use key_tag::{InvalidKeyTag, KeyTag};
pub use tag::{DatedTag, LastingTag, Tag};

const RANDOM_LEN: usize = 30;
const DAY_LEN: usize = 3;
const CRC_LEN: usize = 6;
/// The last day that three base62 digits can say, in the year 2622.
const LAST_DAY: u32 = 62 * 62 * 62 - 1;

/// Not a bearer of ours: wrong length, alphabet, tag or checksum. Which of them is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a well-formed bearer")]
pub struct MalformedBearer;

/// A received string that has the shape of one of ours; whether we issued it, only the database knows.
///
/// It keeps the hash and not the text, so it may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    tag: Tag,
    day: Option<NaiveDate>,
    hash: SecretHash,
}

impl Bearer {
    /// A new bearer that carries its day of expiry. A day before 1970 or after 2622 is moved to the nearest
    /// that fits: a lookup then goes to a partition that does not exist, and finds nothing.
    pub fn mint_dated(tag: DatedTag, day: NaiveDate, rng: &mut (impl CryptoRng + ?Sized)) -> PlainSecret {
        let days = u32::try_from((day - epoch()).num_days().max(0)).unwrap_or(LAST_DAY).min(LAST_DAY);
        finish(Tag::from(tag).as_str(), Some(days), rng)
    }

    /// A new bearer that carries no day.
    pub fn mint(tag: LastingTag, rng: &mut (impl CryptoRng + ?Sized)) -> PlainSecret {
        finish(Tag::from(tag).as_str(), None, rng)
    }

    /// A new API key, under the operator's own tag.
    pub fn mint_key(tag: &KeyTag, rng: &mut (impl CryptoRng + ?Sized)) -> PlainSecret {
        finish(tag.as_str(), None, rng)
    }

    /// Reads a received string. Nothing is trimmed, nothing is case-folded.
    pub fn parse(text: &str) -> Result<Bearer, MalformedBearer> {
        Self::parse_with(text, &KeyTag::default())
    }

    /// The same where API keys have a tag of the operator's own.
    pub fn parse_with(text: &str, key_tag: &KeyTag) -> Result<Bearer, MalformedBearer> {
        let (tag, rest) = text.split_once('_').ok_or(MalformedBearer)?;
        let tag = key_tag.read(tag).ok_or(MalformedBearer)?;
        let (random, crc) = rest.split_at_checked(RANDOM_LEN).ok_or(MalformedBearer)?;
        let body = text.strip_suffix(crc).ok_or(MalformedBearer)?;
        let sound = random.bytes().all(|b| b.is_ascii_alphanumeric());
        if !sound || crc != base62::encode(crc32fast::hash(body.as_bytes()), CRC_LEN) {
            return Err(MalformedBearer);
        }
        let day = random.get(..DAY_LEN).filter(|_| tag.carries_day()).and_then(read_day);
        Ok(Bearer { tag, day, hash: SecretHash::of(text) })
    }

    /// Whether a string begins as one of ours does: if it is none, somebody mistyped it.
    pub fn is_meant(text: &str, key_tag: &KeyTag) -> bool {
        text.split_once('_').is_some_and(|(tag, _)| key_tag.read(tag).is_some())
    }

    /// What kind it claims to be.
    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// The day it claims to expire on, if its kind carries one. A claim, to choose a partition by: anyone
    /// can compute a checksum, so the row decides about expiry.
    pub fn day(&self) -> Option<NaiveDate> {
        self.day
    }

    /// What to look it up by.
    pub fn hash(&self) -> SecretHash {
        self.hash
    }
}

fn finish(tag: &str, days: Option<u32>, rng: &mut (impl CryptoRng + ?Sized)) -> PlainSecret {
    // Sized in full from the start: a string that grows leaves copies of itself behind.
    let body = tag.len() + 1 + RANDOM_LEN;
    let mut text = String::with_capacity(body + CRC_LEN);
    text.push_str(tag);
    text.push('_');
    if let Some(days) = days {
        text.push_str(&base62::encode(days, DAY_LEN));
    }
    while text.len() < body {
        // Six bits say 0..=63; 62 and 63 have no digit and are thrown away, so that no character is likelier.
        text.extend(base62::digit(rng.next_u32() >> 26));
    }
    let crc = base62::encode(crc32fast::hash(text.as_bytes()), CRC_LEN);
    text.push_str(&crc);
    PlainSecret::new(text)
}

fn read_day(digits: &str) -> Option<NaiveDate> {
    epoch().checked_add_days(Days::new(base62::decode(digits)?))
}

fn epoch() -> NaiveDate {
    DateTime::<Utc>::UNIX_EPOCH.date_naive()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};
    use std::collections::BTreeSet;

    /// As long as one with three letters is.
    const LEN: usize = 4 + RANDOM_LEN + CRC_LEN;

    const DATED: [DatedTag; 4] = [
        DatedTag::AccessToken,
        DatedTag::RefreshToken,
        DatedTag::AuthorizationCode,
        DatedTag::BrowserSession,
    ];

    fn day(days: u64) -> NaiveDate {
        epoch() + Days::new(days)
    }

    #[test]
    fn a_known_string_is_laid_out_as_documented() {
        let read = Bearer::parse("gac_5PoABCDEFGHIJKLMNOPQRSTUVWXYZ00JOZb1").unwrap();
        assert_eq!((read.tag(), read.day()), (Tag::AuthorizationCode, NaiveDate::from_ymd_opt(2027, 1, 2)));
    }

    #[test]
    fn a26_ten_thousand_codes_share_nothing_but_tag_and_day() {
        let mut rng = StdRng::seed_from_u64(26);
        let minted: BTreeSet<String> = (0..10_000)
            .map(|_| Bearer::mint_dated(DatedTag::AuthorizationCode, day(20_000), &mut rng))
            .map(|secret| secret.expose().to_owned())
            .collect();
        assert_eq!(minted.len(), 10_000);
        let first: BTreeSet<char> = minted.iter().filter_map(|text| text.chars().nth(7)).collect();
        assert_eq!(first.len(), 62, "every character occurs in the first random place");
    }

    #[test]
    fn a_day_that_does_not_fit_is_moved_to_the_nearest() {
        let mut rng = StdRng::seed_from_u64(1);
        for (asked, kept) in [(NaiveDate::MIN, day(0)), (NaiveDate::MAX, day(u64::from(LAST_DAY)))] {
            let minted = Bearer::mint_dated(DatedTag::AccessToken, asked, &mut rng);
            assert_eq!(Bearer::parse(minted.expose()).unwrap().day(), Some(kept));
        }
    }

    proptest! {
        #[test]
        fn what_is_minted_parses(seed: u64, days in 0..=u64::from(LAST_DAY), which in 0..DATED.len()) {
            let mut rng = StdRng::seed_from_u64(seed);
            let dated = Bearer::mint_dated(DATED[which], day(days), &mut rng);
            let read = Bearer::parse(dated.expose()).unwrap();
            prop_assert_eq!((read.tag(), read.day()), (DATED[which].into(), Some(day(days))));
            prop_assert_eq!(read.hash(), dated.hash());
            let lasting = Bearer::mint(LastingTag::ClientSecret, &mut rng);
            let read = Bearer::parse(lasting.expose()).unwrap();
            prop_assert_eq!((read.tag(), read.day()), (Tag::ClientSecret, None));
            prop_assert_eq!(lasting.expose().len(), LEN);
        }

        #[test]
        fn an_api_key_has_the_tag_that_the_operator_chose(seed: u64, tag in "[a-z]{2,6}") {
            prop_assume!(Tag::parse(&tag).is_none());
            let tag = KeyTag::parse(&tag).unwrap();
            let minted = Bearer::mint_key(&tag, &mut StdRng::seed_from_u64(seed));
            let read = Bearer::parse_with(minted.expose(), &tag).unwrap();
            prop_assert_eq!((read.tag(), read.day(), read.hash()), (Tag::ApiKey, None, minted.hash()));
            prop_assert!(Bearer::parse(minted.expose()).is_err());
            prop_assert!(Bearer::is_meant(minted.expose(), &tag));
            prop_assert!(!Bearer::is_meant(minted.expose(), &KeyTag::default()));
            // Those that were made before it was chosen stay what they are.
            let before = Bearer::mint(LastingTag::ApiKey, &mut StdRng::seed_from_u64(seed));
            prop_assert_eq!(Bearer::parse_with(before.expose(), &tag).unwrap().tag(), Tag::ApiKey);
        }

        #[test]
        fn b03_any_single_wrong_character_is_refused(seed: u64, at in 0..LEN, wrong in "[ -~é]") {
            let minted = Bearer::mint(LastingTag::ClientSecret, &mut StdRng::seed_from_u64(seed));
            let mut text = minted.expose().to_owned();
            text.replace_range(at..=at, &wrong);
            prop_assert_eq!(Bearer::parse(&text).is_ok(), text == minted.expose());
        }

        #[test]
        fn b03_truncated_longer_or_padded_with_space_is_refused(seed: u64, cut in 0..LEN, extra in "[ -~\n]{1,3}") {
            let minted = Bearer::mint(LastingTag::ClientSecret, &mut StdRng::seed_from_u64(seed));
            let text = minted.expose();
            prop_assert!(Bearer::parse(&text[..cut]).is_err());
            prop_assert!(Bearer::parse(&[text, &extra].concat()).is_err());
            prop_assert!(Bearer::parse(&[&extra, text].concat()).is_err());
        }

        #[test]
        fn c09_no_text_whatever_makes_it_panic(text in ".{0,60}") {
            prop_assert!(Bearer::parse(&text).is_err());
        }
    }
}
