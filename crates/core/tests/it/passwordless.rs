//! The passwordless recipe: codes and links, made, sent again, tried, used up, listed and forgotten.

use portcullis_core::jobs;
use portcullis_db::args;
use portcullis_testkit::{Reply, START, TestCore};
use serde_json::{Value, json};

pub(super) const EMAIL: &str = "ann@example.com";
pub(super) const PHONE: &str = "+442071838750";
const LIFETIME: i64 = 900_000;

/// Makes a code, or a further one.
pub(super) async fn begin(core: &TestCore, body: Value) -> Value {
    let reply = core.post("/recipe/signinup/code", body).await.json();
    assert_eq!(reply["status"], "OK", "{reply}");
    reply
}

pub(super) fn link(code: &Value) -> Value {
    json!({"preAuthSessionId": code["preAuthSessionId"], "linkCode": code["linkCode"]})
}

pub(super) fn entry(code: &Value) -> Value {
    entry_of(code, code["userInputCode"].as_str().unwrap())
}

fn entry_of(code: &Value, entered: &str) -> Value {
    json!({"preAuthSessionId": code["preAuthSessionId"], "deviceId": code["deviceId"], "userInputCode": entered})
}

pub(super) async fn consume(core: &TestCore, body: Value) -> Reply {
    core.post("/recipe/signinup/code/consume", body).await
}

async fn check(core: &TestCore, body: Value) -> Reply {
    core.post("/recipe/signinup/code/check", body).await
}

/// The devices that are listed, by part of a query.
pub(super) async fn devices(core: &TestCore, query: &str) -> Vec<Value> {
    let reply = core.get(&format!("/recipe/signinup/codes?{query}")).await.json();
    reply["devices"].as_array().unwrap().clone()
}

fn encoded(text: &Value) -> String {
    form_urlencoded::byte_serialize(text.as_str().unwrap().as_bytes()).collect()
}

fn is_refused(reply: &Reply, text: &str) {
    assert_eq!((reply.status, reply.text().trim_end()), (400, text));
}

const ONE_OF_THREE: &str = "Please provide exactly one of email, phoneNumber or deviceId";
const ONE_PROOF: &str = "Please provide exactly one of linkCode or deviceId+userInputCode";

#[tokio::test]
async fn a_code_is_made_for_an_address() {
    let core = TestCore::start().await;
    let code = begin(&core, json!({"email": " Ann@Example.com "})).await;
    assert_eq!(code.as_object().unwrap().len(), 8);
    let length = |name: &str| code[name].as_str().unwrap().len();
    assert_eq!((length("preAuthSessionId"), length("codeId"), length("deviceId")), (43, 36, 44));
    assert_eq!((length("userInputCode"), length("linkCode")), (6, 43));
    assert!(code["userInputCode"].as_str().unwrap().bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!((&code["timeCreated"], &code["codeLifetime"]), (&json!(START), &json!(LIFETIME)));
    let own = begin(&core, json!({"email": EMAIL, "userInputCode": "my code"})).await;
    assert_eq!(own["userInputCode"], "my code");
    let found = devices(&core, "email=ANN@example.com").await;
    assert_eq!(found.len(), 2, "each time another device");
    assert!(
        found.iter().all(|device| device["email"] == EMAIL && device["codes"].as_array().unwrap().len() == 1)
    );
}

#[tokio::test]
async fn what_is_wrong_about_asking_for_a_code_is_told() {
    let core = TestCore::start().await;
    for (body, text) in [
        (json!({}), ONE_OF_THREE),
        (json!({"userInputCode": "1"}), ONE_OF_THREE),
        (json!({"email": EMAIL, "phoneNumber": PHONE}), ONE_OF_THREE),
        (json!({"email": EMAIL, "deviceId": "AAAA"}), ONE_OF_THREE),
        (json!({"phoneNumber": PHONE, "deviceId": "AAAA"}), ONE_OF_THREE),
        (json!({"email": EMAIL, "userInputCode": ""}), "userInputCode cannot be an empty string."),
        (json!({"deviceId": "AAA_"}), "Input encoding error in deviceId"),
        (json!({"deviceId": "AAA=="}), "Input encoding error in deviceId"),
        (json!({"email": null}), "Field name 'email' is invalid in JSON input"),
        (json!({"phoneNumber": 1}), "Field name 'phoneNumber' is invalid in JSON input"),
        (json!({"phoneNumber": "1".repeat(257)}), "Field name 'phoneNumber' can have at most 256 characters"),
    ] {
        is_refused(&core.post("/recipe/signinup/code", body).await, text);
    }
}

#[tokio::test]
async fn a_device_gets_further_codes_and_the_older_ones_still_work() {
    let core = TestCore::start().await;
    let first = begin(&core, json!({"email": EMAIL})).await;
    consume(&core, entry_of(&first, "wrong")).await;
    let again = begin(&core, json!({"deviceId": first["deviceId"], "userInputCode": "other"})).await;
    assert_eq!(
        (&again["deviceId"], &again["preAuthSessionId"]),
        (&first["deviceId"], &first["preAuthSessionId"])
    );
    let found = devices(&core, "email=ann@example.com").await;
    assert_eq!((found.len(), found[0]["codes"].as_array().unwrap().len()), (1, 2));
    assert_eq!(found[0]["failedCodeInputAttemptCount"], 1, "a further code forgives nothing");
    let word = async |body: Value| core.post("/recipe/signinup/code", body).await.status_word();
    let same = json!({"deviceId": first["deviceId"], "userInputCode": "other"});
    assert_eq!(word(same).await, "USER_INPUT_CODE_ALREADY_USED_ERROR");
    assert_eq!(word(json!({"deviceId": "AAAA"})).await, "RESTART_FLOW_ERROR");
    assert_eq!(word(json!({"deviceId": ""})).await, "RESTART_FLOW_ERROR");
    assert_eq!(consume(&core, entry(&first)).await.status_word(), "OK");
    assert_eq!(word(json!({"deviceId": first["deviceId"]})).await, "RESTART_FLOW_ERROR");
}

#[tokio::test]
async fn the_code_and_the_link_sign_in_once() {
    let core = TestCore::start().await;
    for (step, proof) in [link as fn(&Value) -> Value, entry].into_iter().enumerate() {
        for contact in [json!({"email": EMAIL}), json!({"phoneNumber": PHONE})] {
            let code = begin(&core, contact.clone()).await;
            let reply = consume(&core, proof(&code)).await.json();
            assert_eq!(reply.as_object().unwrap().len(), 5, "{reply}");
            assert_eq!((&reply["status"], &reply["createdNewUser"]), (&json!("OK"), &json!(step == 0)));
            assert_eq!(reply["recipeUserId"], reply["user"]["id"]);
            let mut device = contact;
            device["preAuthSessionId"] = code["preAuthSessionId"].clone();
            device["failedCodeInputAttemptCount"] = json!(0);
            assert_eq!(reply["consumedDevice"], device);
            for proof in [link, entry] {
                assert_eq!(consume(&core, proof(&code)).await.status_word(), "RESTART_FLOW_ERROR");
            }
        }
    }
    assert_eq!(core.get("/users/count?includeRecipeIds=passwordless").await.json()["count"], 2);
}

#[tokio::test]
async fn padding_is_no_part_of_what_is_sent_back() {
    let core = TestCore::start().await;
    let with_padding = |text: &Value| json!(format!("{}=", text.as_str().unwrap()));
    let code = begin(&core, json!({"email": EMAIL})).await;
    let body = json!({"preAuthSessionId": with_padding(&code["preAuthSessionId"]),
        "linkCode": with_padding(&code["linkCode"])});
    assert_eq!(check(&core, body.clone()).await.status_word(), "OK");
    assert_eq!(consume(&core, body).await.status_word(), "OK");
    let code = begin(&core, json!({"email": EMAIL})).await;
    let bare = code["deviceId"].as_str().unwrap().trim_end_matches('=');
    let body = json!({"preAuthSessionId": code["preAuthSessionId"], "deviceId": bare,
        "userInputCode": code["userInputCode"]});
    assert_eq!(consume(&core, body).await.status_word(), "OK");
}

#[tokio::test]
async fn what_is_wrong_about_an_attempt_is_told() {
    let core = TestCore::start().await;
    let code = begin(&core, json!({"email": EMAIL})).await;
    let other = begin(&core, json!({"email": "bob@example.com"})).await;
    let session = code["preAuthSessionId"].clone();
    let mixed_link = json!({"preAuthSessionId": session, "linkCode": other["linkCode"]});
    let mixed_entry =
        json!({"preAuthSessionId": session, "deviceId": other["deviceId"], "userInputCode": "1"});
    for (body, text) in [
        (json!({"linkCode": "A"}), "Field name 'preAuthSessionId' is invalid in JSON input"),
        (json!({"preAuthSessionId": session}), ONE_PROOF),
        (json!({"preAuthSessionId": session, "deviceId": "AAAA"}), ONE_PROOF),
        (json!({"preAuthSessionId": session, "userInputCode": "1"}), ONE_PROOF),
        (json!({"preAuthSessionId": session, "linkCode": "A", "deviceId": "AAAA"}), ONE_PROOF),
        (json!({"preAuthSessionId": session, "linkCode": "A", "userInputCode": "1"}), ONE_PROOF),
        // Which fields are there decides, whatever they hold.
        (json!({"preAuthSessionId": session, "linkCode": null, "deviceId": 1}), ONE_PROOF),
        (json!({"preAuthSessionId": session, "deviceId": null}), ONE_PROOF),
        (
            json!({"preAuthSessionId": session, "linkCode": null}),
            "Field name 'linkCode' is invalid in JSON input",
        ),
        (
            json!({"preAuthSessionId": session, "deviceId": "AAAA", "userInputCode": 1}),
            "Field name 'userInputCode' is invalid in JSON input",
        ),
        (
            json!({"preAuthSessionId": 1, "linkCode": "A"}),
            "Field name 'preAuthSessionId' is invalid in JSON input",
        ),
        (json!({"preAuthSessionId": session, "linkCode": "A"}), "Input encoding error in linkCode"),
        (json!({"preAuthSessionId": session, "linkCode": "+/8="}), "Input encoding error in linkCode"),
        (
            json!({"preAuthSessionId": session, "deviceId": "-_8=", "userInputCode": "1"}),
            "Input encoding error in deviceId",
        ),
        (mixed_link, "preAuthSessionId and deviceId doesn't match"),
        (mixed_entry, "preAuthSessionId and deviceId doesn't match"),
    ] {
        is_refused(&consume(&core, body.clone()).await, text);
        is_refused(&check(&core, body).await, text);
    }
    let unknown = json!({"preAuthSessionId": session, "linkCode": "AAAA"});
    assert_eq!(consume(&core, unknown.clone()).await.status_word(), "RESTART_FLOW_ERROR");
    assert_eq!(check(&core, unknown).await.status_word(), "RESTART_FLOW_ERROR");
    let unknown = json!({"preAuthSessionId": session, "deviceId": "AAAA", "userInputCode": "1"});
    assert_eq!(consume(&core, unknown).await.status_word(), "RESTART_FLOW_ERROR");
    assert_eq!(devices(&core, "email=ann@example.com").await[0]["failedCodeInputAttemptCount"], 0);
}

fn failed(word: &str, count: i64) -> Value {
    json!({"status": word, "failedCodeInputAttemptCount": count, "maximumCodeInputAttempts": 5})
}

#[tokio::test]
async fn wrong_codes_are_counted_until_the_device_goes() {
    let core = TestCore::start().await;
    let code = begin(&core, json!({"email": EMAIL})).await;
    for count in 1..=4 {
        // Both ways of trying count.
        let wrong = entry_of(&code, "wrong");
        let reply = if count % 2 == 0 { check(&core, wrong).await } else { consume(&core, wrong).await };
        assert_eq!(reply.json(), failed("INCORRECT_USER_INPUT_CODE_ERROR", count));
    }
    assert_eq!(check(&core, entry(&code)).await.json()["consumedDevice"]["failedCodeInputAttemptCount"], 4);
    assert_eq!(
        consume(&core, entry_of(&code, "wrong")).await.json(),
        json!({"status": "RESTART_FLOW_ERROR"})
    );
    assert!(devices(&core, "email=ann@example.com").await.is_empty());
    assert_eq!(consume(&core, entry(&code)).await.status_word(), "RESTART_FLOW_ERROR");
    assert_eq!(core.get("/users/count").await.json()["count"], 0);
}

#[tokio::test]
async fn wrong_links_are_not_counted() {
    let core = TestCore::start().await;
    let code = begin(&core, json!({"email": EMAIL})).await;
    for _ in 0..10 {
        let wrong = json!({"preAuthSessionId": code["preAuthSessionId"], "linkCode": "AAAA"});
        assert_eq!(consume(&core, wrong).await.status_word(), "RESTART_FLOW_ERROR");
    }
    assert_eq!(devices(&core, "email=ann@example.com").await[0]["failedCodeInputAttemptCount"], 0);
    assert_eq!(consume(&core, link(&code)).await.status_word(), "OK");
}

#[tokio::test]
async fn fewer_attempts_than_were_made_end_the_device_even_with_the_right_code() {
    let core = TestCore::start_with(&json!({"passwordless_max_code_input_attempts": 2})).await;
    for proof in [entry as fn(&Value) -> Value, link] {
        let code = begin(&core, json!({"email": EMAIL})).await;
        let mut tx = core.app.db.write().await.unwrap();
        tx.execute("update passwordless_devices set failed_attempts = 2", args![]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(check(&core, proof(&code)).await.status_word(), "RESTART_FLOW_ERROR");
        assert!(devices(&core, "email=ann@example.com").await.is_empty());
    }
    let code = begin(&core, json!({"email": EMAIL})).await;
    let reply = consume(&core, entry_of(&code, "wrong")).await.json();
    assert_eq!(
        (&reply["failedCodeInputAttemptCount"], &reply["maximumCodeInputAttempts"]),
        (&json!(1), &json!(2))
    );
}

#[tokio::test]
async fn codes_and_links_expire() {
    let core = TestCore::start().await;
    let code = begin(&core, json!({"email": EMAIL})).await;
    core.advance(LIFETIME);
    assert_eq!(check(&core, entry(&code)).await.status_word(), "OK");
    core.advance(1);
    assert_eq!(consume(&core, link(&code)).await.json(), json!({"status": "RESTART_FLOW_ERROR"}));
    assert_eq!(consume(&core, entry(&code)).await.json(), failed("EXPIRED_USER_INPUT_CODE_ERROR", 1));
    assert_eq!(
        check(&core, entry_of(&code, "wrong")).await.json(),
        failed("INCORRECT_USER_INPUT_CODE_ERROR", 2)
    );
    let again = begin(&core, json!({"deviceId": code["deviceId"]})).await;
    assert_eq!(
        consume(&core, entry(&again)).await.json()["consumedDevice"]["failedCodeInputAttemptCount"],
        2
    );
    let last = begin(&core, json!({"email": EMAIL})).await;
    core.advance(LIFETIME + 1);
    for count in 1..=4 {
        assert_eq!(consume(&core, entry(&last)).await.json(), failed("EXPIRED_USER_INPUT_CODE_ERROR", count));
    }
    assert_eq!(consume(&core, entry(&last)).await.status_word(), "RESTART_FLOW_ERROR");
    assert!(devices(&core, "email=ann@example.com").await.is_empty());
}

#[tokio::test]
async fn a_check_leaves_everything_as_it_is() {
    let core = TestCore::start().await;
    let code = begin(&core, json!({"phoneNumber": PHONE})).await;
    for (version, proof) in
        [("2.11", link as fn(&Value) -> Value), ("4.0", entry), ("5.0", entry), ("5.6", link)]
    {
        let reply = check(&core.cdi(version), proof(&code)).await.json();
        let device = json!({"preAuthSessionId": code["preAuthSessionId"], "failedCodeInputAttemptCount": 0,
            "phoneNumber": PHONE});
        assert_eq!(reply, json!({"status": "OK", "consumedDevice": device}));
    }
    assert_eq!(core.get("/users/count").await.json()["count"], 0);
    assert_eq!(core.get("/users/count/active?since=0").await.json()["count"], 0);
    assert_eq!(consume(&core, entry(&code)).await.json()["createdNewUser"], true);
    assert_eq!(core.get("/users/count/active?since=0").await.json()["count"], 1);
}

#[tokio::test]
async fn who_signs_in_ends_every_device_of_the_address() {
    let core = TestCore::start().await;
    let (first, second) =
        (begin(&core, json!({"email": EMAIL})).await, begin(&core, json!({"email": EMAIL})).await);
    begin(&core, json!({"email": "bob@example.com"})).await;
    assert_eq!(consume(&core, entry(&first)).await.status_word(), "OK");
    assert_eq!(consume(&core, entry(&second)).await.status_word(), "RESTART_FLOW_ERROR");
    assert!(devices(&core, "email=ann@example.com").await.is_empty());
    assert_eq!(devices(&core, "email=bob@example.com").await.len(), 1);
}

#[tokio::test]
async fn a_number_is_the_same_however_it_is_written() {
    let core = TestCore::start().await;
    let code = begin(&core, json!({"phoneNumber": " +44-207 183 8750 "})).await;
    for written in ["%2B44-207%20183%208750", "%2B442071838750", "%2B44%20(0)20%207183%208750"] {
        let found = devices(&core, &format!("phoneNumber={written}")).await;
        assert_eq!((found.len(), &found[0]["phoneNumber"]), (1, &json!(PHONE)), "{written}");
    }
    let user = consume(&core, link(&code)).await.json()["user"].clone();
    assert_eq!((&user["phoneNumbers"], &user["emails"]), (&json!([PHONE]), &json!([])));
    assert_eq!(user["loginMethods"][0]["phoneNumber"], PHONE);
    let found = "/users/by-accountinfo?phoneNumber=%2B44-207%20183%208750&doUnionOfAccountInfo=false";
    assert_eq!(core.get(found).await.json()["users"][0]["id"], user["id"]);
    let by_number =
        core.header("rid", "passwordless").get("/recipe/user?phoneNumber=%2B44-207%20183%208750").await;
    assert_eq!(by_number.json()["user"]["id"], user["id"]);
    begin(&core, json!({"phoneNumber": PHONE})).await;
    core.post("/recipe/signinup/codes/remove", json!({"phoneNumber": "+44 20 7183 8750"})).await;
    assert!(devices(&core, "phoneNumber=%2B442071838750").await.is_empty());
    begin(&core, json!({"phoneNumber": " no number "})).await;
    assert_eq!(devices(&core, "phoneNumber=no%20number").await.len(), 1, "anything else is only trimmed");
}

#[tokio::test]
async fn devices_are_found_in_four_ways_and_show_nothing_secret() {
    let core = TestCore::start().await;
    let code = begin(&core, json!({"email": EMAIL})).await;
    core.advance(1);
    let again = begin(&core, json!({"deviceId": code["deviceId"]})).await;
    let listed = |code: &Value| json!({"codeId": code["codeId"], "timeCreated": code["timeCreated"], "codeLifetime": LIFETIME});
    let device = json!({"preAuthSessionId": code["preAuthSessionId"], "failedCodeInputAttemptCount": 0,
        "email": EMAIL, "codes": [listed(&code), listed(&again)]});
    core.advance(LIFETIME);
    for query in [
        "email=Ann@example.com".to_owned(),
        format!("deviceId={}", encoded(&code["deviceId"])),
        format!("preAuthSessionId={}", encoded(&code["preAuthSessionId"])),
    ] {
        assert_eq!(json!(devices(&core, &query).await), json!([device]), "{query}: expired ones too");
    }
    let phone = begin(&core, json!({"phoneNumber": PHONE})).await;
    let found = devices(&core, "phoneNumber=%2B442071838750").await;
    assert_eq!(
        (&found[0]["preAuthSessionId"], &found[0]["phoneNumber"]),
        (&phone["preAuthSessionId"], &json!(PHONE))
    );
    assert!(found[0].get("email").is_none() && device.get("phoneNumber").is_none());
    for query in ["email=no", "phoneNumber=%2B1", "deviceId=AAAA", "preAuthSessionId=x"] {
        assert!(devices(&core, query).await.is_empty(), "{query}");
    }
    let text = "Please provide exactly one of email, phoneNumber, deviceId or preAuthSessionId";
    for query in ["", "?email=a&phoneNumber=b", "?deviceId=AAAA&preAuthSessionId=b"] {
        is_refused(&core.get(&format!("/recipe/signinup/codes{query}")).await, text);
    }
    let malformed = core.get("/recipe/signinup/codes?deviceId=AAA_").await;
    is_refused(&malformed, "Input encoding error in deviceId");
}

#[tokio::test]
async fn a_code_can_be_forgotten_and_the_last_one_takes_its_device_along() {
    let core = TestCore::start().await;
    let first = begin(&core, json!({"email": EMAIL})).await;
    let second = begin(&core, json!({"deviceId": first["deviceId"]})).await;
    let remove = async |body: Value| core.post("/recipe/signinup/code/remove", body).await;
    for _ in 0..2 {
        assert_eq!(remove(json!({"codeId": first["codeId"]})).await.json(), json!({"status": "OK"}));
        assert_eq!(devices(&core, "email=ann@example.com").await[0]["codes"].as_array().unwrap().len(), 1);
    }
    let incorrect = consume(&core, entry(&first)).await.status_word();
    assert_eq!(incorrect, "INCORRECT_USER_INPUT_CODE_ERROR");
    remove(json!({"codeId": second["codeId"]})).await;
    assert!(devices(&core, "email=ann@example.com").await.is_empty());
    let third = begin(&core, json!({"email": EMAIL})).await;
    remove(json!({"preAuthSessionId": third["preAuthSessionId"]})).await;
    assert!(devices(&core, "email=ann@example.com").await.is_empty());
    for body in [json!({"codeId": "unknown"}), json!({"preAuthSessionId": "unknown"})] {
        assert_eq!(remove(body).await.json(), json!({"status": "OK"}));
    }
    is_refused(&remove(json!({})).await, "Please provide either 'codeId' or 'preAuthSessionId'");
    let both = json!({"codeId": "a", "preAuthSessionId": "b"});
    is_refused(&remove(both).await, "Please provide only one of 'codeId' or 'preAuthSessionId'");
}

#[tokio::test]
async fn before_5_0_only_codes_can_be_forgotten_one_by_one() {
    let core = TestCore::start().await;
    let code = begin(&core, json!({"email": EMAIL})).await;
    for version in ["2.11", "4.0"] {
        let old = core.cdi(version);
        let by_device = json!({"preAuthSessionId": code["preAuthSessionId"]});
        let reply = old.post("/recipe/signinup/code/remove", by_device).await;
        is_refused(&reply, "Field name 'codeId' is invalid in JSON input");
        let both = json!({"codeId": "unknown", "preAuthSessionId": code["preAuthSessionId"]});
        assert_eq!(old.post("/recipe/signinup/code/remove", both).await.status_word(), "OK");
        assert_eq!(devices(&core, "email=ann@example.com").await.len(), 1, "{version}");
    }
}

#[tokio::test]
async fn all_codes_of_an_address_can_be_forgotten_and_no_others() {
    let core = TestCore::start().await;
    for contact in [
        json!({"email": EMAIL}),
        json!({"email": EMAIL}),
        json!({"email": "bob@example.com"}),
        json!({"phoneNumber": PHONE}),
    ] {
        begin(&core, contact).await;
    }
    let remove = async |body: Value| core.post("/recipe/signinup/codes/remove", body).await;
    assert_eq!(remove(json!({"email": "ANN@example.com "})).await.json(), json!({"status": "OK"}));
    assert!(devices(&core, "email=ann@example.com").await.is_empty());
    assert_eq!(devices(&core, "email=bob@example.com").await.len(), 1);
    assert_eq!(devices(&core, "phoneNumber=%2B442071838750").await.len(), 1);
    assert_eq!(remove(json!({"phoneNumber": PHONE})).await.status_word(), "OK");
    assert!(devices(&core, "phoneNumber=%2B442071838750").await.is_empty());
    assert_eq!(remove(json!({"email": "unknown"})).await.status_word(), "OK");
    for body in [json!({}), json!({"email": EMAIL, "phoneNumber": PHONE})] {
        is_refused(&remove(body).await, "Please provide exactly one of email or phoneNumber");
    }
}

#[tokio::test]
async fn nothing_that_is_sent_is_kept() {
    let core = TestCore::start().await;
    let code = begin(&core, json!({"email": EMAIL, "userInputCode": "my code"})).await;
    let mut tx = core.app.db.read().await.unwrap();
    let sql = "select d.device_id_hash, d.link_code_salt, c.device_id_hash, c.link_code_hash, c.code_id
        from passwordless_devices d join passwordless_codes c on c.device_id_hash = d.device_id_hash";
    let rows: Vec<(String, String, String, String, String)> = tx.fetch_all(sql, args![]).await.unwrap();
    let [(hash, salt, of_code, link_hash, id)] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((json!(hash), json!(id)), (code["preAuthSessionId"].clone(), code["codeId"].clone()));
    assert_eq!((of_code, salt.len(), link_hash.len()), (hash, 44, 44));
    for secret in ["deviceId", "userInputCode", "linkCode"] {
        let secret = code[secret].as_str().unwrap();
        assert!([hash, salt, link_hash, id].iter().all(|kept| !kept.contains(secret)), "{secret}");
    }
}

#[tokio::test]
async fn a_device_goes_when_all_its_codes_have_expired() {
    let core = TestCore::start().await;
    let setting = json!({"tenantId": "t1", "passwordlessEnabled": true, "coreConfig": {"passwordless_code_lifetime": 1000}});
    core.put("/recipe/multitenancy/tenant", setting).await.json();
    let old = begin(&core, json!({"email": "old@example.com"})).await;
    begin(&core, json!({"email": "both@example.com"})).await;
    let both = begin(&core, json!({"email": EMAIL})).await;
    core.post("/t1/recipe/signinup/code", json!({"email": EMAIL})).await;
    let run = async || jobs::run_all(&core.app, core.app.clock.now()).await.unwrap();
    let of_t1 =
        async || core.get("/t1/recipe/signinup/codes?email=ann@example.com").await.json()["devices"].clone();
    core.advance(1000);
    run().await;
    assert_eq!(of_t1().await.as_array().unwrap().len(), 1);
    core.advance(1);
    run().await;
    assert_eq!(of_t1().await, json!([]), "each tenant's own lifetime");
    begin(&core, json!({"deviceId": both["deviceId"]})).await;
    core.advance(LIFETIME - 1001);
    run().await;
    assert_eq!(devices(&core, "email=old@example.com").await.len(), 1);
    core.advance(1);
    run().await;
    assert!(devices(&core, "email=old@example.com").await.is_empty());
    assert_eq!(consume(&core, entry(&old)).await.status_word(), "RESTART_FLOW_ERROR");
    let left = devices(&core, "email=ann@example.com").await;
    assert_eq!(left[0]["codes"].as_array().unwrap().len(), 2, "the expired code stays beside the other one");
    core.advance(1001);
    run().await;
    assert!(devices(&core, "email=ann@example.com").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_code_and_a_link_used_fifty_times_at_once_work_once() {
    let core = TestCore::start().await;
    for (contact, proof) in
        [(json!({"email": EMAIL}), entry as fn(&Value) -> Value), (json!({"phoneNumber": PHONE}), link)]
    {
        let body = proof(&begin(&core, contact).await);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (core, body) = (core.clone(), body.clone());
            tasks.spawn(async move { consume(&core, body).await.status_word() });
        }
        let words = tasks.join_all().await;
        assert_eq!(words.iter().filter(|word| *word == "OK").count(), 1, "{words:?}");
        assert!(words.iter().all(|word| word == "OK" || word == "RESTART_FLOW_ERROR"), "{words:?}");
    }
    assert_eq!(core.get("/users/count").await.json()["count"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_devices_of_one_address_used_at_once_make_one_user() {
    let core = TestCore::start().await;
    let mut codes = Vec::new();
    for _ in 0..50 {
        codes.push(begin(&core, json!({"email": EMAIL})).await);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for code in codes {
        let core = core.clone();
        tasks.spawn(async move { consume(&core, entry(&code)).await.status_word() });
    }
    let words = tasks.join_all().await;
    assert_eq!(words.iter().filter(|word| *word == "OK").count(), 1, "{words:?}");
    assert_eq!(core.get("/users/count").await.json()["count"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn wrong_codes_tried_fifty_times_at_once_are_all_counted() {
    let core = TestCore::start().await;
    let code = begin(&core, json!({"email": EMAIL})).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (core, body) = (core.clone(), entry_of(&code, "wrong"));
        tasks.spawn(async move { consume(&core, body).await.json() });
    }
    let replies = tasks.join_all().await;
    let mut counts: Vec<_> =
        replies.iter().filter_map(|r| r["failedCodeInputAttemptCount"].as_i64()).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 2, 3, 4]);
    assert_eq!(consume(&core, entry(&code)).await.status_word(), "RESTART_FLOW_ERROR");
}

#[tokio::test]
async fn before_5_1_the_core_refuses_a_recipe_that_is_switched_off() {
    let core = TestCore::start().await;
    let code = begin(&core, json!({"email": EMAIL})).await;
    core.put("/recipe/multitenancy/tenant", json!({"tenantId": "t1", "emailPasswordEnabled": true}))
        .await
        .json();
    let calls =
        [("/code", json!({"email": EMAIL})), ("/code/consume", link(&code)), ("/code/check", link(&code))];
    for (path, body) in calls {
        let path = format!("/t1/recipe/signinup{path}");
        for version in ["3.1", "5.0"] {
            let reply = core.cdi(version).post(&path, body.clone()).await;
            let text = "Passwordless login not enabled for tenant\n";
            assert_eq!((reply.status, reply.text().as_str()), (403, text), "{path} {version}");
        }
        let word = core.post(&path, body).await.status_word();
        assert!(word == "OK" || word == "RESTART_FLOW_ERROR", "{path} {word}");
    }
}
