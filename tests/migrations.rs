//! The migrations can be undone and done again, and `src/schema.rs` is what they make.

#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "in a test, to panic is to fail, and the world is real"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::{Array, Bool, Text};
use diesel::{QueryableByName, RunQueryDsl as _, sql_query};
use grantor::platform::db;
use grantor::platform::private_postgres::{PrivatePostgres, Settings};

/// A Postgres of this test's own, in a directory that goes with it.
struct Cluster {
    postgres: PrivatePostgres,
    dir: PathBuf,
}

impl Cluster {
    fn start() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let id = uuid::Uuid::now_v7().simple().to_string();
        let dir = std::env::temp_dir().join(format!("grantor-{}", &id[16..]));
        std::fs::create_dir(&dir).expect("a directory");
        // Postgres may run as another user.
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).expect("permissions");
        let mut settings = Settings::new(dir.join("data"));
        settings.search_path = std::env::var_os("PATH");
        settings.extra = vec![("fsync".to_owned(), "off".to_owned())];
        let postgres = PrivatePostgres::open(&settings).expect("a Postgres");
        Self { postgres, dir }
    }

    fn database(&self, name: &str) -> String {
        db::create_database(&self.postgres.maintenance_url(), name).expect("a database");
        self.postgres.url_of(name)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.postgres.stop();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// All that a migration can make, a line each: its own objects and the rows it puts in, not the system's.
const CATALOGUE: &str = "
    WITH own AS (SELECT oid, nspname FROM pg_namespace WHERE nspname IN ('public', 'partitions')),
    relation AS (
        SELECT c.*, own.nspname || '.' || c.relname AS name FROM pg_class c JOIN own ON own.oid = c.relnamespace
        WHERE c.relname NOT LIKE '\\_\\_diesel%')
    SELECT 'schema ' || nspname AS line FROM own
    UNION ALL SELECT format('relation %s %s %s %s', name, relkind, pg_get_partkeydef(oid),
                            pg_get_expr(relpartbound, oid)) FROM relation
    UNION ALL SELECT format('column %s.%s %s %s null=%s default=%s', name, attname, attnum,
                            format_type(atttypid, atttypmod), NOT attnotnull, pg_get_expr(d.adbin, d.adrelid))
        FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
    UNION ALL SELECT format('constraint %s.%s %s', name, conname, pg_get_constraintdef(k.oid))
        FROM relation r JOIN pg_constraint k ON k.conrelid = r.oid
    UNION ALL SELECT 'index ' || indexdef FROM pg_indexes JOIN own ON own.nspname = schemaname
        WHERE tablename NOT LIKE '\\_\\_diesel%'
    UNION ALL SELECT 'function ' || pg_get_functiondef(p.oid) FROM pg_proc p JOIN own ON own.oid = p.pronamespace
    UNION ALL SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid
        WHERE NOT t.tgisinternal
    UNION ALL SELECT format('type %s %s', t.typname, t.typtype) FROM pg_type t JOIN own ON own.oid = t.typnamespace
        WHERE t.typtype IN ('e', 'd', 'r')
    ORDER BY line";

fn lines(url: &str, query: &str) -> Vec<String> {
    let mut connection = db::connect(url).expect("a connection");
    let lines: Vec<Line> = sql_query(query).load(&mut connection).expect("the catalogue");
    lines.into_iter().map(|line| line.line).collect()
}

fn catalogue(url: &str) -> Vec<String> {
    lines(url, CATALOGUE)
}

fn plans(url: &str) -> Vec<String> {
    lines(url, "SELECT partition_plans::text AS line FROM partition_plans ORDER BY line")
}

/// Each migration's `down.sql` undoes its `up.sql` and no more, also when there are partitions and rows.
#[test]
fn up_down_and_up_again_makes_the_same() {
    let cluster = Cluster::start();
    let url = cluster.database("updown");
    let nothing = catalogue(&url);
    let migrated = db::migrate(&url).expect("up");
    assert_eq!(migrated.len(), migrations().len());
    let (first, first_plans) = (catalogue(&url), plans(&url));
    for kind in ["schema", "relation", "column", "constraint", "index", "function", "trigger"] {
        assert!(first.iter().any(|line| line.starts_with(kind)), "the catalogue shows no {kind}");
    }
    assert!(first_plans.len() >= 9, "{first_plans:?}");
    assert_eq!(db::migrate(&url).expect("up once more"), Vec::<String>::new());

    let today = NaiveDate::from_ymd_opt(2026, 11, 21).expect("a day");
    let mut connection = db::connect(&url).expect("a connection");
    assert!(db::make_partitions(&mut connection, today).expect("partitions") > 9);
    assert_eq!(db::make_partitions(&mut connection, today).expect("partitions"), 0);
    connection
        .batch_execute(
            "INSERT INTO principals VALUES (gen_random_uuid(), 'user', 'Ada', now());
             INSERT INTO events (occurred_at, id, kind, outcome, actor_kind)
                 VALUES ('2026-11-21 12:00Z', gen_random_uuid(), 'user.created', 'success', 'operator')",
        )
        .expect("rows");
    drop(connection);

    db::migrate_down(&url).expect("down");
    assert_eq!(catalogue(&url), nothing, "what is undone leaves nothing behind");
    db::migrate(&url).expect("up again");
    assert_eq!(catalogue(&url), first);
    assert_eq!(plans(&url), first_plans);
}

/// Whoever was there before there were accounts is one, with the first plan and a number; in the database of a
/// server that is in use the migration meets rows.
#[test]
fn who_was_there_before_accounts_is_one() {
    const ACCOUNTS: &str = "2026-11-21-001000_accounts_organizations";
    let cluster = Cluster::start();
    let url = cluster.database("before");
    let mut connection = db::connect(&url).expect("a connection");
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut up = |name: &str| {
        let text = std::fs::read_to_string(dir.join(name).join("up.sql")).expect("its text");
        connection.batch_execute(&text).expect(name);
    };
    migrations().iter().filter(|name| name.as_str() < ACCOUNTS).for_each(|name| up(name));
    db::connect(&url)
        .expect("a connection")
        .batch_execute(
            "INSERT INTO principals VALUES (gen_random_uuid(), 'user', 'Ada', '2026-11-20 12:00Z');
             INSERT INTO principals VALUES (gen_random_uuid(), 'client', 'Shop', '2026-11-21 12:00Z', now())",
        )
        .expect("rows");
    up(ACCOUNTS);
    let query = "SELECT format('%s %s %s %s %s', name, account_id = id, plan_id, updated_at = created_at, version) AS line
                 FROM principals WHERE num > 0 ORDER BY name";
    assert_eq!(lines(&url, query), ["Ada t free t 1", "Shop t free t 1"]);
}

/// Events may be older than the chain, or than its table: each month of them gets a place for its seals.
#[test]
fn months_of_before_the_chain_can_be_sealed() {
    const LEAVES: &str = "2026-11-21-001112_audit_leaves";
    let cluster = Cluster::start();
    let url = cluster.database("leaves");
    let mut connection = db::connect(&url).expect("a connection");
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut up = |name: &str| {
        let text = std::fs::read_to_string(dir.join(name).join("up.sql")).expect("its text");
        connection.batch_execute(&text).expect(name);
    };
    migrations().iter().filter(|name| name.as_str() < LEAVES).for_each(|name| up(name));
    let before = "SELECT make_partitions('2024-02-09'); DROP TABLE partitions.event_leaves_20240201; \
                  CREATE TABLE partitions.events_of_ada PARTITION OF events \
                      FOR VALUES FROM ('2020-01-01') TO ('2020-02-01')";
    db::connect(&url).expect("a connection").batch_execute(before).expect("a month of before");
    let months = "SELECT c.relname::text AS line FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
                  WHERE i.inhparent = 'event_leaves'::regclass ORDER BY line LIMIT 1";
    assert_eq!(lines(&url, months), ["event_leaves_20240301"], "the twin");
    up(LEAVES);
    assert_eq!(lines(&url, months), ["event_leaves_20240201"]);
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    sql_type: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
    #[diesel(sql_type = Array<Text>)]
    key: Vec<String>,
}

const COLUMNS: &str = "
    SELECT c.relname::text AS \"table\", a.attname::text AS \"name\",
           format_type(a.atttypid, NULL) AS sql_type, NOT a.attnotnull AS nullable,
           (SELECT array_agg(k.attname::text ORDER BY position) FROM pg_index i
              CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS part (attnum, position)
              JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = part.attnum
            WHERE i.indrelid = c.oid AND i.indisprimary) AS key
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname NOT LIKE '\\_\\_diesel%'
    ORDER BY c.relname, a.attnum";

/// How Diesel calls the types we use. Of an array's elements it never knows that none is null.
fn diesel_type(sql_type: &str) -> String {
    if let Some(element) = sql_type.strip_suffix("[]") {
        return format!("Array<Nullable<{}>>", diesel_type(element));
    }
    match sql_type {
        "bigint" => "Int8",
        "boolean" => "Bool",
        "bytea" => "Bytea",
        "character" => "Bpchar",
        "character varying" => "Varchar",
        "cidr" => "Cidr",
        "date" => "Date",
        "inet" => "Inet",
        "integer" => "Int4",
        "interval" => "Interval",
        "jsonb" => "Jsonb",
        "smallint" => "Int2",
        "text" => "Text",
        "timestamp with time zone" => "Timestamptz",
        "uuid" => "Uuid",
        other => panic!("this test does not know the type {other} yet"),
    }
    .to_owned()
}

/// A table's primary key and its columns in order, each with its type.
type Tables = BTreeMap<String, (String, Vec<String>)>;

fn tables_of_the_database(url: &str) -> Tables {
    let mut connection = db::connect(url).expect("a connection");
    let columns: Vec<Column> = sql_query(COLUMNS).load(&mut connection).expect("the columns");
    let mut tables = Tables::new();
    for column in columns {
        let plain = diesel_type(&column.sql_type);
        let typed = if column.nullable { format!("Nullable<{plain}>") } else { plain };
        let table = tables.entry(column.table).or_insert((column.key.join(", "), Vec::new()));
        table.1.push(format!("{} -> {typed}", column.name));
    }
    tables
}

fn tables_of_the_source(text: &str) -> Tables {
    let blocks = text.split("diesel::table! {").skip(1);
    let tables = blocks.map(|block| {
        let body = block.split("\n}").next().expect("a block");
        let (head, columns) = body.split_once('{').expect("its columns");
        let (name, key) = head.split_once('(').expect("its key");
        let columns = columns.lines().map(str::trim).filter(|line| line.contains(" -> "));
        let columns = columns.map(|line| line.trim_end_matches(',').to_owned()).collect();
        let key = key.trim().trim_end_matches(')').to_owned();
        (name.trim().to_owned(), (key, columns))
    });
    tables.collect()
}

/// `make schema` was run after the last migration.
#[test]
fn schema_rs_is_what_the_migrations_make() {
    let cluster = Cluster::start();
    let url = cluster.database("fresh");
    db::migrate(&url).expect("up");
    let (database, source) =
        (tables_of_the_database(&url), tables_of_the_source(include_str!("../src/schema.rs")));
    assert!(source.len() >= 18, "only {} tables were read", source.len());
    let names = |tables: &Tables| tables.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&source), names(&database), "run `make schema`");
    for (name, table) in &database {
        assert_eq!(source.get(name), Some(table), "{name}: run `make schema`");
    }
}

/// The names of the migrations, oldest first.
fn migrations() -> Vec<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let entries = std::fs::read_dir(dir).expect("the migrations");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

/// `YYYY-MM-DD-HHMMSS_<slice>_<what>`, with both directions, and a slice that is a module of the house.
#[test]
fn a_migration_is_named_for_its_slice_and_goes_both_ways() {
    let house = include_str!("../src/lib.rs");
    let names = migrations();
    assert!(names.len() >= 7, "{names:?}");
    for name in &names {
        let parts: Vec<&str> = name.splitn(3, '_').collect();
        let [stamp, slice, what] = parts[..] else { panic!("{name} has not three parts") };
        let shape: String = stamp.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
        assert_eq!(shape, "9999-99-99-999999", "{name}");
        assert!(house.contains(&format!("pub mod {slice};")), "{name}: {slice} is no module");
        assert!(!what.is_empty(), "{name}");
        for direction in ["up.sql", "down.sql"] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(name).join(direction);
            let text = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("{name} lacks {direction}"));
            assert!(!text.trim().is_empty(), "{name}/{direction} is empty");
        }
    }
}
