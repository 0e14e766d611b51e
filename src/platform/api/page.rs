//! Pages: so many at once, and where the next begins.
//!
//! A cursor says only behind which row to go on; whose rows are seen is asked anew at every page. It is bound to the
//! caller and the listing, so that an edited one, or another's, is refused and not misread.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::kernel::{Denial, PrincipalId};
use crate::platform::api::{By, Filters};
use crate::platform::form::Params;
use crate::platform::problem::ProblemFace;

const USUAL: usize = 50;
const MOST: usize = 200;
/// Characters that a cursor has at most.
const LONGEST: usize = 1024;
const SEAL: usize = 12;

/// Which page is asked for.
#[derive(Clone, Debug)]
pub struct PageQuery {
    /// How many rows.
    pub limit: usize,
    /// Behind which row; the first page, if none.
    pub after: Option<String>,
    /// The filters, as they came.
    pub filters: Filters,
    bound_to: String,
}

/// One page.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    data: Vec<T>,
    next_cursor: Option<String>,
}

impl PageQuery {
    fn read(query: &str, path: &str, caller: PrincipalId) -> Result<Self, Denial> {
        let params = Params::parse(query.as_bytes())?;
        let limit = match params.get("limit") {
            None => USUAL,
            Some(typed) => read_limit(typed)?,
        };
        let filters = without_paging(&params);
        let bound_to = format!("{caller} {path} {filters}");
        let after = params.get("cursor").map(|cursor| opened(cursor, &bound_to)).transpose()?;
        Ok(Self { limit, after, filters: Filters(params), bound_to })
    }

    /// How many rows to load: one more than are shown tells whether there are more.
    pub fn to_load(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(0) + 1
    }

    /// The page of rows that were loaded so; `place` says behind which the next page goes on.
    pub fn of<T, U>(&self, mut rows: Vec<T>, place: impl Fn(&T) -> String, show: impl Fn(T) -> U) -> Page<U> {
        let has_more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let last = rows.last().filter(|_| has_more).map(place);
        let next_cursor = last.map(|place| sealed(&place, &self.bound_to));
        Page { data: rows.into_iter().map(show).collect(), next_cursor }
    }

    /// The page of rows that are all there; they come in the order of their places.
    pub fn of_all<T, U>(
        &self,
        mut rows: Vec<T>,
        place: impl Fn(&T) -> String,
        show: impl Fn(T) -> U,
    ) -> Page<U> {
        rows.sort_by_cached_key(&place);
        let is_later = |row: &T| self.after.as_ref().is_none_or(|after| place(row) > *after);
        let rows: Vec<T> = rows.into_iter().filter(is_later).take(self.limit + 1).collect();
        self.of(rows, place, show)
    }
}

fn read_limit(typed: &str) -> Result<usize, Denial> {
    let number = typed.bytes().all(|byte| byte.is_ascii_digit()).then(|| typed.parse().ok()).flatten();
    number.filter(|number| (1..=MOST).contains(number)).ok_or(Denial::Unfit(format!("limit is 1 to {MOST}")))
}

/// The query without what moves through it.
fn without_paging(params: &Params) -> String {
    let encoded = params.encoded();
    let is_filter = |pair: &&str| !pair.starts_with("limit=") && !pair.starts_with("cursor=");
    encoded.split('&').filter(is_filter).collect::<Vec<_>>().join("&")
}

fn seal(place: &str, bound_to: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in ["grantor cursor", bound_to, place] {
        hash.update(part);
        hash.update([0]);
    }
    hash.finalize().into_iter().take(SEAL).collect()
}

fn sealed(place: &str, bound_to: &str) -> String {
    URL_SAFE_NO_PAD.encode([seal(place, bound_to).as_slice(), place.as_bytes()].concat())
}

fn opened(cursor: &str, bound_to: &str) -> Result<String, Denial> {
    let open = || {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (own, place) = bytes.split_at_checked(SEAL)?;
        let place = std::str::from_utf8(place).ok()?;
        (own == seal(place, bound_to)).then(|| place.to_owned())
    };
    let place = if cursor.len() <= LONGEST { open() } else { None };
    place.ok_or_else(|| Denial::Unfit("the cursor is none of this listing's".to_owned()))
}

impl FromRequest for PageQuery {
    type Error = ProblemFace;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ProblemFace>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let caller = By::from_request(&request, payload);
        Box::pin(async move {
            let By(caller) = caller.await?;
            Ok(Self::read(request.query_string(), request.path(), caller.principal)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str, caller: u128) -> Result<PageQuery, Denial> {
        PageQuery::read(text, "/api/v1/keys", PrincipalId::from_uuid(uuid::Uuid::from_u128(caller)))
    }

    fn numbers(query: &PageQuery) -> (Vec<u32>, Option<String>) {
        let page = query.of_all((10..20).collect(), ToString::to_string, |number: u32| number);
        (page.data, page.next_cursor)
    }

    #[test]
    fn pages_follow_each_other_without_gap_and_without_overlap() {
        let (first, cursor) = numbers(&query("limit=4", 1).unwrap());
        let next = query(&format!("limit=5&cursor={}", cursor.unwrap()), 1).unwrap();
        let (second, cursor) = numbers(&next);
        let (third, end) = numbers(&query(&format!("cursor={}", cursor.unwrap()), 1).unwrap());
        assert_eq!([first, second, third].concat(), (10..20).collect::<Vec<_>>());
        assert_eq!(end, None);
    }

    #[test]
    fn s05_a_cursor_is_of_one_caller_and_one_listing() {
        let (_, cursor) = numbers(&query("limit=4&owner=a", 1).unwrap());
        let cursor = cursor.unwrap();
        let with =
            |cursor: &str, rest: &str, caller| query(&format!("cursor={cursor}{rest}"), caller).is_ok();
        assert!(with(&cursor, "&owner=a", 1) && with(&cursor, "&owner=a&limit=9", 1));
        assert!(!with(&cursor, "&owner=a", 2) && !with(&cursor, "&owner=b", 1) && !with(&cursor, "", 1));
        let edited = format!("{}A", cursor.get(..cursor.len() - 1).unwrap());
        for bad in [edited.as_str(), "x", "AAAA", &"A".repeat(2000), "'; DROP TABLE keys; --"] {
            assert!(bad == cursor || !with(bad, "&owner=a", 1), "{bad}");
        }
    }

    #[test]
    fn s05_a_page_has_1_to_200_rows() {
        for good in ["limit=1", "limit=200", ""] {
            assert!(query(good, 1).is_ok(), "{good}");
        }
        for bad in ["limit=0", "limit=201", "limit=1e9", "limit=-1", "limit=+1", "limit=99999999999999999999"]
        {
            assert!(query(bad, 1).is_err(), "{bad}");
        }
    }
}
