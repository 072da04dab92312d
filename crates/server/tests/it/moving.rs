//! `export` and `import`: from one engine to the other, and through `kill -9`.

use crate::caller::Caller;
use crate::place::{Place, Running, is_postgres};
use portcullis_core::crypto::random;
use portcullis_db::Row;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const BCRYPT: &str = "$2a$10$GzEm3vKoAqnJCTWesRARCe/ovjt/07qjvcH9jbLUg44Fn77gMZkmm";
const SETTINGS: [(&str, &str); 2] = [("TEST_MODE", "true"), ("BCRYPT_LOG_ROUNDS", "4")];
const PATIENCE: Duration = Duration::from_mins(3);

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("a file")
}

fn get(caller: &Caller, path: &str) -> Value {
    serde_json::from_str(&caller.get(path).expect("answers").text).expect("JSON")
}

/// A tenant and a role, which an import does not make.
fn prepare(place: &Place) -> (Running, Caller) {
    let core = place.start();
    let caller = Caller::new(&core.address);
    let tenant = json!({"tenantId": "t1"});
    assert_eq!(
        caller.put("5.4", "/recipe/multitenancy/tenant/v2", &tenant).expect("answers")["status"],
        "OK"
    );
    assert_eq!(
        caller.put("5.4", "/recipe/role", &json!({"role": "admin"})).expect("answers")["status"],
        "OK"
    );
    (core, caller)
}

fn user(name: &str) -> Value {
    json!({
        "externalUserId": format!("ext-{name}"), "userMetadata": {"plan": name, "nested": {"deep": [1, null]}},
        "userRoles": [{"role": "admin", "tenantIds": ["public", "t1"]}],
        "totpDevices": [{"secretKey": "JBSWY3DPEHPK3PXP", "deviceName": "phone", "period": 60, "skew": 2}],
        "loginMethods": [
            {"recipeId": "emailpassword", "email": format!("{name}@example.com"), "isPrimary": true,
                "isVerified": true, "passwordHash": BCRYPT, "hashingAlgorithm": "bcrypt",
                "tenantIds": ["public", "t1"], "timeJoinedInMSSinceEpoch": 2000},
            {"recipeId": "thirdparty", "email": format!("{name}@gmail.com"), "thirdPartyId": "google",
                "thirdPartyUserId": name, "timeJoinedInMSSinceEpoch": 1000},
            {"recipeId": "passwordless", "phoneNumber": "+442071838750", "email": format!("{name}@code.org")},
        ],
    })
}

/// What a core tells of a user.
fn told(caller: &Caller, id: &str) -> Vec<Value> {
    [
        "/user/id",
        "/recipe/user/metadata",
        "/recipe/user/roles",
        "/t1/recipe/user/roles",
        "/recipe/totp/device/list",
    ]
    .iter()
    .map(|path| get(caller, &format!("{path}?userId={id}")))
    .collect()
}

fn move_users(from: &Place, to: &Place) {
    let ((from_core, from_caller), (to_core, to_caller)) = (prepare(from), prepare(to));
    let ann = from_caller.post("5.4", "/bulk-import/import", &user("ann")).expect("answers");
    assert_eq!(ann["user"]["id"], "ext-ann", "{ann}");
    let bob = json!({"email": "bob@example.com", "password": "password1"});
    let bob_id = from_caller.post("5.4", "/recipe/signup", &bob).expect("answers")["user"]["id"].clone();
    let file = from.path("users.jsonl");
    let name = file.to_str().expect("UTF-8");
    let (succeeded, said) = from.run(&["export", name]);
    assert!(succeeded && said.starts_with("2 users: "), "{said}");
    let (succeeded, said) = to.run(&["import", name, "--dry-run"]);
    assert!(succeeded && said.starts_with("2 would be imported, 0 there before, 0 refused"), "{said}");
    let (succeeded, said) = to.run(&["import", name]);
    assert!(succeeded && said.starts_with("2 imported, 0 there before, 0 refused"), "{said}");
    for id in ["ext-ann", bob_id.as_str().expect("an id")] {
        assert_eq!(told(&to_caller, id), told(&from_caller, id), "{id}");
    }
    let (succeeded, said) = to.run(&["export", to.path("again.jsonl").to_str().expect("UTF-8")]);
    assert!(succeeded, "{said}");
    assert_eq!(text(&to.path("again.jsonl")), text(&file));
    let ann = json!({"email": "ann@example.com", "password": "testPass123"});
    for (path, credentials, id) in [
        ("/recipe/signin", &ann, json!("ext-ann")),
        ("/t1/recipe/signin", &ann, json!("ext-ann")),
        ("/recipe/signin", &bob, bob_id),
    ] {
        let signed_in = to_caller.post("5.4", path, credentials).expect("answers");
        assert_eq!(
            (&signed_in["status"], &signed_in["user"]["id"]),
            (&json!("OK"), &id),
            "{path}: {signed_in}"
        );
    }
    let (succeeded, said) = to.run(&["import", name]);
    assert!(succeeded && said.starts_with("0 imported, 2 there before, 0 refused"), "{said}");
    let (succeeded, said) = from.run(&["export", name]);
    assert!(!succeeded && said.contains("is there already"), "{said}");
    for core in [from_core, to_core] {
        let (clean, log) = core.stop();
        assert!(clean, "{log}");
    }
}

#[test]
fn users_move_from_one_database_to_another_and_from_one_engine_to_the_other() {
    move_users(&Place::new("moving_from", &SETTINGS), &Place::on_sqlite("moving_to", &SETTINGS));
    if is_postgres() {
        move_users(&Place::on_sqlite("moving_from_b", &SETTINGS), &Place::new("moving_to_b", &SETTINGS));
    }
}

#[test]
fn a_row_that_is_refused_is_written_down_with_the_reasons() {
    let place = Place::new("moving_refused", &SETTINGS);
    let (core, _) = prepare(&place);
    let mut ann = user("ann");
    ann["userRoles"] = json!([{"role": "boss", "tenantIds": ["public"]}]);
    let lines = format!("{}\n\nno JSON\n{}\n", ann, user("bob"));
    let file = place.path("users.jsonl");
    fs::write(&file, lines).expect("a file");
    let name = file.to_str().expect("UTF-8");
    let expected = "1 imported, 0 there before, 2 refused";
    for said in [expected, "0 imported, 1 there before, 2 refused"] {
        let (succeeded, told) = place.run(&["import", name]);
        assert!(!succeeded && told.contains(said) && told.contains("2 rows were refused: see "), "{told}");
        let refused = text(&place.path("users.jsonl.refused.jsonl"));
        let rows: Vec<Value> =
            refused.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(rows.len(), 2, "{refused}");
        assert_eq!(
            (&rows[0]["row"], &rows[0]["reasons"]),
            (&json!(1), &json!(["Role boss does not exist."]))
        );
        assert_eq!((&rows[0]["user"], &rows[0]["file"]), (&ann, &json!(name)));
        assert_eq!((&rows[1]["row"], &rows[1]["user"]), (&json!(3), &json!("no JSON")));
    }
    let whole = text(&file);
    for same in [name, "users.jsonl", "./users.jsonl"] {
        let (succeeded, said) = place.run(&["import", name, "--refused", same]);
        assert!(!succeeded && said.contains("need a file of their own"), "{said}");
        assert_eq!(text(&file), whole, "what is imported is not written over");
    }
    let (succeeded, said) = place.run(&["import", "missing.jsonl"]);
    assert!(!succeeded && said.contains("missing.jsonl"), "{said}");
    let (succeeded, said) = place.run(&["import", name, "--app", "a9"]);
    assert!(!succeeded && said.contains("combination not found: (, a9)"), "{said}");
    let refused = text(&place.path("users.jsonl.refused.jsonl"));
    assert_eq!(refused.lines().count(), 2, "an import that does not begin takes nothing away");
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
}

#[test]
fn nothing_is_imported_into_a_database_that_is_not_there() {
    let place = Place::new("moving_nowhere", &SETTINGS);
    let file = place.path("users.jsonl");
    fs::write(&file, user("ann").to_string()).expect("a file");
    let name = file.to_str().expect("UTF-8");
    for arguments in [&["import", name][..], &["import", name, "--dry-run"], &["export", "all.jsonl"]] {
        let (succeeded, said) = place.run(arguments);
        let is_told = match place.schema() {
            Some(schema) => said.contains(&format!("there is no schema {schema}")),
            None => said.contains("test.db is not there: `portcullis migrate` makes it"),
        };
        assert!(!succeeded && is_told && !place.path("test.db").exists(), "{said}");
    }
    let (succeeded, said) = place.run(&["migrate"]);
    assert!(succeeded, "{said}");
    let (_, said) = place.run(&["import", name]);
    assert!(said.contains("0 imported, 0 there before, 1 refused"), "there is no role yet: {said}");
}

const USERS: usize = 4000;

fn spawn(place: &Place, arguments: &[&str]) -> Child {
    let mut command = place.command(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs")
}

/// Kills the command once what is to be awaited has come, unless it ends before; whether it was killed.
fn kill_once(mut command: Child, has_come: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    loop {
        if command.try_wait().expect("it is ours").is_some() {
            return false;
        }
        assert!(begun.elapsed() < PATIENCE, "the command does not get on");
        if has_come() {
            thread::sleep(Duration::from_millis(20).mul_f64(random::unit_interval()));
            command.kill().expect("kills");
            command.wait().expect("ends");
            return true;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

struct Count(i64);

impl portcullis_db::FromRow for Count {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        Ok(Self(row.get(0)?))
    }
}

/// How many users there are, asked of the database itself.
fn count(place: &Place) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let db = place.open_database().await;
        let sql = "select count(*) from app_id_to_user_id";
        let mut tx = db.read().await.expect("reads");
        let row: Option<Count> = tx.fetch_optional(sql, &[]).await.expect("counts");
        drop(tx);
        db.close().await;
        row.expect("a count").0
    })
}

#[test]
fn import_and_export_go_on_where_kill_9_broke_them_off() {
    let place = Place::new("moving_kill", &SETTINGS);
    let (core, caller) = prepare(&place);
    let row = |number: usize| {
        // Every hundredth has the address of the one before.
        let address = if number % 100 == 99 { number - 1 } else { number };
        json!({"externalUserId": format!("ext-{number}"), "userMetadata": {"number": number},
            "loginMethods": [{"recipeId": "emailpassword", "email": format!("{address}@example.com"),
                "passwordHash": BCRYPT, "hashingAlgorithm": "bcrypt", "timeJoinedInMSSinceEpoch": number}]})
    };
    let lines: Vec<String> = (0..USERS).map(|number| row(number).to_string()).collect();
    let file = place.path("users.jsonl");
    fs::write(&file, lines.join("\n")).expect("a file");
    let name = file.to_str().expect("UTF-8");
    let all = i64::try_from(USERS - USERS / 100).expect("few");
    let mut kills = 0;
    loop {
        let before = count(&place);
        let step = 500 + i64::from(random::bytes::<1>()[0]) * 4;
        if !kill_once(spawn(&place, &["import", name]), || count(&place) > before + step) {
            break;
        }
        kills += 1;
    }
    assert!(kills > 1, "the import was through before it was broken off");
    let (succeeded, said) = place.run(&["import", name]);
    assert!(
        !succeeded && said.contains(&format!("0 imported, {all} there before, {} refused", USERS / 100)),
        "{said}"
    );
    assert_eq!(text(&place.path("users.jsonl.refused.jsonl")).lines().count(), USERS / 100);
    assert_eq!(count(&place), all);

    let (broken, whole) = (place.path("broken.jsonl"), place.path("whole.jsonl"));
    let [broken_name, whole_name] = [&broken, &whole].map(|path| path.to_str().expect("UTF-8").to_owned());
    let length = || fs::metadata(place.path("broken.jsonl.part")).map_or(0, |data| data.len());
    let mut kills = 0;
    loop {
        let before = length();
        if !kill_once(spawn(&place, &["export", &broken_name]), || length() > before) {
            break;
        }
        assert!(!broken.exists() || !place.path("broken.jsonl.part").exists());
        kills += 1;
    }
    assert!(kills > 1, "the export was through before it was broken off");
    let (succeeded, said) = place.run(&["export", &whole_name]);
    assert!(succeeded, "{said}");
    assert_eq!(text(&broken), text(&whole));
    assert_eq!(text(&whole).lines().count(), USERS - USERS / 100);
    let left: Vec<_> =
        fs::read_dir(place.path(".")).expect("a folder").flatten().map(|file| file.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("broken.jsonl.")), "{left:?}");
    assert_eq!(get(&caller, "/users/count")["count"], all);
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
}
