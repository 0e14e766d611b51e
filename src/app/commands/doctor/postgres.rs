//! The server behind the database: what it is, what it promises, and how much of it is ours.

use super::finding::{Finding, size};
use crate::platform::db::ServerFacts;

/// The oldest Postgres that is tested.
const OLDEST: i32 = 15;
/// Connections that commands and maintenance want beside the pool's.
const BESIDE: i64 = 3;

/// Judges what it said of itself. `wanted`: connections of the pool.
pub(super) fn check(facts: &ServerFacts, is_private: bool, wanted: i64) -> Vec<Finding> {
    let mut findings = vec![server(facts, is_private), durability(facts)];
    // Our own has one role, which is its superuser.
    if !is_private {
        findings.push(role(facts));
    }
    findings.push(connections(facts, wanted));
    findings.extend(language(&facts.language));
    findings
}

fn server(facts: &ServerFacts, is_private: bool) -> Finding {
    let kind = if is_private { "private" } else { "outside" };
    let (major, minor) = (facts.version / 10_000, facts.version % 10_000);
    let what = format!(
        "{kind}, Postgres {major}.{minor}, {}, {}",
        facts.encoding,
        size(u64::try_from(facts.bytes).unwrap_or_default())
    );
    let problem = if major < OLDEST {
        "Grantor needs 15 or newer"
    } else if facts.encoding != "UTF8" {
        "names of people need UTF8: make the database anew WITH ENCODING 'UTF8' TEMPLATE template0"
    } else if facts.is_standby {
        "it is a standby, which cannot be written: let database.url name the primary"
    } else {
        return Finding::ok("database", what);
    };
    Finding::bad("database", format!("{what}: {problem}"))
}

/// What an app was told is true must be so after the power failed.
fn durability(facts: &ServerFacts) -> Finding {
    let settings = [
        ("fsync", &facts.fsync),
        ("synchronous_commit", &facts.synchronous_commit),
        ("full_page_writes", &facts.full_page_writes),
    ];
    let off: Vec<&str> =
        settings.into_iter().filter(|(_, value)| *value == "off").map(|(name, _)| name).collect();
    if off.is_empty() {
        return Finding::ok("durability", "what is committed is on disk");
    }
    let off = off.join(" and ");
    Finding::bad(
        "durability",
        format!(
            "{off} off: what was answered may be lost, and what was revoked come back. Turn on {off} in Postgres"
        ),
    )
}

/// What its refusals mean, its words tell.
fn language(language: &str) -> Option<Finding> {
    let is_plain = matches!(language, "C" | "POSIX") || language.starts_with("C.");
    if is_plain || language.to_ascii_lowercase().starts_with("en") {
        return None;
    }
    let words = format!(
        "Postgres speaks {language}, and our role may not change that: some passing refusals are taken for defects. Set \
         lc_messages = 'C' there, or GRANT SET ON PARAMETER lc_messages to our role"
    );
    Some(Finding::warn("language", words))
}

fn role(facts: &ServerFacts) -> Finding {
    if facts.is_superuser {
        return Finding::warn(
            "role",
            "we connect as a superuser, who may do anything to the whole server: a role that owns the database is enough",
        );
    }
    Finding::ok("role", "no superuser")
}

fn connections(facts: &ServerFacts, wanted: i64) -> Finding {
    let allowed = facts.connections;
    if wanted > allowed {
        return Finding::bad(
            "connections",
            format!(
                "database.connections is {wanted}, and Postgres allows us {allowed}: lower it, or raise theirs"
            ),
        );
    }
    if wanted + BESIDE > facts.free {
        return Finding::warn(
            "connections",
            format!(
                "database.connections is {wanted}, and of the {allowed} that Postgres allows us {} are free: with those \
                 of commands it may be too many",
                facts.free
            ),
        );
    }
    Finding::ok("connections", format!("{wanted} at most, of {allowed}"))
}

#[cfg(test)]
mod tests {
    use super::language;

    #[test]
    fn a_language_that_is_not_understood_is_told() {
        for plain in ["C", "C.UTF-8", "POSIX", "en_GB.UTF-8", "English_United States.1252"] {
            assert_eq!(language(plain), None, "{plain}");
        }
        assert!(
            language("cs_CZ.UTF-8").is_some_and(|found| found.words.starts_with("Postgres speaks cs_CZ"))
        );
        assert!(language("").is_some());
    }
}
