//! One Postgres for a whole run, and a database for each test, cloned from a migrated template.
//!
//! The tests may be processes of their own, so the first one starts the cluster, under a file lock, and a
//! keeper ends it when the runner (the tests' parent) has ended. The cluster is the one that `grantor serve`
//! owns: what is tested is what users run.

use std::fs::File;
use std::os::unix::process::{CommandExt as _, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use grantor::platform::db;
use grantor::platform::private_postgres::{PrivatePostgres, Settings};

use super::app::{self, START};

const TEMPLATE: &str = "template_grantor";

/// A database that is gone when the test is over.
pub struct Database {
    pub url: String,
    name: String,
    maintenance: String,
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Ok(mut connection) = db::connect(&self.maintenance) {
            let _ = connection.batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        }
    }
}

/// A fresh, migrated database with the people and services every test knows.
pub fn database() -> Database {
    let cluster = cluster();
    let name = format!("t_{}", uuid::Uuid::now_v7().simple());
    let maintenance = url_of(&cluster, "postgres");
    let mut connection = db::connect(&maintenance).expect("the test cluster");
    connection
        .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
        .expect("a database from the template");
    Database { url: url_of(&cluster, &name), name, maintenance }
}

/// A Postgres of a test's own, which it may stop and kill; with fsync, as users run it.
pub fn private_cluster(dir: &Path) -> PrivatePostgres {
    let mut settings = Settings::new(dir);
    settings.search_path = std::env::var_os("PATH");
    let postgres = PrivatePostgres::open(&settings).expect("a Postgres of its own");
    db::create_database(&postgres.maintenance_url(), "grantor").expect("a database");
    db::migrate(&postgres.url()).expect("migrations");
    let mut connection = db::connect(&postgres.url()).expect("its database");
    db::make_partitions(&mut connection, START.date_naive()).expect("partitions");
    drop(connection);
    app::furnish(&postgres.url());
    postgres
}

fn url_of(cluster: &Path, database: &str) -> String {
    format!("postgresql:///{database}?host={}&user=grantor", cluster.join("run").display())
}

/// The directory of this run's cluster, started if need be.
fn cluster() -> PathBuf {
    let root = std::env::temp_dir().join(format!("grantor-tests-{}", parent_id()));
    std::fs::create_dir_all(&root).expect("a directory for the run");
    open_to_all(&root);
    let lock = File::create(root.join("lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let data = root.join("pg");
    if !root.join("ready").exists() {
        start(&root, &data);
        furnish_template(&data);
        std::fs::write(root.join("ready"), "").expect("a mark");
    }
    data
}

/// Postgres may run as another user than the tests.
fn open_to_all(dir: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).expect("permissions");
}

/// A keeper in a session of its own: runs the server that owns the cluster, and ends both with the runner.
#[allow(clippy::zombie_processes, reason = "the keeper outlives this process, and ends by itself")]
fn start(root: &Path, data: &Path) {
    const KEEPER: &str = r#"
        "$GRANTOR" serve > "$ROOT/log" 2>&1 &
        server=$!
        while kill -0 "$RUNNER" 2>/dev/null && kill -0 "$server" 2>/dev/null; do sleep 0.5; done
        kill "$server" 2>/dev/null; wait "$server"
        rm -rf "$ROOT"
    "#;
    let mut keeper = Command::new("sh");
    keeper
        .args(["-c", KEEPER])
        .env("GRANTOR", env!("CARGO_BIN_EXE_grantor"))
        .env("ROOT", root)
        .env("RUNNER", parent_id().to_string())
        .env("GRANTOR_DATABASE__DATA_DIR", data)
        .env("GRANTOR_SERVER__FRONT", "127.0.0.1:0")
        .env("GRANTOR_SERVER__OPS", "")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    keeper.spawn().expect("the keeper");
    let started = Instant::now();
    let log = || std::fs::read_to_string(root.join("log")).unwrap_or_default();
    while !log().contains("Grantor serves") {
        assert!(started.elapsed() < Duration::from_secs(60), "the cluster did not start: {}", log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn furnish_template(data: &Path) {
    let maintenance = url_of(data, "postgres");
    let mut connection = db::connect(&maintenance).expect("the test cluster");
    for statement in [
        // A test that loses its data loses nothing.
        "ALTER SYSTEM SET fsync = off",
        "ALTER SYSTEM SET full_page_writes = off",
        "ALTER SYSTEM SET autovacuum = off",
        "SELECT pg_reload_conf()",
        &format!("CREATE DATABASE {TEMPLATE}"),
    ] {
        connection.batch_execute(statement).expect(statement);
    }
    let template = url_of(data, TEMPLATE);
    db::migrate(&template).expect("migrations");
    let mut connection = db::connect(&template).expect("the template");
    db::make_partitions(&mut connection, START.date_naive()).expect("partitions");
    drop(connection);
    app::furnish(&template);
}
