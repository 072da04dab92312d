//! Which core is asked, how often, and what is said when none answers: with cores that are made up.

use super::*;
use crate::recipes::session::SessionRecipe;
use crate::{AppInfo, Portcullis};
use async_trait::async_trait;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use std::sync::Mutex;
use tokio::time::Instant;

/// What a core does with a call.
#[derive(Clone, Copy, Debug)]
enum Does {
    Answer,
    Busy,
    Refuse,
    Die,
    BreakOff,
    Hang,
    Lock,
    SpeakOldVersions,
    SayNonsense,
}

/// Cores that do what the test says, in this order and then as the last of it.
#[derive(Debug)]
struct Cores {
    script: Mutex<Vec<Does>>,
    asked: Mutex<Vec<Request<Bytes>>>,
}

#[async_trait]
impl Transport for Cores {
    async fn send(&self, request: Request<Bytes>) -> std::result::Result<Response<Bytes>, TransportError> {
        let asks_version = request.uri().path() == "/apiversion";
        self.asked.lock().unwrap().push(request);
        let does = {
            let mut script = self.script.lock().unwrap();
            if script.len() > 1 { script.remove(0) } else { script[0] }
        };
        let reply = |status: u16, body: &str| {
            Response::builder().status(status).body(Bytes::from(body.to_owned())).map_err(TransportError::new)
        };
        match does {
            Does::Answer if asks_version => reply(200, r#"{"versions":["2.7","5.4","5.5","9.9"]}"#),
            Does::Answer => reply(200, r#"{"status":"OK","roles":["admin"]}"#),
            Does::Busy => reply(429, "busy"),
            Does::Lock => Response::builder()
                .status(429)
                .header("retry-after", "840")
                .body("Too many failed attempts: try again later\n".into())
                .map_err(TransportError::new),
            Does::Refuse => reply(400, "Field name 'x' is missing\n"),
            Does::Die => Err(TransportError::not_sent("connection refused")),
            Does::BreakOff => Err(TransportError::new("connection closed")),
            Does::Hang => std::future::pending().await,
            Does::SpeakOldVersions => reply(200, r#"{"versions":["2.7","3.0"]}"#),
            Does::SayNonsense => reply(200, "[1]"),
        }
    }
}

type GetRoles = portcullis_wire::userroles::GetRoles;
type RemoveRole = portcullis_wire::userroles::RemoveRole;

struct Test {
    cores: Arc<Cores>,
    core: Core,
    sdk: Portcullis,
}

impl Test {
    /// The cores at these addresses.
    fn new(addresses: &str, script: &[Does]) -> Self {
        let cores = Arc::new(Cores { script: Mutex::new(script.to_vec()), asked: Mutex::default() });
        let info = || AppInfo::new("Demo", "http://localhost:3001", "http://localhost:3000");
        let (hosts, app) = (parse_hosts(addresses).unwrap(), info().normalise().unwrap());
        let core = Core::new(hosts, Some("a-secret-key"), Arc::clone(&cores) as _, TIMEOUT, &app).unwrap();
        let sdk = Portcullis::builder(info()).core("http://localhost:3567").api_key("a-secret-key");
        let sdk = sdk.recipe(SessionRecipe::new()).build().unwrap();
        Self { cores, core, sdk }
    }

    /// One call of a request of its own.
    async fn call(&self) -> Result<Vec<String>> {
        Ok(self.core.call::<GetRoles>(&Cx::new(&self.sdk), None, &()).await?.roles)
    }

    /// A call that changes something; the made-up cores' answer is none to it.
    async fn change(&self) -> Error {
        let role = portcullis_wire::userroles::RoleRequest { role: "admin".to_owned() };
        self.core.call::<RemoveRole>(&Cx::new(&self.sdk), None, &role).await.unwrap_err()
    }

    fn then(&self, script: &[Does]) {
        *self.cores.script.lock().unwrap() = script.to_vec();
        self.cores.asked.lock().unwrap().clear();
    }

    fn asked_hosts(&self) -> Vec<String> {
        let asked = self.cores.asked.lock().unwrap();
        asked.iter().map(|request| request.uri().host().unwrap_or_default().to_owned()).collect()
    }
}

const THREE: &str = "http://a:3567;http://b:3567/base;http://c:3567";

#[tokio::test]
async fn the_newest_common_version_is_spoken_and_asked_for_once() {
    let test = Test::new("http://a:3567", &[Does::Answer]);
    assert_eq!(test.call().await.unwrap(), ["admin"]);
    assert_eq!(test.call().await.unwrap(), ["admin"]);
    let asked = test.cores.asked.lock().unwrap();
    let paths: Vec<_> = asked.iter().map(|request| request.uri().path()).collect();
    assert_eq!(paths, ["/apiversion", "/recipe/roles", "/recipe/roles"]);
    let query = asked[0].uri().query().unwrap();
    assert!(query.contains("apiDomain=http") && query.contains("websiteDomain=http"), "{query}");
    assert!(asked[0].headers().get("cdi-version").is_none());
    assert_eq!(asked[1].headers()["cdi-version"], "5.5", "the core speaks no 5.6");
    assert_eq!(asked[1].headers()["api-key"], "a-secret-key");
}

#[tokio::test]
async fn a_core_without_a_common_version_is_named_and_asked_again_later() {
    let test = Test::new("http://a:3567", &[Does::SpeakOldVersions]);
    let error = test.call().await.unwrap_err();
    assert!(matches!(&error, Error::Core(CoreError::NoCommonVersion(ours)) if ours == "5.6, 5.5, 5.4"));
    assert!(error.to_string().contains("update the older of the two"), "{error}");
    test.then(&[Does::Answer]);
    assert!(test.call().await.is_ok(), "the core was updated meanwhile");
}

#[tokio::test]
async fn cores_are_asked_in_turn_with_their_own_base_path() {
    let test = Test::new(THREE, &[Does::Answer]);
    test.call().await.unwrap();
    test.then(&[Does::Answer]);
    for _ in 0..6 {
        test.call().await.unwrap();
    }
    assert_eq!(test.asked_hosts(), ["c", "a", "b", "c", "a", "b"], "the first two were asked before");
    let asked = test.cores.asked.lock().unwrap();
    assert_eq!(asked[2].uri().path(), "/base/recipe/roles");
}

#[tokio::test]
async fn a_core_that_is_not_there_is_passed_over() {
    let test = Test::new(THREE, &[Does::Answer]);
    test.call().await.unwrap();
    test.then(&[Does::Die, Does::Die, Does::Answer]);
    assert_eq!(test.call().await.unwrap(), ["admin"]);
    assert_eq!(test.asked_hosts(), ["c", "a", "b"]);
    test.then(&[Does::Die]);
    let error = test.call().await.unwrap_err();
    assert_eq!(test.asked_hosts().len(), 3, "each is tried once");
    assert!(matches!(&error, Error::Core(CoreError::Unreachable(why)) if why == "connection refused"));
}

#[tokio::test(start_paused = true)]
async fn a_busy_core_is_asked_again_five_times_each_time_later() {
    let test = Test::new("http://a:3567", &[Does::Answer]);
    test.call().await.unwrap();
    test.then(&[Does::Busy, Does::Busy, Does::Answer]);
    let began = Instant::now();
    assert_eq!(test.call().await.unwrap(), ["admin"]);
    assert_eq!(began.elapsed().as_millis() / 10, (10 + 260) / 10);
    test.then(&[Does::Busy]);
    let error = test.call().await.unwrap_err();
    assert_eq!(test.asked_hosts().len(), 6, "the call and five more");
    assert!(matches!(error, Error::Core(CoreError::TryAgainLater { seconds: 1, .. })), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_core_that_wants_to_be_left_alone_is_not_asked_again() {
    let test = Test::new(THREE, &[Does::Answer]);
    test.call().await.unwrap();
    test.then(&[Does::Busy, Does::Lock]);
    let error = test.call().await.unwrap_err();
    assert_eq!(test.asked_hosts().len(), 2);
    let text = "the core is to be asked again in 840 s: Too many failed attempts: try again later";
    assert_eq!(error.to_string(), text);
    let response = test.sdk.error_response(&Cx::new(&test.sdk), &error).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &"840".parse().unwrap())
    );
    assert_eq!(response.body(), r#"{"message":"Too many failed attempts: try again later"}"#);
}

#[tokio::test(start_paused = true)]
async fn being_busy_does_not_use_up_the_tries_for_cores_that_are_gone() {
    let test = Test::new(THREE, &[Does::Answer]);
    test.call().await.unwrap();
    let busy_then_dead = [Does::Busy, Does::Busy, Does::Busy, Does::Busy, Does::Die, Does::Die, Does::Answer];
    test.then(&busy_then_dead);
    assert_eq!(test.call().await.unwrap(), ["admin"]);
    assert_eq!(test.asked_hosts().len(), 7);
    test.then(&[
        Does::Die,
        Does::Die,
        Does::Busy,
        Does::Busy,
        Does::Busy,
        Does::Busy,
        Does::Busy,
        Does::Answer,
    ]);
    assert_eq!(test.call().await.unwrap(), ["admin"], "and the other way round");
}

#[tokio::test(start_paused = true)]
async fn a_core_that_hangs_is_given_up_after_thirty_seconds() {
    let test = Test::new("http://a:3567;http://b:3567", &[Does::Answer]);
    test.call().await.unwrap();
    test.then(&[Does::Hang, Does::Answer]);
    let began = Instant::now();
    assert_eq!(test.call().await.unwrap(), ["admin"]);
    assert_eq!(began.elapsed().as_secs(), 30);
    test.then(&[Does::Hang]);
    let error = test.call().await.unwrap_err();
    assert!(matches!(&error, Error::Core(CoreError::Unreachable(why)) if why == "no answer in time"));
}

#[tokio::test(start_paused = true)]
async fn what_changes_something_is_not_sent_to_two_cores() {
    let test = Test::new(THREE, &[Does::Answer]);
    test.call().await.unwrap();
    for (does, seconds, why) in
        [(Does::Hang, 30, "no answer in time"), (Does::BreakOff, 0, "connection closed")]
    {
        for before in [vec![], vec![Does::Die], vec![Does::Busy, Does::Die]] {
            let script = [before.as_slice(), &[does, Does::Answer]].concat();
            test.then(&script);
            let began = Instant::now();
            let told = test.change().await;
            let text = format!(
                "no answer from the core to POST /recipe/role/remove, which it may have served: {why}"
            );
            assert_eq!(told.to_string(), text);
            assert!(matches!(told, Error::Core(CoreError::Unanswered { .. })), "{told:?}");
            assert_eq!((test.asked_hosts().len(), began.elapsed().as_secs()), (before.len() + 1, seconds));
            // What only reads may be read twice.
            test.then(&script);
            assert_eq!(test.call().await.unwrap(), ["admin"]);
            assert_eq!(test.asked_hosts().len(), script.len());
        }
    }
    test.then(&[Does::Die, Does::Die, Does::Answer]);
    let told = test.change().await;
    assert!(matches!(told, Error::Core(CoreError::Malformed { .. })), "the third one has answered: {told:?}");
    assert_eq!(test.asked_hosts().len(), 3);
    test.then(&[Does::Die]);
    let told = test.change().await;
    assert!(
        matches!(&told, Error::Core(CoreError::Unreachable(why)) if why == "connection refused"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_refusal_is_told_in_the_core_s_words_and_not_tried_elsewhere() {
    let test = Test::new(THREE, &[Does::Answer]);
    test.call().await.unwrap();
    test.then(&[Does::Refuse, Does::Answer]);
    let error = test.call().await.unwrap_err();
    assert_eq!(error.to_string(), "the core answered GET /recipe/roles with 400: Field name 'x' is missing");
    test.then(&[Does::SayNonsense]);
    let error = test.call().await.unwrap_err();
    assert!(matches!(&error, Error::Core(CoreError::Malformed { path, .. }) if path == "/recipe/roles"));
}

#[tokio::test]
async fn one_request_asks_once_until_something_changes() {
    let test = Test::new("http://a:3567", &[Does::Answer]);
    let cx = Cx::new(&test.sdk);
    let read = async || test.core.call::<GetRoles>(&cx, None, &()).await.unwrap();
    read().await;
    read().await;
    assert_eq!(test.cores.asked.lock().unwrap().len(), 2, "the version, and the call once");
    let change = portcullis_wire::userroles::RoleRequest { role: "admin".to_owned() };
    let changed = test.core.call::<RemoveRole>(&cx, None, &change).await;
    assert!(
        matches!(changed, Err(Error::Core(CoreError::Malformed { .. }))),
        "the made-up core knows no roles"
    );
    read().await;
    assert_eq!(test.cores.asked.lock().unwrap().len(), 4, "the answer from before may be wrong now");
}

#[tokio::test]
async fn an_app_that_wants_no_answer_remembered_asks_each_time() {
    let cores = Arc::new(Cores { script: Mutex::new(vec![Does::Answer]), asked: Mutex::default() });
    let info = AppInfo::new("Demo", "http://localhost:3001", "http://localhost:3000");
    let sdk = Portcullis::builder(info).core(Arc::clone(&cores)).disable_core_call_cache();
    let sdk = sdk.recipe(SessionRecipe::new()).build().unwrap();
    let cx = Cx::new(&sdk);
    for asked in [2, 3] {
        sdk.core().call::<GetRoles>(&cx, None, &()).await.unwrap();
        assert_eq!(cores.asked.lock().unwrap().len(), asked, "but for the version, which is asked for once");
    }
}

#[test]
fn the_api_key_is_in_no_debug_text() {
    let test = Test::new("http://a:3567", &[Does::Answer]);
    let request = test.core.request("http://a:3567", &Call::get("/x")).unwrap();
    assert_eq!(request.headers()["api-key"], "a-secret-key", "it is sent");
    let info = AppInfo::new("Demo", "http://localhost:3001", "http://localhost:3000");
    let builder = Portcullis::builder(info).core("http://localhost:3567").api_key("a-secret-key");
    let texts = [
        format!("{builder:?}"),
        format!("{:?}", test.core),
        format!("{:#?}", test.sdk),
        format!("{:?}", Cx::new(&test.sdk)),
        format!("{request:?}"),
    ];
    for text in texts {
        assert!(!text.contains("a-secret-key"), "{text}");
    }
}

#[test]
fn addresses_of_cores() {
    assert_eq!(
        parse_hosts("localhost:3567; https://Core.example.com/appid-A/ ;core2.example.com").unwrap(),
        ["http://localhost:3567", "https://core.example.com/appid-A", "https://core2.example.com"]
    );
    assert_eq!(parse_hosts(" ; "), Err(BuildError::MissingCore));
    assert_eq!(parse_hosts("http://"), Err(BuildError::InvalidCore("http://".to_owned())));
}

/// Ids that want to be more than one segment, or another one.
const HOSTILE: [&str; 8] =
    ["a/b?c", "a#b", "../x", "%2e%2e", "public%2Frecipe", "a b", "ä\n", "recipe/users?limit=9&"];

#[tokio::test]
async fn a_tenant_s_id_stays_one_segment_of_the_path() {
    let test = Test::new("http://a:3567", &[Does::Answer]);
    let cx = Cx::new(&test.sdk);
    test.core.call::<GetRoles>(&cx, Some("t1"), &()).await.unwrap();
    for tenant in HOSTILE {
        test.then(&[Does::Answer]);
        test.core.call::<GetRoles>(&cx, Some(tenant), &()).await.unwrap();
        let asked = test.cores.asked.lock().unwrap();
        let uri = asked[0].uri();
        let segment = uri.path().strip_prefix('/').unwrap().strip_suffix("/recipe/roles").unwrap();
        assert!(!segment.contains('/') && uri.query().is_none(), "{uri}");
        assert_eq!(percent_decode_str(segment).decode_utf8().unwrap(), tenant);
    }
}

/// `/appid-x/recipe/signin` signs in to another app of the core.
#[tokio::test]
async fn what_the_core_would_not_take_for_a_tenant_does_not_get_there() {
    let test = Test::new("http://a:3567", &[Does::Answer]);
    for tenant in ["appid-x", "AppId-x", "appid-", "", ".", ".."] {
        let told = test.core.call::<GetRoles>(&Cx::new(&test.sdk), Some(tenant), &()).await.unwrap_err();
        let text = format!("'{tenant}' cannot be the id of a tenant");
        assert!(matches!(&told, Error::BadInput(told) if *told == text), "{told:?}");
    }
    assert!(test.asked_hosts().is_empty());
}

proptest! {
    #[test]
    fn every_tenant_s_path_is_that_tenant_s(tenant in prop_oneof![any::<String>(), "[a./%?#-]{0,6}", "(?i)appid-.{0,3}"]) {
        let Ok(path) = path_of_tenant(&tenant, "/recipe/roles") else {
            let names_an_app = tenant.to_lowercase().starts_with("appid-");
            prop_assert!(names_an_app || ["", ".", ".."].contains(&&*tenant), "{tenant}");
            return Ok(());
        };
        let uri: http::Uri = format!("http://a:3567{path}").parse().unwrap();
        prop_assert_eq!((uri.path(), uri.query()), (&*path, None));
        // As a proxy reads it that takes `..` away.
        let url = url::Url::parse(&uri.to_string()).unwrap();
        prop_assert_eq!((url.path(), url.query(), url.fragment()), (&*path, None, None));
        let segments: Vec<_> = path.split('/').collect();
        prop_assert_eq!(percent_decode_str(segments[1]).decode_utf8().unwrap(), tenant);
        prop_assert_eq!(&segments[2..], ["recipe", "roles"]);
    }

    #[test]
    fn no_password_is_told(
        scheme in prop::sample::select(vec!["", "http://", "HTTPS://"]),
        user in "[a-z]{0,4}",
        password in "[ -~]{1,8}",
        host in prop::sample::select(vec!["", "core", "core:port", "core.example.com", "localhost:99999/x"]),
    ) {
        let secret = format!("5ecret{password}5ecret");
        if let Err(told) = parse_hosts(&format!("{scheme}{user}:{secret}@{host}")) {
            prop_assert!(!told.to_string().contains("5ecret"), "{}", told);
        }
    }
}
