//! The three letters that a bearer begins with, so that people and secret scanners see what it is.

/// What kind of bearer a string claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tag {
    /// `gat`: an access token (RFC 6749 §1.4).
    AccessToken,
    /// `grt`: a refresh token (RFC 6749 §1.5).
    RefreshToken,
    /// `gac`: an authorization code (RFC 6749 §1.3.1).
    AuthorizationCode,
    /// `gcs`: the secret of a confidential client (RFC 6749 §2.3.1).
    ClientSecret,
    /// `gbs`: a person's session in a browser, the value of our cookie.
    BrowserSession,
    /// `gak`, or what the operator would rather have ([`KeyTag`](super::KeyTag)): an API key.
    ApiKey,
    /// `gap`: a personal token.
    PersonalToken,
}

impl Tag {
    /// The three letters.
    pub fn as_str(self) -> &'static str {
        match self {
            Tag::AccessToken => "gat",
            Tag::RefreshToken => "grt",
            Tag::AuthorizationCode => "gac",
            Tag::ClientSecret => "gcs",
            Tag::BrowserSession => "gbs",
            Tag::ApiKey => "gak",
            Tag::PersonalToken => "gap",
        }
    }

    /// The tag of these three letters, exactly as written.
    pub fn parse(text: &str) -> Option<Tag> {
        match text {
            "gat" => Some(Tag::AccessToken),
            "grt" => Some(Tag::RefreshToken),
            "gac" => Some(Tag::AuthorizationCode),
            "gcs" => Some(Tag::ClientSecret),
            "gbs" => Some(Tag::BrowserSession),
            "gak" => Some(Tag::ApiKey),
            "gap" => Some(Tag::PersonalToken),
            _ => None,
        }
    }

    /// Whether it begins with its day of expiry, so that a lookup touches one partition.
    pub fn carries_day(self) -> bool {
        !matches!(self, Tag::ClientSecret | Tag::ApiKey | Tag::PersonalToken)
    }
}

/// A tag whose bearers carry their day of expiry: what is short-lived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DatedTag {
    /// See [`Tag::AccessToken`].
    AccessToken,
    /// See [`Tag::RefreshToken`].
    RefreshToken,
    /// See [`Tag::AuthorizationCode`].
    AuthorizationCode,
    /// See [`Tag::BrowserSession`].
    BrowserSession,
}

impl From<DatedTag> for Tag {
    fn from(tag: DatedTag) -> Tag {
        match tag {
            DatedTag::AccessToken => Tag::AccessToken,
            DatedTag::RefreshToken => Tag::RefreshToken,
            DatedTag::AuthorizationCode => Tag::AuthorizationCode,
            DatedTag::BrowserSession => Tag::BrowserSession,
        }
    }
}

/// A tag whose bearers carry no day: what lasts until somebody takes it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LastingTag {
    /// See [`Tag::ClientSecret`].
    ClientSecret,
    /// See [`Tag::ApiKey`].
    ApiKey,
    /// See [`Tag::PersonalToken`].
    PersonalToken,
}

impl From<LastingTag> for Tag {
    fn from(tag: LastingTag) -> Tag {
        match tag {
            LastingTag::ClientSecret => Tag::ClientSecret,
            LastingTag::ApiKey => Tag::ApiKey,
            LastingTag::PersonalToken => Tag::PersonalToken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_read_back_and_say_what_lasts() {
        for tag in [
            DatedTag::AccessToken,
            DatedTag::RefreshToken,
            DatedTag::AuthorizationCode,
            DatedTag::BrowserSession,
        ]
        .map(Tag::from)
        {
            assert_eq!(Tag::parse(tag.as_str()), Some(tag));
            assert!(tag.carries_day());
        }
        for (text, tag) in [
            ("gcs", LastingTag::ClientSecret),
            ("gak", LastingTag::ApiKey),
            ("gap", LastingTag::PersonalToken),
        ] {
            assert_eq!(Tag::parse(text), Some(tag.into()));
            assert!(!Tag::from(tag).carries_day());
        }
        assert_eq!(Tag::parse("GAT"), None);
    }
}
