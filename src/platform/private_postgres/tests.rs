//! The private Postgres driven for real: every test has a server and a directory of its own.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid, getpgid};

use super::*;

/// A directory of one test, removed with it; reachable for the account that root drops to.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("grantor-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().canonicalize().unwrap().join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn data_dir(&self) -> PathBuf {
        self.0.join("data")
    }

    pub(super) fn settings(&self) -> Settings {
        quick(self.data_dir())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Without fsync: these tests lose no power.
fn quick(data_dir: PathBuf) -> Settings {
    let extra = ["fsync", "full_page_writes"].map(|name| (name.to_owned(), "off".to_owned()));
    Settings { extra: extra.into(), ..Settings::new(data_dir) }
}

fn sql(postgres: &PrivatePostgres, statement: &str) -> String {
    let output = psql(&postgres.maintenance_url(), statement).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn psql(url: &str, statement: &str) -> Command {
    let mut command = Command::new("psql");
    command.args([url, "-XAtqc", statement]).current_dir("/").stdin(Stdio::null());
    command
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(30), "in vain waited until {what}");
        sleep(POLL);
    }
}

fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
}

fn lives(pid: u32) -> bool {
    kill(Pid::from_raw(pid.cast_signed()), None).is_ok()
}

#[test]
fn the_first_start_makes_a_private_durable_utc_server() {
    let scratch = Scratch::new();
    // The production settings, fsync included.
    let postgres = PrivatePostgres::open(&Settings::new(scratch.data_dir())).unwrap();
    assert!(postgres.is_owned() && postgres.is_running());
    let settings =
        "fsync synchronous_commit data_checksums listen_addresses TimeZone server_encoding lc_collate";
    let query = format!(
        "select string_agg(current_setting(name), ' ' order by at)
         from string_to_table('{settings}', ' ') with ordinality as t (name, at)"
    );
    assert_eq!(sql(&postgres, &query), "on on on  UTC UTF8 C.UTF-8");
    sql(&postgres, "create database grantor");
    let reached = psql(&postgres.url(), "select current_database(), current_user").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&reached.stdout).trim(), "grantor|grantor");

    let modes =
        ["", "run", "pgdata"].map(|dir| scratch.data_dir().join(dir).metadata().unwrap().mode() & 0o777);
    assert_eq!(modes, [0o700; 3]);
    // Ctrl-C in the terminal goes to our process group, not to this one.
    let pid = Pid::from_raw(postgres.pid().unwrap().cast_signed());
    assert_eq!(getpgid(Some(pid)), Ok(pid));
}

#[test]
fn a_restart_keeps_the_data() {
    let scratch = Scratch::new();
    let first = PrivatePostgres::open(&scratch.settings()).unwrap();
    sql(&first, "create table kept as select 42 as answer");
    drop(first);
    let second = PrivatePostgres::open(&scratch.settings()).unwrap();
    assert_eq!(sql(&second, "select answer from kept"), "42");
}

#[test]
fn the_half_made_cluster_of_a_crashed_try_is_removed() {
    let scratch = Scratch::new();
    let half = scratch.data_dir().join("pgdata.new-1");
    fs::create_dir_all(&half).unwrap();
    fs::create_dir(scratch.data_dir().join("run")).unwrap();
    fs::write(half.join("PG_VERSION"), "15").unwrap();
    let postgres = PrivatePostgres::open(&scratch.settings()).unwrap();
    assert_eq!(sql(&postgres, "select 1"), "1");
    assert!(!half.exists());
}

#[test]
fn a_second_supervisor_is_refused_and_a_command_attaches() {
    let scratch = Scratch::new();
    let owner = PrivatePostgres::open(&scratch.settings()).unwrap();
    let impatient = Settings { lock_wait: Duration::from_millis(200), ..scratch.settings() };
    let error = PrivatePostgres::open(&impatient).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");

    let command = PrivatePostgres::attach_or_start(&scratch.settings()).unwrap();
    assert!(!command.is_owned() && command.is_running());
    assert_eq!((command.pid(), command.url()), (owner.pid(), owner.url()));
    assert_eq!(sql(&command, "select 1"), "1");
    command.stop();
    drop(command);
    assert!(owner.is_running());
    assert_eq!(sql(&owner, "select 1"), "1");
}

#[test]
fn a_command_runs_it_for_its_while_when_nobody_else_does() {
    let scratch = Scratch::new();
    let command = PrivatePostgres::attach_or_start(&scratch.settings()).unwrap();
    assert!(command.is_owned());
    let pid = command.pid().unwrap();
    drop(command);
    assert!(!lives(pid));
    PrivatePostgres::open(&scratch.settings()).unwrap();
}

#[test]
fn a_server_waits_until_a_command_has_left() {
    let scratch = Scratch::new();
    let command = PrivatePostgres::attach_or_start(&scratch.settings()).unwrap();
    let settings = Settings { lock_wait: Duration::from_secs(60), ..scratch.settings() };
    let (tell, told) = std::sync::mpsc::channel();
    let opening = std::thread::spawn(move || {
        let layout = Layout::prepare(&settings.data_dir).unwrap();
        tell.send(layout.lock().unwrap().is_none()).unwrap();
        PrivatePostgres::open(&settings)
    });
    assert!(told.recv().unwrap(), "the command holds it");
    drop(command);
    let server = opening.join().unwrap().unwrap();
    assert!(server.is_owned());
    assert_eq!(sql(&server, "select 1"), "1");
}

#[test]
fn another_major_version_is_refused_with_both_named() {
    let scratch = Scratch::new();
    drop(PrivatePostgres::open(&scratch.settings()).unwrap());
    fs::write(scratch.data_dir().join("pgdata/PG_VERSION"), "9.6\n").unwrap();
    let error = PrivatePostgres::open(&scratch.settings()).unwrap_err();
    let Error::VersionMismatch { cluster: 9, found, .. } = error else { panic!("{error}") };
    let text = error.to_string();
    assert!(text.contains("PostgreSQL 9,") && text.contains(&format!("version {found}")), "{text}");
    assert!(text.contains("`pg_upgrade`"), "{text}");
}

#[test]
fn a_killed_postmaster_is_restarted_with_its_data() {
    let scratch = Scratch::new();
    let postgres = PrivatePostgres::open(&scratch.settings()).unwrap();
    sql(&postgres, "create table kept as select 42 as answer");
    let killed = postgres.pid().unwrap();
    signal(killed, Signal::SIGKILL);
    until("the death is noticed", || postgres.crashes() == 1);
    until("it runs again", || postgres.is_running());
    assert_ne!(postgres.pid(), Some(killed));
    assert_eq!(sql(&postgres, "select answer from kept"), "42");
}

#[test]
fn stop_ends_open_sessions_and_frees_the_directory() {
    let scratch = Scratch::new();
    let postgres = PrivatePostgres::open(&scratch.settings()).unwrap();
    let pid = postgres.pid().unwrap();
    let mut session =
        psql(&postgres.maintenance_url(), "select pg_sleep(60)").stderr(Stdio::null()).spawn().unwrap();
    let busy = "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)'";
    until("the session is busy", || sql(&postgres, busy) == "1");
    postgres.stop();
    assert!(!lives(pid) && !postgres.is_running() && postgres.pid().is_none());
    assert!(!session.wait().unwrap().success());
    assert_eq!(postgres.crashes(), 0);
    let log = fs::read_to_string(scratch.data_dir().join("postgres.log")).unwrap();
    assert!(
        log.contains("received fast shutdown request") && log.contains("database system is shut down"),
        "{log}"
    );
    postgres.stop();
    PrivatePostgres::open(&scratch.settings()).unwrap();
}

#[test]
fn stop_does_not_wait_for_a_restart() {
    let scratch = Scratch::new();
    let postgres = PrivatePostgres::open(&scratch.settings()).unwrap();
    signal(postgres.pid().unwrap(), Signal::SIGKILL);
    until("the death is noticed", || postgres.crashes() == 1);
    let started = Instant::now();
    postgres.stop();
    assert!(started.elapsed() < Duration::from_millis(900), "{:?}", started.elapsed());
}

#[test]
fn a_failed_start_shows_the_log_and_frees_the_directory() {
    let scratch = Scratch::new();
    let mut settings = scratch.settings();
    settings.extra.push(("shared_buffers".into(), "nonsense".into()));
    let error = PrivatePostgres::open(&settings).unwrap_err();
    assert!(matches!(error, Error::Exited { .. }) && error.to_string().contains("nonsense"), "{error}");
    PrivatePostgres::open(&scratch.settings()).unwrap();
}

#[test]
fn a_start_that_takes_too_long_is_an_error() {
    let scratch = Scratch::new();
    let settings = Settings { start_timeout: Duration::ZERO, ..scratch.settings() };
    let error = PrivatePostgres::open(&settings).unwrap_err();
    assert!(matches!(error, Error::NotReady { .. }), "{error}");
}

/// Runs the server under another process, and kills that; returns the process id of the Postgres left behind.
fn orphan(scratch: &Scratch) -> u32 {
    let (_, module) = module_path!().split_once("::").unwrap();
    let mut supervisor = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::supervise_until_killed"), "--ignored"])
        .env("SUPERVISED_DIR", scratch.data_dir())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pgdata = scratch.data_dir().join("pgdata");
    until("the other process runs it", || Postmaster::ready(&pgdata).is_some());
    let left = Postmaster::ready(&pgdata).unwrap().pid;
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    left.cast_unsigned()
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_process_takes_postgres_with_it() {
    let scratch = Scratch::new();
    orphan(&scratch);
    let pid_file = scratch.data_dir().join("pgdata/postmaster.pid");
    until("Postgres has left by itself", || !pid_file.exists());
    let log = fs::read_to_string(scratch.data_dir().join("postgres.log")).unwrap();
    assert!(log.contains("received fast shutdown request"), "{log}");
}

#[test]
fn the_next_start_waits_for_an_orphan_to_leave() {
    let scratch = Scratch::new();
    let left = orphan(&scratch);
    let postgres = PrivatePostgres::open(&scratch.settings()).unwrap();
    assert_ne!(postgres.pid(), Some(left));
    assert_eq!(sql(&postgres, "select 1"), "1");
    assert_eq!(postgres.crashes(), 0);
}

#[test]
#[ignore = "the other process of the tests above, which start it"]
#[allow(clippy::disallowed_methods)]
fn supervise_until_killed() {
    let dir = std::env::var_os("SUPERVISED_DIR").unwrap();
    let _postgres = PrivatePostgres::open(&quick(dir.into())).unwrap();
    sleep(Duration::from_secs(60));
}

#[test]
fn a_left_over_pid_file_is_not_taken_for_a_server() {
    let scratch = Scratch::new();
    drop(PrivatePostgres::open(&scratch.settings()).unwrap());
    // As after a power loss, with the process id now another program's: this test's own.
    let (me, run) = (std::process::id(), scratch.data_dir().join("run"));
    let text = format!("{me}\n/x\n1\n5432\n{}\n\n 1 1\nready   \n", run.display());
    let path = scratch.data_dir().join("pgdata/postmaster.pid");
    fs::write(&path, text).unwrap();
    let postgres = PrivatePostgres::attach_or_start(&scratch.settings()).unwrap();
    assert!(postgres.is_owned());
    assert_eq!(sql(&postgres, "select 1"), "1");
}

#[test]
fn an_awkward_path_gets_a_short_socket_directory() {
    for name in ["deep/".repeat(20), "a,b c\"d%'é".to_owned()] {
        let scratch = Scratch::new();
        let settings = quick(scratch.path().join(name).join("data"));
        let postgres = PrivatePostgres::open(&settings).unwrap();
        let dir = postgres.socket_dir().to_owned();
        assert!(!dir.starts_with(scratch.path()), "{}", dir.display());
        assert_eq!(dir.metadata().unwrap().mode() & 0o777, 0o700);
        assert_eq!(sql(&postgres, "select 1"), "1");
        let note = fs::read_to_string(settings.data_dir.join("socket_dir")).unwrap();
        assert_eq!(Path::new(note.trim()), dir);
        let command = PrivatePostgres::attach_or_start(&settings).unwrap();
        assert_eq!(command.url(), postgres.url());
        drop((command, postgres));
        fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
fn an_odd_but_short_path_works_as_it_is() {
    let scratch = Scratch::new();
    let postgres = PrivatePostgres::open(&quick(scratch.path().join("a \"b%&'é"))).unwrap();
    assert!(postgres.socket_dir().starts_with(scratch.path()));
    assert!(postgres.url().contains("a%20%22b%25%26%27%C3%A9/run"), "{}", postgres.url());
    assert_eq!(sql(&postgres, "select 1"), "1");
}

#[test]
fn a_directory_with_other_things_is_left_alone() {
    let scratch = Scratch::new();
    fs::write(scratch.path().join("thesis.txt"), "").unwrap();
    let error = PrivatePostgres::open(&quick(scratch.path().to_owned())).unwrap_err();
    assert!(matches!(error, Error::ForeignDataDir { .. }), "{error}");
    assert_eq!(scratch.path().metadata().unwrap().mode() & 0o777, 0o755);
}

#[test]
fn a_link_laid_for_the_log_is_not_followed() {
    let scratch = Scratch::new();
    drop(PrivatePostgres::open(&scratch.settings()).unwrap());
    let (log, target) = (scratch.data_dir().join("postgres.log"), scratch.path().join("target"));
    fs::remove_file(&log).unwrap();
    symlink(&target, &log).unwrap();
    let error = PrivatePostgres::open(&scratch.settings()).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    assert!(!target.exists());
}

#[test]
fn a_parent_closed_to_the_account_is_named() {
    let scratch = Scratch::new();
    let closed = scratch.path().join("closed");
    fs::create_dir(&closed).unwrap();
    let root = geteuid().is_root();
    // Root gets in itself, but its Postgres does not; anyone else fails at once.
    fs::set_permissions(&closed, fs::Permissions::from_mode(if root { 0o700 } else { 0o000 })).unwrap();
    let error = PrivatePostgres::open(&quick(closed.join("data"))).unwrap_err();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    match &error {
        Error::Unreachable { dir, .. } if root => assert_eq!(*dir, closed),
        Error::Io { path, .. } if !root => assert!(path.starts_with(&closed)),
        _ => panic!("{error}"),
    }
}

#[test]
fn a_large_log_is_put_aside_at_start() {
    let scratch = Scratch::new();
    drop(PrivatePostgres::open(&scratch.settings()).unwrap());
    let log = scratch.data_dir().join("postgres.log");
    fs::File::options().write(true).open(&log).unwrap().set_len(11 * 1024 * 1024).unwrap();
    drop(PrivatePostgres::open(&scratch.settings()).unwrap());
    assert!(log.metadata().unwrap().len() < 1024 * 1024);
    assert!(log.with_extension("log.1").exists());
}
