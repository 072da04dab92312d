//! That the program starts and serves; sessions through it are tested in `tests/official/browser`.

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

#[tokio::test]
async fn it_serves_the_suite_s_paths() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = free.expect("a free port");
    let mut program = Command::new(env!("CARGO_BIN_EXE_portcullis-testserver"));
    let program = program.env("NODE_PORT", address.port().to_string()).env_remove("STATIC_DIR");
    let mut running = Running(program.spawn().expect("the program starts"));
    let client = Client(HttpTransport::new().expect("an HTTP client"), format!("http://{address}"));
    let deadline = Instant::now() + Duration::from_secs(30);
    while client.call("GET", "/ping", &json!({})).await.is_none() {
        assert!(Instant::now() < deadline, "the program does not answer");
        assert!(running.0.try_wait().is_ok_and(|ended| ended.is_none()), "the program has ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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
