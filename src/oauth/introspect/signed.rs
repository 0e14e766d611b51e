//! The answer as a JWT (RFC 9701): for whoever must be able to show later what was said of a token, and by whom.

use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT, Accept, Header as _, Quality};
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::clients::Client;
use crate::kernel::{Denial, Fault, Outcome};
use crate::signing::Keys;

/// The media type of the answer (RFC 9701 §10.1).
pub(super) const MEDIA_TYPE: &str = "application/token-introspection+jwt";
/// What says that it is this, and no access token: nobody may take it for one (RFC 9701 §8.1).
const TYPE: &str = "token-introspection+jwt";

/// Whether the answer is to be a JWT (RFC 9701 §4). Judged before the question is answered, since the answer may count
/// against somebody's limits: what could not be sent is not worked out.
pub(super) fn is_wanted(request: &HttpRequest, keys: &Keys, now: DateTime<Utc>) -> Outcome<bool> {
    if !request.headers().contains_key(ACCEPT) {
        return Ok(Ok(false));
    }
    let wish = Wish::of(request);
    if !wish.is_for_jwt {
        return Ok(Ok(false));
    }
    let signs = keys.can_sign(now)?;
    Ok(if signs || wish.takes_json { Ok(signs) } else { Err(Denial::NotAcceptable) })
}

/// What the caller would like to get.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    is_for_jwt: bool,
    takes_json: bool,
}

impl Wish {
    /// The JWT must be named, and be no less welcome than JSON is: it is not meant by `*/*`, which every client sends.
    /// Where nothing is named that we have, the answer is JSON (RFC 9110 §12.5.1).
    fn of(request: &HttpRequest) -> Self {
        let accepted = Accept::parse(request).unwrap_or_else(|_| Accept(Vec::new()));
        // A range with parameters is none of ours, which have none.
        let quality = |range: &str| {
            let same = accepted
                .iter()
                .filter(|one| one.item.essence_str() == range && one.item.params().next().is_none());
            same.map(|one| one.quality).max()
        };
        // The closest range counts, not the kindest.
        let json =
            quality("application/json").or_else(|| quality("application/*")).or_else(|| quality("*/*"));
        let json = json.unwrap_or(Quality::ZERO);
        let jwt = quality(MEDIA_TYPE).filter(|quality| *quality > Quality::ZERO);
        Self { is_for_jwt: jwt.is_some_and(|jwt| jwt >= json), takes_json: json > Quality::ZERO }
    }
}

/// What the JWT says (RFC 9701 §5). Neither `sub` nor `exp` stands beside these, as they would in an access token.
#[derive(Serialize)]
struct Claims<'a, T> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    token_introspection: &'a T,
}

/// Makes the JWT of an answer, for the caller alone.
pub(super) fn jwt<T: Serialize>(
    keys: &Keys,
    caller: &Client,
    answer: &T,
    now: DateTime<Utc>,
) -> Result<String, Fault> {
    let claims = Claims {
        iss: keys.issuer(),
        aud: caller.id.as_str(),
        iat: now.timestamp(),
        token_introspection: answer,
    };
    let claims = serde_json::to_string(&claims).map_err(Fault::internal)?;
    let signed = keys.sign_as(TYPE, &claims, now)?;
    signed
        .map(|(text, _)| text)
        .ok_or_else(|| Fault::unavailable("an answer was to be signed, and signing is off"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    /// (JWT, JSON): what these lines of `Accept` ask for.
    fn wish(lines: &[&str]) -> (bool, bool) {
        let request = lines
            .iter()
            .fold(TestRequest::post(), |request, line| request.append_header(("accept", *line)))
            .to_http_request();
        let wish = Wish::of(&request);
        (wish.is_for_jwt, wish.takes_json)
    }

    #[test]
    fn the_jwt_must_be_named_and_be_as_welcome_as_json_rfc9110_12_5_1() {
        const JWT: &str = "application/token-introspection+jwt";
        for (lines, expected) in [
            (vec![], (false, false)),
            (vec!["*/*"], (false, true)),
            (vec!["application/*"], (false, true)),
            (vec!["application/json"], (false, true)),
            (vec!["text/html"], (false, false)),
            (vec!["application/jwt"], (false, false)),
            (vec!["", "nonsense", ";q=1"], (false, false)),
            (vec![JWT], (true, false)),
            (vec!["Application/Token-Introspection+JWT"], (true, false)),
            (vec![&format!("{JWT}, application/json")], (true, true)),
            (vec!["application/json", JWT], (true, true)),
            (vec![&format!("{JWT};q=0.5, */*;q=0.1")], (true, true)),
            (vec![&format!("{JWT};q=0.5, */*")], (false, true)),
            (vec![&format!("{JWT};q=0.5, application/json;q=0.4, */*")], (true, true)),
            (vec![&format!("{JWT}, application/json;q=0, */*")], (true, false)),
            (vec![&format!("{JWT};q=0")], (false, false)),
            (vec![&format!("{JWT};q=0, */*")], (false, true)),
            (vec![&format!("{JWT};q=2")], (false, false)),
            (vec![&format!("{JWT};v=1")], (false, false)),
        ] {
            assert_eq!(wish(&lines), expected, "{lines:?}");
        }
    }
}
