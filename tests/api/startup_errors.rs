//! What a newcomer reads who starts it wrongly: each says what happened and what to do.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use crate::commands::{Grantor, over_a_database};
use crate::support::{Node, Scratch, database};

#[test]
fn a_file_of_settings_that_cannot_be_read_says_where_and_why() {
    let scratch = Scratch::new();
    let file = scratch.join("grantor.toml");
    let (database, _) = over_a_database();
    let grantor = Grantor::over(&database.url);
    let run = |text: &str| {
        std::fs::write(&file, text).expect("a file");
        grantor.run(&["user", "list", "--config", &file])
    };
    run("[tokens]\ncode_lifetime_s = 30\n").is_done();
    run("log = \"info\"\n[server\nworkers = 1\n").is_refused(&format!(
        "the settings cannot be used:\n  - {file}, line 2: unclosed table, expected `]`"
    ));
    // The line that is wrong may hold a password, so it is not shown.
    let said = run("[database]\nurl = \"postgres://u:hidden@h/g\n");
    assert!(said.err.contains("line 2: ") && !said.err.contains("hidden"), "{said:?}");

    let missing = scratch.join("nothing.toml");
    let words = format!(
        "the settings cannot be used:\n  - there is no file {missing}, which --config or GRANTOR_CONFIG names"
    );
    grantor.run(&["serve", "--config", &missing]).is_refused(&words);
    Grantor::with(&[("GRANTOR_CONFIG", &missing)]).run(&["user", "list"]).is_refused(&words);
}

#[test]
fn a_setting_that_is_not_known_is_told_with_the_nearest_that_is() {
    let scratch = Scratch::new();
    let file = scratch.join("grantor.toml");
    let text = "isuer = \"x\"\nfront = \"x\"\n[server]\nfronnt = \"x\"\ncolour = 3\n[databse]\nurl = \"x\"\n";
    std::fs::write(&file, text).expect("a file");
    Grantor::with(&[
        ("GRANTOR_SERVER_FRONT", "x"),
        ("GRANTOR_DATABASE__URI_FILE", "x"),
        ("GRANTOR_NAME", "x"),
    ])
    .run(&["serve", "--config", &file])
    .is_refused(
        "the settings cannot be used:\n  \
             - databse is no setting; did you mean database?\n  \
             - front is no setting; did you mean server.front?\n  \
             - isuer is no setting; did you mean issuer?\n  \
             - server.colour is no setting\n  \
             - server.fronnt is no setting; did you mean server.front?\n  \
             - GRANTOR_DATABASE__URI_FILE is no setting; did you mean GRANTOR_DATABASE__URL_FILE?\n  \
             - GRANTOR_NAME is no setting\n  \
             - GRANTOR_SERVER_FRONT is no setting; did you mean GRANTOR_SERVER__FRONT?",
    );
}

#[test]
fn a_value_that_is_not_understood_is_shown_with_one_that_would_be() {
    let wrong = [
        ("GRANTOR_SERVER__FRONT", "localhost:8080"),
        ("GRANTOR_SERVER__OPS", "9090"),
        ("GRANTOR_SERVER__TRUSTED_PROXIES", "127.0.0.1"),
    ];
    Grantor::with(&wrong).run(&["serve"]).is_refused(
        "the settings cannot be used:\n  \
         - server.front must be an IP address and a port, like 127.0.0.1:8080 or [::1]:8080; it is \"localhost:8080\"\n  \
         - server.ops must be an IP address and a port, like 127.0.0.1:8080 or [::1]:8080; it is \"9090\"\n  \
         - server.trusted_proxies must be networks like 10.0.0.0/8 or 127.0.0.1/32; one is \"127.0.0.1\"",
    );
    for (name, value, complaint) in [
        ("GRANTOR_SERVER__CONNECTIONS", "-4", "GRANTOR_SERVER__CONNECTIONS must be 0 or more"),
        ("GRANTOR_SERVER__WORKERS", "all", "GRANTOR_SERVER__WORKERS must be a whole number"),
        (
            "GRANTOR_LOG",
            "verbose",
            "log must be error, warn, info or debug, or say so of a module, as in info,grantor=debug",
        ),
        ("GRANTOR_ISSUER", "id.example.com", "issuer is not a URL: write it like https://id.example.com"),
        ("GRANTOR_SERVER__OPS", "127.0.0.1:8080", "server.ops must be another address than server.front"),
        (
            "GRANTOR_DATABASE__URL_FILE",
            "/nonexistent",
            "GRANTOR_DATABASE__URL_FILE names /nonexistent, which cannot be read: No such file or directory (os error 2)",
        ),
    ] {
        let said = Grantor::with(&[(name, value)]).run(&["serve"]);
        said.is_refused(&format!("the settings cannot be used:\n  - {complaint}"));
    }
    let (_database, grantor) = over_a_database();
    grantor.run(&["user", "list"]).is_done();
}

/// With the setting that names the port, and who has it.
#[test]
fn a_port_that_is_taken_says_by_whom_and_how_to_take_another() {
    let database = database();
    let node = Node::start(&[("GRANTOR_DATABASE__URL", &database.url)]);
    let stranger = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (ours, theirs) =
        (node.address.trim_start_matches("http://"), stranger.local_addr().expect("an address").to_string());
    // One that says nothing is hung up on, so as not to be waited for.
    std::thread::spawn(move || stranger.incoming().for_each(drop));
    for (at, who) in [(ours, "another Grantor"), (&theirs, "another program")] {
        let with_it = ", and the issuer (GRANTOR_ISSUER) with it";
        for (setting, variable, other, with_it) in [
            ("server.front", "GRANTOR_SERVER__FRONT", ("GRANTOR_SERVER__OPS", ""), with_it),
            ("server.ops", "GRANTOR_SERVER__OPS", ("GRANTOR_SERVER__FRONT", "127.0.0.1:0"), ""),
        ] {
            let settings = [
                ("GRANTOR_DATABASE__URL", database.url.as_str()),
                (variable, at),
                other,
                ("GRANTOR_LOG", "off"),
            ];
            Grantor::with(&settings).run(&["serve"]).is_refused(&format!(
                "cannot listen at {at} ({setting}): {who} listens there. Stop it, or set {setting} ({variable}) to \
                 another address{with_it}"
            ));
        }
    }
    let nowhere = [
        ("GRANTOR_DATABASE__URL", database.url.as_str()),
        ("GRANTOR_SERVER__FRONT", "192.0.2.1:8080"),
        ("GRANTOR_LOG", "off"),
    ];
    Grantor::with(&nowhere).run(&["serve"]).is_refused(
        "cannot listen at 192.0.2.1:8080 (server.front): this machine does not have that address. To fix it, set \
         server.front (GRANTOR_SERVER__FRONT) to another address, and the issuer (GRANTOR_ISSUER) with it",
    );
}

#[test]
fn a_database_that_is_not_there_says_what_to_make_or_mend() {
    let database = database();
    let name = database.url.split(['/', '?']).nth(3).expect("a name");
    let socket = database.url.split(['=', '&']).nth(1).expect("a directory");
    let run = |url: &str| Grantor::over(url).run(&["user", "list"]);
    run(&database.url).is_done();

    let at_socket = format!("connection to server on socket \"{socket}/.s.PGSQL.5432\" failed: FATAL: ");
    run(&database.url.replace(name, "nothing")).is_refused(&format!(
        "the database cannot be reached: {at_socket} database \"nothing\" does not exist. Make it: CREATE DATABASE … \
         OWNER …, then run `grantor migrate`; or correct its name in database.url."
    ));
    run(&database.url.replace("user=grantor", "user=stranger")).is_refused(&format!(
        "the database cannot be reached: {at_socket} role \"stranger\" does not exist. Make it: CREATE ROLE … LOGIN \
         PASSWORD '…'; or correct the role in database.url."
    ));
    run("postgres://u:hidden@127.0.0.1:1/g").is_refused(
        "the database cannot be reached: connection to server at \"127.0.0.1\", port 1 failed: Connection refused. \
         Nothing listens there: start Postgres, or correct host and port in database.url.",
    );
    for malformed in [
        "hidden",
        "mysql://u:hidden@127.0.0.1/g",
        "postgres://u:hid/den@127.0.0.1/g",
        "postgres://u:hid@de/n@127.0.0.1/g",
    ] {
        run(malformed).is_refused(
            "the settings cannot be used:\n  - database.url cannot be understood: write it as postgres://role:password@host:5432/database, with %40 for \
             @, %2F for /, %3A for :, %3F for ? and %23 for # in the password",
        );
    }
}

#[test]
fn a_data_directory_or_programs_that_cannot_be_used_say_what_to_do() {
    let scratch = Scratch::new();
    let (data_dir, file, foreign, bins) =
        (scratch.join("data"), scratch.join("file"), scratch.join("foreign"), scratch.join("bins"));
    let run = |data_dir: &str, bin_dir: &str| {
        let settings = [("GRANTOR_DATABASE__DATA_DIR", data_dir), ("GRANTOR_DATABASE__BIN_DIR", bin_dir)];
        Grantor::with(&settings).run(&["user", "list"])
    };
    std::fs::write(&file, "").expect("a file");
    run(&format!("{file}/data"), "").is_refused(&format!(
        "could not create {file}: File exists (os error 17); name another data directory (database.data_dir)"
    ));
    std::fs::create_dir(&foreign).expect("a directory");
    std::fs::write(format!("{foreign}/letter"), "mine").expect("a file");
    run(&foreign, "").is_refused(&format!(
        "{foreign} is not empty and holds no private Postgres: the data directory must be one of its own, which \
         Grantor may close to others; name a new or an empty one (database.data_dir)"
    ));
    let said = run(&data_dir, &scratch.join("nothing"));
    let words = "has no executable `postgres`: database.bin_dir must name the directory that holds both";
    assert!(said.code == 1 && said.err.contains(words), "{said:?}");

    // An `initdb` that fails is quoted.
    std::fs::create_dir(&bins).expect("a directory");
    for (name, does) in
        [("postgres", "echo 'postgres (PostgreSQL) 16.1'"), ("initdb", "echo 'initdb: no luck' >&2; exit 1")]
    {
        let program = format!("{bins}/{name}");
        std::fs::write(&program, format!("#!/bin/sh\n{does}\n")).expect("a program");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    run(&data_dir, &bins).is_refused(&format!(
        "`initdb` could not create the database in {data_dir}/pgdata; it says:\ninitdb: no luck"
    ));
    run(&data_dir, "").is_done();

    // And what another major version wrote is left alone.
    std::fs::write(format!("{data_dir}/pgdata/PG_VERSION"), "13\n").expect("a file");
    let said = run(&data_dir, "");
    let words =
        format!("grantor: the database in {data_dir}/pgdata belongs to PostgreSQL 13, but the server in ");
    assert!(said.code == 1 && said.err.starts_with(&words), "{said:?}");
    assert!(said.err.contains("`apt-get install postgresql-13`"), "{said:?}");
}

#[test]
fn a_second_server_over_one_directory_is_refused() {
    let scratch = Scratch::new();
    let data_dir = scratch.join("data");
    let settings = [("GRANTOR_DATABASE__DATA_DIR", data_dir.as_str())];
    let mut node = Node::start(&settings);
    Grantor::with(&settings).run(&["serve"]).is_refused(&format!(
        "another Grantor runs the private Postgres in {data_dir}: stop it first, or give this one a data directory of \
         its own (database.data_dir)"
    ));
    Grantor::with(&settings).run(&["user", "list"]).is_done();
    assert!(node.terminate().success());
}

/// Neither somebody else's variables nor a reader who leaves early end a command with a panic.
#[test]
fn an_odd_environment_and_a_reader_who_leaves_are_no_failures() {
    use std::os::unix::ffi::OsStrExt as _;
    let database = database();
    let mut child = Command::new(env!("CARGO_BIN_EXE_grantor"))
        .args(["service", "list"])
        .env("GRANTOR_DATABASE__URL", &database.url)
        .env("GRANTOR_CONFIG", "")
        .env("ODD", OsStr::from_bytes(b"\xff\xfe"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("its end");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
