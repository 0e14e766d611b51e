//! What was just done, told once to whoever did it.
//!
//! An act sends the browser on to a page, and the page says what was done. A link that anybody could write must not
//! make it say so: the address carries a word, and a proof that this browser was sent here within a minute or two.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::kernel::{PlainSecret, with_params};
use crate::platform::form::Params;

/// The page's address, with what was done there.
pub fn link(page: &str, done: &str, cookie: &PlainSecret, now: DateTime<Utc>) -> String {
    let proof = URL_SAFE_NO_PAD.encode(proof(done, cookie, minute(now)));
    with_params(page, &[("done", done), ("proof", &proof)])
}

/// What was done, if this browser was sent here to be told.
pub fn heard<'p>(query: &'p Params, cookie: &PlainSecret, now: DateTime<Utc>) -> Option<&'p str> {
    let done = query.get("done")?;
    let sent = URL_SAFE_NO_PAD.decode(query.get("proof")?).ok()?;
    let minute = minute(now);
    let is_fresh =
        [minute, minute - 1].into_iter().any(|minute| proof(done, cookie, minute).ct_eq(&sent).into());
    is_fresh.then_some(done)
}

fn minute(now: DateTime<Utc>) -> i64 {
    now.timestamp().div_euclid(60)
}

fn proof(done: &str, cookie: &PlainSecret, minute: i64) -> Vec<u8> {
    // HMAC takes a key of any length; without one there is no proof.
    Hmac::<Sha256>::new_from_slice(cookie.expose().as_bytes())
        .map(|mac| {
            mac.chain_update(format!("grantor notice {minute} {done}")).finalize().into_bytes().to_vec()
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;

    #[test]
    fn it_is_told_to_whoever_did_it_and_soon() {
        let (mine, other) = (PlainSecret::new("mine".into()), PlainSecret::new("other".into()));
        let now = DateTime::from_timestamp(1_795_262_400, 0).unwrap();
        let link = link("/account", "name", &mine, now);
        let (page, query) = link.split_once('?').unwrap();
        assert_eq!(page, "/account");
        let query = Params::parse(query.as_bytes()).unwrap();
        assert_eq!(heard(&query, &mine, now), Some("name"));
        assert_eq!(heard(&query, &mine, now + Duration::seconds(60)), Some("name"));
        assert_eq!(heard(&query, &mine, now + Duration::seconds(120)), None);
        assert_eq!(heard(&query, &other, now), None);
        for forged in ["done=name", "done=name&proof=", "done=name&proof=AAAA", "proof=AAAA"] {
            assert_eq!(heard(&Params::parse(forged.as_bytes()).unwrap(), &mine, now), None, "{forged}");
        }
        let proof = query.get("proof").unwrap();
        let other_word = format!("done=password&proof={proof}");
        assert_eq!(heard(&Params::parse(other_word.as_bytes()).unwrap(), &mine, now), None);
    }
}
