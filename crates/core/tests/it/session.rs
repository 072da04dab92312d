//! Sessions: tokens, both refresh regimes, revocation, keys, what each protocol version sees.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_db::args;
use portcullis_testkit::{Reply, TestCore};
use serde_json::{Value, json};
use std::time::Duration;

pub(super) const DAY: i64 = 24 * 3_600_000;

pub(super) async fn create(core: &TestCore, with: Value) -> Value {
    let mut body = json!({
        "userId": "ann", "enableAntiCsrf": false, "userDataInJWT": {"z": 1, "a": null}, "userDataInDatabase": {"d": 1}
    });
    body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    let reply = core.post("/recipe/session", body).await.json();
    assert_eq!(reply["status"], "OK");
    reply
}

pub(super) async fn refresh_with(core: &TestCore, token: &str, with: Value) -> Reply {
    let mut body = json!({"refreshToken": token, "enableAntiCsrf": false, "useDynamicSigningKey": true});
    body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    core.post("/recipe/session/refresh", body).await
}

pub(super) async fn refresh(core: &TestCore, session: &Value) -> Value {
    refresh_with(core, text(session, "refreshToken"), json!({})).await.json()
}

pub(super) async fn verify(core: &TestCore, session: &Value, check_database: bool) -> Value {
    let body = json!({
        "accessToken": text(session, "accessToken"), "doAntiCsrfCheck": false, "enableAntiCsrf": false,
        "checkDatabase": check_database
    });
    core.post("/recipe/session/verify", body).await.json()
}

pub(super) fn text<'v>(session: &'v Value, token: &str) -> &'v str {
    session[token]["token"].as_str().unwrap()
}

pub(super) fn handle(session: &Value) -> &str {
    session["session"]["handle"].as_str().unwrap()
}

pub(super) fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

pub(super) fn kid(session: &Value) -> String {
    part(text(session, "accessToken"), 0)["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_new_session_verifies_and_its_token_has_every_claim() {
    let core = TestCore::start().await.cdi("5.4");
    let made = create(&core, json!({})).await;
    assert_eq!(made["session"].as_object().unwrap().len(), 5);
    assert_eq!(made["session"]["userDataInJWT"].to_string(), r#"{"z":1,"a":null}"#);
    assert_eq!(made.as_object().unwrap().len(), 4);
    let claims = part(text(&made, "accessToken"), 1);
    assert_eq!(claims.as_object().unwrap().len(), 11);
    assert!(claims.get("parentRefreshTokenHash1").is_some_and(Value::is_null));
    assert!(claims.get("antiCsrfToken").is_some_and(Value::is_null));
    assert_eq!((&claims["tId"], &claims["rsub"]), (&json!("public"), &json!("ann")));
    assert_eq!(part(text(&made, "accessToken"), 0)["version"], "5");
    let token = &made["accessToken"];
    assert_eq!(token["expiry"].as_i64().unwrap() - token["createdTime"].as_i64().unwrap(), 3_600_000);
    for check_database in [false, true] {
        let verified = verify(&core, &made, check_database).await;
        assert_eq!(verified, json!({"status": "OK", "session": made["session"]}));
    }
}

#[tokio::test]
async fn each_version_sees_its_own_fields() {
    let core = TestCore::start().await;
    for (cdi, version, session_keys, claims) in
        [("5.4", "5", 5, 11), ("4.0", "5", 5, 11), ("3.1", "4", 4, 10), ("2.21", "3", 3, 9)]
    {
        let core = core.cdi(cdi);
        let made = create(&core, json!({})).await;
        assert_eq!(made["session"].as_object().unwrap().len(), session_keys, "{cdi}");
        assert_eq!(part(text(&made, "accessToken"), 0)["version"], version);
        assert_eq!(part(text(&made, "accessToken"), 1).as_object().unwrap().len(), claims, "{cdi}");
        assert_eq!(verify(&core, &made, true).await["status"], "OK");
        let found = core.get(&format!("/recipe/session?sessionHandle={}", handle(&made))).await.json();
        assert_eq!(found.get("recipeUserId").is_some(), cdi >= "4.0");
        assert_eq!(found.get("tenantId").is_some(), cdi >= "3.0");
    }
    let latest = core.cdi("5.6");
    let old = create(&core.cdi("2.21"), json!({})).await;
    assert_eq!(verify(&latest, &old, true).await["session"]["tenantId"], "public");
}

#[tokio::test]
async fn before_2_21_tokens_are_version_2_and_replies_tell_the_keys() {
    let core = TestCore::start().await;
    let old = core.cdi("2.9");
    let made = create(&old, json!({"enableAntiCsrf": true})).await;
    assert!(
        text(&made, "accessToken").starts_with("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsInZlcnNpb24iOiIyIn0=.")
    );
    assert_eq!(made["idRefreshToken"].as_object().unwrap().len(), 3);
    assert_eq!(made["jwtSigningPublicKeyList"].as_array().unwrap().len(), 1);
    assert_eq!(made["jwtSigningPublicKeyList"][0]["publicKey"], made["jwtSigningPublicKey"]);
    assert!(create(&core.cdi("2.8"), json!({})).await.get("jwtSigningPublicKeyList").is_none());
    let verified = verify(&old, &made, false).await;
    assert_eq!(verified["session"]["userDataInJWT"], json!({"z": 1, "a": null}));
    assert_eq!(verified["jwtSigningPublicKey"], made["jwtSigningPublicKey"]);
    let refreshed = refresh(&old, &made).await;
    assert!(refreshed.get("idRefreshToken").is_some() && refreshed.get("jwtSigningPublicKey").is_none());
    let upgraded = refresh(&core.cdi("5.4"), &refreshed).await;
    assert_eq!(part(text(&upgraded, "accessToken"), 0)["version"], "5");
    let shaken = old.post("/recipe/handshake", json!({})).await.json();
    assert_eq!(shaken["accessTokenValidity"], 3_600_000);
    assert_eq!(shaken["accessTokenBlacklistingEnabled"], false);
    let reply = core.cdi("2.21").post("/recipe/handshake", json!({})).await;
    assert_eq!((reply.status, reply.text().as_str()), (404, "Not found\n"));
    let bad = json!({"accessToken": "x", "doAntiCsrfCheck": false, "enableAntiCsrf": false});
    let refused = old.post("/recipe/session/verify", bad).await.json();
    assert_eq!(refused["status"], "TRY_REFRESH_TOKEN");
    assert!(refused.get("jwtSigningPublicKeyList").is_some());
}

#[tokio::test]
async fn missing_and_wrong_fields_are_named_in_order() {
    let core = TestCore::start().await.cdi("5.4");
    let full = [
        (
            "/recipe/session",
            json!({"userId": "a", "enableAntiCsrf": true, "userDataInJWT": {}, "userDataInDatabase": {}}),
        ),
        (
            "/recipe/session/verify",
            json!({"accessToken": "a", "doAntiCsrfCheck": true, "enableAntiCsrf": true, "checkDatabase": true}),
        ),
        (
            "/recipe/session/refresh",
            json!({"refreshToken": "a", "enableAntiCsrf": true, "useDynamicSigningKey": true}),
        ),
        ("/recipe/session/regenerate", json!({"accessToken": "a"})),
    ];
    for (path, body) in full {
        assert_eq!(core.post(path, json!(null)).await.text(), "Invalid Json Input\n");
        let fields: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
        let mut given = body.clone();
        for field in fields.iter().rev() {
            given.as_object_mut().unwrap().remove(field);
            let reply = core.post(path, given.clone()).await;
            let expected = format!("Field name '{field}' is invalid in JSON input\n");
            assert_eq!((reply.status, reply.text()), (400, expected), "{path}");
        }
    }
    let text = "Field name 'enableAntiCsrf' is invalid in JSON input\n";
    let body =
        json!({"userId": "a", "enableAntiCsrf": "false", "userDataInJWT": {}, "userDataInDatabase": {}});
    assert_eq!(core.post("/recipe/session", body).await.text(), text);
    for path in ["/recipe/session", "/recipe/session/data", "/recipe/jwt/data"] {
        assert_eq!(core.get(path).await.text(), "Field name 'sessionHandle' is missing in GET request\n");
    }
    assert_eq!(
        core.get("/recipe/session/user").await.text(),
        "Field name 'userId' is missing in GET request\n"
    );
    for (path, field) in
        [("/recipe/session/data", "userDataInDatabase"), ("/recipe/jwt/data", "userDataInJWT")]
    {
        let reply = core.put(path, json!({"sessionHandle": "x"})).await;
        assert_eq!(reply.text(), format!("Field name '{field}' is invalid in JSON input\n"));
    }
}

#[tokio::test]
async fn up_to_5_5_a_new_refresh_token_takes_over_when_it_is_first_used() {
    let core = TestCore::start().await.cdi("5.4");
    let first = create(&core, json!({})).await;
    let left = refresh(&core, &first).await;
    let right = refresh(&core, &first).await;
    assert_eq!((&left["status"], &right["status"]), (&json!("OK"), &json!("OK")));
    assert_eq!(handle(&left), handle(&first));
    assert_ne!(text(&left, "refreshToken"), text(&right, "refreshToken"));
    let promoted = verify(&core, &left, false).await;
    assert_eq!(promoted["status"], "OK");
    assert_eq!(verify(&core, &promoted, true).await.get("accessToken"), None);
    for stale in [&first, &right] {
        let theft = refresh(&core, stale).await;
        assert_eq!(theft["status"], "TOKEN_THEFT_DETECTED");
        assert_eq!(
            theft["session"],
            json!({"handle": handle(&first), "userId": "ann", "recipeUserId": "ann"})
        );
        assert_eq!(theft.as_object().unwrap().len(), 2);
    }
    // Ending the session is left to the SDK, so the rightful token still works.
    let second = refresh(&core, &left).await;
    let third = refresh(&core, &second).await;
    assert_eq!(third["status"], "OK");
    assert_eq!(refresh(&core, &left).await["status"], "TOKEN_THEFT_DETECTED");
    assert_eq!(verify(&core, &right, false).await["status"], "OK");
}

#[tokio::test]
async fn from_5_6_on_the_refresh_itself_rotates_and_reuse_ends_the_session() {
    let core = TestCore::start().await.cdi("5.6");
    let first = create(&core, json!({})).await;
    let second = refresh(&core, &first).await;
    assert!(part(text(&second, "accessToken"), 1)["parentRefreshTokenHash1"].is_null());
    let verified = verify(&core, &second, true).await;
    assert_eq!((verified.get("accessToken"), &verified["payloadUpdateAvailable"]), (None, &json!(false)));
    assert!(verify(&core, &second, false).await.get("payloadUpdateAvailable").is_none());
    let third = refresh(&core, &first).await;
    assert_eq!(third["status"], "OK", "within the grace period");
    let displaced = verify(&core, &second, true).await;
    assert_eq!(
        displaced,
        json!({"status": "UNAUTHORISED", "message": "rotated-out token branch; refresh required"})
    );
    assert_eq!(verify(&core, &second, false).await["status"], "OK");
    let orphan = refresh(&core, &second).await;
    assert_eq!(
        (&orphan["status"], &orphan["recentTokenReuseSubtype"]),
        (&json!("TOKEN_THEFT_DETECTED"), &json!("ORPHANED_BRANCH"))
    );
    let gone = refresh(&core, &third).await;
    assert_eq!(gone, json!({"status": "UNAUTHORISED", "message": "Session missing in db or has expired"}));

    let first = create(&core, json!({})).await;
    let second = refresh(&core, &first).await;
    core.advance(30_001);
    assert_eq!(refresh(&core, &first).await["recentTokenReuseSubtype"], "RECENT_PREV");
    assert_eq!(refresh(&core, &second).await["status"], "UNAUTHORISED");

    let first = create(&core, json!({})).await;
    let third = refresh(&core, &refresh(&core, &first).await).await;
    assert_eq!(refresh(&core, &first).await["recentTokenReuseSubtype"], "STALE_LINEAGE");
    assert_eq!(refresh(&core, &third).await["status"], "UNAUTHORISED");
}

#[tokio::test]
async fn reuse_may_be_configured_to_be_a_plain_refusal() {
    let core =
        TestCore::start_with(&json!({"recent_token_reuse_behaviour": "UNAUTHORISED"})).await.cdi("5.6");
    let first = create(&core, json!({})).await;
    let second = refresh(&core, &first).await;
    core.advance(30_001);
    let refused = refresh(&core, &first).await;
    assert_eq!(refused["message"], "refresh token reuse detected");
    assert_eq!(refused["recentTokenReuseSubtype"], "RECENT_PREV");
    assert_eq!(refresh(&core, &second).await["message"], "Session missing in db or has expired");
}

async fn many(core: &TestCore, token: &str) -> Vec<Value> {
    let calls = (0..50).map(|_| {
        let (core, token) = (core.clone(), token.to_owned());
        async move { refresh_with(&core, &token, json!({})).await.json() }
    });
    futures_util::future::join_all(calls).await
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_refreshes_at_once_up_to_5_5_are_siblings_of_which_one_survives() {
    let core = TestCore::start().await.cdi("5.4");
    let first = create(&core, json!({})).await;
    let siblings = many(&core, text(&first, "refreshToken")).await;
    assert!(siblings.iter().all(|reply| reply["status"] == "OK"));
    assert_eq!(refresh(&core, &siblings[17]).await["status"], "OK");
    for (index, sibling) in siblings.iter().enumerate() {
        let expected = if index == 17 { "OK" } else { "TOKEN_THEFT_DETECTED" };
        assert_eq!(refresh(&core, sibling).await["status"], expected, "{index}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_refreshes_at_once_from_5_6_on_leave_exactly_one_living_branch() {
    let core = TestCore::start().await.cdi("5.6");
    let first = create(&core, json!({})).await;
    let branches = many(&core, text(&first, "refreshToken")).await;
    assert!(branches.iter().all(|reply| reply["status"] == "OK"));
    let mut living = 0;
    for branch in &branches {
        let verified = verify(&core, branch, true).await;
        living += usize::from(verified["status"] == "OK");
    }
    assert_eq!(living, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_changes_while_a_refresh_is_under_way_is_judged_again() {
    for cdi in ["5.4", "5.6"] {
        let core = TestCore::start().await.cdi(cdi);
        // Up to 5.5 the first use of a child writes.
        let mut shown = create(&core, json!({})).await;
        if cdi == "5.4" {
            shown = refresh(&core, &shown).await;
        }
        let mut elsewhere = core.app.db.write().await.unwrap();
        let sql = "update session_info set refresh_token_hash_2 = $1, prev_refresh_token_hash_2 = $2";
        elsewhere.execute(sql, args!["another", "the one before"]).await.unwrap();
        let token = text(&shown, "refreshToken").to_owned();
        let (answer, ()) = tokio::join!(refresh_with(&core, &token, json!({})), async {
            // Long enough for it to have read the session as it was.
            tokio::time::sleep(Duration::from_millis(300)).await;
            elsewhere.commit().await.unwrap();
        });
        assert_eq!(answer.json()["status"], "TOKEN_THEFT_DETECTED", "{cdi}");
        // Up to 5.5 ending the session is left to the SDK.
        let hashes: Vec<(String,)> = {
            let mut tx = core.app.db.read().await.unwrap();
            tx.fetch_all("select refresh_token_hash_2 from session_info", &[]).await.unwrap()
        };
        let left = if cdi == "5.4" { vec![("another".to_owned(),)] } else { vec![] };
        assert_eq!(hashes, left, "{cdi}");
    }
}

#[tokio::test]
async fn a_session_may_move_between_the_regimes() {
    let core = TestCore::start().await;
    let (old, new) = (core.cdi("5.4"), core.cdi("5.6"));
    let first = create(&old, json!({})).await;
    let second = refresh(&old, &first).await;
    assert_eq!(verify(&old, &second, false).await["status"], "OK");
    assert_eq!(refresh(&new, &first).await["status"], "OK", "the promotion is a rotation: grace holds");
    let first = create(&new, json!({})).await;
    let second = refresh(&new, &first).await;
    assert_eq!(refresh(&old, &second).await["status"], "OK");
    assert_eq!(refresh(&old, &first).await["status"], "TOKEN_THEFT_DETECTED");
}

#[tokio::test]
async fn bad_refresh_tokens_are_refused_with_a_status() {
    let core = TestCore::start().await.cdi("5.4");
    let made = create(&core, json!({})).await;
    let good = text(&made, "refreshToken");
    for bad in [String::new(), "x".into(), format!("a{good}"), format!("{good}a"), good.replace('.', "")] {
        assert_eq!(refresh_with(&core, &bad, json!({})).await.status_word(), "UNAUTHORISED", "{bad}");
    }
    let empty = refresh_with(&core, "", json!({})).await.json();
    assert!(empty["message"].as_str().unwrap().ends_with("version of refresh token not recognised"));
    let other = TestCore::start().await.cdi("5.4");
    assert_eq!(refresh(&other, &made).await["status"], "UNAUTHORISED");
    assert_eq!(verify(&other, &made, false).await["status"], "TRY_REFRESH_TOKEN");
}

#[tokio::test]
async fn anti_csrf_is_checked_when_both_sides_want_it() {
    let core = TestCore::start().await.cdi("5.4");
    let made = create(&core, json!({"enableAntiCsrf": true})).await;
    let value = made["antiCsrfToken"].as_str().unwrap();
    let body = |value: Option<&str>, check: bool| {
        let mut body = json!({"accessToken": text(&made, "accessToken"), "doAntiCsrfCheck": check,
            "enableAntiCsrf": true, "checkDatabase": false});
        if let Some(value) = value {
            body["antiCsrfToken"] = value.into();
        }
        body
    };
    let path = "/recipe/session/verify";
    assert_eq!(core.post(path, body(Some(value), true)).await.status_word(), "OK");
    assert_eq!(core.post(path, body(None, false)).await.status_word(), "OK");
    for wrong in [None, Some("wrong")] {
        let refused = core.post(path, body(wrong, true)).await.json();
        assert_eq!(refused, json!({"status": "TRY_REFRESH_TOKEN", "message": "anti-csrf check failed"}));
    }
    let token = text(&made, "refreshToken");
    let refused = refresh_with(&core, token, json!({"enableAntiCsrf": true})).await.json();
    assert_eq!(refused["message"], "Anti CSRF token missing, or not matching");
    let fine =
        refresh_with(&core, token, json!({"enableAntiCsrf": true, "antiCsrfToken": value})).await.json();
    assert_ne!(fine["antiCsrfToken"], made["antiCsrfToken"]);
    let dropped = refresh_with(&core, token, json!({"antiCsrfToken": "stray"})).await.json();
    assert_eq!((&dropped["status"], dropped.get("antiCsrfToken")), (&json!("OK"), None));
    let upgraded = refresh_with(&core, text(&dropped, "refreshToken"), json!({"enableAntiCsrf": true})).await;
    assert!(upgraded.json()["antiCsrfToken"].is_string());
}

#[tokio::test]
async fn tokens_and_sessions_expire_by_the_clock() {
    let core = TestCore::start().await.cdi("5.4");
    let made = create(&core, json!({})).await;
    core.advance(3_600_000);
    assert_eq!(verify(&core, &made, false).await["status"], "OK", "alive to the last millisecond");
    core.advance(1);
    let expired = verify(&core, &made, false).await;
    assert_eq!(expired, json!({"status": "TRY_REFRESH_TOKEN", "message": "Access token expired"}));
    let find = format!("/recipe/session?sessionHandle={}", handle(&made));
    assert_eq!(core.get(&find).await.status_word(), "OK");
    core.advance(100 * DAY);
    let gone = json!({"status": "UNAUTHORISED", "message": "Session does not exist."});
    assert_eq!(core.get(&find).await.json(), gone);
    assert_eq!(refresh(&core, &made).await["message"], "Session missing in db or has expired");
    assert_eq!(core.get("/recipe/session/user?userId=ann").await.json()["sessionHandles"], json!([]));
}

#[tokio::test]
async fn data_is_replaced_and_shows_where_it_should() {
    let core = TestCore::start().await.cdi("5.4");
    let made = create(&core, json!({})).await;
    let body = json!({"sessionHandle": handle(&made), "userDataInDatabase": {"n": null}});
    assert_eq!(core.put("/recipe/session/data", body).await.json(), json!({"status": "OK"}));
    let body = json!({"sessionHandle": handle(&made), "userDataInJWT": {"new": [1.5, null]}});
    assert_eq!(core.put("/recipe/jwt/data", body).await.json(), json!({"status": "OK"}));
    let query = format!("?sessionHandle={}", handle(&made));
    let data = core.get(&format!("/recipe/session/data{query}")).await.json();
    assert_eq!(data, json!({"status": "OK", "userDataInDatabase": {"n": null}}));
    let data = core.get(&format!("/recipe/jwt/data{query}")).await.json();
    assert_eq!(data, json!({"status": "OK", "userDataInJWT": {"new": [1.5, null]}}));
    let fast = verify(&core, &made, false).await;
    assert_eq!((fast.get("accessToken"), &fast["session"]), (None, &made["session"]));
    let stateless = verify(&core.cdi("5.6"), &made, true).await;
    assert_eq!(stateless["payloadUpdateAvailable"], true);
    let checked = verify(&core, &made, true).await;
    assert_eq!(checked["session"]["userDataInJWT"], json!({"new": [1.5, null]}));
    assert_eq!(part(text(&checked, "accessToken"), 1)["new"], json!([1.5, null]));
    let gone = json!({"status": "UNAUTHORISED", "message": "Session does not exist."});
    for (path, field) in
        [("/recipe/session/data", "userDataInDatabase"), ("/recipe/jwt/data", "userDataInJWT")]
    {
        assert_eq!(core.put(path, json!({"sessionHandle": "_", field: {}})).await.json(), gone);
        assert_eq!(core.get(&format!("{path}?sessionHandle=")).await.json(), gone);
    }
}

#[tokio::test]
async fn regenerating_keeps_the_expiry() {
    let core = TestCore::start().await.cdi("5.4");
    let made = create(&core, json!({})).await;
    core.advance(10_000);
    let token = text(&made, "accessToken");
    let path = "/recipe/session/regenerate";
    let new = core.post(path, json!({"accessToken": token, "userDataInJWT": {"b": 2}})).await.json();
    assert_eq!(new["session"]["userDataInJWT"], json!({"b": 2}));
    assert_eq!(new["accessToken"]["expiry"], made["accessToken"]["expiry"]);
    assert_eq!(verify(&core, &new, true).await.get("accessToken"), None);
    let kept = core.post(path, json!({"accessToken": token})).await.json();
    assert_eq!(kept["session"]["userDataInJWT"], json!({"b": 2}));
    core.advance(3_600_000);
    let late = core.post(path, json!({"accessToken": token, "userDataInJWT": {}})).await.json();
    assert_eq!((&late["status"], late.get("accessToken")), (&json!("OK"), None));
    let gone = json!({"status": "UNAUTHORISED", "message": "Session does not exist."});
    assert_eq!(core.post(path, json!({"accessToken": "nonsense"})).await.json(), gone);
    core.post("/recipe/session/remove", json!({"sessionHandles": [handle(&made)]})).await.json();
    assert_eq!(core.post(path, json!({"accessToken": token})).await.json(), gone);
}

#[tokio::test]
async fn reserved_claims_are_refused_by_version() {
    let core = TestCore::start().await;
    let refused = "The user payload contains protected field\n";
    let body = |name: &str| json!({"userId": "a", "enableAntiCsrf": false, "userDataInJWT": {name: 1}, "userDataInDatabase": {}});
    for (cdi, name, fine) in [
        ("5.4", "rsub", false),
        ("3.1", "rsub", true),
        ("3.1", "tId", false),
        ("2.21", "tId", true),
        ("2.21", "sub", false),
        ("2.20", "sub", true),
    ] {
        let reply = core.cdi(cdi).post("/recipe/session", body(name)).await;
        if fine {
            assert_eq!(reply.status_word(), "OK", "{cdi} {name}");
        } else {
            assert_eq!((reply.status, reply.text().as_str()), (400, refused), "{cdi} {name}");
        }
    }
    let latest = core.cdi("5.4");
    let reply =
        latest.put("/recipe/jwt/data", json!({"sessionHandle": "none", "userDataInJWT": {"exp": 1}})).await;
    assert_eq!((reply.status, reply.text().as_str()), (400, refused));
    let made = create(&core.cdi("2.21"), json!({"userDataInJWT": {"tId": "x"}})).await;
    let reply = refresh(&latest, &made).await;
    assert_eq!(reply, json!({"status": "UNAUTHORISED", "message": refused.trim_end()}));
    let body = json!({"accessToken": text(&made, "accessToken"), "userDataInJWT": {"iat": 1}});
    assert_eq!(latest.post("/recipe/session/regenerate", body).await.text(), refused);
}

#[tokio::test]
async fn sessions_are_listed_and_removed() {
    let core = TestCore::start().await.cdi("5.4");
    let (one, two) = (create(&core, json!({})).await, create(&core, json!({})).await);
    let other = create(&core, json!({"userId": "bob"})).await;
    let listed = core.get("/recipe/session/user?userId=ann").await.json();
    assert_eq!(listed["sessionHandles"].as_array().unwrap().len(), 2);
    let path = "/recipe/session/remove";
    let gone = core.post(path, json!({"sessionHandles": [handle(&one), "nobody"]})).await.json();
    assert_eq!(gone, json!({"status": "OK", "sessionHandlesRevoked": [handle(&one)]}));
    assert_eq!(verify(&core, &one, false).await["status"], "OK");
    let checked = verify(&core, &one, true).await;
    assert_eq!(
        checked,
        json!({"status": "UNAUTHORISED", "message": "Either the session has ended or has been blacklisted"})
    );
    let gone = core.post(path, json!({"userId": "ann"})).await.json();
    assert_eq!(gone["sessionHandlesRevoked"], json!([handle(&two)]));
    assert_eq!(core.post(path, json!({"userId": "ann"})).await.json()["sessionHandlesRevoked"], json!([]));
    assert_eq!(verify(&core, &other, true).await["status"], "OK");
    let one_of = "Invalid JSON input - use one of userId or sessionHandles array\n";
    for body in [json!({}), json!({"userId": "a", "sessionHandles": []})] {
        assert_eq!(core.post(path, body).await.text(), one_of);
    }
    for field in ["revokeAcrossAllTenants", "revokeSessionsForLinkedAccounts"] {
        let reply = core.post(path, json!({"sessionHandles": [], field: true})).await;
        let text = format!("Invalid JSON input - {field} can only be set if userId is set\n");
        assert_eq!((reply.status, reply.text()), (400, text));
    }
    let reply = core.get("/recipe/session?sessionHandle=x_nowhere").await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn deleting_a_user_ends_the_sessions() {
    let core = TestCore::start().await.cdi("5.4");
    let user = core.sign_up("ann@example.com", "password1").await;
    let made = create(&core, json!({"userId": user["id"]})).await;
    assert_eq!(core.post("/user/remove", json!({"userId": user["id"]})).await.status_word(), "OK");
    assert_eq!(verify(&core, &made, true).await["status"], "UNAUTHORISED");
}

#[tokio::test]
async fn a_lifetime_may_be_asked_for_from_5_6_on() {
    let core = TestCore::start().await;
    let new = core.cdi("5.6");
    let made = create(&new, json!({"accessTokenValidity": 5000})).await;
    assert_eq!(
        made["accessToken"]["expiry"].as_i64().unwrap()
            - made["accessToken"]["createdTime"].as_i64().unwrap(),
        5000
    );
    let text = "accessTokenValidity must be greater than 0 and at most the configured access_token_validity (3600000 ms)\n";
    for asked in [0, -1, 3_600_001] {
        let reply = refresh_with(
            &new,
            made["refreshToken"]["token"].as_str().unwrap(),
            json!({"accessTokenValidity": asked}),
        )
        .await;
        assert_eq!((reply.status, reply.text().as_str()), (400, text));
    }
    let old = create(&core.cdi("5.5"), json!({"accessTokenValidity": -1})).await;
    assert_eq!(
        old["accessToken"]["expiry"].as_i64().unwrap() - old["accessToken"]["createdTime"].as_i64().unwrap(),
        3_600_000
    );
}

#[tokio::test]
async fn jitter_only_ever_shortens() {
    let core = TestCore::start_with(&json!({"access_token_validity_jitter": 0.25})).await.cdi("5.4");
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let made = create(&core, json!({})).await;
        let life = made["accessToken"]["expiry"].as_i64().unwrap()
            - made["accessToken"]["createdTime"].as_i64().unwrap();
        assert!((2_699_000..=3_600_000).contains(&life), "{life}");
        seen.insert(life);
    }
    assert!(seen.len() > 1);
}
