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
            _ => None,
        }
    }

    /// Whether it begins with its day of expiry, so that a lookup touches one partition.
    pub fn carries_day(self) -> bool {
        !matches!(self, Tag::ClientSecret)
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
}

impl From<LastingTag> for Tag {
    fn from(tag: LastingTag) -> Tag {
        match tag {
            LastingTag::ClientSecret => Tag::ClientSecret,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_read_back_and_only_the_client_secret_lasts() {
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
        assert_eq!(Tag::parse("gcs"), Some(LastingTag::ClientSecret.into()));
        assert!(!Tag::ClientSecret.carries_day());
        assert_eq!(Tag::parse("GAT"), None);
    }
}
