//! What a proxy asks, read from what it and its caller sent: whatever can be understood in two ways is refused.

use std::borrow::Cow;

use crate::decision::calls::Call;
use crate::gateway::forward_auth::refusal::Refusal;
use crate::kernel::{Denial, PlainSecret, RequestPath, Scope};
use crate::platform::form::Params;

/// A call may not cost more than this.
const MOST_COST: u64 = 1_000_000;
/// What may be asked in the query of `/authz`. A word that nobody knows may be a misspelt condition.
const NAMES: [&str; 5] = ["service", "scope", "cost", "deny", "jwt"];

/// The values that came under one name, as bytes: strangers write headers too.
pub(super) type Values<'a> = Vec<&'a [u8]>;

/// Which service a call is for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Named {
    /// This one.
    As(String),
    /// The one by whose name the path begins.
    #[default]
    ByPath,
}

/// What the proxy was configured to ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) service: Named,
    pub(super) scope: Option<Scope>,
    pub(super) cost: Option<u64>,
    /// Every no is a 403, for proxies that know no other.
    pub(super) deny_by_403: bool,
    /// The upstream is to be told by a JWT, too.
    pub(super) jwt: bool,
}

/// Reads the query of `/authz`.
pub(super) fn terms(query: &str) -> Result<Terms, Refusal> {
    let params = Params::parse(query.as_bytes()).and_then(|params| {
        params.refuse_repeated(&[])?;
        Ok(params)
    });
    let params = params.map_err(|denial| Refusal::Misconfigured(denial.description()))?;
    if params.has_others(&NAMES) {
        let names = NAMES.join(", ");
        return Err(Refusal::Misconfigured(format!("the query may say {names}, and nothing else")));
    }
    let malformed = |name| Refusal::Misconfigured(Denial::Malformed(name).description());
    // Some proxies put the caller's query where they were given none: whoever leaves it out has the caller write it.
    let service = match params.get("service") {
        None => {
            return Err(Refusal::Misconfigured("the query must say service=NAME, or service=*".to_owned()));
        }
        Some("*") => Named::ByPath,
        Some(name) => Named::As(name.to_owned()),
    };
    let cost = params.get("cost").map(|text| text.parse::<u64>().ok().filter(|cost| *cost <= MOST_COST));
    Ok(Terms {
        service,
        scope: params.get("scope").map(Scope::parse).transpose().map_err(|_| malformed("scope"))?,
        cost: cost.map(|cost| cost.ok_or_else(|| malformed("cost"))).transpose()?,
        deny_by_403: is_set(&params, "deny", "403").ok_or_else(|| malformed("deny"))?,
        jwt: is_set(&params, "jwt", "1").ok_or_else(|| malformed("jwt"))?,
    })
}

/// Whether a switch that knows one word is on; `None`: it says something else.
fn is_set(params: &Params, name: &str, word: &str) -> Option<bool> {
    match params.get(name) {
        None => Some(false),
        Some(said) => (said == word).then_some(true),
    }
}

/// The one thing that several headers say, if any of them is there. A stranger may have sent one beside the proxy's, so
/// all must agree, and none may come twice.
pub(super) fn agreed<'a>(names: &'static str, said: &[Values<'a>]) -> Result<&'a str, Refusal> {
    let unclear = || Refusal::Unclear(format!("{names} must say one thing, once"));
    let mut agreed = None;
    for values in said {
        let value = match values.as_slice() {
            [] => continue,
            [one] => std::str::from_utf8(one).map_err(|_| unclear())?,
            _ => return Err(unclear()),
        };
        if agreed.replace(value).is_some_and(|before| before != value) {
            return Err(unclear());
        }
    }
    agreed.ok_or_else(|| Refusal::Misconfigured(format!("the proxy must send {names}")))
}

/// The call that is to be made, or not.
pub(super) fn call(terms: &Terms, method: &str, target: &str) -> Result<Call, Refusal> {
    let is_method =
        (1..=32).contains(&method.len()) && method.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    if !is_method {
        return Err(Refusal::Unclear("the method is malformed".to_owned()));
    }
    let path = RequestPath::parse(target)
        .map_err(|_| Refusal::Unclear("the path can be read in more than one way".to_owned()))?;
    let service = match &terms.service {
        Named::As(name) => name.clone(),
        Named::ByPath => first(&path)?,
    };
    Ok(Call {
        service: Some(service),
        target: Some((method.to_owned(), path)),
        scope: terms.scope.clone(),
        cost: terms.cost,
        consume: true,
        ip: None,
    })
}

/// The name by which a path begins, to the letter: a proxy that sends calls on by it does not decode it first. A path
/// without one is nobody's.
fn first(path: &RequestPath) -> Result<String, Refusal> {
    let literal = path.as_str().split('/').nth(1).unwrap_or_default();
    let decoded = path.segments().first().map(String::as_str).unwrap_or_default();
    if literal == decoded {
        Ok(decoded.to_owned())
    } else {
        Err(Refusal::Unclear("the service in the path can be read in more than one way".to_owned()))
    }
}

/// The bearer that the caller presents (RFC 6750 §2.1), or an API key in the header that many use for it. Never from the
/// query or a cookie; one in two places must be the same.
pub(super) fn bearer(authorization: &Values<'_>, api_key: &Values<'_>) -> Result<PlainSecret, Refusal> {
    let (authorization, api_key) = (single(authorization)?, single(api_key)?);
    let by_scheme = authorization.as_deref().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start_matches(' '))
    });
    match (by_scheme, &api_key) {
        (Some(token), Some(key)) if token != key => Err(Refusal::TwoBearers),
        (Some(text), _) => Ok(PlainSecret::new(text.to_owned())),
        (None, Some(text)) => Ok(PlainSecret::new(text.to_string())),
        (None, None) => Err(Refusal::NoBearer),
    }
}

/// What is no text is no bearer either, and refused as any other that is wrong.
fn single<'a>(values: &Values<'a>) -> Result<Option<Cow<'a, str>>, Refusal> {
    match values.as_slice() {
        [] | [b""] => Ok(None),
        [one] => Ok(Some(String::from_utf8_lossy(one))),
        _ => Err(Refusal::TwoBearers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_says_what_is_asked_for_and_nothing_unheard_of() {
        let scope = Scope::parse("orders:read").expect("a scope");
        let all = Terms {
            service: Named::As("orders".into()),
            scope: Some(scope),
            cost: Some(5),
            deny_by_403: true,
            jwt: true,
        };
        assert_eq!(terms("service=orders&scope=orders:read&cost=5&deny=403&jwt=1").expect("terms"), all);
        assert_eq!(terms("service=*").expect("terms"), Terms::default());
        for query in [
            "",
            "jwt=1",
            "service=a&scopes=a",
            "service=a&access_token=x",
            "service=a&service=b",
            "service=a&scope=%22",
            "service=a&cost=-1",
            "service=a&cost=1000001",
            "service=a&cost=x",
            "service=a&deny=401",
            "service=a&jwt=yes",
            "service=%ff",
        ] {
            assert!(matches!(terms(query), Err(Refusal::Misconfigured(_))), "{query}");
        }
    }

    #[test]
    fn headers_that_disagree_are_refused() {
        let one = |said: &[&[&'static str]]| {
            let bytes = |values: &&[&'static str]| values.iter().map(|value| value.as_bytes()).collect();
            let said: Vec<_> = said.iter().map(bytes).collect();
            agreed("X", &said).map_err(|refusal| refusal.status())
        };
        assert_eq!(one(&[&["/a"], &[]]), Ok("/a"));
        assert_eq!(one(&[&[], &["/a"]]), Ok("/a"));
        assert_eq!(one(&[&["/a"], &["/a"]]), Ok("/a"));
        assert_eq!(one(&[&["/a"], &["/b"]]), Err(403));
        assert_eq!(one(&[&["/a", "/a"], &[]]), Err(403));
        assert_eq!(one(&[&[], &[]]), Err(400));
    }

    #[test]
    fn a_bearer_comes_from_one_of_two_headers() {
        let read = |authorization: &[&str], key: &[&str]| {
            let authorization = authorization.iter().map(|value| value.as_bytes()).collect();
            let key = key.iter().map(|value| value.as_bytes()).collect();
            bearer(&authorization, &key)
                .map(|secret| secret.expose().to_owned())
                .map_err(|refusal| refusal.status())
        };
        assert_eq!(read(&["Bearer k"], &[]).as_deref(), Ok("k"));
        assert_eq!(read(&["bearer  k"], &[]).as_deref(), Ok("k"));
        assert_eq!(read(&[], &["k"]).as_deref(), Ok("k"));
        assert_eq!(read(&["Bearer k"], &["k"]).as_deref(), Ok("k"));
        assert_eq!(read(&["Basic eDp5"], &["k"]).as_deref(), Ok("k"));
        assert_eq!(read(&["Bearer k"], &["l"]), Err(400));
        assert_eq!(read(&["Bearer k", "Bearer k"], &[]), Err(400));
        assert_eq!(read(&[], &["k", "k"]), Err(400));
        for nothing in ["Basic eDp5", "Bearer", "", "k"] {
            assert_eq!(read(&[nothing], &[""]), Err(401), "{nothing}");
        }
    }

    #[test]
    fn the_service_is_named_or_is_the_beginning_of_the_path() {
        let named = Terms { service: Named::As("orders".into()), ..Terms::default() };
        let service = |terms: &Terms, target| {
            call(terms, "GET", target).map(|call| call.service.unwrap_or_default()).map_err(|r| r.status())
        };
        assert_eq!(service(&named, "/people/7").as_deref(), Ok("orders"));
        assert_eq!(service(&Terms::default(), "/people/7?service=orders").as_deref(), Ok("people"));
        assert_eq!(service(&Terms::default(), "/").as_deref(), Ok(""));
        assert_eq!(service(&Terms::default(), "/%70eople/7"), Err(403));
        assert_eq!(service(&named, "/public/../admin"), Err(403));
        assert_eq!(call(&named, "GE T", "/a").map(drop).map_err(|r| r.status()), Err(403));
    }
}
