//! Why the database did not do it: what kind of refusal it was, and why there is no connection, in words that say what to
//! do. libpq's own may quote the connection string, down to
//! pieces of a password that it took for something else, so only what is known to be harmless is passed on.

/// What an operator is told when the pool gave no connection in time; `said` is r2d2's text, with libpq's in it if an
/// attempt to connect has ended.
pub(super) fn of_pool(said: &str, is_connected: bool) -> String {
    let said = said.trim_start_matches("timed out waiting for connection").trim_start_matches(':').trim();
    match (said.is_empty(), is_connected) {
        (false, _) => words(said),
        (true, true) => "no connection to the database became free in time".to_owned(),
        (true, false) => SILENT.to_owned(),
    }
}

/// The attempts to connect last longer than the pool waits for them.
const SILENT: &str =
    "the database does not answer: correct the host in database.url, or open the way (a firewall?)";

/// What an operator is told of a failed attempt to connect; `said` is libpq's text.
pub(super) fn words(said: &str) -> String {
    let said = said.trim();
    let first = said.lines().next().unwrap_or_default();
    match KNOWN.iter().find(|(signs, _)| signs.iter().all(|sign| said.contains(sign))) {
        _ if !is_harmless(first) => MALFORMED.to_owned(),
        Some((_, advice)) => format!("the database cannot be reached: {first}. {advice}"),
        None => format!("the database cannot be reached: {first}"),
    }
}

const MALFORMED: &str = "database.url cannot be understood: write it as postgres://role:password@host:5432/database, \
                         with %40 for @, %2F for /, %3A for :, %3F for ? and %23 for # in the password";

/// Pieces of libpq's words that come together, and what helps then. The first that fits is told.
const KNOWN: [(&[&str], &str); 13] = [
    (
        &["Connection refused"],
        "Nothing listens there: start Postgres, or correct host and port in database.url.",
    ),
    (&["No such file"], "No Postgres has its socket there: start it, or correct the host in database.url."),
    (&["could not translate host name"], "No machine has that name: correct the host in database.url."),
    (
        &["timeout expired"],
        "It does not answer: correct the host in database.url, or open the way (a firewall?).",
    ),
    (
        &["password authentication failed"],
        "Correct role and password in database.url, or set it: ALTER ROLE … PASSWORD '…'.",
    ),
    (
        &["no password supplied"],
        "Postgres asks for one: put it into database.url, or that into a file named by GRANTOR_DATABASE__URL_FILE.",
    ),
    (
        &["Peer authentication failed"],
        "The system's user and the role must have one name: connect by TCP (host 127.0.0.1) with a password, or \
         change Postgres's pg_hba.conf.",
    ),
    (&["no pg_hba.conf entry"], "Postgres lets nobody in this way: add a line to its pg_hba.conf."),
    (
        &["role ", "does not exist"],
        "Make it: CREATE ROLE … LOGIN PASSWORD '…'; or correct the role in database.url.",
    ),
    (
        &["database ", "does not exist"],
        "Make it: CREATE DATABASE … OWNER …, then run `grantor migrate`; or correct its name in database.url.",
    ),
    (&["permission denied for database"], "Let the role in: GRANT CONNECT ON DATABASE … TO …."),
    (
        &["SSL support is not"],
        "This binary has no TLS to Postgres: `cargo build --release --features pg-tls` has.",
    ),
    (&["too many"], "Raise max_connections of Postgres, or lower database.connections of its users."),
];

/// Whether a line of libpq's names only addresses, roles and databases. What stands before the host of a malformed
/// URL may be taken for a part of it; that shows by its `@`.
fn is_harmless(line: &str) -> bool {
    const HARMLESS: [&str; 5] = [
        "connection to server ",
        "could not translate host name ",
        "sslmode value ",
        "could not send ",
        "server closed the connection",
    ];
    HARMLESS.iter().any(|start| line.starts_with(start)) && !line.contains('@')
}

/// Has Postgres speak the language in which its refusals are told apart here: Diesel passes their words on, and not their
/// codes.
pub(super) const SPEAK_PLAINLY: &str = "SELECT set_config('lc_messages', 'C', false) \
     WHERE current_setting('lc_messages') !~* '^(c|c[.].*|posix|en.*)$'";

/// The connection is gone.
pub(super) fn is_lost(message: &str) -> bool {
    const LOST: [&str; 9] = [
        "terminating connection",
        "server closed the connection",
        "connection to server",
        "no connection to the server",
        "connection not open",
        "could not receive data",
        "could not send data",
        "SSL connection has been closed",
        "the database system is",
    ];
    LOST.iter().any(|words| message.contains(words))
}

/// The connection lives, and the same statement may succeed later: somebody was in the way, or something ran out.
pub(super) fn is_passing(message: &str) -> bool {
    const PASSING: [&str; 15] = [
        "canceling statement due to",
        "deadlock detected",
        "lock timeout",
        "No space left on device",
        "Disk quota exceeded",
        "could not extend file",
        "could not write to file",
        "could not write block",
        "temporary file size exceeds",
        "out of memory",
        "out of shared memory",
        "could not resize shared memory",
        "too many clients",
        "too many connections",
        "remaining connection slots",
    ];
    PASSING.iter().any(|words| message.contains(words))
}

/// It lies in a value, and the same value will never do: a data exception (class 22).
pub(super) fn is_of_the_values(message: &str) -> bool {
    const VALUES: [&str; 7] = [
        "value too long",
        "out of range",
        "invalid byte sequence",
        "invalid input syntax",
        "unsupported Unicode escape sequence",
        "cannot be converted to text",
        "index row size",
    ];
    VALUES.iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_will_never_do() {
        assert!(is_lost("FATAL: terminating connection due to administrator command"));
        for words in [
            "canceling statement due to statement timeout",
            "canceling statement due to user request",
            "could not extend file \"base/1/2\": No space left on device",
            "out of memory",
        ] {
            assert!(is_passing(words) && !is_of_the_values(words), "{words}");
        }
        for words in ["value too long for type character varying(8)", "integer out of range"] {
            assert!(is_of_the_values(words) && !is_passing(words), "{words}");
        }
        let words = "relation does not exist";
        assert!(!is_lost(words) && !is_passing(words) && !is_of_the_values(words));
    }

    #[test]
    fn a_known_failure_says_what_helps() {
        let said = "timed out waiting for connection: connection to server at \"127.0.0.1\", port 1 failed: \
                    Connection refused\n\tIs the server running on that host?\n";
        assert_eq!(
            of_pool(said, false),
            "the database cannot be reached: connection to server at \"127.0.0.1\", port 1 failed: Connection \
             refused. Nothing listens there: start Postgres, or correct host and port in database.url."
        );
        let said = "connection to server on socket \"/run/.s.PGSQL.5432\" failed: FATAL:  the sky fell";
        assert_eq!(words(said), format!("the database cannot be reached: {said}"));
    }

    /// libpq's and Postgres's own words, and the beginning of what is advised.
    #[test]
    fn each_known_failure_has_advice_of_its_own() {
        for (said, advice) in [
            ("FATAL:  password authentication failed for user \"u\"", "Correct role and password"),
            ("fe_sendauth: no password supplied", "Postgres asks for one"),
            ("FATAL:  Peer authentication failed for user \"u\"", "The system's user"),
            (
                "FATAL:  no pg_hba.conf entry for host \"192.0.2.1\", user \"u\", database \"g\", no encryption",
                "Postgres lets nobody in",
            ),
            ("FATAL:  role \"u\" does not exist", "Make it: CREATE ROLE"),
            ("FATAL:  database \"g\" does not exist", "Make it: CREATE DATABASE"),
            ("FATAL:  permission denied for database \"g\"", "Let the role in"),
            ("FATAL:  sorry, too many clients already", "Raise max_connections"),
            ("FATAL:  too many connections for role \"u\"", "Raise max_connections"),
            ("timeout expired", "It does not answer"),
            (
                "No such file or directory\n\tIs the server running locally?",
                "No Postgres has its socket there",
            ),
        ] {
            let words = words(&format!("connection to server at \"192.0.2.1\", port 5432 failed: {said}"));
            assert!(words.contains(&format!(". {advice}")), "{said}: {words}");
        }
    }

    /// All of these are libpq's own answers to a URL with the password `sec/ret`, `se@cret`, or one unquoted.
    #[test]
    fn a_piece_of_a_password_is_not_repeated() {
        for said in [
            "invalid integer value \"sec\" for connection option \"port\"",
            "could not translate host name \"cret@127.0.0.1\" to address: Name or service not known",
            "missing \"=\" after \"secret\" in connection info string",
        ] {
            assert_eq!(of_pool(&format!("timed out waiting for connection: {said}\n"), false), MALFORMED);
        }
    }

    #[test]
    fn a_pool_that_is_busy_is_told_from_a_database_that_is_silent() {
        let said = "timed out waiting for connection";
        assert_eq!(of_pool(said, true), "no connection to the database became free in time");
        assert_eq!(of_pool(said, false), SILENT);
    }
}
