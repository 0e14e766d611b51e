//! The way to the database: whether it stays on this machine, or is under TLS that is checked. In doubt it is not.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::platform::db::ConnectionString;

/// What the settings and the environment make of the way to the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Nobody else can read along.
    #[default]
    Safe,
    /// It leads to another machine, and nobody checks to which.
    Open,
    /// It would be safe, but for this variable, which libpq reads.
    LedAstray(&'static str),
    /// Nobody can tell, nor connect.
    Unreadable,
}

/// What libpq takes from its environment where the connection string is silent.
const VARIABLES: [(&str, &str); 2] = [("host", "PGHOST"), ("hostaddr", "PGHOSTADDR")];

impl Way {
    /// Of this `database.url`; none is the private Postgres, whose URL leaves nothing open.
    pub(super) fn of(url: &str, environment: &BTreeMap<String, String>) -> Self {
        if url.is_empty() {
            return Self::Safe;
        }
        let Some(said) = ConnectionString::parse(url) else { return Self::Unreadable };
        let variable = |name: &str| environment.get(name).map(String::as_str);
        // A service is a file that fills in what the string leaves open, before the environment does.
        let names_service = said.get("service").is_some();
        let service = variable("PGSERVICE").filter(|_| !names_service);
        let mode = said
            .get("sslmode")
            .or_else(|| variable("PGSSLMODE").filter(|_| !names_service && service.is_none()));
        if mode.is_some_and(|mode| ["verify-full", "verify-ca"].contains(&mode)) {
            return Self::Safe;
        }
        if names_service || !VARIABLES.iter().all(|(keyword, _)| are_here(said.get(keyword))) {
            return Self::Open;
        }
        if service.is_some() {
            return Self::LedAstray("PGSERVICE");
        }
        let leads_away =
            |(keyword, name): &&(&str, &str)| said.get(keyword).is_none() && !are_here(variable(name));
        VARIABLES.iter().find(leads_away).map_or(Self::Safe, |(_, name)| Self::LedAstray(name))
    }

    /// What is wrong with it, if anything is. `allow_plaintext`: that others read along is accepted.
    pub(super) fn complaint(self, allow_plaintext: bool) -> Option<String> {
        match self {
            Self::Safe => None,
            Self::Unreadable => Some(MALFORMED.to_owned()),
            Self::Open | Self::LedAstray(_) if allow_plaintext => None,
            Self::Open => Some(OPEN.to_owned()),
            Self::LedAstray(variable) => Some(format!(
                "{variable} in the environment may lead the way to the database to another machine without TLS: unset it, \
                 and name the host in database.url; or set database.allow_plaintext"
            )),
        }
    }
}

const OPEN: &str = "database.url names another machine without TLS: use sslmode=verify-full with a binary built with the \
                    feature pg-tls, or set database.allow_plaintext";
const MALFORMED: &str = "database.url cannot be understood: write it as postgres://role:password@host:5432/database, \
                         with %40 for @, %2F for /, %3A for :, %3F for ? and %23 for # in the password";

/// Whether each host of a list is this machine; one that is not named is.
fn are_here(hosts: Option<&str>) -> bool {
    hosts.unwrap_or_default().split(',').all(|host| {
        host.is_empty()
            || host.starts_with('/')
            || host == "localhost"
            || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(url: &str, environment: &[(&str, &str)]) -> Way {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Way::of(url, &environment.iter().map(own).collect())
    }

    #[test]
    fn every_host_must_be_here_or_checked() {
        for (url, expected) in [
            ("", Way::Safe),
            ("postgres:///g", Way::Safe),
            ("postgres://u@127.0.0.1,localhost/g", Way::Safe),
            ("postgres://u@[::1]:5432/g", Way::Safe),
            ("host=/run/pg", Way::Safe),
            ("postgres://u@one.example,two.example/g?sslmode=verify-full", Way::Safe),
            ("postgres:///g?sslmode=disable&sslmode=verify-ca&host=one.example", Way::Safe),
            ("postgres://u:p@one.example:5432,two.example:5432/g", Way::Open),
            ("postgres://u@localhost:5432,two.example:5432/g", Way::Open),
            ("postgres://u@localhost/g?hostaddr=192.0.2.1", Way::Open),
            ("postgres://u@localhost/g?host=two.example", Way::Open),
            ("postgres://one.example/g?sslmode=verify-full&sslmode=disable", Way::Open),
            ("host = one.example", Way::Open),
            ("service=other", Way::Open),
            ("service=other sslmode=verify-full", Way::Safe),
            ("hidden", Way::Unreadable),
        ] {
            assert_eq!(way(url, &[]), expected, "{url}");
        }
    }

    /// libpq takes from the environment what the string leaves open, and no more.
    #[test]
    fn the_environment_counts_as_far_as_libpq_reads_it() {
        for (url, variable, value, expected) in [
            ("postgres:///g", "PGHOST", "db.example", Way::LedAstray("PGHOST")),
            ("postgres:///g", "PGHOST", "/run/pg", Way::Safe),
            ("postgres://localhost/g", "PGHOST", "db.example", Way::Safe),
            ("postgres://localhost/g", "PGHOSTADDR", "192.0.2.1", Way::LedAstray("PGHOSTADDR")),
            ("postgres://localhost/g", "PGSERVICE", "other", Way::LedAstray("PGSERVICE")),
            ("postgres://localhost/g?sslmode=verify-full", "PGSERVICE", "other", Way::Safe),
            ("postgres://db.example/g", "PGSSLMODE", "verify-full", Way::Safe),
            ("postgres://db.example/g?sslmode=disable", "PGSSLMODE", "verify-full", Way::Open),
            ("service=other", "PGSSLMODE", "verify-full", Way::Open),
            ("", "PGHOST", "db.example", Way::Safe),
        ] {
            assert_eq!(way(url, &[(variable, value)]), expected, "{variable}={value} {url}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_even_where_plaintext_is_allowed() {
        assert_eq!(way("postgres://u:se@cret@h/g", &[]).complaint(true), Some(MALFORMED.to_owned()));
        for open in [Way::Open, Way::LedAstray("PGHOST")] {
            assert!(open.complaint(false).is_some() && open.complaint(true).is_none(), "{open:?}");
        }
        assert_eq!(Way::Safe.complaint(false), None);
    }
}
