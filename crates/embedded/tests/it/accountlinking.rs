//! Several login methods that are one user. Those of a provider are made in the core, as the provider's recipe
//! makes them.

use crate::app::{Mails, Reply, TestApp, token_of};
use http::{Method, Request};
use portcullis::recipes::accountlinking::{
    AccountLinking, AutomaticLinking, CanCreatePrimaryUser, CanLinkAccounts, CreatePrimaryUser, LinkAccounts,
    LinkingQuestion, LoginInfo, NewEmail, Unlinked,
};
use portcullis::recipes::emailpassword::{Change, Changed, EmailPassword, SignUp};
use portcullis::recipes::emailverification::EmailVerification;
use portcullis::recipes::session::{NewSession, Session, SessionRecipe, VerifyOptions};
use portcullis::{Cx, Error, LoginMethod, User};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

pub(crate) const PASSWORD: &str = "correct1horse";

/// Recipe, address, whether there is a user to link to, and the tenant.
type Asked = (String, Option<String>, bool, String);

/// An app that links as it is told, and what it was asked and told meanwhile.
pub(crate) struct World {
    pub(crate) app: TestApp,
    pub(crate) mails: Mails,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// User and login method.
    linked: Arc<Mutex<Vec<(String, String)>>>,
}

impl World {
    pub(crate) async fn new(shape: Shape, how: AutomaticLinking) -> Self {
        let (mails, asked, linked) = (Mails::default(), Arc::default(), Arc::default());
        let (asked_by, linked_by) = (Arc::clone(&asked), Arc::clone(&linked));
        let linking = AccountLinking::new()
            .should_do_automatic_account_linking(move |_, question: LinkingQuestion| {
                let LinkingQuestion { login, user, tenant, .. } = question;
                let asked: &Mutex<Vec<_>> = &asked_by;
                asked.lock().unwrap().push((login.recipe_id, login.account.email, user.is_some(), tenant));
                async move { Ok(how) }
            })
            .on_account_linked(move |_, user: User, method: LoginMethod| {
                let linked: &Mutex<Vec<_>> = &linked_by;
                linked.lock().unwrap().push((user.id, method.recipe_user_id));
                async { Ok(()) }
            });
        let app = TestApp::new(shape, |builder| {
            let builder = builder.email_delivery(mails.clone()).recipe(EmailPassword::new());
            builder.recipe(EmailVerification::optional()).recipe(linking).recipe(SessionRecipe::new())
        })
        .await;
        Self { app, mails, asked, linked }
    }

    pub(crate) fn cx(&self) -> Cx {
        Cx::new(&self.app.sdk)
    }

    /// A login method of a provider, and nothing else.
    pub(crate) async fn google(&self, email: &str, is_verified: bool) -> String {
        self.app.advance(1);
        let body = json!({
            "thirdPartyId": "google", "thirdPartyUserId": format!("google's {email}"),
            "email": {"id": email, "isVerified": is_verified},
        });
        let made = self.app.core(Method::POST, "/recipe/signinup", &body).await;
        made["recipeUserId"].as_str().unwrap().to_owned()
    }

    /// A login method with a password, and nothing else.
    pub(crate) async fn password(&self, email: &str) -> String {
        self.app.advance(1);
        let passwords = self.app.sdk.email_password().unwrap();
        let made = passwords.create_new_recipe_user(&self.cx(), "public", email, PASSWORD).await.unwrap();
        let SignUp::Ok { recipe_user_id, .. } = made else { panic!("{made:?}") };
        recipe_user_id
    }

    pub(crate) async fn primary(&self, recipe_user_id: &str) -> User {
        let made = self.app.sdk.account_linking().create_primary_user(&self.cx(), recipe_user_id).await;
        let CreatePrimaryUser::Ok { user, .. } = made.unwrap() else { panic!("{recipe_user_id}") };
        user
    }

    pub(crate) async fn user(&self, id: &str) -> User {
        self.app.sdk.find_user(&self.cx(), id).await.unwrap().unwrap()
    }

    /// Proves a login method's address, and nothing else.
    pub(crate) async fn prove(&self, recipe_user_id: &str) {
        let (cx, proofs) = (self.cx(), self.app.sdk.email_verification().unwrap());
        let token =
            proofs.create_email_verification_token(&cx, "public", recipe_user_id, None).await.unwrap();
        proofs.verify_email_without_linking(&cx, "public", &token.unwrap()).await.unwrap().unwrap();
    }

    pub(crate) async fn sign_up(&self, email: &str) -> Reply {
        self.app.advance(1);
        self.app.form("/auth/signup", &[("email", email), ("password", PASSWORD)]).await
    }

    pub(crate) async fn sign_in(&self, email: &str) -> Reply {
        self.app.form("/auth/signin", &[("email", email), ("password", PASSWORD)]).await
    }

    /// A session of a login method.
    pub(crate) async fn session(&self, recipe_user_id: &str) -> Session {
        self.session_in("public", recipe_user_id).await
    }

    pub(crate) async fn session_in(&self, tenant: &str, recipe_user_id: &str) -> Session {
        let new = NewSession::of(recipe_user_id).tenant(tenant);
        self.app.sdk.session().unwrap().create_without_request(&self.cx(), new).await.unwrap()
    }

    /// Signs in or up with a session, to link the login method to its user.
    pub(crate) async fn with_session(
        &self,
        session: &Session,
        path: &str,
        email: &str,
        password: &str,
    ) -> Reply {
        self.app.advance(1);
        let request =
            Request::post(path).header("authorization", format!("Bearer {}", session.access_token()));
        let fields = [("email", email), ("password", password)];
        let fields: Vec<_> = fields.iter().map(|(id, value)| json!({"id": id, "value": value})).collect();
        let body = json!({"formFields": fields, "shouldTryLinkingWithSessionUser": true});
        self.app.send(request, body.to_string()).await
    }

    pub(crate) fn take_linked(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.linked.lock().unwrap())
    }
}

/// The code in a refusal's reason.
pub(crate) fn code(reply: &Reply) -> (&str, u16) {
    let reason = reply.body["reason"].as_str().unwrap_or_else(|| panic!("no reason: {reply:?}"));
    let code = reason.split("(ERR_CODE_").nth(1).and_then(|rest| rest.strip_suffix(')'));
    (reply.body["status"].as_str().unwrap(), code.unwrap().parse().unwrap())
}

fn methods(user: &User) -> Vec<&str> {
    user.login_methods.iter().map(|method| method.recipe_user_id.as_str()).collect()
}

#[rstest]
#[tokio::test]
async fn the_app_links_and_unlinks(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, AutomaticLinking::No).await;
    let (cx, accounts) = (world.cx(), world.app.sdk.account_linking());
    let google = world.google("ann@example.com", true).await;
    let password = world.password("ann@example.com").await;
    let other = world.password("bob@example.com").await;

    let can = accounts.can_create_primary_user(&cx, &google).await.unwrap();
    assert_eq!(can, CanCreatePrimaryUser::Ok { was_already_primary: false });
    assert_eq!(
        accounts.can_link_accounts(&cx, &password, &google).await.unwrap(),
        CanLinkAccounts::NotPrimary
    );
    let refused = accounts.link_accounts(&cx, &password, &google).await.unwrap();
    assert!(matches!(refused, LinkAccounts::NotPrimary), "{refused:?}");
    assert_eq!(world.primary(&google).await.id, google);
    let again = accounts.create_primary_user(&cx, &google).await.unwrap();
    assert!(matches!(again, CreatePrimaryUser::Ok { was_already_primary: true, .. }), "{again:?}");

    // What is known by the same as a primary user can be linked to it, and to nothing else.
    let taken = accounts.can_create_primary_user(&cx, &password).await.unwrap();
    let CanCreatePrimaryUser::AccountInfoTaken { primary_user_id, .. } = taken else { panic!("{taken:?}") };
    assert_eq!(primary_user_id, google);
    let taken = accounts.create_primary_user(&cx, &password).await.unwrap();
    assert!(matches!(taken, CreatePrimaryUser::AccountInfoTaken { .. }), "{taken:?}");
    world.primary(&other).await;
    let taken = accounts.can_link_accounts(&cx, &password, &other).await.unwrap();
    assert!(matches!(taken, CanLinkAccounts::AccountInfoTaken { .. }), "{taken:?}");
    let taken = accounts.link_accounts(&cx, &password, &other).await.unwrap();
    assert!(matches!(taken, LinkAccounts::AccountInfoTaken { .. }), "{taken:?}");
    let found = accounts.primary_user_that_can_be_linked(&cx, "public", &password).await.unwrap();
    assert_eq!(found.unwrap().id, google);

    let can = accounts.can_link_accounts(&cx, &password, &google).await.unwrap();
    assert_eq!(can, CanLinkAccounts::Ok { were_already_linked: false });
    assert!(world.take_linked().is_empty(), "only asked");
    let linked = accounts.link_accounts(&cx, &password, &google).await.unwrap();
    let LinkAccounts::Ok { user, were_already_linked: false } = linked else { panic!("{linked:?}") };
    assert_eq!(methods(&user), [google.as_str(), password.as_str()]);
    assert!(user.login_methods.iter().all(|method| method.verified), "proven by way of the provider");
    assert_eq!(world.take_linked(), [(google.clone(), password.clone())]);
    let again = accounts.link_accounts(&cx, &password, &google).await.unwrap();
    assert!(matches!(again, LinkAccounts::Ok { were_already_linked: true, .. }), "{again:?}");
    assert!(world.take_linked().is_empty(), "nothing has happened");

    // A login method is one user's.
    let taken = accounts.can_create_primary_user(&cx, &password).await.unwrap();
    assert!(matches!(taken, CanCreatePrimaryUser::Linked { .. }), "{taken:?}");
    let taken = accounts.create_primary_user(&cx, &password).await.unwrap();
    assert!(matches!(taken, CreatePrimaryUser::Linked { .. }), "{taken:?}");
    let taken = accounts.can_link_accounts(&cx, &password, &other).await.unwrap();
    assert!(matches!(taken, CanLinkAccounts::Linked { .. }), "{taken:?}");
    let taken = accounts.link_accounts(&cx, &password, &other).await.unwrap();
    let LinkAccounts::Linked { user, .. } = taken else { panic!("{taken:?}") };
    assert_eq!(user.id, google);

    let unlinked = accounts.unlink_account(&cx, &password).await.unwrap();
    assert_eq!(unlinked, Unlinked { was_recipe_user_deleted: false, was_linked: true });
    assert!(!world.user(&password).await.is_primary_user);
    let again = accounts.unlink_account(&cx, &password).await.unwrap();
    assert_eq!(again, Unlinked { was_recipe_user_deleted: false, was_linked: false });
    // Nothing is linked by itself here.
    let user = accounts.create_primary_user_or_link_accounts(&cx, "public", &password, None).await.unwrap();
    assert_eq!((user.id.as_str(), user.is_primary_user), (password.as_str(), false));
    assert!(accounts.create_primary_user_or_link_accounts(&cx, "public", "nobody", None).await.is_err());
}

#[rstest]
#[tokio::test]
async fn who_has_proven_an_address_becomes_one_user(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let accounts = world.app.sdk.account_linking();
    let google = world.google("ann@example.com", true).await;
    // Nobody has the address but someone who has proven it.
    let made = world.sign_up("Ann@example.com").await;
    let id = made.body["user"]["id"].as_str().unwrap().to_owned();
    assert_eq!(made.body["user"]["isPrimaryUser"], false);
    assert!(world.user(&google).await.is_primary_user, "the older one, which the other is to be linked to");
    assert!(world.take_linked().is_empty());

    // The session's user proves it, and is the other user from then on.
    let (cx, proofs) = (world.cx(), world.app.sdk.email_verification().unwrap());
    let token = proofs.create_email_verification_token(&cx, "public", &id, None).await.unwrap().unwrap();
    let request = Request::post("/auth/user/email/verify")
        .header("authorization", format!("Bearer {}", made.access_token()));
    let body = json!({"method": "token", "token": token}).to_string();
    let proven = world.app.send(request, body).await;
    assert_eq!(proven.body, json!({"status": "OK"}));
    assert_eq!(world.take_linked(), [(google.clone(), id.clone())]);
    let sessions = world.app.sdk.session().unwrap();
    let session =
        sessions.verify_without_request(&cx, proven.access_token(), None, &VerifyOptions::new()).await;
    let session = session.unwrap().unwrap();
    assert_eq!((session.user_id(), session.recipe_user_id()), (google.as_str(), id.as_str()));
    assert_eq!(methods(&world.user(&google).await), [google.as_str(), id.as_str()]);
    let found = world.sign_in("ann@example.com").await;
    assert_eq!(found.body["user"]["id"], google.as_str());

    // Without anybody else, whoever has proven an address becomes a primary user at the next sign-in.
    let bob = world.sign_up("bob@example.com").await;
    assert_eq!(bob.body["user"]["isPrimaryUser"], false);
    world.prove(bob.body["user"]["id"].as_str().unwrap()).await;
    assert_eq!(world.sign_in("bob@example.com").await.body["user"]["isPrimaryUser"], true);
    // By hand as well.
    let cy = world.google("cy@example.com", true).await;
    let user = accounts.create_primary_user_or_link_accounts(&cx, "public", &cy, None).await.unwrap();
    assert!(user.is_primary_user && user.id == cy);
    assert!(accounts.primary_user_that_can_be_linked(&world.cx(), "public", &cy).await.unwrap().is_some());
}

#[rstest]
#[tokio::test]
async fn who_need_not_prove_anything_is_linked_at_once(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, AutomaticLinking::EvenUnverified).await;
    let google = world.google("ann@example.com", false).await;
    let made = world.sign_up("ann@example.com").await;
    let user = &made.body["user"];
    assert_eq!((&user["id"], &user["isPrimaryUser"]), (&json!(google), &json!(true)));
    assert_eq!(user["loginMethods"].as_array().unwrap().len(), 2);
    let [(linked_to, method)] = world.take_linked().try_into().unwrap();
    assert_eq!((&linked_to, &user["loginMethods"][1]["recipeUserId"]), (&google, &json!(method)));
    let cx = world.cx();
    let options = VerifyOptions::new();
    let sessions = world.app.sdk.session().unwrap();
    let session = sessions.verify_without_request(&cx, made.access_token(), None, &options).await.unwrap();
    assert_eq!(session.unwrap().user_id(), google);
    // Asked about the new login method by itself, about the older user alone, and about the two.
    let asked: Vec<_> = std::mem::take(&mut *world.asked.lock().unwrap());
    let ann = || Some("ann@example.com".to_owned());
    let question = |recipe: &str, with: bool| (recipe.to_owned(), ann(), with, "public".to_owned());
    assert_eq!(
        asked,
        [question("emailpassword", false), question("thirdparty", false), question("emailpassword", true)]
    );
}

#[rstest]
#[tokio::test]
async fn an_unproven_address_that_others_have_signs_nobody_in(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    // Beside a primary user, proven or not.
    for (email, is_proven) in [("ann@example.com", true), ("bob@example.com", false)] {
        let google = world.google(email, is_proven).await;
        world.primary(&google).await;
        let refused = world.sign_up(email).await;
        assert_eq!(code(&refused), ("SIGN_UP_NOT_ALLOWED", 7));
        assert!(refused.headers.get("st-access-token").is_none());
        assert_eq!(world.app.sdk.users_by_email(&world.cx(), "public", email).await.unwrap().len(), 1);
        // One that is there already.
        let password = world.password(email).await;
        assert_eq!(code(&world.sign_in(email).await), ("SIGN_IN_NOT_ALLOWED", 8));
        // A known address is told as such: the form's own error.
        let taken = world.sign_up(email).await;
        assert_eq!(
            taken.body["formFields"][0]["error"],
            "This email already exists. Please sign in instead."
        );
        world.prove(&password).await;
        let signed_in = world.sign_in(email).await;
        let expected = if is_proven { &google } else { &password };
        assert_eq!(signed_in.body["user"]["id"], expected.as_str(), "linked only to what is proven");
    }
    // Beside users who are linked to nothing, and have proven nothing.
    world.google("cy@example.com", false).await;
    assert_eq!(code(&world.sign_up("cy@example.com").await), ("SIGN_UP_NOT_ALLOWED", 7));
    world.password("cy@example.com").await;
    assert_eq!(code(&world.sign_in("cy@example.com").await), ("SIGN_IN_NOT_ALLOWED", 8));
    // Alone it is nobody's risk.
    world.password("dan@example.com").await;
    assert_eq!(world.sign_in("dan@example.com").await.body["status"], "OK");
    assert!(world.take_linked().iter().all(|(user, _)| user != "cy@example.com"));
}

#[rstest]
#[tokio::test]
async fn the_same_checks_by_hand(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let (cx, accounts) = (world.cx(), world.app.sdk.account_linking());
    let google = world.google("ann@example.com", true).await;
    world.primary(&google).await;
    let login = || LoginInfo::new("emailpassword").email("ann@example.com");
    assert!(!accounts.is_sign_up_allowed(&cx, "public", &login(), None).await.unwrap());
    assert!(accounts.is_sign_up_allowed(&cx, "public", &login().verified(true), None).await.unwrap());
    let both = login().phone_number("+491701234567");
    assert!(accounts.is_sign_up_allowed(&cx, "public", &both, None).await.is_err());
    let password = world.password("ann@example.com").await;
    assert!(!accounts.is_sign_in_allowed(&world.cx(), "public", &password, None).await.unwrap());
    assert!(accounts.is_sign_in_allowed(&world.cx(), "public", &google, None).await.unwrap());
    assert!(accounts.is_sign_in_allowed(&world.cx(), "public", "nobody", None).await.is_err());
    // The session's own user is not in the way.
    let session = world.session(&google).await;
    assert!(!accounts.is_sign_in_allowed(&world.cx(), "public", &password, Some(&session)).await.unwrap());
    let proven = login().verified(true);
    assert!(accounts.is_sign_up_allowed(&world.cx(), "public", &proven, Some(&session)).await.unwrap());
}

#[rstest]
#[tokio::test]
async fn addresses_are_changed_without_risk(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let (accounts, passwords) = (world.app.sdk.account_linking(), world.app.sdk.email_password().unwrap());
    let ann = world.google("ann@example.com", true).await;
    world.primary(&ann).await;
    world.google("alone@example.com", false).await;
    let mallory = world.password("mallory@example.com").await;
    let change = async |email: &str| {
        let change = Change::of(&mallory).email(email);
        passwords.update_email_or_password(&world.cx(), &change).await.unwrap()
    };
    let not_allowed = |reason: &str| Changed::EmailChangeNotAllowed { reason: reason.to_owned() };
    let risk =
        not_allowed("New email cannot be applied to existing account because of account takeover risks.");
    let conflict = not_allowed(
        "New email cannot be applied to existing account because of there is another primary user with the same email address.",
    );
    // A user who is linked to nothing would be linked to the primary one, once that one proves the address.
    assert_eq!(change("ann@example.com").await, risk);
    assert_eq!(change("mallory@example.com").await, Changed::Ok, "its own");
    assert_eq!(change("alone@example.com").await, Changed::Ok, "there is no primary user");
    let unproven = NewEmail { email: "ann@example.com", is_verified: false };
    let proven = NewEmail { is_verified: true, ..unproven };
    let allowed = async |id: &str, new| accounts.is_email_change_allowed(&world.cx(), id, new, None).await;
    assert!(!allowed(&mallory, unproven).await.unwrap());
    assert!(allowed(&mallory, proven).await.unwrap());
    assert!(allowed("nobody", proven).await.is_err());
    assert_eq!(change("mallory@example.com").await, Changed::Ok);

    // Others would be linked to a primary one, once they prove the address.
    world.primary(&mallory).await;
    assert_eq!(change("ann@example.com").await, conflict, "proven or not");
    assert!(!allowed(&mallory, proven).await.unwrap());
    assert_eq!(change("alone@example.com").await, risk);
    assert_eq!(change("new@example.com").await, Changed::Ok);
    let unknown =
        passwords.update_email_or_password(&world.cx(), &Change::of("nobody").email("a@b.co")).await;
    assert_eq!(unknown.unwrap(), Changed::UnknownUser);

    // An address that the user has proven by another login method counts as proven.
    let google = world.google("work@example.com", true).await;
    let linked = accounts.link_accounts(&world.cx(), &google, &mallory).await.unwrap();
    assert!(matches!(linked, LinkAccounts::Ok { .. }), "{linked:?}");
    assert_eq!(change("work@example.com").await, Changed::Ok);
    assert!(world.user(&mallory).await.login_methods.iter().all(|method| method.verified));
}

#[rstest]
#[tokio::test]
async fn a_user_without_a_password_gets_one_by_a_reset(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let google = world.google("ann@example.com", true).await;
    world.primary(&google).await;
    let ask =
        async |email: &str| world.app.form("/auth/user/password/reset/token", &[("email", email)]).await;
    let reset = async |token: &str| {
        let fields = json!([{"id": "password", "value": "another2horse"}]);
        world.app.post("/auth/user/password/reset", &json!({"formFields": fields, "token": token})).await
    };
    assert_eq!(ask("ann@example.com").await.body, json!({"status": "OK"}));
    let (email, _) = world.mails.one().await;
    let of_whom = (email.user_id.as_deref(), email.recipe_user_id);
    assert_eq!(of_whom, (Some(google.as_str()), None), "the login method is not there yet");
    let token = token_of(email.subject.link().unwrap(), "reset-password");
    assert_eq!(reset(&token).await.body, json!({"status": "OK"}));
    let [(linked_to, _)] = world.take_linked().try_into().unwrap();
    assert_eq!(linked_to, google);
    let fields = [("email", "ann@example.com"), ("password", "another2horse")];
    let signed_in = world.app.form("/auth/signin", &fields).await;
    assert_eq!(signed_in.body["user"]["id"], google.as_str());

    // One who has a password, but is not linked yet: the reset proves the address.
    let bob = world.google("bob@example.com", true).await;
    world.primary(&bob).await;
    let password = world.password("bob@example.com").await;
    ask("bob@example.com").await;
    let (email, _) = world.mails.one().await;
    let of_whom = (email.user_id.as_deref(), email.recipe_user_id.as_deref());
    assert_eq!(of_whom, (Some(bob.as_str()), Some(password.as_str())));
    let token = token_of(email.subject.link().unwrap(), "reset-password");
    assert_eq!(reset(&token).await.body, json!({"status": "OK"}));
    assert_eq!(world.take_linked(), [(bob, password)]);
}

#[tokio::test]
async fn an_error_of_the_app_s_is_no_answer() {
    let linking = AccountLinking::new().should_do_automatic_account_linking(|_, _| async {
        Err::<AutomaticLinking, _>(Error::General("Come back later".to_owned()))
    });
    let app = TestApp::new(Shape::Embedded, |builder| {
        builder.recipe(EmailPassword::new()).recipe(linking).recipe(SessionRecipe::new())
    })
    .await;
    let reply = app.form("/auth/signup", &[("email", "ann@example.com"), ("password", PASSWORD)]).await;
    assert_eq!(reply.body, json!({"status": "GENERAL_ERROR", "message": "Come back later"}));
    let none = app.core(Method::GET, "/users/count", &Value::Null).await;
    assert_eq!(none["count"], 1, "the login method is there, and may be linked later");
}
