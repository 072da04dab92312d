//! What linked users do beside being linked: sign in and out, reset passwords, prove addresses.

use super::accountlinking::{
    EMAIL, link, make_primary, map_id, session, sessions, unlink, user, with_password, with_phone,
    with_provider,
};
use portcullis_testkit::TestCore;
use serde_json::{Value, json};

#[tokio::test]
async fn whoever_else_comes_with_the_address_of_a_primary_user_is_a_user_of_their_own() {
    let core = TestCore::start().await;
    let ann = with_password(&core, EMAIL).await;
    make_primary(&core, &ann).await;
    let google = with_provider(&core, "", "1", EMAIL).await;
    let code = core.post("/recipe/signinup/code", json!({"email": EMAIL})).await.json();
    let body = json!({"preAuthSessionId": code["preAuthSessionId"], "linkCode": code["linkCode"]});
    let by_code = core.post("/recipe/signinup/code/consume", body).await.json();
    assert_eq!(by_code["createdNewUser"], true);
    for id in [&google, by_code["user"]["id"].as_str().unwrap()] {
        let alone = user(&core, id).await;
        assert_eq!((&alone["id"], &alone["isPrimaryUser"]), (&json!(id), &json!(false)));
    }
    assert_eq!(core.get("/users/count").await.json()["count"], 3);
}

#[tokio::test]
async fn an_id_that_is_one_user_s_own_and_another_one_s_external_one_is_the_first_one_s() {
    let core = TestCore::start().await;
    let (ann, bob) = (with_password(&core, EMAIL).await, with_password(&core, "bob@example.com").await);
    let eve = with_phone(&core, "+442071838750").await;
    map_id(&core, &bob, &ann).await;
    make_primary(&core, &eve).await;
    let linked = link(&core, &ann, &eve).await;
    assert_eq!(linked["user"]["emails"], json!([EMAIL]));
    assert_eq!(user(&core, &bob).await["isPrimaryUser"], false);
    assert_eq!(unlink(&core, &ann).await["wasLinked"], true);
    assert_eq!(make_primary(&core, &ann).await["user"]["emails"], json!([EMAIL]));
}

#[tokio::test]
async fn a_user_signs_out_with_all_login_methods_or_with_one() {
    let core = TestCore::start().await;
    let (ann, phone) = (with_password(&core, EMAIL).await, with_phone(&core, "+442071838750").await);
    make_primary(&core, &ann).await;
    link(&core, &phone, &ann).await;
    for (id, with_others, left) in [
        (&ann, None, (0, 0)),
        (&phone, Some(true), (0, 0)),
        (&ann, Some(false), (0, 1)),
        (&phone, Some(false), (1, 0)),
    ] {
        core.post("/recipe/session/remove", json!({"userId": ann})).await.json();
        for id in [&ann, &phone] {
            session(&core, id).await;
        }
        let mut body = json!({"userId": id});
        if let Some(with_others) = with_others {
            body["revokeSessionsForLinkedAccounts"] = json!(with_others);
        }
        let gone = core.post("/recipe/session/remove", body).await.json();
        assert_eq!(gone["sessionHandlesRevoked"].as_array().unwrap().len(), 2 - left.0 - left.1);
        assert_eq!((sessions(&core, &ann).await, sessions(&core, &phone).await), left);
    }
}

#[tokio::test]
async fn a_group_whose_first_login_method_is_gone_still_resets_passwords_and_proves_addresses() {
    let core = TestCore::start().await;
    let (ann, bob) = (with_phone(&core, "+442071838750").await, with_password(&core, EMAIL).await);
    make_primary(&core, &ann).await;
    link(&core, &bob, &ann).await;
    core.post("/user/remove", json!({"userId": ann, "removeAllLinkedAccounts": false})).await.json();
    let change = json!({"userId": bob, "email": EMAIL});
    let token = core.post("/recipe/user/password/reset/token", change).await.json()["token"].clone();
    let reset = json!({"method": "token", "token": token, "newPassword": "changed1"});
    let done = core.post("/recipe/user/password/reset", reset).await.json();
    assert_eq!(done, json!({"status": "OK", "userId": bob}));
    let signed_in = core.post("/recipe/signin", json!({"email": EMAIL, "password": "changed1"})).await.json();
    assert_eq!((&signed_in["user"]["id"], &signed_in["recipeUserId"]), (&json!(ann), &json!(bob)));
    let of_group = json!({"userId": ann, "email": EMAIL});
    let token = core.post("/recipe/user/password/reset/token", of_group).await.json();
    assert_eq!(token["status"], "OK", "the group's id is a user's");
    let consume = json!({"method": "token", "token": token["token"]});
    let consumed = core.post("/recipe/user/password/reset/token/consume", consume).await.json();
    assert_eq!(consumed, json!({"status": "OK", "userId": ann, "email": EMAIL}));
    let address = json!({"userId": bob, "email": EMAIL});
    let token = core.post("/recipe/user/email/verify/token", address).await.json()["token"].clone();
    let proof = core.post("/recipe/user/email/verify", json!({"method": "token", "token": token})).await;
    assert_eq!(proof.status_word(), "OK");
    assert_eq!(user(&core, &ann).await["loginMethods"][0]["verified"], true);
    let of_session = session(&core, &ann).await;
    assert_eq!((&of_session["userId"], &of_session["recipeUserId"]), (&json!(ann), &json!(ann)));
}

#[tokio::test]
async fn two_login_methods_that_are_known_by_one_id_share_the_proof_of_one_address() {
    let core = TestCore::start().await;
    let ann = with_password(&core, EMAIL).await;
    let google = with_provider(&core, "", "1", EMAIL).await;
    map_id(&core, &ann, &google).await;
    let verified = async |id: &str| -> Vec<Value> {
        let shown = user(&core, id).await;
        let methods = shown["loginMethods"].as_array().unwrap().clone();
        methods.iter().map(|method| method["verified"].clone()).collect()
    };
    assert_eq!((verified(&ann).await, verified(&google).await), (vec![json!(false)], vec![json!(false)]));
    let address = json!({"userId": google, "email": EMAIL});
    let token = core.post("/recipe/user/email/verify/token", address).await.json()["token"].clone();
    core.post("/recipe/user/email/verify", json!({"method": "token", "token": token})).await.json();
    assert_eq!((verified(&ann).await, verified(&google).await), (vec![json!(true)], vec![json!(true)]));
}
