//! Bulk import: what is refused with which words, the queue, and what becomes of its entries.

use portcullis_core::{Chore, jobs};
use portcullis_db::Engine;
use portcullis_testkit::TestCore;
use serde_json::{Value, json};

const USERS: &str = "/bulk-import/users";
const BCRYPT: &str = "$2a$10$GzEm3vKoAqnJCTWesRARCe/ovjt/07qjvcH9jbLUg44Fn77gMZkmm";

const FIREBASE: &str = "$f_scrypt$qZM035es5AXYqavsKD6/rhtxg7t5PhcyRgv5blc3doYbChX8keMfQLq1ra96O2Pf2TP/eZrR5xtPCYN6mX3ESA==$/cj0jC1br5o4+w==$m=14$r=8$s=Bw==";

pub(super) async fn add(core: &TestCore, users: Value) -> Value {
    core.post(USERS, json!({"users": users})).await.json()
}

/// The document in a refusal.
async fn refused(core: &TestCore, path: &str, body: Value) -> Value {
    let reply = core.post(path, body).await;
    assert_eq!(reply.status, 400);
    serde_json::from_str(reply.text().trim_end()).unwrap()
}

async fn errors(core: &TestCore, user: Value) -> Vec<String> {
    let document = refused(core, "/bulk-import/import", user).await;
    document["errors"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

pub(super) async fn work_off(core: &TestCore) {
    jobs::run_all(&core.app, core.clock.now()).await.unwrap();
}

pub(super) async fn count(core: &TestCore, query: &str) -> i64 {
    core.get(&format!("/bulk-import/users/count{query}")).await.json()["count"].as_i64().unwrap()
}

pub(super) async fn sign_in(core: &TestCore, tenant: &str, email: &str, password: &str) -> String {
    let body = json!({"email": email, "password": password});
    core.post(&format!("{tenant}/recipe/signin"), body).await.status_word()
}

pub(super) fn with_hash(email: &str) -> Value {
    json!({"recipeId": "emailpassword", "email": email, "passwordHash": BCRYPT, "hashingAlgorithm": "bcrypt"})
}

fn whole(name: &str) -> Value {
    json!({
        "externalUserId": format!("ext-{name}"),
        "userMetadata": {"plan": name},
        "userRoles": [{"role": "admin", "tenantIds": ["public", "t1"]}],
        "totpDevices": [{"secretKey": "JBSWY3DPEHPK3PXP", "deviceName": "phone"}],
        "loginMethods": [
            {
                "recipeId": "emailpassword", "email": format!(" {name}@Example.com "), "isPrimary": true,
                "isVerified": true, "passwordHash": BCRYPT, "hashingAlgorithm": "bcrypt",
                "tenantIds": ["public", "T1"], "timeJoinedInMSSinceEpoch": 2000,
            },
            {
                "recipeId": "thirdparty", "email": format!("{name}@gmail.com"), "thirdPartyId": "google",
                "thirdPartyUserId": name, "timeJoinedInMSSinceEpoch": 1000,
            },
            {"recipeId": "passwordless", "phoneNumber": "+44 20 7183 8750", "email": format!("{name}@code.org")},
        ],
    })
}

pub(super) async fn start() -> TestCore {
    let core = TestCore::start().await;
    core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await;
    core.put("/recipe/role", json!({"role": "admin"})).await;
    core
}

#[tokio::test]
async fn a_user_is_imported_with_all_that_belongs_to_it() {
    let core = start().await;
    let added = add(&core, json!([whole("ann")])).await;
    let user = &added["users"][0];
    assert_eq!(user["userId"], "ext-ann");
    let methods = user["loginMethods"].as_array().unwrap();
    let [password, google] = [0, 1].map(|at| methods[at]["userId"].as_str().unwrap());
    assert_eq!(
        (&methods[0], &methods[1]),
        (
            &json!({"recipeId": "emailpassword", "userId": password, "tenants": ["public", "t1"],
                "email": "ann@example.com"}),
            &json!({"recipeId": "thirdparty", "userId": google, "tenants": ["public"],
                "email": "ann@gmail.com", "thirdpartyId": "google", "thirdpartyUserId": "ann"}),
        )
    );
    assert_eq!(count(&core, "").await, 1);
    work_off(&core).await;
    assert_eq!(count(&core, "").await, 0);
    let made = core.get("/user/id?userId=ext-ann").await.json()["user"].clone();
    assert_eq!((&made["isPrimaryUser"], &made["timeJoined"]), (&json!(true), &json!(1000)));
    assert_eq!(made["tenantIds"], json!(["public", "t1"]));
    assert_eq!(made["phoneNumbers"], json!(["+442071838750"]));
    assert_eq!(made["loginMethods"].as_array().unwrap().len(), 3);
    let verified: Vec<&Value> =
        made["loginMethods"].as_array().unwrap().iter().filter(|m| m["email"] == "ann@example.com").collect();
    assert_eq!((&verified[0]["verified"], &verified[0]["recipeUserId"]), (&json!(true), &json!("ext-ann")));
    let unverified = made["loginMethods"].as_array().unwrap().iter().find(|m| m["recipeId"] == "thirdparty");
    assert_eq!(unverified.unwrap()["verified"], false);
    assert_eq!(core.get(&format!("/user/id?userId={google}")).await.json()["user"], made);
    for tenant in ["", "/t1"] {
        assert_eq!(sign_in(&core, tenant, "ann@example.com", "testPass123").await, "OK", "{tenant}");
        let roles = core.get(&format!("{tenant}/recipe/user/roles?userId=ext-ann")).await.json();
        assert_eq!(roles["roles"], json!(["admin"]));
        assert_eq!(core.get(&format!("{tenant}/users")).await.json()["users"].as_array().unwrap().len(), 1);
    }
    let metadata = core.get("/recipe/user/metadata?userId=ext-ann").await.json();
    assert_eq!(metadata["metadata"], json!({"plan": "ann"}));
    let devices = core.get("/recipe/totp/device/list?userId=ext-ann").await.json();
    assert_eq!(devices["devices"], json!([{"name": "phone", "period": 30, "skew": 1, "verified": true}]));
}

#[tokio::test]
async fn imported_users_are_listed_where_their_oldest_login_method_stands() {
    let core = start().await;
    let joined = |email: &str, time: i64| {
        json!({"loginMethods": [{"recipeId": "emailpassword", "email": email, "passwordHash": BCRYPT,
            "hashingAlgorithm": "bcrypt", "timeJoinedInMSSinceEpoch": time}]})
    };
    // The linked one joined with its second login method, in 1000.
    add(&core, json!([joined("b@x.y", 1500), whole("ann"), joined("a@x.y", 500)])).await;
    work_off(&core).await;
    let list = async |order: &str| {
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let page = core.get(&format!("/users?limit=1&timeJoinedOrder={order}{token}")).await.json();
            seen.extend(page["users"].as_array().unwrap().iter().map(|user| user["timeJoined"].clone()));
            let Some(next) = page["nextPaginationToken"].as_str() else { return seen };
            token = format!("&paginationToken={next}");
        }
    };
    assert_eq!(list("ASC").await, [500, 1000, 1500]);
    assert_eq!(list("DESC").await, [1500, 1000, 500]);
}

#[tokio::test]
async fn without_a_primary_login_method_each_is_a_user() {
    let core = start().await;
    let mut user = whole("ann");
    user["loginMethods"][0]["isPrimary"] = json!(false);
    let added = add(&core, json!([user])).await;
    // The oldest one gets what belongs to the user.
    let queued = core.get("/bulk-import/users").await.json()["users"][0]["id"].clone();
    assert_eq!(queued, added["users"][0]["loginMethods"][1]["userId"]);
    work_off(&core).await;
    assert_eq!(core.get("/users/count").await.json()["count"], 3);
    let oldest = core.get("/user/id?userId=ext-ann").await.json()["user"].clone();
    assert_eq!((&oldest["emails"], &oldest["isPrimaryUser"]), (&json!(["ann@gmail.com"]), &json!(false)));
    for method in added["users"][0]["loginMethods"].as_array().unwrap() {
        let id = &method["userId"];
        let found =
            core.get(&format!("/user/id?userId={}", id.as_str().unwrap())).await.json()["user"].clone();
        let known_by = if *id == queued { &json!("ext-ann") } else { id };
        assert_eq!((&found["id"], &found["loginMethods"][0]["recipeUserId"]), (known_by, known_by));
    }
}

#[tokio::test]
async fn plain_passwords_are_hashed_and_every_kind_of_hash_signs_in() {
    let core = start().await;
    let argon2 = "$argon2id$v=19$m=16,t=1,p=1$c29tZXNhbHQ$lmCClxHKMLH4bPPQGnFfXQ";
    add(
        &core,
        json!([
            {"loginMethods": [{"recipeId": "emailpassword", "email": "a@x.y", "plainTextPassword": "secret 1"}]},
            {"loginMethods": [with_hash("b@x.y")]},
        ]),
    )
    .await;
    work_off(&core).await;
    assert_eq!(sign_in(&core, "", "a@x.y", "secret 1").await, "OK");
    assert_eq!(sign_in(&core, "", "b@x.y", "testPass123").await, "OK");
    let method = json!({"recipeId": "emailpassword", "email": "c@x.y", "passwordHash": argon2,
        "hashingAlgorithm": "argon2"});
    let now = core.post("/bulk-import/import", json!({"loginMethods": [method]})).await.json();
    assert_eq!((&now["status"], &now["user"]["emails"]), (&json!("OK"), &json!(["c@x.y"])));
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_for_each_user() {
    let core = start().await;
    let bad = json!([
        {"loginMethods": [with_hash("a@x.y")]},
        {"externalUserId": 5, "loginMethods": []},
        {"externalUserId": "one", "loginMethods": [{"recipeId": "emailpassword"}]},
        {"externalUserId": "one", "loginMethods": [with_hash("b@x.y")]},
    ]);
    let document = refused(&core, USERS, json!({"users": bad})).await;
    assert_eq!(
        document,
        json!({
            "error": "Data has missing or invalid fields. Please check the users field for more details.",
            "users": [
                {"index": 1, "errors": [
                    "externalUserId should be of type string.", "At least one loginMethod is required.",
                ]},
                {"index": 2, "errors": [
                    "email is required for an emailpassword recipe.",
                    "Either (passwordHash, hashingAlgorithm) or plainTextPassword is required for an emailpassword recipe.",
                ]},
                {"index": 3, "errors": [
                    "externalUserId one is not unique. It is already used by another user.",
                ]},
            ],
        })
    );
    assert_eq!(count(&core, "").await, 0, "all or nothing");
    let many: Vec<Value> = (0..10_001).map(|_| json!({})).collect();
    let document = refused(&core, USERS, json!({"users": many})).await;
    assert_eq!(document, json!({"error": "You can only add 10000 users at a time."}));
    assert_eq!(add(&core, json!([])).await, json!({"status": "OK"}));
    assert_eq!(core.post(USERS, json!({"users": [1]})).await.status, 400);
}

/// Each is refused, and the words are among those that say why.
async fn assert_refused(core: &TestCore, cases: &[(Value, &str)]) {
    for (user, wanted) in cases {
        let told = errors(core, user.clone()).await;
        assert!(told.iter().any(|text| text == wanted), "{user}: {told:?}");
    }
}

#[tokio::test]
async fn each_fault_of_a_login_method_has_its_words() {
    let core = start().await;
    let future = core.clock.now() + 1;
    let cases = [
        (json!({}), "loginMethods is required."),
        (json!({"loginMethods": 1}), "loginMethods should be of type array of object."),
        (json!({"loginMethods": [{}]}), "recipeId is required for a loginMethod."),
        (
            json!({"loginMethods": [{"recipeId": "webauthn"}]}),
            "Invalid recipeId for loginMethod. Pass one of emailpassword, thirdparty or, passwordless!",
        ),
        (
            json!({"loginMethods": [{"recipeId": "passwordless"}]}),
            "Either email or phoneNumber is required for a passwordless recipe.",
        ),
        (
            json!({"loginMethods": [{"recipeId": "passwordless", "email": " "}]}),
            "email should be of type string for a passwordless recipe.",
        ),
        (
            json!({"loginMethods": [{"recipeId": "thirdparty", "email": "a@x.y", "thirdPartyUserId": "1"}]}),
            "thirdPartyId is required for a thirdparty recipe.",
        ),
        (
            json!({"loginMethods": [{"recipeId": "thirdparty", "email": "a@x.y", "thirdPartyUserId": "1",
            "thirdPartyId": "a".repeat(29)}]}),
            "thirdPartyId aaaaaaaaaaaaaaaaaaaaaaaaaaaa is too long. Max length is 28.",
        ),
        (
            json!({"loginMethods": [{"recipeId": "passwordless", "email": "a@x.y", "tenantIds": ["t9"]}]}),
            "Invalid tenantId: t9 for passwordless recipe.",
        ),
        (
            json!({"loginMethods": [{"recipeId": "passwordless", "email": "a@x.y", "tenantIds": [1]}]}),
            "tenantIds should be of type array of string for a loginMethod.",
        ),
        (
            json!({"loginMethods": [{"recipeId": "passwordless", "email": "a@x.y",
            "timeJoinedInMSSinceEpoch": future}]}),
            "timeJoined cannot be in future for a loginMethod.",
        ),
        (
            json!({"loginMethods": [{"recipeId": "passwordless", "email": "a@x.y",
            "timeJoinedInMSSinceEpoch": -1}]}),
            "timeJoined cannot be < 0 for a loginMethod.",
        ),
        (
            json!({"loginMethods": [{"recipeId": "passwordless", "email": "a@x.y", "isPrimary": "yes"}]}),
            "isPrimary should be of type boolean for a loginMethod.",
        ),
        (
            json!({"loginMethods": [
                {"recipeId": "passwordless", "email": "a@x.y", "isPrimary": true},
                {"recipeId": "passwordless", "email": "b@x.y", "isPrimary": true},
            ]}),
            "No two loginMethods can have isPrimary as true.",
        ),
        (
            json!({"loginMethods": [{"recipeId": "emailpassword", "email": "a@x.y",
                "passwordHash": FIREBASE, "hashingAlgorithm": "firebase_scrypt"}]}),
            "no Firebase signer key is configured",
        ),
        (
            json!({"loginMethods": [{"recipeId": "emailpassword", "email": "a@x.y", "passwordHash": "x",
            "hashingAlgorithm": "md5"}]}),
            "Invalid hashingAlgorithm for emailpassword recipe. Pass one of bcrypt, argon2, firebase_scrypt, pbkdf2 or, scrypt!",
        ),
        (
            json!({"loginMethods": [{"recipeId": "emailpassword", "email": "a@x.y", "passwordHash": "x",
            "hashingAlgorithm": "bcrypt"}]}),
            "Password hash is in invalid BCrypt format",
        ),
    ];
    assert_refused(&core, &cases).await;
}

#[tokio::test]
async fn each_other_fault_has_its_words() {
    let core = start().await;
    let long = "x".repeat(300);
    let too_long = format!("externalUserId {} is too long. Max length is 128.", "x".repeat(128));
    let cases = [
        (json!({"externalUserId": long, "loginMethods": [with_hash("a@x.y")]}), &*too_long),
        (
            json!({"userMetadata": [], "loginMethods": [with_hash("a@x.y")]}),
            "userMetadata should be of type object.",
        ),
        (
            json!({"userRoles": [{"tenantIds": []}], "loginMethods": [with_hash("a@x.y")]}),
            "role is required for a user role.",
        ),
        (
            json!({"userRoles": [{"role": "boss", "tenantIds": ["public"]}], "loginMethods": [with_hash("a@x.y")]}),
            "Role boss does not exist.",
        ),
        (
            json!({"userRoles": [{"role": "admin", "tenantIds": ["t1"]}], "loginMethods": [with_hash("a@x.y")]}),
            "TenantId t1 for a user role does not exist in loginMethods.",
        ),
        (
            json!({"totpDevices": [{}], "loginMethods": [with_hash("a@x.y")]}),
            "secretKey is required for a totp device.",
        ),
        (
            json!({"totpDevices": [{"secretKey": "A", "period": 0}], "loginMethods": [with_hash("a@x.y")]}),
            "period should be > 0 for a totp device.",
        ),
        (
            json!({"totpDevices": [{"secretKey": "A", "skew": -1}], "loginMethods": [with_hash("a@x.y")]}),
            "skew should be >= 0 for a totp device.",
        ),
    ];
    assert_refused(&core, &cases).await;
}

#[tokio::test]
async fn what_cannot_be_imported_stays_with_the_reason_and_blocks_nobody() {
    let core = start().await;
    core.sign_up("taken@x.y", "password1").await;
    let ann = json!({"loginMethods": [with_hash("a@x.y")], "externalUserId": "ext-a"});
    core.post("/bulk-import/import", ann).await;
    add(
        &core,
        json!([
            {"loginMethods": [with_hash("taken@x.y")]},
            {"loginMethods": [with_hash("b@x.y")], "userRoles": [{"role": "admin", "tenantIds": ["public"]}]},
        ]),
    )
    .await;
    add(
        &core,
        json!([
            {"loginMethods": [with_hash("c@x.y")], "externalUserId": "ext-a"},
            {"loginMethods": [with_hash("d@x.y"),
                {"recipeId": "thirdparty", "email": "a@x.y", "thirdPartyId": "g", "thirdPartyUserId": "1"}]},
        ]),
    )
    .await;
    core.post("/recipe/role/remove", json!({"role": "admin"})).await;
    work_off(&core).await;
    assert_eq!((count(&core, "?status=FAILED").await, count(&core, "?status=NEW").await), (3, 0));
    let failed = core.get("/bulk-import/users?status=FAILED").await.json();
    let mut reasons: Vec<&str> =
        failed["users"].as_array().unwrap().iter().map(|u| u["errorMessage"].as_str().unwrap()).collect();
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        [
            "E003: A user with email taken@x.y already exists in emailpassword loginMethod.",
            "E031: A user with externalId ext-a already exists",
            "E034: Role does not exist! You need to pre-create the role before assigning it to the user.",
        ]
    );
    for (email, word) in [
        ("a@x.y", "OK"),
        ("d@x.y", "OK"),
        ("b@x.y", "WRONG_CREDENTIALS_ERROR"),
        ("c@x.y", "WRONG_CREDENTIALS_ERROR"),
    ] {
        assert_eq!(sign_in(&core, "", email, "testPass123").await, word, "{email}");
    }
    work_off(&core).await;
    assert_eq!(count(&core, "").await, 3, "what has failed is not tried again");
    let again = json!({"loginMethods": [with_hash("a@x.y")]});
    assert_eq!(
        errors(&core, again).await,
        ["E003: A user with email a@x.y already exists in emailpassword loginMethod."]
    );
}

async fn run(core: &TestCore, sql: &'static str) {
    let mut tx = core.app.db.write().await.unwrap();
    tx.execute(sql, &[]).await.unwrap();
    tx.commit().await.unwrap();
}

/// Has the database itself refuse some metadata.
async fn refuse_metadata(core: &TestCore) {
    let statements: &[&str] = match core.app.db.engine() {
        Engine::Sqlite => {
            &["create trigger refuse before update on user_metadata when new.user_metadata like '%refused%'
               begin select raise(abort, 'not these'); end"]
        }
        Engine::Postgres => &[
            "create function refuse() returns trigger language plpgsql
             as 'begin raise exception ''not these''; end'",
            "create trigger refuse before update on user_metadata for each row
             when (new.user_metadata like '%refused%') execute function refuse()",
        ],
    };
    for sql in statements {
        run(core, sql).await;
    }
}

#[tokio::test]
async fn what_the_database_refuses_blocks_nobody() {
    let core = start().await;
    refuse_metadata(&core).await;
    let users = ["a@x.y", "b@x.y", "c@x.y"].map(|email| {
        let plan = if email == "b@x.y" { "refused" } else { "free" };
        json!({"loginMethods": [with_hash(email)], "userMetadata": {"plan": plan}})
    });
    add(&core, json!(users)).await;
    work_off(&core).await;
    assert_eq!((count(&core, "?status=FAILED").await, count(&core, "?status=NEW").await), (1, 0));
    let failed = core.get("/bulk-import/users?status=FAILED").await.json()["users"][0].clone();
    assert_eq!(failed["loginMethods"][0]["email"], "b@x.y");
    let reason = failed["errorMessage"].as_str().unwrap();
    assert!(reason.starts_with("E046: ") && reason.contains("not these"), "{reason}");
    for (email, word) in [("a@x.y", "OK"), ("b@x.y", "WRONG_CREDENTIALS_ERROR"), ("c@x.y", "OK")] {
        assert_eq!(sign_in(&core, "", email, "testPass123").await, word, "{email}");
    }
}

#[tokio::test]
async fn an_app_whose_settings_cannot_be_used_blocks_no_other() {
    let core = start().await;
    let apps = ["/appid-a1", "/appid-m1", "/appid-z1"];
    for app in apps {
        core.put("/recipe/multitenancy/app/v2", json!({"appId": &app[7..]})).await.json();
        add(&core.at(app), json!([{"loginMethods": [with_hash("a@x.y")]}])).await;
    }
    add(&core, json!([{"loginMethods": [with_hash("a@x.y")]}])).await;
    run(
        &core,
        "update tenant_configs set core_config = '{\"bcrypt_log_rounds\":true}' where app_id <> 'public'",
    )
    .await;
    let core = core.another().await;
    let mut jobs = core.app.recipes.iter().flat_map(|recipe| recipe.jobs);
    let Chore::InDatabase(import) = jobs.find(|job| job.name == "import of users").unwrap().chore else {
        unreachable!("it is more than one statement")
    };
    assert!(import(&core.app, "", &core.app.db, core.clock.now()).await.is_err());
    assert_eq!(sign_in(&core, "", "a@x.y", "testPass123").await, "OK");
    run(&core, "update tenant_configs set core_config = '{}'").await;
    let core = core.another().await;
    work_off(&core).await;
    for app in apps {
        assert_eq!(sign_in(&core, app, "a@x.y", "testPass123").await, "OK");
    }
}

#[tokio::test]
async fn an_address_is_measured_as_it_is_stored() {
    let core = start().await;
    // One letter that is two in lower case.
    let user =
        |letters: usize| json!({"loginMethods": [with_hash(&format!("{}@x.y", "\u{130}".repeat(letters)))]});
    let told = errors(&core, user(127)).await;
    assert!(
        told[0].starts_with("email i") && told[0].ends_with(" is too long. Max length is 256."),
        "{told:?}"
    );
    add(&core, json!([user(126)])).await;
    work_off(&core).await;
    assert_eq!(count(&core, "").await, 0);
    assert_eq!(core.get("/users/count").await.json()["count"], 1);
}

#[tokio::test]
async fn nothing_is_left_of_a_user_who_cannot_be_imported_whole() {
    let core = start().await;
    core.post("/bulk-import/import", whole("ann")).await;
    let before = core.get("/users/count").await.json();
    for (change, reason) in [
        (
            json!({"loginMethods": [with_hash("n@x.y"), {"recipeId": "thirdparty", "email": "n@x.y",
            "thirdPartyId": "google", "thirdPartyUserId": "ann"}]}),
            "E005: A user with thirdPartyId google and thirdPartyUserId ann already exists in thirdparty loginMethod.",
        ),
        (
            json!({"loginMethods": [with_hash("n@x.y"), {"recipeId": "passwordless", "email": "ann@code.org"}]}),
            "E006: A user with email ann@code.org already exists in passwordless loginMethod.",
        ),
        (
            json!({"loginMethods": [{"recipeId": "passwordless", "email": "n@x.y", "phoneNumber": "+442071838750"}]}),
            "E007: A user with phoneNumber +442071838750 already exists in passwordless loginMethod.",
        ),
        (
            json!({"externalUserId": "ext-ann", "loginMethods": [with_hash("n@x.y")]}),
            "E031: A user with externalId ext-ann already exists",
        ),
        (
            json!({"loginMethods": [with_hash("n@x.y")], "totpDevices": [
            {"secretKey": "A", "deviceName": "a"}, {"secretKey": "B", "deviceName": "a"}]}),
            "E036: the user has two devices with the name a",
        ),
    ] {
        assert_eq!(errors(&core, change).await, [reason]);
        assert_eq!(core.get("/users/count").await.json(), before);
    }
    let primary = json!({"loginMethods": [{"recipeId": "thirdparty", "email": "ann@code.org", "isPrimary": true,
        "thirdPartyId": "github", "thirdPartyUserId": "1"}]});
    let told = errors(&core, primary).await;
    assert!(
        told[0].starts_with("E022: ") && told[0].ends_with("associated with another primary user."),
        "{told:?}"
    );
    let in_two = json!({"loginMethods": [{"recipeId": "emailpassword", "email": "ann@example.com",
        "plainTextPassword": "x", "tenantIds": ["t1"]}]});
    assert!(errors(&core, in_two).await[0].starts_with("E003: "));
}

#[tokio::test]
async fn the_queue_is_listed_in_pages_newest_first_and_without_secrets() {
    let core = start().await;
    for number in 0..5 {
        let user = json!({"loginMethods": [with_hash(&format!("{number}@x.y"))],
            "totpDevices": [{"secretKey": "JBSWY3DPEHPK3PXP"}]});
        add(&core, json!([user])).await;
        core.advance(1000);
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let page = core.get(&format!("/bulk-import/users?limit=2&status=NEW{token}")).await;
        assert!(!page.text().contains(BCRYPT) && !page.text().contains("JBSWY3DPEHPK3PXP"));
        let page = page.json();
        for user in page["users"].as_array().unwrap() {
            assert_eq!((&user["status"], user["createdAt"] == user["updatedAt"]), (&json!("NEW"), true));
            seen.push(user["loginMethods"][0]["email"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["nextPaginationToken"].as_str() else { break };
        token = format!("&paginationToken={next}");
    }
    assert_eq!(seen, ["4@x.y", "3@x.y", "2@x.y", "1@x.y", "0@x.y"]);
    for (query, text) in [
        ("?limit=501", "Max limit allowed is 500\n"),
        ("?limit=0", "limit must a positive integer with min value 1\n"),
        ("?status=new", "Invalid value for status. Pass one of NEW, PROCESSING, or FAILED!\n"),
        ("?paginationToken=x", "invalid pagination token\n"),
    ] {
        assert_eq!(core.get(&format!("/bulk-import/users{query}")).await.text(), text);
    }
    let id = core.get("/bulk-import/users").await.json()["users"][0]["id"].clone();
    let removed = core.post("/bulk-import/users/remove", json!({"ids": [id, "x"]})).await.json();
    assert_eq!(removed, json!({"deletedIds": [id], "invalidIds": ["x"]}));
    assert_eq!(count(&core, "").await, 4);
    let nothing = core.post("/bulk-import/users/remove", json!({"ids": []})).await.json();
    assert_eq!(nothing, json!({"deletedIds": [], "invalidIds": []}));
    let ids: Vec<String> = (0..501).map(|id| id.to_string()).collect();
    for (ids, text) in [
        (json!(ids), "Field name 'ids' cannot contain more than 500 elements\n"),
        (json!([" "]), "Field name 'ids' cannot contain an empty string\n"),
    ] {
        assert_eq!(core.post("/bulk-import/users/remove", json!({"ids": ids})).await.text(), text);
    }
}
