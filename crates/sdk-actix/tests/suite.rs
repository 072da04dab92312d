//! The suite of all adapters, on an actix-web app.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use actix_cors::Cors;
use actix_web::http::header;
use actix_web::web::{Json, get, post, to};
use actix_web::{App, HttpResponse, HttpServer, Responder};
use portcullis::recipes::session::NewSession;
use portcullis::{Error, Portcullis};
use portcullis_actix::{Call, MaybeSession, Result, Session, cors_headers, error_handler, middleware};
use portcullis_testkit::Shape;
use portcullis_testkit::adapters::{Admin, Backend, WEBSITE, adapter_suite, role};
use serde_json::{Value, json};

async fn login(Call(cx): Call, Json(body): Json<Value>) -> Result<impl Responder> {
    let user = body["userId"].as_str().unwrap_or_default();
    let session = cx.sdk().session()?.create(&cx, NewSession::of(user)).await?;
    let own = [("x-app", "1"), ("access-control-expose-headers", "x-app"), ("set-cookie", "app=1")];
    let mut response = HttpResponse::Ok();
    for header in own {
        response.append_header(header);
    }
    Ok(response.json(json!({"userId": session.user_id()})))
}

async fn info(session: Session) -> Json<Value> {
    let (user_id, handle) = (session.user_id(), session.handle());
    let payload = session.access_token_payload();
    Json(json!({"userId": user_id, "sessionHandle": handle, "accessTokenPayload": payload}))
}

async fn optional(MaybeSession(session): MaybeSession) -> Json<Value> {
    Json(json!({"userId": session.as_ref().map(|session| session.user_id())}))
}

async fn admin(session: Session<Admin>) -> Json<Value> {
    Json(json!({"userId": session.user_id()}))
}

async fn promote(Call(cx): Call, session: Session) -> Result<Json<Value>> {
    session.set_claim_value(&cx, &role(), "admin").await?;
    Ok(Json(json!({})))
}

async fn failing() -> Result<&'static str> {
    Err(Error::General("not today".to_owned()).into())
}

fn cors(sdk: &Portcullis) -> Cors {
    Cors::default()
        .allowed_origin(WEBSITE)
        .allowed_methods(["GET", "POST", "PUT", "DELETE"])
        .allowed_headers([vec![header::CONTENT_TYPE], cors_headers(sdk)].concat())
        .supports_credentials()
}

fn serve(sdk: Portcullis) -> String {
    let app = move || {
        App::new()
            .route("/login", post().to(login))
            .route("/sessioninfo", get().to(info))
            .route("/optional", get().to(optional))
            .route("/admin", get().to(admin))
            .route("/promote", post().to(promote))
            .route("/failing", get().to(failing))
            .default_service(to(async || HttpResponse::NotFound().body("the app's own")))
            .wrap(error_handler())
            .wrap(middleware(&sdk))
            .wrap(cors(&sdk))
    };
    let server = HttpServer::new(app).workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.run());
    format!("http://{address}")
}

#[actix_web::test]
async fn with_a_core_over_http() {
    let backend = Backend::start(Shape::Http).await;
    adapter_suite(&serve(backend.sdk.clone())).await;
}

#[actix_web::test]
async fn with_the_core_in_the_same_process() {
    let backend = Backend::start(Shape::Embedded).await;
    adapter_suite(&serve(backend.sdk.clone())).await;
}
