//! Parameters as they come: read strictly, so that no rule below has to wonder.
//!
//! RFC 6749 §3.1, §3.2: parameters sent without a value are treated as if they were omitted, and none may be
//! sent more than once. Whoever reads parameters decides which face a repeated one gets, because at the
//! authorization endpoint it depends on which one it is.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest, web};
use url::form_urlencoded;

use crate::kernel::{Denial, UNNAMED};

/// How long a form may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// More parameters than any request of ours has; beyond it nothing is parsed.
const MOST_PARAMETERS: usize = 64;

/// Parameters that may come several times: checkboxes, and RFC 8707 §2.
const MAY_REPEAT: [&str; 2] = ["scope", "resource"];

/// Names that a denial may quote. Others are a stranger's words and are not repeated.
const KNOWN: [&str; 19] = [
    "answer",
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "grant_type",
    "interaction",
    "nonce",
    "prompt",
    "redirect_uri",
    "refresh_token",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "token",
    "token_type_hint",
];

/// Decoded parameters, in the order in which they came. They are few, so looking through them is the fastest way.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(Cow<'static, str>, String)>);

impl Params {
    /// Reads `application/x-www-form-urlencoded` text. Whatever is not UTF-8, or holds a NUL, is refused:
    /// nothing we accept contains it, and Postgres would refuse it later and less clearly.
    pub fn parse(raw: &[u8]) -> Result<Self, Denial> {
        let mut params = Vec::new();
        for pair in raw.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if params.len() == MOST_PARAMETERS {
                return Err(Denial::TooLarge);
            }
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode_name(halves.next().unwrap_or_default())?;
            params.push((name, decode(halves.next().unwrap_or_default())?));
        }
        Ok(Self(params))
    }

    /// The value of a parameter, unless absent or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next().filter(|value| !value.is_empty())
    }

    /// The value of a parameter that must be there.
    pub fn required(&self, name: &'static str) -> Result<&str, Denial> {
        self.get(name).ok_or(Denial::Missing(name))
    }

    /// All values of a parameter that may repeat.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The names of all of them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    /// Whether this one came more than once.
    pub fn is_repeated(&self, name: &str) -> bool {
        self.all(name).nth(1).is_some()
    }

    /// Refuses a request in which any parameter came more than once.
    pub fn refuse_repeated(&self, except: &[&str]) -> Result<(), Denial> {
        let mut names = self.0.iter().map(|(name, _)| name.as_ref());
        match names.find(|name| self.is_repeated(name) && !except.contains(name)) {
            Some(name) => Err(Denial::Repeated(quotable(name))),
            None => Ok(()),
        }
    }

    /// The first of `names` that is there.
    pub fn first_of(&self, names: &[&'static str]) -> Option<&'static str> {
        names.iter().copied().find(|name| self.all(name).next().is_some())
    }

    /// Whether there are others than these.
    pub fn has_others(&self, known: &[&str]) -> bool {
        self.0.iter().any(|(name, _)| !known.contains(&name.as_ref()))
    }

    /// Writes all of them as a query string again, repeated and empty ones too.
    pub fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// Those of `names` that are there. Of what may repeat all values are kept, a line each; none of them has lines.
    pub fn into_pairs(self, names: &[&str]) -> BTreeMap<String, String> {
        let mut pairs = BTreeMap::<String, String>::new();
        for (name, value) in self.0.into_iter().filter(|(name, _)| names.contains(&name.as_ref())) {
            let kept = pairs.entry(name.into_owned()).or_default();
            if !kept.is_empty() && !value.is_empty() {
                kept.push('\n');
            }
            kept.push_str(&value);
        }
        pairs.retain(|_, value| !value.is_empty());
        pairs
    }

    /// From such a record.
    pub fn from_pairs(pairs: BTreeMap<String, String>) -> Self {
        let values = pairs.into_iter().flat_map(|(name, kept)| {
            let values: Vec<_> = if MAY_REPEAT.contains(&name.as_str()) {
                kept.split('\n').map(str::to_owned).collect()
            } else {
                vec![kept]
            };
            values.into_iter().map(move |value| (Cow::Owned(name.clone()), value))
        });
        Self(values.collect())
    }
}

fn known(name: &[u8]) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| known.as_bytes() == name)
}

fn quotable(name: &str) -> &'static str {
    known(name.as_bytes()).unwrap_or(UNNAMED)
}

fn decode_name(raw: &[u8]) -> Result<Cow<'static, str>, Denial> {
    known(raw).map_or_else(|| decode(raw).map(Cow::Owned), |known| Ok(Cow::Borrowed(known)))
}

fn decode(raw: &[u8]) -> Result<String, Denial> {
    // `form_urlencoded` decodes leniently; strictness is asked of the bytes it would replace.
    match String::from_utf8(unescape(raw)) {
        Ok(text) if !text.as_bytes().contains(&0) => Ok(text),
        _ => Err(Denial::Malformed(UNNAMED)),
    }
}

fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'%' | b'+')) {
        let (before, after) = rest.split_at(at);
        plain.extend_from_slice(before);
        let (byte, after) = match after {
            [b'+', after @ ..] => (b' ', after),
            [b'%', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex(*high) << 4 | hex(*low), after)
            }
            // A `%` that escapes nothing is itself.
            _ => (b'%', after.get(1..).unwrap_or_default()),
        };
        plain.push(byte);
        rest = after;
    }
    plain.extend_from_slice(rest);
    plain
}

/// The value of a hexadecimal digit.
fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// Writes parameters as a query string.
pub fn encode(params: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}

/// A form in a POST body, refused with face `F`.
pub struct Form<F> {
    /// What was sent.
    pub params: Params,
    face: PhantomData<F>,
}

impl<F> FromRequest for Form<F>
where
    F: From<Denial> + Into<actix_web::Error> + 'static,
{
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_form = is_form(request);
        let body = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            let refuse = |denial: Denial| -> actix_web::Error { F::from(denial).into() };
            if !is_form {
                return Err(refuse(Denial::NotAForm));
            }
            let body = tokio::time::timeout(BODY_TIME, body).await.map_err(|_| refuse(Denial::TooSlow))?;
            let body = body.map_err(|error| {
                let too_large = error.as_response_error().status_code() == 413;
                refuse(if too_large { Denial::TooLarge } else { Denial::NotAForm })
            })?;
            let params = Params::parse(&body).map_err(refuse)?;
            params.refuse_repeated(&MAY_REPEAT).map_err(refuse)?;
            Ok(Self { params, face: PhantomData })
        })
    }
}

fn is_form(request: &HttpRequest) -> bool {
    let header =
        request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = header.split(';').map(str::trim);
    let is_type =
        parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    is_type && parts.all(|part| !part.to_ascii_lowercase().starts_with("charset=") || is_utf8(part))
}

fn is_utf8(charset: &str) -> bool {
    charset.to_ascii_lowercase().trim_start_matches("charset=").trim_matches('"') == "utf-8"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_parameters_count_as_omitted_rfc6749_3_1() {
        let params = Params::parse(b"a=&b=1").unwrap();
        assert_eq!((params.get("a"), params.get("b"), params.get("c")), (None, Some("1"), None));
    }

    #[test]
    fn a_parameter_may_not_be_repeated_rfc6749_3_2() {
        assert_eq!(
            Params::parse(b"state=1&state=1").unwrap().refuse_repeated(&[]),
            Err(Denial::Repeated("state"))
        );
        assert_eq!(
            Params::parse(b"<x>=1&<x>=").unwrap().refuse_repeated(&[]),
            Err(Denial::Repeated(UNNAMED))
        );
        assert!(Params::parse(b"scope=a&scope=b").unwrap().refuse_repeated(&MAY_REPEAT).is_ok());
    }

    #[test]
    fn what_is_not_text_is_refused() {
        for raw in ["a=%00", "a=%ff", "%c3%28=1", "a=%ed%a0%80"] {
            assert!(Params::parse(raw.as_bytes()).is_err(), "{raw}");
        }
        assert!(Params::parse(b"a=\xff").is_err());
        let params = Params::parse(b"a=100%&b=%zz+x%&%63=%4A%4b%2&%74oken=1").unwrap();
        assert_eq!(
            ["a", "b", "c", "token"].map(|name| params.get(name).unwrap()),
            ["100%", "%zz x%", "JK%2", "1"]
        );
    }

    #[test]
    fn what_came_goes_on_as_it_came() {
        let params = Params::parse(b"state=&scope=b&x=+&scope=a&nonce=1&nonce=2").unwrap();
        assert_eq!(params.encoded(), "state=&scope=b&x=+&scope=a&nonce=1&nonce=2");
        assert_eq!(params.all("scope").collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(params.first_of(&["code", "state", "x"]), Some("state"));
        let pairs = params.into_pairs(&["state", "scope", "nonce", "code"]);
        assert_eq!(
            pairs,
            BTreeMap::from([("nonce", "1\n2"), ("scope", "b\na")].map(|(a, b)| (a.into(), b.into())))
        );
    }

    #[test]
    fn ten_thousand_parameters_are_not_parsed() {
        assert!(Params::parse("a=1&".repeat(10_000).as_bytes()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics(raw in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Params::parse(&raw);
        }

        #[test]
        fn what_is_encoded_decodes_to_itself(name in "[a-z]{1,8}", value in "[^\0]{1,40}") {
            let params = Params::parse(encode(&[(&name, &value)]).as_bytes()).unwrap();
            proptest::prop_assert_eq!(params.get(&name), Some(value.as_str()));
        }
    }
}
