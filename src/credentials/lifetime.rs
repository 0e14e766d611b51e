//! How long a credential lives, and how long one lives on beside its successor.

use chrono::{DateTime, Duration, Utc};

use crate::credentials::{Credential, CredentialKind, CredentialProblem, CredentialSettings};

/// The longest that anybody may ask for, in days: a hundred years.
const MOST_DAYS: i64 = 36_500;

/// How long a new one shall live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as the settings say.
    #[default]
    Usual,
    /// Until it is taken back.
    Endless,
    /// So long.
    Of(Duration),
}

impl Lifetime {
    /// Reads what was typed: `90d`, `12h`, `30m`, or `never`.
    pub fn typed(text: &str) -> Result<Self, CredentialProblem> {
        if text == "never" {
            return Ok(Self::Endless);
        }
        let span =
            span(text).filter(|span| (Duration::minutes(1)..=Duration::days(MOST_DAYS)).contains(span));
        span.map(Self::Of).ok_or_else(|| {
            let words =
                format!("{text} is no lifetime: write it like 90d, 12h, 30m or never, at most 36500d");
            CredentialProblem::new(words)
        })
    }
}

/// A number and a unit: days, hours or minutes.
fn span(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u32 = number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok())??;
    match unit {
        "d" => Duration::try_days(number.into()),
        "h" => Duration::try_hours(number.into()),
        "m" => Duration::try_minutes(number.into()),
        _ => None,
    }
}

impl CredentialSettings {
    /// When a new credential ends. What is asked for beyond the most is refused; what is usual is cut to it.
    pub fn end(
        &self,
        kind: CredentialKind,
        lifetime: Lifetime,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, CredentialProblem> {
        let usual = match kind {
            CredentialKind::ApiKey => self.key_days,
            CredentialKind::PersonalToken => self.token_days,
        };
        let most = days(self.most_days);
        let too_long = || {
            let words = format!("{}s live {} days at most", kind.in_words(), self.most_days);
            Err(CredentialProblem::new(words))
        };
        match (lifetime, most) {
            (Lifetime::Of(span), Some(most)) if span > most => too_long(),
            (Lifetime::Endless, Some(_)) => too_long(),
            (Lifetime::Of(span), _) => Ok(Some(now + span)),
            (Lifetime::Endless, None) => Ok(None),
            (Lifetime::Usual, _) => Ok(shorter(days(usual), most).map(|span| now + span)),
        }
    }

    /// When the successor of a credential ends: it lives as long as that one was to live.
    pub fn renewed_end(&self, credential: &Credential, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let life = credential.expires_at.map(|end| end - credential.created_at);
        shorter(life, days(self.most_days)).map(|life| now + life)
    }
}

/// Days as a span; 0 is none.
fn days(days: u32) -> Option<Duration> {
    (days > 0).then(|| Duration::days(days.into()))
}

fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.into_iter().chain(other).min()
}

/// How long a credential lives on beside its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap(Duration);

impl Overlap {
    /// Those there are.
    pub const ALL: [&str; 6] = ["0", "1m", "15m", "1h", "6h", "24h"];

    /// Reads one of them.
    pub fn typed(text: &str) -> Result<Self, CredentialProblem> {
        let is_one = Self::ALL.contains(&text);
        let overlap = if text == "0" { Some(Duration::zero()) } else { span(text) };
        overlap.filter(|_| is_one).map(Self).ok_or_else(|| {
            CredentialProblem::new(format!("{text} is no overlap; there are {}", Self::ALL.join(", ")))
        })
    }

    /// How long.
    pub fn span(self) -> Duration {
        self.0
    }

    /// When a credential that gets its successor now ends: not later than it would have.
    pub fn end(self, credential: &Credential, now: DateTime<Utc>) -> DateTime<Utc> {
        let end = now + self.0;
        credential.expires_at.map_or(end, |own| own.min(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn settings(most_days: u32) -> CredentialSettings {
        CredentialSettings {
            key_tag: crate::kernel::KeyTag::default(),
            key_days: 0,
            token_days: 90,
            most_days,
        }
    }

    #[test]
    fn a_lifetime_is_a_number_and_a_unit() {
        for (text, span) in
            [("90d", Duration::days(90)), ("12h", Duration::hours(12)), ("1m", Duration::minutes(1))]
        {
            assert_eq!(Lifetime::typed(text), Ok(Lifetime::Of(span)));
        }
        assert_eq!(Lifetime::typed("never"), Ok(Lifetime::Endless));
        for bad in ["", "d", "0d", "90", "-1d", "+1d", "1.5d", "36501d", "99999999999d", "é", "1w", "never "]
        {
            assert!(Lifetime::typed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_usual_is_cut_to_the_most_and_what_is_asked_beyond_it_is_refused() {
        let (key, token) = (CredentialKind::ApiKey, CredentialKind::PersonalToken);
        let day = |days| Ok(Some(NOW + Duration::days(days)));
        let asked = |days| Lifetime::Of(Duration::days(days));
        assert_eq!(settings(0).end(key, Lifetime::Usual, NOW), Ok(None));
        assert_eq!(settings(0).end(token, Lifetime::Usual, NOW), day(90));
        assert_eq!(settings(0).end(token, Lifetime::Endless, NOW), Ok(None));
        assert_eq!(settings(30).end(key, Lifetime::Usual, NOW), day(30));
        assert_eq!(settings(30).end(token, Lifetime::Usual, NOW), day(30));
        assert_eq!(settings(30).end(token, asked(30), NOW), day(30));
        let refused = |lifetime| settings(30).end(token, lifetime, NOW).unwrap_err().to_string();
        assert_eq!(refused(asked(31)), "personal tokens live 30 days at most");
        assert_eq!(refused(Lifetime::Endless), refused(asked(31)));
    }

    #[test]
    fn there_are_six_overlaps() {
        for text in Overlap::ALL {
            assert!(Overlap::typed(text).is_ok(), "{text}");
        }
        for bad in ["", "2m", "60m", "1d", "0m", "24"] {
            assert!(Overlap::typed(bad).is_err(), "{bad}");
        }
    }
}
