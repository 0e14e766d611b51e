//! What a server has of what may be measured, and where.

use anyhow::{Context as _, Result};

use crate::workload::Workload;

/// Where Grantor's metadata is (RFC 8414 §3).
pub const METADATA: &str = "/.well-known/oauth-authorization-server";

/// What is there, or why it is not.
pub struct Offers {
    metadata: String,
    keys: Result<String, String>,
    signed_tokens: Result<(), String>,
}

impl Offers {
    /// The limit has it all, and says hello where documents are read.
    pub fn of_the_limit() -> Self {
        let hello = || "/hello".to_owned();
        Self { metadata: hello(), keys: Ok(hello()), signed_tokens: Ok(()) }
    }

    /// What Grantor's metadata and commands say.
    pub fn of_grantor(metadata: &str, refused: Option<String>) -> Result<Self> {
        let signed_tokens = refused.map_or(Ok(()), Err);
        Ok(Self { metadata: METADATA.to_owned(), keys: keys(metadata)?, signed_tokens })
    }

    /// The public document that a workload reads.
    pub fn document(&self, workload: Workload) -> &str {
        match (&self.keys, workload) {
            (Ok(keys), Workload::Jwks) => keys,
            _ => &self.metadata,
        }
    }

    /// Why a workload cannot be measured here.
    pub fn lack(&self, workload: Workload) -> Option<&str> {
        match workload {
            Workload::Signed => self.signed_tokens.as_ref().err().map(String::as_str),
            Workload::Jwks => self.keys.as_ref().err().map(String::as_str),
            _ => None,
        }
    }
}

/// The path of the keys, if the metadata names one.
fn keys(metadata: &str) -> Result<Result<String, String>> {
    let metadata: serde_json::Value = serde_json::from_str(metadata).context("the metadata")?;
    let Some(uri) = metadata.get("jwks_uri").and_then(|uri| uri.as_str()) else {
        return Ok(Err("the metadata names no jwks_uri".to_owned()));
    };
    let path = uri.splitn(4, '/').nth(3).context("jwks_uri has a path")?;
    Ok(Ok(format!("/{path}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_where_the_metadata_says() {
        let metadata = r#"{"jwks_uri":"http://127.0.0.1:8080/oauth/jwks"}"#;
        let offers = Offers::of_grantor(metadata, Some("no such option".to_owned())).unwrap();
        assert_eq!(offers.document(Workload::Jwks), "/oauth/jwks");
        assert_eq!(offers.document(Workload::Metadata), METADATA);
        assert_eq!(offers.lack(Workload::Jwks), None);
        assert_eq!(offers.lack(Workload::Signed), Some("no such option"));
    }

    #[test]
    fn without_keys_there_are_none_to_read() {
        assert!(Offers::of_grantor("{}", None).unwrap().lack(Workload::Jwks).is_some());
        assert!(Offers::of_grantor("no JSON", None).is_err());
        assert!(Offers::of_grantor(r#"{"jwks_uri":"nowhere"}"#, None).is_err());
    }
}
