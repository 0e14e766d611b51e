//! What is measured.

use clap::ValueEnum;

/// One kind of request, or a sequence that belongs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Client credentials, opaque tokens.
    #[value(name = "w1")]
    Opaque,
    /// Client credentials, signed tokens.
    #[value(name = "w1j")]
    Signed,
    /// Introspection.
    #[value(name = "w2")]
    Introspect,
    /// Introspection that decides about a call and takes from the limits, every call logged.
    #[value(name = "w2c")]
    Consume,
    /// Refresh tokens that rotate.
    #[value(name = "w3")]
    Refresh,
    /// The whole code flow.
    #[value(name = "w4")]
    Flow,
    /// The metadata.
    #[value(name = "w5")]
    Metadata,
    /// The keys.
    #[value(name = "w5k")]
    Jwks,
    /// Revocation.
    #[value(name = "w6")]
    Revoke,
    /// Forward-auth with an API key, limits on, every call logged.
    #[value(name = "w7")]
    Authz,
}

impl Workload {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Opaque,
        Self::Signed,
        Self::Introspect,
        Self::Consume,
        Self::Refresh,
        Self::Flow,
        Self::Metadata,
        Self::Jwks,
        Self::Revoke,
        Self::Authz,
    ];

    /// Those whose latency with one connection is one commit's.
    pub const ACTS: [Self; 3] = [Self::Flow, Self::Refresh, Self::Revoke];

    /// What one operation is.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opaque => "W1 client credentials, opaque",
            Self::Signed => "W1j client credentials, JWT (ES256)",
            Self::Introspect => "W2 introspect, 10 000 live tokens",
            Self::Consume => "W2c the same, limits taken, logged",
            Self::Refresh => "W3 refresh rotation",
            Self::Flow => "W4 whole code + PKCE flow",
            Self::Metadata => "W5 metadata",
            Self::Jwks => "W5 JWKS",
            Self::Revoke => "W6 revoke",
            Self::Authz => "W7 forward-auth, one API key",
        }
    }

    /// The share of the limit's rate that Grantor must reach, in percent.
    pub fn target(self) -> f64 {
        match self {
            Self::Opaque | Self::Signed => 55.0,
            Self::Introspect => 60.0,
            Self::Refresh | Self::Revoke => 50.0,
            Self::Flow => 40.0,
            // Of introspection from memory, which is what the limit does for them.
            Self::Consume | Self::Authz => 25.0,
            Self::Metadata | Self::Jwks => 85.0,
        }
    }
}
