//! Export of all users, and import row by row: with the same ids, once, and with a verdict for each.

use super::accountlinking::{id_of, with_password, with_provider};
use super::crash_points::crash_everywhere;
use super::linking::{join, link, map_id};
use super::webauthn;
use portcullis_core::PUBLIC;
use portcullis_core::recipes::bulkimport::{Exporter, Importer, LeftOut, Outcome};
use portcullis_testkit::TestCore;
use portcullis_testkit::authenticator::{Algorithm, Authenticator};
use serde_json::{Map, Value, json};

const BCRYPT: &str = "$2a$10$GzEm3vKoAqnJCTWesRARCe/ovjt/07qjvcH9jbLUg44Fn77gMZkmm";

type Row = Map<String, Value>;

async fn start() -> TestCore {
    let core = TestCore::start().await;
    core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await;
    for role in ["admin", "reader"] {
        core.put("/recipe/role", json!({"role": role})).await;
    }
    core
}

async fn export(core: &TestCore) -> (Vec<Row>, Vec<LeftOut>) {
    let exporter = Exporter::open(&core.app, "", PUBLIC).await.unwrap();
    let (mut rows, mut left_out, mut from) = (Vec::new(), Vec::new(), None);
    loop {
        let page = exporter.page(from.as_deref()).await.unwrap();
        rows.extend(page.lines.iter().map(|line| serde_json::from_str(line).unwrap()));
        left_out.extend(page.left_out);
        from = page.next;
        if from.is_none() {
            return (rows, left_out);
        }
    }
}

async fn import(core: &TestCore, rows: &[Row]) -> Vec<Outcome> {
    Importer::open(&core.app, "", PUBLIC).await.unwrap().import(rows).await.unwrap()
}

fn row(value: Value) -> Row {
    let Value::Object(row) = value else { unreachable!("{value}") };
    row
}

fn with_hash(email: &str) -> Value {
    json!({"recipeId": "emailpassword", "email": email, "passwordHash": BCRYPT, "hashingAlgorithm": "bcrypt"})
}

fn refused(reason: &str) -> Outcome {
    Outcome::Refused(vec![reason.to_owned()])
}

async fn count(core: &TestCore) -> i64 {
    core.get("/users/count?includeAllTenants=true").await.json()["count"].as_i64().unwrap()
}

/// Everything that a core tells of its users and that counts.
async fn all(core: &TestCore, rows: &[Row]) -> Vec<Value> {
    let mut told = Vec::new();
    for row in rows {
        let id = row["externalUserId"].as_str().unwrap();
        for path in [
            "/user/id",
            "/recipe/user/metadata",
            "/recipe/user/roles",
            "/t1/recipe/user/roles",
            "/recipe/totp/device/list",
        ] {
            let mut answer = core.get(&format!("{path}?userId={id}")).await.json();
            // Devices that are not verified stay behind.
            if let Some(devices) = answer["devices"].as_array_mut() {
                devices.retain(|device| device["verified"] == true);
            }
            told.push(answer);
        }
    }
    told
}

async fn populate(core: &TestCore) {
    let ann = core.sign_up("ann@example.com", "password1").await;
    core.advance(1000);
    let of_google = json!({"id": with_provider(core, "", "g1", "ann@gmail.com").await});
    map_id(core, &of_google["id"], "ext-google").await;
    core.advance(1000);
    link(core, &[&ann, &of_google]).await;
    join(core, &ann["id"], "t1").await;
    let id = id_of(&ann);
    core.put("/recipe/user/metadata", json!({"userId": id, "metadataUpdate": {"plan": "free"}})).await;
    for (tenant, role) in [("", "admin"), ("/t1", "admin"), ("", "reader")] {
        core.put(&format!("{tenant}/recipe/user/role"), json!({"userId": id, "role": role})).await.json();
    }
    let device = json!({"userId": id, "deviceName": "phone", "secretKey": "JBSWY3DPEHPK3PXP", "skew": 2, "period": 60});
    assert_eq!(core.post("/recipe/totp/device/import", device).await.status_word(), "OK");
    core.post("/recipe/totp/device", json!({"userId": id, "deviceName": "unused", "skew": 1, "period": 30}))
        .await
        .json();
    core.advance(1000);
    let bob = core.sign_up("bob@example.com", "password2").await;
    map_id(core, &bob["id"], "ext-bob").await;
    let rows = [
        json!({"externalUserId": "ext-code", "loginMethods": [{"recipeId": "passwordless", "email": "c@example.com",
            "phoneNumber": "+442071838750", "isVerified": true, "tenantIds": ["t1"], "timeJoinedInMSSinceEpoch": 5}]}),
        json!({"loginMethods": [{"recipeId": "passwordless", "phoneNumber": "+442071838751"}]}),
        json!({"externalUserId": "ext-alone", "loginMethods": [{"recipeId": "thirdparty", "email": "d@example.com",
            "thirdPartyId": "github", "thirdPartyUserId": "7", "isPrimary": true, "isVerified": true}]}),
    ];
    let outcomes = import(core, &rows.map(row)).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Imported), "{outcomes:?}");
}

#[tokio::test]
async fn what_is_exported_is_imported_with_the_same_ids_and_exported_again() {
    let core = start().await;
    populate(&core).await;
    let (rows, left_out) = export(&core).await;
    assert_eq!((rows.len(), left_out), (5, Vec::new()));
    assert_eq!(rows[0]["externalUserId"], "ext-code", "the oldest first");
    let other = start().await;
    other.clock.set(core.clock.now() + 1);
    let outcomes = import(&other, &rows).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Imported), "{outcomes:?}");
    assert_eq!(export(&other).await.0, rows);
    assert_eq!(all(&other, &rows).await, all(&core, &rows).await);
    for (tenant, email, password) in [
        ("", "ann@example.com", "password1"),
        ("/t1", "ann@example.com", "password1"),
        ("", "bob@example.com", "password2"),
    ] {
        let body = json!({"email": email, "password": password});
        let path = format!("{tenant}/recipe/signin");
        let [here, there] = [&core, &other].map(|core| core.post(&path, body.clone()));
        assert_eq!(there.await.json(), here.await.json(), "{tenant} {email}");
    }
    let by_google = json!({"thirdPartyId": "google", "thirdPartyUserId": "g1",
        "email": {"id": "ann@gmail.com", "isVerified": false}});
    let signed_in = other.post("/recipe/signinup", by_google).await.json();
    assert_eq!(
        (&signed_in["createdNewUser"], &signed_in["recipeUserId"]),
        (&json!(false), &json!("ext-google"))
    );
    // Nobody is imported twice.
    let again = import(&other, &rows).await;
    assert!(again.iter().all(|outcome| *outcome == Outcome::WasThere), "{again:?}");
    assert_eq!(count(&other).await, 5);
}

#[tokio::test]
async fn an_import_that_gives_new_internal_ids_leaves_users_theirs() {
    let core = start().await;
    populate(&core).await;
    let rows = export(&core).await.0;
    let other = start().await;
    other.clock.set(core.clock.now() + 1);
    for row in &rows {
        let imported = other.post("/bulk-import/import", Value::Object(row.clone())).await.json();
        assert_eq!(imported["user"]["id"], row["externalUserId"]);
        assert_eq!(
            imported["user"]["loginMethods"].as_array().map(Vec::len),
            row["loginMethods"].as_array().map(Vec::len)
        );
    }
}

#[tokio::test]
async fn more_users_than_a_page_come_once_each_and_in_order() {
    let core = start().await;
    let user = |number: i64| {
        row(json!({"loginMethods": [{"recipeId": "passwordless", "email": format!("{number}@example.com"),
            "timeJoinedInMSSinceEpoch": number / 3}]}))
    };
    let users: Vec<Row> = (0..1100).map(user).collect();
    for users in users.chunks(100) {
        import(&core, users).await;
    }
    let exporter = Exporter::open(&core.app, "", PUBLIC).await.unwrap();
    assert_eq!(exporter.count().await.unwrap(), 1100);
    let rows = export(&core).await.0;
    let times: Vec<i64> =
        rows.iter().map(|row| row["loginMethods"][0]["timeJoinedInMSSinceEpoch"].as_i64().unwrap()).collect();
    assert!(times.is_sorted());
    let mut emails: Vec<&str> =
        rows.iter().map(|row| row["loginMethods"][0]["email"].as_str().unwrap()).collect();
    emails.sort_unstable();
    emails.dedup();
    assert_eq!((rows.len(), emails.len()), (1100, 1100));
}

#[tokio::test]
async fn what_an_import_cannot_take_is_left_out_and_named() {
    let core = start().await;
    let ann = with_password(&core, "ann@example.com").await;
    core.put("/t1/recipe/user/role", json!({"userId": ann, "role": "admin"})).await.json();
    core.advance(1000);
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    let passkey = webauthn::sign_up(&core, "eve@example.com", &mut authenticator).await;
    core.advance(1000);
    let bob = with_password(&core, "bob@example.com").await;
    let out = json!({"recipeUserId": bob});
    assert_eq!(core.post("/recipe/multitenancy/tenant/user/remove", out).await.status_word(), "OK");
    let (rows, left_out) = export(&core).await;
    assert_eq!((rows.len(), &rows[0]["externalUserId"]), (1, &json!(ann)));
    assert!(!rows[0].contains_key("userRoles"), "{rows:?}");
    let told: Vec<(&str, &str)> =
        left_out.iter().map(|left_out| (left_out.user_id.as_str(), left_out.what.as_str())).collect();
    let eve = id_of(&passkey["user"]);
    assert_eq!(told[0], (ann.as_str(), "role admin in the tenant t1, which the user is not in"));
    assert_eq!((told[1].0, told[2].0), (eve.as_str(), eve.as_str()));
    assert!(told[1].1.starts_with(&format!("login method {eve}: passkeys ")), "{told:?}");
    assert_eq!(told[2].1, "the whole user: no login method is left");
    assert_eq!(told[3], (bob.as_str(), &*format!("login method {bob}: it is in no tenant")));
    assert_eq!(told.len(), 5);
}

#[tokio::test]
async fn a_user_who_is_named_after_a_login_method_that_is_gone_keeps_the_id() {
    let core = start().await;
    let ann = core.sign_up("ann@example.com", "password1").await;
    let of_google = json!({"id": with_provider(&core, "", "g1", "ann@gmail.com").await});
    link(&core, &[&ann, &of_google]).await;
    let one = json!({"userId": ann["id"], "removeAllLinkedAccounts": false});
    assert_eq!(core.post("/user/remove", one).await.status_word(), "OK");
    let (rows, left_out) = export(&core).await;
    assert_eq!((rows.len(), left_out), (1, Vec::new()));
    assert_eq!(rows[0]["externalUserId"], ann["id"]);
    let other = start().await;
    assert_eq!(import(&other, &rows).await, [Outcome::Imported]);
    let user = other.get(&format!("/user/id?userId={}", id_of(&ann))).await.json()["user"].clone();
    assert_eq!((&user["id"], &user["emails"]), (&ann["id"], &json!(["ann@gmail.com"])));
}

#[tokio::test]
async fn each_row_has_its_verdict_and_no_other_is_held_up() {
    let core = start().await;
    core.sign_up("taken@example.com", "password1").await;
    let user = |email: &str| json!({"loginMethods": [with_hash(email)]});
    let with = |email: &str, name: &str, value: Value| {
        let mut user = user(email);
        user["loginMethods"][0][name] = value;
        user
    };
    let mut twice = with("d@example.com", "isVerified", json!(true));
    twice["externalUserId"] = json!("ext-d");
    let mut other_with_id = user("g@example.com");
    other_with_id["externalUserId"] = json!("ext-d");
    let mut unknown_role = user("e@example.com");
    unknown_role["userRoles"] = json!([{"role": "boss", "tenantIds": ["public"]}]);
    let rows = [
        user("a@example.com"),
        user("taken@example.com"),
        with("b@example.com", "passwordHash", json!("$md5$abc")),
        with("c@example.com", "superTokensUserId", json!("not-an-id")),
        twice.clone(),
        user("a@example.com"),
        with("a@example.com", "isVerified", json!(true)),
        unknown_role,
        json!({"loginMethods": [{"recipeId": "emailpassword", "email": "f@example.com", "plainTextPassword": "secret 1"}]}),
        twice.clone(),
        other_with_id,
    ];
    let expected = [
        Outcome::Imported,
        refused("E003: A user with email taken@example.com already exists in emailpassword loginMethod."),
        refused("Password hash is in invalid BCrypt format"),
        refused("superTokensUserId should be a UUID in lower case for a loginMethod."),
        Outcome::Imported,
        Outcome::WasThere,
        refused("E003: A user with email a@example.com already exists in emailpassword loginMethod."),
        refused("Role boss does not exist."),
        Outcome::Imported,
        Outcome::WasThere,
        refused("E031: A user with externalId ext-d already exists"),
    ];
    let rows = rows.map(row);
    let importer = Importer::open(&core.app, "", PUBLIC).await.unwrap();
    let checked = importer.check(&rows).await.unwrap();
    assert_eq!((count(&core).await, &checked[2], &checked[0]), (1, &expected[2], &Outcome::Imported));
    assert_eq!([&checked[5], &checked[9]], [&Outcome::WasThere; 2]);
    assert_eq!(importer.import(&rows).await.unwrap(), expected);
    // The same again, but for those who are there now.
    let again = expected.map(|outcome| match outcome {
        Outcome::Imported => Outcome::WasThere,
        outcome => outcome,
    });
    core.advance(86_400_000);
    assert_eq!(import(&core, &rows).await, again);
    assert_eq!(count(&core).await, 4);
    let f = json!({"email": "f@example.com", "password": "secret 1"});
    assert_eq!(core.post("/recipe/signin", f).await.status_word(), "OK");
}

#[tokio::test]
async fn an_app_or_tenant_that_is_not_there_is_told() {
    let core = start().await;
    for error in [
        Importer::open(&core.app, "", "a9").await.unwrap_err().to_string(),
        Exporter::open(&core.app, "", "a9").await.unwrap_err().to_string(),
    ] {
        assert!(error.ends_with("combination not found: (, a9)"), "{error}");
    }
    let mut user = with_hash("a@example.com");
    user["tenantIds"] = json!(["t9"]);
    let outcomes = import(&core, &[row(json!({"loginMethods": [user]}))]).await;
    assert_eq!(outcomes, [refused("Invalid tenantId: t9 for emailpassword recipe.")]);
}

/// Some rows of which one is refused, and others are one user twice.
fn rows_of_round(round: usize) -> Vec<Row> {
    let user = |name: &str| {
        row(json!({
            "externalUserId": format!("{name}-{round}"), "userMetadata": {"plan": name},
            "userRoles": [{"role": "admin", "tenantIds": ["public"]}],
            "totpDevices": [{"secretKey": "JBSWY3DPEHPK3PXP"}],
            "loginMethods": [with_hash(&format!("{name}-{round}@example.com"))],
        }))
    };
    let mut same_address = user("ann");
    same_address["externalUserId"] = json!(format!("another-{round}"));
    vec![user("ann"), user("bob"), same_address]
}

#[tokio::test]
async fn an_import_that_breaks_off_anywhere_comes_to_the_same_end() {
    let is_done = async |core: &TestCore, round: &usize| {
        let mut there = 0;
        for name in ["ann", "bob"] {
            let user = core.get(&format!("/user/id?userId={name}-{round}")).await;
            let metadata = core.get(&format!("/recipe/user/metadata?userId={name}-{round}")).await.json();
            let is_there = user.status_word() == "OK";
            assert_eq!(metadata["metadata"]["plan"] == name, is_there, "all of a user, or nothing");
            there += usize::from(is_there);
        }
        there == 2
    };
    let work = async |core: &TestCore, round: &usize| {
        let outcomes = import(core, &rows_of_round(*round)).await;
        let taken = format!(
            "E003: A user with email ann-{round}@example.com already exists in emailpassword loginMethod."
        );
        assert_eq!(outcomes[2], refused(&taken));
    };
    crash_everywhere(start().await, async |_: &TestCore, round| round, work, is_done).await;
}
