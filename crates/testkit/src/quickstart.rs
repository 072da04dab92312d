//! What a newcomer does with an example: start the program, sign up, call the protected route.

use crate::adapters::{Answer, App};
use serde_json::json;
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

/// Runs an example's program on a free port, until its route that needs a session refuses a visitor.
async fn start(mut program: Command, route: &str) -> (Running, App) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = free.expect("a free port");
    let program = program.env("PORT", address.port().to_string()).env_remove("WEBSITE_DOMAIN");
    let mut running = Running(program.spawn().expect("the program starts"));
    let app = App::at(&format!("http://{address}"));
    let deadline = Instant::now() + Duration::from_secs(30);
    let refused = loop {
        match app.try_call("GET", route, &[], "").await {
            Ok(answer) => break answer,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        assert!(running.0.try_wait().is_ok_and(|ended| ended.is_none()), "the program has ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(refused.json(401), json!({"message": "unauthorised"}));
    (running, app)
}

/// Signs somebody up; what was answered.
async fn sign_up(app: &App) -> Answer {
    let fields =
        json!([{"id": "email", "value": "ann@example.com"}, {"id": "password", "value": "a-Secret-1"}]);
    let body = json!({"formFields": fields}).to_string();
    let headers = [("st-auth-mode", "header"), ("content-type", "application/json")];
    let made = app.call("POST", "/auth/signup", &headers, &body).await;
    assert_eq!(made.json(200)["status"], "OK");
    made
}

/// Runs an example's program and signs up to it.
pub async fn try_out(program: Command) {
    let (_running, app) = start(program, "/sessioninfo").await;
    let made = sign_up(&app).await;
    let access = made.bearer("st-access-token");
    let info = app.call("GET", "/sessioninfo", &[("authorization", &access)], "").await.json(200);
    assert_eq!(info["userId"], made.json(200)["user"]["id"]);
    assert!(info["sessionHandle"].is_string(), "{info}");
}

/// As [`try_out`], with an example whose route lets in only those who have proven their address.
pub async fn try_out_unproven(program: Command, route: &str) {
    let (_running, app) = start(program, route).await;
    let access = sign_up(&app).await.bearer("st-access-token");
    let refused = app.call("GET", route, &[("authorization", &access)], "").await.json(403);
    assert_eq!(refused["message"], "invalid claim", "{refused}");
}
