//! HTTP Basic as clients authenticate with it: RFC 7617, with both halves form-encoded (RFC 6749 §2.3.1).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::kernel::secret::PlainSecret;

/// Longer than any id and secret of ours; what is longer is not decoded.
const MAX_BYTES: usize = 4096;

/// Some libraries leave the `=` off.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The header says Basic, but does not hold credentials: `invalid_client` (RFC 6749 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("malformed Basic credentials")]
pub struct MalformedBasic;

/// A client's claim of who it is, and its proof. The secret may be empty.
#[derive(Debug)]
pub struct BasicCredentials {
    /// The user half, decoded and not empty; not yet known to be a client of ours.
    pub client_id: String,
    /// The password half, decoded.
    pub secret: PlainSecret,
}

impl BasicCredentials {
    /// Reads the value of an `Authorization` header; `None` if it is of another scheme.
    pub fn parse(header_value: &str) -> Result<Option<BasicCredentials>, MalformedBasic> {
        let value = header_value.trim_matches(' ');
        let (scheme, encoded) = value.split_once(' ').unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("basic") {
            return Ok(None);
        }
        let encoded = encoded.trim_start_matches(' ');
        if encoded.len() > MAX_BYTES {
            return Err(MalformedBasic);
        }
        let decoded = Zeroizing::new(BASE64.decode(encoded).map_err(|_| MalformedBasic)?);
        let text = str::from_utf8(&decoded).map_err(|_| MalformedBasic)?;
        let (id, secret) = text.split_once(':').ok_or(MalformedBasic)?;
        let client_id = decode_half(id)?;
        if client_id.is_empty() {
            return Err(MalformedBasic);
        }
        Ok(Some(BasicCredentials { client_id, secret: PlainSecret::new(decode_half(secret)?) }))
    }
}

/// Form-decodes one half. One that is not validly encoded, such as `100%`, was evidently never encoded, as
/// many libraries do not: it is taken as it stands.
fn decode_half(half: &str) -> Result<String, MalformedBasic> {
    if half.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%' && byte != b'+') {
        return Ok(half.to_owned());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(half.len()));
    let mut pieces = half.split('%');
    bytes.extend(pieces.next().unwrap_or_default().bytes().map(plus_is_space));
    let mut validly_encoded = true;
    for piece in pieces {
        let hex = piece.get(..2).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        validly_encoded &= byte.is_some();
        bytes.extend(byte);
        bytes.extend(piece.bytes().skip(2).map(plus_is_space));
    }
    let text = if validly_encoded { str::from_utf8(&bytes).map_err(|_| MalformedBasic)? } else { half };
    if text.contains(char::is_control) { Err(MalformedBasic) } else { Ok(text.to_owned()) }
}

fn plus_is_space(byte: u8) -> u8 {
    if byte == b'+' { b' ' } else { byte }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose;
    use proptest::prelude::*;
    use url::form_urlencoded::byte_serialize;

    fn read(plain: &str) -> Result<(String, String), MalformedBasic> {
        let header = format!("Basic {}", general_purpose::STANDARD.encode(plain));
        let found = BasicCredentials::parse(&header)?.unwrap();
        Ok((found.client_id, found.secret.expose().to_owned()))
    }

    fn pair(id: &str, secret: &str) -> (String, String) {
        (id.to_owned(), secret.to_owned())
    }

    #[test]
    fn the_example_of_rfc_6749_section_2_3_1() {
        let found =
            BasicCredentials::parse("Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3").unwrap().unwrap();
        assert_eq!(
            (found.client_id.as_str(), found.secret.expose()),
            ("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw")
        );
    }

    #[test]
    fn another_scheme_is_not_ours_to_judge() {
        for other in ["", "Bearer abc", "DPoP x", "Basicx YTpi", "Bas"] {
            assert!(BasicCredentials::parse(other).unwrap().is_none(), "{other}");
        }
        for basic in ["basic YTpi", "BASIC  YTpi", "Basic YTo", "Basic YTo="] {
            assert!(BasicCredentials::parse(basic).unwrap().is_some(), "{basic}");
        }
    }

    #[test]
    fn t07_both_halves_are_form_decoded_and_unencoded_ones_taken_as_they_stand() {
        assert_eq!(read("a%3Ab:%3A%25%2B+%2F%C3%A9"), Ok(pair("a:b", ":%+ /é")));
        assert_eq!(read("a:100%"), Ok(pair("a", "100%")));
        assert_eq!(read("a:50%+x%zz:é"), Ok(pair("a", "50%+x%zz:é")));
        assert_eq!(read("a:"), Ok(pair("a", "")));
    }

    #[test]
    fn t08_what_holds_no_credentials_is_refused() {
        for bad in [
            "Basic",
            "Basic ",
            "Basic !!!!",
            "Basic YQ==",
            "Basic YTpi YTpi",
            "Basic é",
            "Basic YTpi,",
            "basic\u{20}=",
        ] {
            assert!(BasicCredentials::parse(bad).is_err(), "{bad}");
        }
        for bad in [":secret", "a\0:b", "a:b\n", "a%00:b", "a:%0d", "a:%ff", "%:%7f"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        assert!(BasicCredentials::parse(&format!("Basic {}", "YTpi".repeat(16_384))).is_err());
    }

    #[test]
    fn the_secret_is_not_printed() {
        assert!(!format!("{:?}", BasicCredentials::parse("Basic YTpodW50ZXIy")).contains("hunter2"));
    }

    proptest! {
        #[test]
        fn t07_whatever_is_form_encoded_comes_back(id in "\\PC{1,30}", secret in "\\PC{0,30}") {
            let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            prop_assert_eq!(read(&format!("{}:{}", encode(&id), encode(&secret))), Ok(pair(&id, &secret)));
        }

        #[test]
        fn t08_no_header_whatever_makes_it_panic(rest in ".{0,60}", plain in ".{0,60}") {
            let _ = BasicCredentials::parse(&format!("Basic {rest}"));
            let _ = read(&plain);
        }
    }
}
