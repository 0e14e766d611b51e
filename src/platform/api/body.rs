//! A JSON body, read strictly: an object whose members are known, of their type, and there once.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest, web};
use chrono::{DateTime, Utc};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::kernel::Denial;
use crate::platform::api::Shape;
use crate::platform::api::shape::misfit;
use crate::platform::problem::ProblemFace;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// An object that was sent; what it must look like is for the endpoint to say.
#[derive(Debug)]
pub struct Body(Map<String, Value>);

/// One object that was sent, or an array of them.
#[derive(Debug)]
pub struct Bodies(Vec<Body>);

/// The members of a body that is of the shape it must have.
#[derive(Debug)]
pub struct Members(Map<String, Value>);

impl Body {
    /// Checks that it is of this shape.
    pub fn fit(self, shape: Shape) -> Result<Members, Denial> {
        match misfit(shape, &self.0) {
            None => Ok(Members(self.0)),
            Some(words) => Err(Denial::Unfit(words)),
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, Denial> {
        read(bytes, "the body is no JSON object").and_then(Self::sound)
    }

    fn sound(Unique(members): Unique) -> Result<Self, Denial> {
        if members.values().any(has_nul) {
            return Err(Denial::Unfit("a text must not hold a NUL".to_owned()));
        }
        Ok(Self(members))
    }
}

impl Bodies {
    /// Checks that each is of this shape, and that there are so many at most, and one at least.
    pub fn fit(self, shape: Shape, most: usize) -> Result<Vec<Members>, Denial> {
        if self.0.is_empty() || self.0.len() > most {
            return Err(Denial::Unfit(format!("an array must have 1 to {most} objects")));
        }
        self.0.into_iter().map(|body| body.fit(shape)).collect()
    }

    fn parse(bytes: &[u8]) -> Result<Self, Denial> {
        const UNFIT: &str = "the body is neither a JSON object nor an array of objects";
        let is_array = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        let all: Vec<Unique> = if is_array { read(bytes, UNFIT)? } else { vec![read(bytes, UNFIT)?] };
        Ok(Self(all.into_iter().map(Body::sound).collect::<Result<_, _>>()?))
    }
}

/// What the parser says may quote what was sent; only our own words go out.
fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8], unfit: &str) -> Result<T, Denial> {
    serde_json::from_slice(bytes).map_err(|error| {
        let own = error.to_string().strip_prefix(REPEATED).map(|_| REPEATED);
        Denial::Unfit(own.unwrap_or(unfit).to_owned())
    })
}

/// Postgres stores no NUL.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

impl Members {
    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// A text that the shape requires.
    pub fn required(&self, name: &'static str) -> Result<&str, Denial> {
        self.text(name).ok_or_else(|| Denial::Unfit(format!("the member {name} is required")))
    }

    /// Texts; none, if there is no such member.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let items = self.0.get(name).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// A moment (RFC 3339).
    pub fn moment(&self, name: &str) -> Result<Option<DateTime<Utc>>, Denial> {
        let read = |text: &str| DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
        let unfit = || Denial::Unfit(format!("the member {name} must be a moment like 2026-11-21T12:00:00Z"));
        self.text(name).map(|text| read(text).map_err(|_| unfit())).transpose()
    }

    /// Objects, each of the shape that was said of them; none, if there is no such member.
    pub fn objects(&self, name: &str) -> Vec<Members> {
        let items = self.0.get(name).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_object).map(|object| Members(object.clone())).collect()
    }

    /// Yes or no.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(Value::as_bool)
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    /// Whether it is there, if only as null.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

const REPEATED: &str = "a member is there twice";

/// An object without a member that is there twice: of those, every reader would see another.
struct Unique(Map<String, Value>);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Unique;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Unique, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom(REPEATED));
                    }
                }
                Ok(Unique(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl FromRequest for Body {
    type Error = ProblemFace;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ProblemFace>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = json_bytes(request, payload);
        Box::pin(async move { Ok(Self::parse(&bytes.await?)?) })
    }
}

impl FromRequest for Bodies {
    type Error = ProblemFace;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ProblemFace>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = json_bytes(request, payload);
        Box::pin(async move { Ok(Self::parse(&bytes.await?)?) })
    }
}

fn json_bytes(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<web::Bytes, Denial>> + use<> {
    let is_json = is_json(request);
    let body = whole(request, payload);
    async move { if is_json { body.await } else { Err(Denial::NotJson) } }
}

/// A body, once all of it is there.
pub fn whole(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<web::Bytes, Denial>> + use<> {
    let body = web::Bytes::from_request(request, payload);
    async {
        let body = tokio::time::timeout(BODY_TIME, body).await.map_err(|_| Denial::TooSlow)?;
        body.map_err(|error| {
            let is_too_large = error.as_response_error().status_code() == 413;
            let unread = || Denial::Unfit("the body cannot be read".to_owned());
            if is_too_large { Denial::TooLarge } else { unread() }
        })
    }
}

fn is_json(request: &HttpRequest) -> bool {
    let header =
        request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = header.split(';').map(str::trim);
    let is_type = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    let is_utf8 = |part: &str| {
        let part = part.to_ascii_lowercase();
        part.strip_prefix("charset=").is_none_or(|charset| charset.trim_matches('"') == "utf-8")
    };
    is_type && parts.all(is_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::api::{Form, Member};

    const SHAPE: Shape = &[
        Member::new("name", Form::Text, "Its name."),
        Member::optional("ip_allow", Form::Texts, "From where."),
        Member::optional("env", Form::Maybe(&Form::OneOf(&["live", "test"])), "In earnest?"),
        Member::optional("quota", Form::Number, "How much."),
        Member::optional("parts", Form::Objects(PART), "Its parts."),
    ];
    const PART: Shape = &[Member::new("name", Form::Text, "Its name.")];

    fn read(text: &str) -> Result<Members, String> {
        Body::parse(text.as_bytes()).and_then(|body| body.fit(SHAPE)).map_err(|denial| denial.description())
    }

    #[test]
    fn what_fits_is_read() {
        let members = read(r#"{"name":"ci","ip_allow":["192.0.2.1"],"env":null,"quota":3}"#).unwrap();
        assert_eq!((members.text("name"), members.number("quota")), (Some("ci"), Some(3)));
        assert!(members.objects("parts").is_empty());
        let parts = read(r#"{"name":"a","parts":[{"name":"b"},{"name":"c"}]}"#).unwrap().objects("parts");
        assert_eq!(parts.iter().filter_map(|part| part.text("name")).collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!((members.texts("ip_allow"), members.text("env")), (vec!["192.0.2.1".to_owned()], None));
    }

    #[test]
    fn where_some_are_read_one_is_an_object_and_several_an_array() {
        let read = |text: &str| {
            let all = Bodies::parse(text.as_bytes()).and_then(|bodies| bodies.fit(PART, 2));
            all.map(|all| all.len()).map_err(|denial| denial.description())
        };
        let one = r#"{"name":"a"}"#;
        assert_eq!(read(one), Ok(1));
        assert_eq!((read(&format!(" [{one}]")), read(&format!("[{one},{one}]"))), (Ok(1), Ok(2)));
        for (text, words) in [
            ("[]", "an array must have 1 to 2 objects"),
            (&*format!("[{one},{one},{one}]"), "an array must have 1 to 2 objects"),
            ("[1]", "the body is neither a JSON object nor an array of objects"),
            ("1", "the body is neither a JSON object nor an array of objects"),
            (&*format!("[[{one}]]"), "the body is neither a JSON object nor an array of objects"),
            (r#"[{"name":"a","name":"b"}]"#, REPEATED),
            (r#"[{"name":"a"},{"nam":"b"}]"#, "there is an unknown member; there are name"),
            ("[{\"name\":\"a\\u0000\"}]", "a text must not hold a NUL"),
        ] {
            assert_eq!(read(text), Err(words.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_the_member_is_named() {
        let deep = format!(r#"{{"name":{}"#, "[".repeat(1000));
        for (text, words) in [
            ("", "the body is no JSON object"),
            ("[]", "the body is no JSON object"),
            (r#"{"name":"a"} x"#, "the body is no JSON object"),
            (&deep, "the body is no JSON object"),
            (r#"{"name":"a","name":"b"}"#, REPEATED),
            (
                r#"{"name":"a","nam":"b"}"#,
                "there is an unknown member; there are name, ip_allow, env, quota, parts",
            ),
            ("{}", "the member name is required"),
            (r#"{"name":1}"#, "the member name must be a string"),
            (r#"{"name":null}"#, "the member name must be a string"),
            (r#"{"name":"a","ip_allow":"x"}"#, "the member ip_allow must be an array of strings"),
            (r#"{"name":"a","env":"x"}"#, "the member env must be one of live, test or null"),
            (r#"{"name":"a","quota":1.5}"#, "the member quota must be a whole number"),
            (r#"{"name":"a","parts":[{}]}"#, "the member parts must be an array of objects"),
            ("{\"name\":\"a\\u0000\"}", "a text must not hold a NUL"),
        ] {
            assert_eq!(read(text).err().as_deref(), Some(words), "{text}");
        }
    }
}
