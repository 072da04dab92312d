//! Login methods that the dashboard makes and changes: those with codes, passkeys and providers.

use super::{Desk, status};
use crate::webauthn::{passkey, sign_up};
use http::Method;
use portcullis::recipes::accountlinking::{AccountLinking, AutomaticLinking};
use portcullis::recipes::dashboard::Dashboard;
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::emailverification::EmailVerification;
use portcullis::recipes::passwordless::{ContactMethod, FlowType, Passwordless};
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::thirdparty::ThirdPartyRecipe;
use portcullis::recipes::webauthn::WebAuthn;
use portcullis::{Builder, Cx};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};

fn recipes(builder: Builder, codes: Passwordless) -> Builder {
    let builder = builder.recipe(EmailPassword::new()).recipe(EmailVerification::optional());
    let builder = builder.recipe(codes).recipe(WebAuthn::new()).recipe(ThirdPartyRecipe::new());
    builder.recipe(SessionRecipe::new())
}

async fn desk(shape: Shape, codes: Passwordless) -> Desk {
    Desk::with(shape, Dashboard::new(), |builder| recipes(builder, codes)).await
}

fn any() -> Passwordless {
    Passwordless::new(ContactMethod::EmailOrPhone, FlowType::UserInputCode)
}

fn change(id: &str, recipe: &str, email: &str, phone: &str) -> Value {
    json!({"recipeUserId": id, "recipeId": recipe, "firstName": "", "lastName": "", "email": email,
        "phone": phone})
}

impl Desk {
    async fn make(&self, contact: &Value) -> Value {
        self.ask(Method::POST, "/user/passwordless", contact).await
    }

    /// The id of a new user with codes.
    async fn with_codes(&self, contact: &Value) -> String {
        let made = self.make(contact).await;
        assert_eq!((&made["status"], &made["createdNewRecipeUser"]), (&json!("OK"), &json!(true)), "{made}");
        made["recipeUserId"].as_str().unwrap().to_owned()
    }

    async fn change(&self, id: &str, recipe: &str, email: &str, phone: &str) -> Value {
        self.ask(Method::PUT, "/user", &change(id, recipe, email, phone)).await
    }

    async fn method(&self, id: &str) -> Value {
        let user = self.get(&format!("/user?userId={id}")).await["user"].clone();
        let mut methods = user["loginMethods"].as_array().unwrap().iter();
        methods.find(|method| method["recipeUserId"] == id).unwrap().clone()
    }
}

#[rstest]
#[tokio::test]
async fn users_with_codes_are_made(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
    #[values(FlowType::UserInputCode, FlowType::MagicLink)] flow: FlowType,
) {
    let desk = desk(shape, Passwordless::new(ContactMethod::EmailOrPhone, flow)).await;
    let made = desk.make(&json!({"email": " Ann@Example.com "})).await;
    let id = made["recipeUserId"].clone();
    let expected =
        json!({"status": "OK", "createdNewRecipeUser": true, "user": made["user"], "recipeUserId": id});
    assert_eq!(made, expected);
    let method = &made["user"]["loginMethods"][0];
    assert_eq!((&method["email"], &method["recipeUserId"]), (&json!("ann@example.com"), &id));
    let again = desk.make(&json!({"email": "ann@example.com", "phoneNumber": null})).await;
    assert_eq!((&again["createdNewRecipeUser"], &again["recipeUserId"]), (&json!(false), &id));
    let made = desk.make(&json!({"phoneNumber": " +44 20 7183 8750 "})).await;
    assert_eq!(made["user"]["phoneNumbers"], json!(["+442071838750"]));
    assert!(desk.mails.take().is_empty(), "nobody is written to");
    assert_eq!(desk.get("/users/count").await["count"], 2);

    let fault = |status: &str, text: &str| json!({"status": status, "message": text});
    let told = desk.make(&json!({"email": "none"})).await;
    assert_eq!(told, fault("EMAIL_VALIDATION_ERROR", "Email is invalid"));
    let told = desk.make(&json!({"phoneNumber": "+1"})).await;
    assert_eq!(told, fault("PHONE_VALIDATION_ERROR", "Phone number is invalid"));
    let one = "Please provide exactly one of email or phoneNumber";
    for (body, text) in [
        (json!({}), one),
        (json!({"email": null}), one),
        (json!({"email": "a@example.com", "phoneNumber": "+442071838750"}), one),
        (json!({"email": 1}), "Required parameter 'email' is missing or has an invalid type"),
        (json!({"phoneNumber": []}), "Required parameter 'phoneNumber' is missing or has an invalid type"),
    ] {
        assert_eq!(desk.fault(Method::POST, "/user/passwordless", &body).await, text);
    }
}

#[rstest]
#[tokio::test]
async fn where_codes_are_sent_is_changed(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let desk = desk(shape, any()).await;
    let ann = desk.with_codes(&json!({"email": "ann@example.com"})).await;
    let bob = desk.with_codes(&json!({"phoneNumber": "+442071838750"})).await;
    assert_eq!(desk.change(&ann, "passwordless", " New@example.com ", "").await, status("OK"));
    assert_eq!(desk.method(&ann).await["email"], "new@example.com");
    assert_eq!(desk.change(&ann, "passwordless", "", "+44 20 7183 8751").await, status("OK"));
    let method = desk.method(&ann).await;
    assert_eq!(
        (&method["email"], &method["phoneNumber"]),
        (&json!("new@example.com"), &json!("+442071838751"))
    );
    let taken = desk.change(&bob, "passwordless", "new@example.com", "").await;
    assert_eq!(taken, status("EMAIL_ALREADY_EXISTS_ERROR"));
    let taken = desk.change(&bob, "passwordless", "", "+442071838751").await;
    assert_eq!(taken, status("PHONE_ALREADY_EXISTS_ERROR"));
    let fault = |status: &str, text: &str| json!({"status": status, "error": text});
    let told = desk.change(&bob, "passwordless", "none", "").await;
    assert_eq!(told, fault("INVALID_EMAIL_ERROR", "Email is invalid"));
    // Neither is changed if one of them cannot be.
    let told = desk.change(&bob, "passwordless", "bob@example.com", "+1").await;
    assert_eq!(told, fault("INVALID_PHONE_ERROR", "Phone number is invalid"));
    assert_eq!(desk.method(&bob).await.get("email"), None);
    assert_eq!(desk.change(&bob, "passwordless", "bob@example.com", "+442071838752").await, status("OK"));
    let method = desk.method(&bob).await;
    assert_eq!(
        (&method["email"], &method["phoneNumber"]),
        (&json!("bob@example.com"), &json!("+442071838752"))
    );
    // Names are those of the user.
    let mut names = change(&bob, "passwordless", "", "");
    names["firstName"] = " Bob ".into();
    assert_eq!(desk.ask(Method::PUT, "/user", &names).await, status("OK"));
    assert_eq!(desk.get(&format!("/user?userId={bob}")).await["user"]["firstName"], "Bob");
}

/// The rules are the app's own, where it has some.
#[rstest]
#[tokio::test]
async fn rules_for_addresses_and_numbers_are_the_app_s(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let codes = Passwordless::new(ContactMethod::Phone, FlowType::UserInputCode);
    let codes = codes.validate_phone_number(|_, tenant, number| async move {
        Ok((number != "+442071838750").then(|| format!("not for {tenant}")))
    });
    let desk = desk(shape, codes).await;
    let ann = desk.with_codes(&json!({"phoneNumber": "+442071838750"})).await;
    let told = desk.make(&json!({"phoneNumber": "+442071838751"})).await;
    assert_eq!(told, json!({"status": "PHONE_VALIDATION_ERROR", "message": "not for public"}));
    let told = desk.change(&ann, "passwordless", "", "+442071838751").await;
    assert_eq!(told, json!({"status": "INVALID_PHONE_ERROR", "error": "not for public"}));
    // Codes go to numbers alone; an address is kept all the same, if it is one.
    let told = desk.change(&ann, "passwordless", "none", "").await;
    assert_eq!(told, json!({"status": "INVALID_EMAIL_ERROR", "error": "Email is invalid"}));
    assert_eq!(desk.change(&ann, "passwordless", "ann@example.com", "").await, status("OK"));
}

#[rstest]
#[tokio::test]
async fn the_address_of_passkeys_is_changed(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let desk = desk(shape, any()).await;
    let made = async |email: &str| {
        let made = sign_up(&desk.app, email, &mut passkey()).await;
        made.body["user"]["id"].as_str().unwrap().to_owned()
    };
    let (ann, _) = (made("ann@example.com").await, made("bob@example.com").await);
    assert_eq!(desk.change(&ann, "webauthn", " New@example.com ", "").await, status("OK"));
    assert_eq!(desk.method(&ann).await["email"], "new@example.com");
    let taken = desk.change(&ann, "webauthn", "bob@example.com", "").await;
    assert_eq!(taken, status("EMAIL_ALREADY_EXISTS_ERROR"));
    let told = desk.change(&ann, "webauthn", "none", "").await;
    assert_eq!(told, json!({"status": "INVALID_EMAIL_ERROR", "error": "Email is invalid"}));
    let body = change(&ann, "webauthn", "", "+442071838750");
    let text = desk.fault(Method::PUT, "/user", &body).await;
    assert_eq!(text, "a login method of the recipe 'webauthn' has no phone number");
}

#[rstest]
#[tokio::test]
async fn what_a_provider_tells_is_not_changed(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let desk = desk(shape, any()).await;
    let body = json!({"thirdPartyId": "google", "thirdPartyUserId": "a",
        "email": {"id": "ann@example.com", "isVerified": true}});
    let made = desk.app.core(Method::POST, "/recipe/signinup", &body).await;
    let ann = made["user"]["id"].as_str().unwrap();
    let text = desk.fault(Method::PUT, "/user", &change(ann, "thirdparty", "new@example.com", "")).await;
    assert_eq!(text, "the address of the recipe 'thirdparty' cannot be changed");
    // The dashboard sends none when a name is changed.
    let mut names = change(ann, "thirdparty", "", "");
    names["lastName"] = "Miller".into();
    assert_eq!(desk.ask(Method::PUT, "/user", &names).await, status("OK"));
    assert_eq!(desk.get(&format!("/user?userId={ann}")).await["user"]["lastName"], "Miller");
}

/// An address that would make one user out of two is refused, whichever the recipe.
#[rstest]
#[tokio::test]
async fn a_change_puts_no_account_at_risk(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let linking = AccountLinking::new()
        .should_do_automatic_account_linking(|_, _| async { Ok(AutomaticLinking::IfVerified) });
    let desk = Desk::with(shape, Dashboard::new(), |builder| recipes(builder, any()).recipe(linking)).await;
    let (cx, accounts) = (Cx::new(&desk.app.sdk), desk.app.sdk.account_linking());
    let owner = desk.sign_up("owner@example.com").await;
    accounts.create_primary_user(&cx, &owner).await.unwrap();
    let passkeys = sign_up(&desk.app, "ann@example.com", &mut passkey()).await;
    let passkeys = passkeys.body["user"]["id"].as_str().unwrap().to_owned();
    let codes = desk.with_codes(&json!({"phoneNumber": "+442071838750"})).await;
    let refused = |text: &str| json!({"status": "EMAIL_CHANGE_NOT_ALLOWED_ERROR", "error": text});
    let risk = "New email cannot be applied to existing account because of account takeover risks.";
    assert_eq!(desk.change(&passkeys, "webauthn", "owner@example.com", "").await, refused(risk));
    for id in [&passkeys, &codes] {
        accounts.create_primary_user(&Cx::new(&desk.app.sdk), id).await.unwrap();
    }
    let conflict = "New email cannot be applied to existing account because of there is another primary user with the same email address.";
    for (id, recipe) in [(&passkeys, "webauthn"), (&codes, "passwordless")] {
        assert_eq!(desk.change(id, recipe, "owner@example.com", "").await, refused(conflict), "{recipe}");
    }
    let other = desk.with_codes(&json!({"phoneNumber": "+442071838751"})).await;
    accounts.create_primary_user(&Cx::new(&desk.app.sdk), &other).await.unwrap();
    let told = desk.change(&other, "passwordless", "", "+442071838750").await;
    let text = "New phone number is associated with another primary user ID";
    assert_eq!(told, json!({"status": "PHONE_NUMBER_CHANGE_NOT_ALLOWED_ERROR", "error": text}));
}
