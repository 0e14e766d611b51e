//! Connection strings, as libpq itself reads them: whatever reads them otherwise judges another string than the one
//! that is connected with.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::ptr;

use pq_sys::{PQconninfoFree, PQconninfoParse, PQfreemem};

/// What a connection string says, in either of libpq's two forms. What it leaves open is not in here.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ConnectionString(BTreeMap<String, String>);

impl ConnectionString {
    /// `None`: nobody can connect with it, or a piece of the password has been taken for something else.
    pub fn parse(text: &str) -> Option<Self> {
        let said = Self(options(&CString::new(text).ok()?)?);
        let ports = said.get("port").unwrap_or_default();
        let are_ports = ports.split(',').all(|port| port.is_empty() || port.parse::<u16>().is_ok());
        (are_ports && !is_cut_short(text)).then_some(said)
    }

    /// What it says of this, if anything; of several times the last.
    pub fn get(&self, keyword: &str) -> Option<&str> {
        self.0.get(keyword).map(String::as_str)
    }
}

/// Whether a URL has an `@` behind the one that ends its password: then that one was part of the password.
fn is_cut_short(text: &str) -> bool {
    let Some((_, rest)) =
        text.split_once("://").filter(|(scheme, _)| ["postgres", "postgresql"].contains(scheme))
    else {
        return false;
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.split('?').next().unwrap_or_default();
    authority.matches('@').count() > 1 || path.contains('@')
}

/// What libpq reads out of it.
#[allow(unsafe_code)]
fn options(text: &CStr) -> Option<BTreeMap<String, String>> {
    let mut complaint = ptr::null_mut();
    // SAFETY: both pointers are valid for the call. What libpq answers is ours to free, and is null on failure.
    let first = unsafe { PQconninfoParse(text.as_ptr(), &raw mut complaint) };
    // SAFETY: the complaint is libpq's own or null, and nobody reads it: it may quote a password.
    unsafe { PQfreemem(complaint.cast()) };
    if first.is_null() {
        return None;
    }
    // SAFETY: libpq ends the list with an option without a keyword.
    let listed = (0..).map(|at| unsafe { &*first.add(at) }).take_while(|option| !option.keyword.is_null());
    // SAFETY: libpq's texts end with NUL.
    let text = |at: *const c_char| unsafe { CStr::from_ptr(at) }.to_string_lossy().into_owned();
    let said = listed.filter(|option| !option.val.is_null());
    let said = said.map(|option| (text(option.keyword), text(option.val))).collect();
    // SAFETY: it came from `PQconninfoParse`, and what is kept of it was copied.
    unsafe { PQconninfoFree(first) };
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::ConnectionString;

    #[test]
    fn it_is_read_as_libpq_does() {
        for (text, keyword, value) in [
            ("postgres://u:p@one:5432,two:5433/g", "host", Some("one,two")),
            ("postgres://u:p@one:5432,two:5433/g", "port", Some("5432,5433")),
            ("postgres://u@%2Frun%2Fpg/g", "host", Some("/run/pg")),
            ("postgres://u:p%40q%2F@[::1]/g", "password", Some("p@q/")),
            ("postgresql:///g?sslmode=verify-full&sslmode=disable", "sslmode", Some("disable")),
            ("postgresql:///g", "host", None),
            ("host = 'a b' host=c password='it\\'s'", "host", Some("c")),
            ("host = 'a b' host=c password='it\\'s'", "password", Some("it's")),
            ("host=''", "host", Some("")),
            ("", "host", None),
        ] {
            let read = ConnectionString::parse(text).unwrap_or_else(|| panic!("{text} is refused"));
            assert_eq!(read.get(keyword), value, "{keyword} of {text}");
        }
    }

    /// A password that is not quoted ends early, and what is left of it is taken for a host, a port or a name.
    #[test]
    fn what_libpq_cannot_read_or_would_read_wrongly_is_refused() {
        for text in [
            "hidden",
            "mysql://u:hidden@127.0.0.1/g",
            "host=h password=hid den",
            "postgres://h/g?colour=red",
            "postgres://u:hid/den@h/g",
            "postgres://u:12/den@h/g",
            "postgres://u:hid@den@h/g",
            "postgres://u:hid@de/n@h/g",
            "postgres://u:hid@12:34@h/g",
            "postgres://h:port/g",
            "host=h\0 port=1",
        ] {
            assert_eq!(ConnectionString::parse(text), None, "{text}");
        }
    }
}
