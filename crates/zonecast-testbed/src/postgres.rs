//! A real PostgreSQL in a folder of its own, apart from the machine's.
//!
//! PostgreSQL refuses to run as root; when the tests do, it runs as user `postgres`.

use crate::command::{program, random_secret, run};
use crate::process::{Process, free_port, refuse_taken};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const PACKAGE: &str = "postgresql-15";
const BIN: [&str; 3] =
    ["/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin"];

/// A running PostgreSQL on a loopback port. User `zonecast` with a password of this run.
pub struct Postgres {
    process: Option<Process>,
    folder: TempDir,
    password: String,
    port: u16,
    fsync: bool,
}

impl Postgres {
    /// Starts an empty server without fsync: commits survive its crash, though not a power cut.
    pub fn start() -> Postgres {
        Postgres::start_with(false)
    }

    /// Starts an empty server; with `fsync` a commit is on disk when it is answered.
    pub fn start_with(fsync: bool) -> Postgres {
        let folder = tempfile::Builder::new().prefix("zonecast-postgres-").tempdir();
        let mut server = Postgres {
            process: None,
            folder: folder.unwrap_or_else(|error| panic!("no temporary folder: {error}")),
            password: random_secret(),
            port: 0,
            fsync,
        };
        server.make_cluster();
        let mut last = String::new();
        for _ in 0..5 {
            server.port = free_port();
            match server.launch() {
                Ok(()) => return server,
                Err(words) => last = words,
            }
        }
        panic!("PostgreSQL did not start: {last}")
    }

    /// `postgres://zonecast:PASSWORD@127.0.0.1:PORT/postgres`.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The same for another database of this server.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://zonecast:{}@{}/{database}", self.password, self.addr())
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Makes a database with a name of its own and gives its URL: one for each test.
    pub fn create_database(&self) -> String {
        let name = format!("t{}", &random_secret()[..16]);
        self.sql(&format!("CREATE DATABASE {name}"));
        self.url_of(&name)
    }

    /// Runs one statement in database `postgres` through `psql`, and gives what it printed.
    pub fn sql(&self, statement: &str) -> String {
        let mut psql = Command::new(program("psql", &BIN, "postgresql-client-15"));
        run(psql.args(["-AtXq", "-v", "ON_ERROR_STOP=1", "-d", &self.url(), "-c", statement]))
            .trim()
            .to_owned()
    }

    /// Ends the server properly, cutting its connections.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop(libc::SIGINT);
        }
    }

    /// Ends it as a power cut of the server would: no checkpoint, recovery at the next start.
    pub fn crash(&mut self) {
        if let Some(process) = self.process.take() {
            // An immediate shutdown: the children end too, which a plain kill of the first would not do.
            process.stop(libc::SIGQUIT);
        }
    }

    /// Starts it again on the same port with the same data.
    pub fn start_again(&mut self) {
        self.stop();
        self.launch().unwrap_or_else(|words| panic!("PostgreSQL did not start again: {words}"));
    }

    fn launch(&mut self) -> Result<(), String> {
        refuse_taken(&[self.port])?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.path("data")).args(["-p", &self.port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "shared_buffers=32MB",
            "max_connections=100",
            "logging_collector=off",
        ] {
            command.args(["-c", setting]);
        }
        if !self.fsync {
            command.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        }
        let mut process = Process::spawn("postgres", command, self.path("log"));
        process.wait_ready(Duration::from_secs(60), || self.answers())?;
        self.process = Some(process);
        Ok(())
    }

    fn answers(&self) -> bool {
        if TcpStream::connect_timeout(&self.addr(), Duration::from_millis(200)).is_err() {
            return false;
        }
        let mut psql = Command::new(program("psql", &BIN, "postgresql-client-15"));
        let output = psql.args(["-AtXq", "-d", &self.url(), "-c", "SELECT 1"]).output();
        output.is_ok_and(|output| output.stdout == b"1\n")
    }

    fn make_cluster(&self) {
        let password = self.path("password");
        let written = std::fs::write(&password, format!("{}\n", self.password));
        written.unwrap_or_else(|error| panic!("{}: {error}", password.display()));
        if let Some((uid, gid)) = other_user() {
            for path in [self.folder.path(), &password] {
                let given = std::os::unix::fs::chown(path, Some(uid), Some(gid));
                given.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            }
        }
        let mut initdb = self.command("initdb");
        initdb.arg("-D").arg(self.path("data")).arg("--pwfile").arg(&password);
        run(initdb
            .args(["-U", "zonecast", "-A", "scram-sha-256", "--locale=C.UTF-8", "-E", "UTF8"])
            .args(["--no-sync", "--no-instructions"]));
        let _ = std::fs::remove_file(&password);
    }

    /// A command of PostgreSQL's own, as a user it accepts.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(program(name, &BIN, PACKAGE));
        command.current_dir(self.folder.path());
        if let Some((uid, gid)) = other_user() {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.crash();
    }
}

/// User and group `postgres` when we are root; nobody else is needed otherwise.
fn other_user() -> Option<(u32, u32)> {
    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let row = users.lines().find(|line| line.starts_with("postgres:"));
    let ids = row.and_then(|row| {
        let mut columns = row.split(':').skip(2);
        Some((columns.next()?.parse().ok()?, columns.next()?.parse().ok()?))
    });
    Some(ids.unwrap_or_else(|| panic!("no user postgres: the tests need the Debian package {PACKAGE}")))
}
