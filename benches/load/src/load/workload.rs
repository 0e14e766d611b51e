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
}

impl Workload {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Opaque,
        Self::Signed,
        Self::Introspect,
        Self::Refresh,
        Self::Flow,
        Self::Metadata,
        Self::Jwks,
        Self::Revoke,
    ];

    /// Those whose latency with one connection is one commit's.
    pub const ACTS: [Self; 3] = [Self::Flow, Self::Refresh, Self::Revoke];

    /// What one operation is.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opaque => "W1 client credentials, opaque",
            Self::Signed => "W1j client credentials, JWT (ES256)",
            Self::Introspect => "W2 introspect, 10 000 live tokens",
            Self::Refresh => "W3 refresh rotation",
            Self::Flow => "W4 whole code + PKCE flow",
            Self::Metadata => "W5 metadata",
            Self::Jwks => "W5 JWKS",
            Self::Revoke => "W6 revoke",
        }
    }

    /// The share of the limit's rate that Grantor must reach, in percent.
    pub fn target(self) -> f64 {
        match self {
            Self::Opaque | Self::Signed => 55.0,
            Self::Introspect => 60.0,
            Self::Refresh | Self::Revoke => 50.0,
            Self::Flow => 40.0,
            Self::Metadata | Self::Jwks => 85.0,
        }
    }
}
