//! Encrypted connections to PostgreSQL, on a server of the test's own with certificates of its own.
//! They run with `TEST_ENGINE=postgres` and need an installed PostgreSQL and OpenSSL's program.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use portcullis_db::{Db, Error, Settings};
use portcullis_testkit::Cluster;
use std::fs;
use std::process::Command;
use tempfile::TempDir;

/// Certificates: of an authority, of a server `localhost` by that authority, and of another authority.
struct Certificates(TempDir);

impl Certificates {
    fn make() -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        for authority in ["ca", "other"] {
            let out = [&format!("{authority}.key"), &format!("{authority}.crt")];
            made.openssl(&["req", "-x509", "-subj", "/CN=test", "-days", "2"], &out);
        }
        fs::write(made.0.path().join("extensions"), "subjectAltName=DNS:localhost\n").unwrap();
        made.openssl(
            &["req", "-new", "-subj", "/CN=localhost"],
            &[&"server.key".into(), &"server.csr".into()],
        );
        let sign = "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
            -extfile extensions -out server.crt";
        run(Command::new("openssl").current_dir(&made.0).args(sign.split_whitespace()));
        made
    }

    fn openssl(&self, arguments: &[&str], out: &[&String; 2]) {
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", out[0]];
        let mut command = Command::new("openssl");
        run(command.current_dir(&self.0).args(arguments).args(key).args(["-out", out[1]]));
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.path().join(name)).unwrap()
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A server that takes encrypted connections only.
fn encrypting_server(certificates: &Certificates) -> Cluster {
    let cluster = Cluster::new();
    for name in ["server.key", "server.crt"] {
        cluster.write(name, &certificates.read(name));
    }
    cluster.write("pg_hba.conf", b"hostssl all postgres all trust\nhostssl all ann all scram-sha-256\n");
    cluster.start(&["ssl=on"]);
    cluster
}

async fn open(cluster: &Cluster, host: &str, parameters: &str) -> Result<Db, Error> {
    let url = format!("postgres://postgres@{}/postgres?{parameters}", cluster.at(host));
    Db::open(&url, &Settings::default()).await
}

async fn is_encrypted(db: &Db) -> bool {
    let sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    db.read().await.unwrap().fetch_optional::<(bool,)>(sql, &[]).await.unwrap().unwrap().0
}

fn is_on_postgres() -> bool {
    std::env::var("TEST_ENGINE").as_deref() == Ok("postgres")
}

#[tokio::test]
async fn each_mode_asks_for_what_it_says() {
    if !is_on_postgres() {
        return;
    }
    let certificates = Certificates::make();
    let cluster = encrypting_server(&certificates);
    let (ca, other) = (certificates.path("ca.crt"), certificates.path("other.crt"));
    for (host, parameters) in [
        ("127.0.0.1", String::new()),
        ("127.0.0.1", "sslmode=prefer".to_owned()),
        ("127.0.0.1", "sslmode=require".to_owned()),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={ca}")),
        ("localhost", format!("sslmode=verify-full&sslrootcert={ca}")),
    ] {
        let db = open(&cluster, host, &parameters).await;
        assert!(is_encrypted(&db.unwrap()).await, "{host} {parameters}");
    }
    for (host, parameters, reason) in [
        ("localhost", "sslmode=disable".to_owned(), "no encryption"),
        ("localhost", format!("sslmode=require&sslrootcert={other}"), "certificate"),
        ("localhost", format!("sslmode=verify-ca&sslrootcert={other}"), "certificate"),
        ("localhost", format!("sslmode=verify-full&sslrootcert={other}"), "certificate"),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={ca}"), "certificate not valid for name"),
        ("localhost", "sslmode=verify-full".to_owned(), "certificate"),
        ("localhost", "sslmode=verify-full&sslrootcert=/none".to_owned(), "sslrootcert /none"),
    ] {
        let error = open(&cluster, host, &parameters).await.unwrap_err();
        assert!(!matches!(error, Error::Unavailable(_)), "nobody should wait for this: {error}");
        assert!(error.to_string().contains(reason), "{host} {parameters}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_encrypt_is_good_enough_only_if_that_was_said() {
    if !is_on_postgres() {
        return;
    }
    let cluster = Cluster::new();
    cluster.start(&["ssl=off"]);
    for parameters in ["", "sslmode=disable", "sslmode=prefer"] {
        assert!(!is_encrypted(&open(&cluster, "localhost", parameters).await.unwrap()).await);
    }
    for parameters in ["sslmode=require", "sslmode=verify-ca", "sslmode=verify-full", "ssl=true"] {
        let error = open(&cluster, "localhost", parameters).await.unwrap_err();
        assert!(error.to_string().contains("server does not support TLS"), "{parameters}: {error}");
    }
}

#[tokio::test]
async fn a_password_is_bound_to_the_encrypted_connection() {
    if !is_on_postgres() {
        return;
    }
    let cluster = encrypting_server(&Certificates::make());
    let db = open(&cluster, "localhost", "").await.unwrap();
    let create = "create role ann login password 'secret'";
    db.read().await.unwrap().execute(create, &[]).await.unwrap();
    let url = |password| {
        let at = cluster.at("localhost");
        format!("postgres://ann:{password}@{at}/postgres?sslmode=require&channel_binding=require")
    };
    let db = Db::open(&url("secret"), &Settings::default()).await.unwrap();
    assert!(is_encrypted(&db).await);
    assert!(Db::open(&url("wrong"), &Settings::default()).await.is_err());
}
