//! The dashboard's page.

use super::{Desk, everything};
use crate::app::TestApp;
use async_trait::async_trait;
use http::{Method, Request};
use portcullis::recipes::dashboard::{Access, Apis, Dashboard, Functions, Needs, Page};
use portcullis::{AppInfo, BuildError, Cx, Portcullis, Result};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::json;
use std::sync::Arc;

/// The page, and its policy.
async fn page(app: &TestApp, path: &str) -> (String, String) {
    let reply = app.send(Request::get(path), "").await;
    assert_eq!(reply.status, 200);
    let header = |name: &str| reply.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-frame-options"), "DENY");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("referrer-policy"), "no-referrer");
    (reply.body.as_str().unwrap().to_owned(), header("content-security-policy"))
}

#[rstest]
#[tokio::test]
async fn the_page_loads_the_bundle_and_tells_strangers_nothing(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = TestApp::new(shape, |builder| everything(builder).recipe(Dashboard::new())).await;
    let (html, policy) = page(&app, "/auth/dashboard").await;
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    let cdn = "https://cdn.jsdelivr.net";
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; script-src 'nonce-{nonce}' {cdn}; style-src {cdn}; font-src {cdn}; img-src data: {cdn}; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    );
    let bundle = format!("{cdn}/gh/supertokens/dashboard@v0.15/build");
    let settings = json!({
        "staticBasePath": format!("{bundle}/static"),
        "dashboardAppPath": "/auth/dashboard",
        "connectionURI": "",
        "authMode": "email-password",
        "isSearchEnabled": "true",
    });
    assert!(
        html.contains(&format!("<script nonce=\"{nonce}\">Object.assign(window, {settings});</script>")),
        "{html}"
    );
    assert!(
        html.contains(&format!("<script defer src=\"{bundle}/static/js/bundle.js\"></script>")),
        "{html}"
    );
    assert!(
        html.contains(&format!("<link rel=\"stylesheet\" href=\"{bundle}/static/css/main.css\">")),
        "{html}"
    );
    let (again, other_policy) = page(&app, "/auth/dashboard").await;
    assert!(again != html && other_policy != policy, "each page has a nonce of its own");
    for path in
        ["/auth/dashboard/roles", "/auth/dashboard/tenants", "/auth/public/dashboard", "/auth/dashboard/"]
    {
        assert!(page(&app, path).await.0.contains("<div id=\"root\">"), "{path}");
    }
}

#[rstest]
#[tokio::test]
async fn the_bundle_may_be_the_app_s_own(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let recipe =
        Dashboard::with_api_key("a-long-key").bundle("/bundle/").content_from("https://fonts.gstatic.com");
    let app = TestApp::new(shape, |builder| everything(builder).recipe(recipe)).await;
    let (html, policy) = page(&app, "/auth/dashboard").await;
    assert!(html.contains("src=\"/bundle/static/js/bundle.js\""), "{html}");
    assert!(html.contains("\"authMode\":\"api-key\"") && !html.contains("a-long-key"), "{html}");
    assert!(policy.contains("; style-src 'self' https://fonts.gstatic.com; "), "{policy}");
    assert!(policy.contains("' 'self'; style-src"), "scripts are the bundle's alone: {policy}");
}

/// On Sundays nobody works.
struct Closed(Arc<dyn Functions>);

#[async_trait]
impl Functions for Closed {
    fn original(&self) -> &dyn Functions {
        &*self.0
    }

    async fn dashboard_bundle_location(&self, _: &Cx) -> Result<String> {
        Ok("https://bundle.example.com/of/the/app".to_owned())
    }

    async fn should_allow_access(&self, cx: &Cx, needs: Needs) -> Result<Access> {
        match self.original().should_allow_access(cx, needs).await? {
            Access::Allowed if needs == Needs::Change => Ok(Access::NotPermitted),
            access => Ok(access),
        }
    }
}

struct Titled(Arc<dyn Apis>);

#[async_trait]
impl Apis for Titled {
    fn original(&self) -> &dyn Apis {
        &*self.0
    }

    async fn dashboard(&self, cx: &Cx) -> Result<Page> {
        let page = self.original().dashboard(cx).await?;
        Ok(Page { html: page.html.replace("<title>Dashboard", "<title>Desk"), ..page })
    }
}

#[rstest]
#[tokio::test]
async fn functions_and_page_are_replaced(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let recipe = Dashboard::new().override_functions(Closed).override_apis(Titled);
    let desk = Desk::with(shape, recipe, everything).await;
    assert_eq!(desk.get("/users/count").await["count"], 0);
    let role = json!({"role": "admin", "permissions": []});
    let reply = desk.call_as(&desk.shown, Method::PUT, "/dashboard/api/userroles/role", &role).await;
    assert_eq!(reply.status, 403);
    let (html, policy) = page(&desk.app, "/auth/dashboard").await;
    assert!(html.contains("<title>Desk</title>"), "{html}");
    assert!(html.contains("href=\"https://bundle.example.com/of/the/app/static/css/main.css\""), "{html}");
    assert!(policy.contains("style-src https://bundle.example.com;"), "{policy}");
}

#[test]
fn what_cannot_work_is_told_at_start() {
    for recipe in [
        Dashboard::with_api_key(" "),
        Dashboard::new().bundle("build"),
        Dashboard::new().bundle("https://cdn.example.com/\" onload=x"),
        Dashboard::new().content_from("'unsafe-inline'"),
        Dashboard::new().content_from("https://fonts.example.com/css"),
    ] {
        let app = AppInfo::new("Demo", "http://localhost:3001", "http://localhost:3000");
        let built = Portcullis::builder(app).core("http://localhost:3567").recipe(recipe).build();
        assert!(matches!(built.err(), Some(BuildError::Recipe { recipe: "dashboard", .. })));
    }
}
