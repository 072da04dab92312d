//! That the programs start and serve; sessions through the web suite's are tested in `tests/official/browser`.

#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

use bytes::Bytes;
use http::Request;
use portcullis::{HttpTransport, Transport};
use serde_json::{Value, json};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Client(HttpTransport, String);

impl Client {
    async fn call(&self, method: &str, path: &str, body: &Value) -> Option<(u16, String)> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.1));
        let request = request.header("content-type", "application/json").body(Bytes::from(body.to_string()));
        let answer = self.0.send(request.expect("a request")).await.ok()?;
        Some((answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned()))
    }

    async fn says(&self, method: &str, path: &str) -> (u16, String) {
        self.call(method, path, &json!({})).await.expect("an answer")
    }
}

/// A port that nothing listens on.
fn free_port() -> u16 {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    free.expect("a free port").port()
}

/// Starts a program that listens on a port, and waits until it answers at a path.
async fn start(program: &mut Command, port: u16, ping: &str) -> (Running, Client) {
    let mut running = Running(program.spawn().expect("the program starts"));
    let client = Client(HttpTransport::new().expect("an HTTP client"), format!("http://127.0.0.1:{port}"));
    let deadline = Instant::now() + Duration::from_secs(30);
    while client.call("GET", ping, &json!({})).await.is_none() {
        assert!(Instant::now() < deadline, "the program does not answer");
        assert!(running.0.try_wait().is_ok_and(|ended| ended.is_none()), "the program has ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (running, client)
}

#[tokio::test]
async fn it_serves_the_suite_s_paths() {
    let port = free_port();
    let mut program = Command::new(env!("CARGO_BIN_EXE_portcullis-testserver"));
    let program = program.env("NODE_PORT", port.to_string()).env_remove("STATIC_DIR");
    let (_running, client) = start(program, port, "/ping").await;
    assert!(client.says("GET", "/featureFlags").await.1.contains(r#""sessionJwt":false"#));
    let ask = json!({"coreUrl": "http://localhost:1", "enableAntiCsrf": true, "enableJWT": true});
    let changed = client.call("POST", "/test/setup/st", &ask).await;
    assert_eq!(changed, Some((200, String::new())));
    assert!(client.says("GET", "/featureFlags").await.1.contains(r#""sessionJwt":true"#));
    assert_eq!(client.says("POST", "/auth/session/refresh").await, (401, "{}".to_owned()));
    assert_eq!(client.says("GET", "/refreshAttemptedTime").await, (200, "1".to_owned()));
    assert_eq!(client.says("GET", "/refreshCalledTime").await, (200, "0".to_owned()));
    assert_eq!(client.says("DELETE", "/login").await.0, 404);
}

impl Client {
    async fn asks(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, text) = self.call(method, path, body).await.expect("an answer");
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|_| json!(text))
    }
}

#[tokio::test]
async fn functions_are_called_from_afar_and_applications_made_anew() {
    let (port, core_port) = (free_port(), free_port());
    let mut program = Command::new(env!("CARGO_BIN_EXE_portcullis-shared-suite"));
    program.env("API_PORT", port.to_string()).env("SUPERTOKENS_CORE_PORT", core_port.to_string());
    let (_running, client) = start(program.env("CORE", "embedded"), port, "/test/ping").await;
    let core = Client(HttpTransport::new().expect("an HTTP client"), format!("http://127.0.0.1:{core_port}"));
    let app = core.asks("PUT", "/recipe/multitenancy/app/v2", &json!({"appId": "a", "coreConfig": {}})).await;
    assert_eq!(app["createdNew"], true);

    let delivery = json!({"emailDelivery": {"override": "emailpassword.init.emailDelivery.override:e=>e"}});
    let described = json!({
        "appInfo": {"appName": "Demo", "apiDomain": "localhost:3030", "websiteDomain": "localhost:3000"},
        "supertokens": {"connectionURI": format!("http://127.0.0.1:{core_port}/appid-a"), "networkInterceptor": "-"},
        "recipeList": [
            {"recipeId": "session"},
            {"recipeId": "emailpassword", "config": delivery.to_string()},
        ],
    });
    client.asks("POST", "/test/init", &json!({"config": described.to_string()})).await;
    let ann = json!({"email": "ann@example.com", "password": "correct1horse"});
    let made = client.asks("POST", "/test/emailpassword/signup", &ann).await;
    assert_eq!((&made["status"], &made["user"]["emails"]), (&json!("OK"), &json!(["ann@example.com"])));
    let user_id = made["user"]["id"].as_str().expect("an id").to_owned();

    let form = json!({"formFields": [{"id": "email", "value": "ann@example.com"}]});
    let sent = client.asks("POST", "/auth/user/password/reset/token", &form).await;
    assert_eq!(sent, json!({"status": "OK"}));
    let params = client.asks("GET", "/test/overrideparams", &json!({})).await;
    assert_eq!(params["sendEmailToUserId"], json!(user_id));
    assert!(params["token"].as_str().is_some_and(|token| !token.is_empty()), "{params}");
    assert!(params["info"]["coreCallCount"].as_i64().is_some_and(|calls| calls > 2), "{params}");
    let logs = client.asks("GET", "/test/getoverridelogs", &json!({})).await.to_string();
    assert!(
        logs.contains("/appid-a/public/recipe/signup") && logs.contains("EmailPassword.emailDelivery"),
        "{logs}"
    );

    let session = json!({"recipeUserId": user_id, "accessTokenPayload": {"a": 1}});
    let session = client.asks("POST", "/test/session/createnewsessionwithoutrequestresponse", &session).await;
    assert_eq!(session["userDataInAccessToken"]["a"], 1);
    let merged = json!({"session": session, "accessTokenPayloadUpdate": {"a": 2}});
    let merged =
        client.asks("POST", "/test/session/sessionobject/mergeintoaccesstokenpayload", &merged).await;
    assert_eq!(merged["updatedSession"]["userDataInAccessToken"]["a"], 2);

    let broken = client.call("POST", "/test/init", &json!({"config": "{}"})).await.expect("an answer");
    assert_eq!(broken.0, 500, "{}", broken.1);
    let unknown = client.call("POST", "/test/emailpassword/signup", &ann).await.expect("an answer");
    assert!(unknown.1.contains("emailpassword recipe was not added"), "{}", unknown.1);
}

#[tokio::test]
async fn the_pages_application_is_made_anew_and_its_post_is_kept() {
    let (port, suite_port, core_port) = (free_port(), free_port(), free_port());
    let mut core = Command::new(env!("CARGO_BIN_EXE_portcullis-shared-suite"));
    core.env("API_PORT", suite_port.to_string()).env("SUPERTOKENS_CORE_PORT", core_port.to_string());
    let (_core, _) = start(core.env("CORE", "embedded"), suite_port, "/test/ping").await;
    let mut program = Command::new(env!("CARGO_BIN_EXE_portcullis-auth-react-suite"));
    program.env("NODE_PORT", port.to_string()).env("SUPERTOKENS_CORE_HOST", "127.0.0.1");
    program.env("SUPERTOKENS_CORE_PORT", core_port.to_string()).env_remove("WEB_PORT");
    let (_running, client) = start(&mut program, port, "/ping").await;
    let app = client.asks("POST", "/test/setup/app", &json!({"appId": "pages"})).await;
    assert_eq!(app, json!(format!("http://127.0.0.1:{core_port}/appid-pages")));

    let setup = json!({"coreUrl": app, "enabledRecipes": ["passwordless", "webauthn"], "passwordlessFlowType": "USER_INPUT_CODE"});
    client.asks("POST", "/test/setup/st", &setup).await;
    let methods = client.asks("GET", "/auth/loginmethods", &json!({})).await;
    assert_eq!(methods["firstFactors"], json!(["webauthn", "otp-email", "otp-phone"]));
    let ann = json!({"email": "ann@example.com"});
    let device = client.asks("POST", "/auth/signinup/code", &ann).await;
    let id = device["preAuthSessionId"].as_str().expect("a device");
    let path = format!("/test/getDevice?preAuthSessionId={}", id.replace('+', "%2B"));
    let kept = client.asks("GET", &path, &json!({})).await;
    let code = &kept["codes"][0]["userInputCode"];
    let entered = json!({"preAuthSessionId": id, "deviceId": device["deviceId"], "userInputCode": code});
    assert_eq!(client.asks("POST", "/auth/signinup/code/consume", &entered).await["status"], "OK");
    let refused = json!({"email": "ann@example.com", "generalError": true});
    let refused = client.asks("POST", "/auth/signinup/code", &refused).await;
    assert_eq!(refused, json!({"status": "GENERAL_ERROR", "message": "general error from API create code"}));

    let ben = json!({"email": "ben@example.com"});
    let options = client.asks("POST", "/auth/webauthn/options/register", &ben).await;
    let made =
        json!({"registerOptionsResponse": options, "rpId": "localhost", "origin": "http://localhost:3031"});
    let made = client.asks("POST", "/test/webauthn/create-credential", &made).await;
    let made = json!({
        "webauthnGeneratedOptionsId": options["webauthnGeneratedOptionsId"],
        "credential": made["credential"],
    });
    assert_eq!(client.asks("POST", "/auth/webauthn/signup", &made).await["status"], "OK");

    let described = json!({"coreUrl": app, "mfaInfo": {"firstFactors": ["emailpassword"], "requirements": [{"oneOf": ["totp"]}]}});
    client.asks("POST", "/test/setup/st", &described).await;
    let methods = client.asks("GET", "/auth/loginmethods", &json!({})).await;
    assert_eq!(methods["firstFactors"], json!(["emailpassword"]));
    let code = client
        .asks("POST", "/test/getTOTPCode", &json!({"secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}))
        .await;
    assert_eq!(code["totp"].as_str().map(str::len), Some(6));
    let broken = client.call("POST", "/test/setup/st", &json!({"mfaInfo": {"firstFactors": []}})).await;
    assert_eq!(broken.expect("an answer").0, 500);
}
