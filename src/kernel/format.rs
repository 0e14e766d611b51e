//! What access tokens look like.

/// The form of an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessTokenFormat {
    /// A bearer that tells nothing: whoever wants to know asks us.
    Opaque,
    /// A JWT (RFC 9068), which a service reads by itself.
    Jwt,
}

impl AccessTokenFormat {
    /// Every form there is.
    pub const ALL: [Self; 2] = [Self::Opaque, Self::Jwt];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opaque => "opaque",
            Self::Jwt => "jwt",
        }
    }

    /// The form of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// Reads what an operator typed; otherwise what there is.
    pub fn typed(name: &str) -> Result<Self, String> {
        Self::parse(name).ok_or_else(|| format!("{name} is no format of tokens; there are opaque and jwt"))
    }
}
