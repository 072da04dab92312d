//! Users who are known by ids of the app's own.

use crate::app::TestApp;
use portcullis::recipes::emailpassword::{EmailPassword, SignUp};
use portcullis::recipes::session::SessionRecipe;
use portcullis::{CoreError, CreateUserIdMapping, Cx, Error, NewUserIdMapping, UserIdMapping, UserIdType};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::json;

#[rstest]
#[tokio::test]
async fn a_user_is_known_by_an_id_of_the_app_s(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app =
        TestApp::new(shape, |builder| builder.recipe(EmailPassword::new()).recipe(SessionRecipe::new()));
    let app = app.await;
    let (cx, sdk) = (Cx::new(&app.sdk), &app.sdk);
    let passwords = sdk.email_password().unwrap();
    let made = passwords.sign_up(&cx, "public", "ann@example.com", "correct1horse").await.unwrap();
    let SignUp::Ok { user, .. } = made else { panic!("{made:?}") };
    let id = user.id.as_str();

    let create = async |new| sdk.create_user_id_mapping(&cx, &new).await;
    let unknown = create(NewUserIdMapping::of("nobody", "customer-1")).await.unwrap();
    assert_eq!(unknown, CreateUserIdMapping::UnknownUser);
    let new = NewUserIdMapping::of(id, "customer-17").info("from the old shop");
    assert_eq!(create(new).await.unwrap(), CreateUserIdMapping::Ok);
    let again = create(NewUserIdMapping::of(id, "customer-18").force()).await.unwrap();
    let of_user =
        CreateUserIdMapping::AlreadyExists { user_id_is_mapped: true, external_user_id_is_mapped: false };
    assert_eq!(again, of_user);

    let known = |info: Option<&str>| {
        let (user_id, external_user_id) = (id.to_owned(), "customer-17".to_owned());
        Some(UserIdMapping { user_id, external_user_id, info: info.map(str::to_owned) })
    };
    let find = async |id: &str, id_type| sdk.find_user_id_mapping(&cx, id, id_type).await.unwrap();
    for (asked, id_type, found) in [
        (id, UserIdType::SuperTokens, true),
        (id, UserIdType::External, false),
        (id, UserIdType::Any, true),
        ("customer-17", UserIdType::SuperTokens, false),
        ("customer-17", UserIdType::External, true),
        ("customer-17", UserIdType::default(), true),
        ("customer-18", UserIdType::Any, false),
    ] {
        let expected = known(Some("from the old shop")).filter(|_| found);
        assert_eq!(find(asked, id_type).await, expected, "{asked} {id_type:?}");
    }
    // Whoever signs in is told by the app's id, and so is found by it.
    let reply =
        app.form("/auth/signin", &[("email", "ann@example.com"), ("password", "correct1horse")]).await;
    assert_eq!(reply.body["user"]["id"], "customer-17");
    assert_eq!(sdk.find_user(&cx, "customer-17").await.unwrap().unwrap().id, "customer-17");

    let any = UserIdType::Any;
    let remember = async |id, info| sdk.update_or_delete_user_id_mapping_info(&cx, id, any, info).await;
    assert!(remember("customer-17", Some("moved twice")).await.unwrap());
    assert_eq!(find(id, any).await, known(Some("moved twice")));
    assert!(remember(id, None).await.unwrap());
    assert_eq!(find(id, any).await, known(None));
    assert!(!remember("customer-18", None).await.unwrap());

    // What is kept under the app's id would be lost.
    let theme = json!({"theme": "dark"}).as_object().cloned().unwrap();
    sdk.user_metadata().update(&cx, "customer-17", theme).await.unwrap();
    let external = UserIdType::External;
    let refused = sdk.delete_user_id_mapping(&cx, "customer-17", external, false).await.unwrap_err();
    assert!(matches!(refused, Error::Core(CoreError::Refused { status: 400, .. })), "{refused:?}");
    assert!(sdk.delete_user_id_mapping(&cx, "customer-17", external, true).await.unwrap());
    assert!(!sdk.delete_user_id_mapping(&cx, "customer-17", external, true).await.unwrap());
    assert_eq!(sdk.find_user(&cx, id).await.unwrap().unwrap().id, id);
}
