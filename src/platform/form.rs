//! Parameters as they come: read strictly, so that no rule below has to wonder.
//!
//! RFC 6749 §3.1, §3.2: parameters sent without a value are treated as if they were omitted, and none may be
//! sent more than once. Whoever reads parameters decides which face a repeated one gets, because at the
//! authorization endpoint it depends on which one it is.

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

/// Decoded parameters.
#[derive(Clone, Debug, Default)]
pub struct Params(BTreeMap<String, Vec<String>>);

impl Params {
    /// Reads `application/x-www-form-urlencoded` text. Whatever is not UTF-8, or holds a NUL, is refused:
    /// nothing we accept contains it, and Postgres would refuse it later and less clearly.
    pub fn parse(raw: &[u8]) -> Result<Self, Denial> {
        let mut params = BTreeMap::<String, Vec<String>>::new();
        for (count, pair) in raw.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).enumerate() {
            if count == MOST_PARAMETERS {
                return Err(Denial::TooLarge);
            }
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            params.entry(name).or_default().push(value);
        }
        Ok(Self(params))
    }

    /// The value of a parameter, unless absent or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.first().map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value of a parameter that must be there.
    pub fn required(&self, name: &'static str) -> Result<&str, Denial> {
        self.get(name).ok_or(Denial::Missing(name))
    }

    /// All values of a parameter that may repeat.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }

    /// Whether this one came more than once.
    pub fn is_repeated(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|values| values.len() > 1)
    }

    /// Refuses a request in which any parameter came more than once.
    pub fn refuse_repeated(&self, except: &[&str]) -> Result<(), Denial> {
        match self.0.keys().find(|name| self.is_repeated(name) && !except.contains(&name.as_str())) {
            Some(name) => Err(Denial::Repeated(quotable(name))),
            None => Ok(()),
        }
    }

    /// The first of `names` that is there.
    pub fn first_of(&self, names: &[&'static str]) -> Option<&'static str> {
        names.iter().copied().find(|name| self.0.contains_key(*name))
    }

    /// Writes all of them as a query string again, repeated and empty ones too.
    pub fn encoded(&self) -> String {
        let pairs = self.0.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    /// Those of `names` that are there. Of what may repeat all values are kept, a line each; none of them has lines.
    pub fn into_pairs(self, names: &[&str]) -> BTreeMap<String, String> {
        self.0
            .into_iter()
            .filter(|(name, _)| names.contains(&name.as_str()))
            .map(|(name, values)| (name, values.join("\n")))
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }

    /// From such a record.
    pub fn from_pairs(pairs: BTreeMap<String, String>) -> Self {
        let values = |name: &str, value: String| match MAY_REPEAT.contains(&name) {
            true => value.split('\n').map(str::to_owned).collect(),
            false => vec![value],
        };
        Self(pairs.into_iter().map(|(name, value)| (name.clone(), values(&name, value))).collect())
    }
}

fn quotable(name: &str) -> &'static str {
    KNOWN.into_iter().find(|known| *known == name).unwrap_or(UNNAMED)
}

fn decode(raw: &[u8]) -> Result<String, Denial> {
    // `form_urlencoded` decodes leniently; strictness is asked of the bytes it would replace.
    let spaced: Vec<u8> = raw.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let bytes = percent_decode(&spaced);
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(Denial::Malformed(UNNAMED)),
    }
}

fn percent_decode(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        let hex = |byte: &u8| (*byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        rest = match (first, tail) {
            (b'%', [high, low, after @ ..]) if hex(high).is_some() && hex(low).is_some() => {
                decoded.push(hex(high).unwrap_or_default() << 4 | hex(low).unwrap_or_default());
                after
            }
            _ => {
                decoded.push(*first);
                tail
            }
        };
    }
    decoded
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
        assert_eq!(Params::parse(b"a=100%&b=%zz+x").unwrap().get("b"), Some("%zz x"));
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
