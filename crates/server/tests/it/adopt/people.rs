//! Users of every kind, with sessions and all that is kept about them; what a core tells of them, and whether each of
//! them gets in.

use crate::caller::Caller;
use portcullis_testkit::authenticator::{Algorithm, Authenticator, Ceremony};
use serde_json::{Value, json};

const CDI: &str = "5.4";
const ORIGIN: &str = "https://example.com";
const PASSWORD: &str = "password1";

/// What a version of SuperTokens knows.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a feature")]
pub(super) struct Knows {
    pub(super) tenants: bool,
    pub(super) linking: bool,
    pub(super) passkeys: bool,
    /// Whether a tenant may have named no first factors, apart from having named none.
    pub(super) factors: bool,
}

/// Who has signed up, and what they hold.
pub(super) struct People {
    knows: Knows,
    /// What paths about the app begin with.
    app: String,
    /// What those about its tenant begin with in which they are.
    at: String,
    with_password: Vec<(String, String)>,
    passkeys: Vec<Authenticator>,
    sessions: Vec<String>,
}

fn call(caller: &Caller, path: &str, body: &Value) -> Value {
    let reply = caller.post(CDI, path, body).expect("answers");
    assert_eq!(reply["status"], "OK", "{path} {body}: {reply}");
    reply
}

fn put(caller: &Caller, path: &str, body: &Value) {
    let reply = caller.put(CDI, path, body).expect("answers");
    assert_eq!(reply["status"], "OK", "{path} {body}: {reply}");
}

fn get(caller: &Caller, path: &str) -> Value {
    let reply = caller.get(path).expect("answers");
    assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    serde_json::from_str(&reply.text).expect("JSON")
}

fn id(reply: &Value) -> String {
    reply["recipeUserId"].as_str().or_else(|| reply["user"]["id"].as_str()).expect("an id").to_owned()
}

/// Signs in with a provider.
fn by_provider(caller: &Caller, at: &str, number: usize) -> Value {
    call(
        caller,
        &format!("{at}/recipe/signinup"),
        &json!({
            "thirdPartyId": if number.is_multiple_of(2) { "google" } else { "github" }, "thirdPartyUserId": format!("t{number}"),
            "email": {"id": format!("t{number}@example.com"), "isVerified": number.is_multiple_of(3)},
        }),
    )
}

/// Signs in with a code, every fourth by phone.
fn by_code(caller: &Caller, at: &str, number: usize) -> Value {
    let to = if number.is_multiple_of(4) {
        json!({"phoneNumber": format!("+4930901820{number:02}")})
    } else {
        json!({"email": format!("c{number}@example.com")})
    };
    let code = call(caller, &format!("{at}/recipe/signinup/code"), &to);
    call(
        caller,
        &format!("{at}/recipe/signinup/code/consume"),
        &json!({
            "preAuthSessionId": code["preAuthSessionId"], "deviceId": code["deviceId"],
            "userInputCode": code["userInputCode"],
        }),
    )
}

fn by_passkey(caller: &Caller, at: &str, authenticator: &mut Authenticator, email: Option<&str>) {
    let mut body = json!({"relyingPartyName": "Example", "relyingPartyId": "example.com", "origin": ORIGIN,
        "timeout": 60_000});
    let (what, path) = if email.is_some() { ("register", "signup") } else { ("signin", "signin") };
    if let Some(email) = email {
        body["email"] = email.into();
    }
    let options = call(caller, &format!("{at}/recipe/webauthn/options/{what}"), &body);
    let ceremony = Ceremony::of(&options, ORIGIN);
    let credential =
        if email.is_some() { authenticator.create(&ceremony) } else { authenticator.get(&ceremony) };
    let answer = json!({"webauthnGeneratedOptionsId": options["webauthnGeneratedOptionsId"],
        "credential": credential});
    call(caller, &format!("{at}/recipe/webauthn/{path}"), &answer);
}

impl People {
    const WITH_PASSWORD: usize = 100;
    const OF_PROVIDERS: usize = 80;
    const WITH_CODES: usize = 60;

    pub(super) fn sign_up(caller: &Caller, knows: Knows) -> Self {
        Self::sign_up_at(caller, knows, ("", ""))
    }

    /// In a tenant of an app, as paths begin with them; beside the public one only if they know of no others.
    pub(super) fn sign_up_at(caller: &Caller, knows: Knows, (app, tenant): (&str, &str)) -> Self {
        let mut people = Self {
            knows,
            app: app.to_owned(),
            at: format!("{app}{tenant}"),
            with_password: Vec::new(),
            passkeys: Vec::new(),
            sessions: Vec::new(),
        };
        let at = people.at.as_str();
        let t1 = format!("{app}/t1");
        let sign_up = |path: &str, number: usize| {
            let email = format!("p{number}@example.com");
            let reply = call(
                caller,
                &format!("{path}/recipe/signup"),
                &json!({"email": email, "password": PASSWORD}),
            );
            (email, id(&reply))
        };
        people.with_password = (0..Self::WITH_PASSWORD).map(|number| sign_up(at, number)).collect();
        let of_providers: Vec<String> =
            (0..Self::OF_PROVIDERS).map(|number| id(&by_provider(caller, at, number))).collect();
        for number in 0..Self::WITH_CODES {
            by_code(caller, at, number);
        }
        if knows.passkeys {
            for number in 0..4 {
                let mut authenticator = Authenticator::new(Algorithm::Es256);
                by_passkey(caller, at, &mut authenticator, Some(&format!("w{number}@example.com")));
                people.passkeys.push(authenticator);
            }
        }
        if knows.tenants {
            put(caller, &format!("{app}/recipe/multitenancy/tenant/v2"), &json!({"tenantId": "t1"}));
            for number in 0..20 {
                // The same addresses as in the other tenant.
                sign_up(&t1, number);
            }
            for (_, user_id) in &people.with_password[40..50] {
                call(
                    caller,
                    &format!("{t1}/recipe/multitenancy/tenant/user"),
                    &json!({"recipeUserId": user_id}),
                );
            }
        }
        if knows.linking {
            for (number, (_, user_id)) in people.with_password[60..70].iter().enumerate() {
                call(
                    caller,
                    &format!("{app}/recipe/accountlinking/user/primary"),
                    &json!({"recipeUserId": user_id}),
                );
                let link = json!({"recipeUserId": of_providers[60 + number], "primaryUserId": user_id});
                call(caller, &format!("{app}/recipe/accountlinking/user/link"), &link);
            }
        }
        people.keep(caller);
        people.begin_sessions(caller);
        people
    }

    /// What nobody else of the app has, in whichever tenant.
    fn named(&self, name: &str) -> String {
        self.at.trim_start_matches(&self.app).trim_start_matches('/').to_owned() + name
    }

    /// What is kept about users.
    fn keep(&self, caller: &Caller) {
        let Self { app, at, .. } = self;
        put(
            caller,
            &format!("{app}/recipe/role"),
            &json!({"role": "admin", "permissions": ["read", "write"]}),
        );
        for (number, (email, user_id)) in self.with_password.iter().enumerate().take(40) {
            match number % 4 {
                0 => {
                    let map = json!({"superTokensUserId": user_id, "externalUserId": self.named(&format!("ext-{number}"))});
                    call(caller, &format!("{app}/recipe/userid/map"), &map);
                }
                1 => put(
                    caller,
                    &format!("{at}/recipe/user/role"),
                    &json!({"userId": user_id, "role": "admin"}),
                ),
                2 => {
                    let metadata = json!({"userId": user_id, "metadataUpdate": {"number": number}});
                    put(caller, &format!("{app}/recipe/user/metadata"), &metadata);
                    let device = json!({"userId": user_id, "deviceName": "phone", "skew": 1, "period": 30});
                    call(caller, &format!("{app}/recipe/totp/device"), &device);
                }
                _ => {
                    let token = json!({"userId": user_id, "email": email});
                    let token = call(caller, &format!("{at}/recipe/user/email/verify/token"), &token);
                    call(
                        caller,
                        &format!("{at}/recipe/user/email/verify"),
                        &json!({"method": "token", "token": token["token"]}),
                    );
                }
            }
        }
        call(
            caller,
            &format!("{app}/recipe/dashboard/user"),
            &json!({"email": self.named("d@example.com"), "password": PASSWORD}),
        );
    }

    fn begin_sessions(&mut self, caller: &Caller) {
        for (number, (_, user_id)) in self.with_password.iter().enumerate().skip(50) {
            let session = call(
                caller,
                &format!("{}/recipe/session", self.at),
                &json!({"userId": user_id, "enableAntiCsrf": false,
                "userDataInJWT": {}, "userDataInDatabase": {"number": number},
                "useDynamicSigningKey": number.is_multiple_of(2)}),
            );
            self.sessions.push(session.to_string());
        }
    }

    /// Everything that a core tells of them.
    pub(super) fn told(&self, caller: &Caller) -> Value {
        let Self { app, at, .. } = self;
        let kept: Vec<Value> = self
            .with_password
            .iter()
            .take(40)
            .map(|(_, user_id)| {
                json!({
                    "roles": get(caller, &format!("{at}/recipe/user/roles?userId={user_id}")),
                    "metadata": get(caller, &format!("{app}/recipe/user/metadata?userId={user_id}")),
                    "totp": get(caller, &format!("{app}/recipe/totp/device/list?userId={user_id}")),
                    "mapping": get(caller, &format!("{app}/recipe/userid/map?userId={user_id}&userIdType=ANY")),
                })
            })
            .collect();
        let mut told = json!({
            "kept": kept, "users": get(caller, &format!("{at}/users?limit=500")), "count": get(caller, &format!("{at}/users/count")),
            "oldest": get(caller, &format!("{at}/users?limit=500&timeJoinedOrder=ASC&includeRecipeIds=thirdparty")),
            "search": get(caller, &format!("{at}/users?limit=500&email=p1")), "keys": get(caller, &format!("{app}/.well-known/jwks.json")),
            "dashboard": get(caller, &format!("{app}/recipe/dashboard/users")),
            "permissions": get(caller, &format!("{app}/recipe/role/permissions?role=admin")),
        });
        if self.knows.tenants {
            told["members"] = get(caller, &format!("{app}/t1/users?limit=500"));
        }
        if self.knows.factors {
            told["tenants"] = get(caller, &format!("{app}/recipe/multitenancy/tenant/list/v2"));
        }
        told
    }

    /// Each of them signs in and is nobody new, and each session goes on.
    pub(super) fn get_in(&mut self, caller: &Caller) {
        let (app, at) = (self.app.as_str(), self.at.as_str());
        let count = format!("{at}/users/count");
        let before = get(caller, &count)["count"].clone();
        for (email, _) in &self.with_password {
            call(caller, &format!("{at}/recipe/signin"), &json!({"email": email, "password": PASSWORD}));
        }
        for number in 0..Self::OF_PROVIDERS {
            assert_eq!(by_provider(caller, at, number)["createdNewUser"], false, "{number}");
        }
        for number in 0..Self::WITH_CODES {
            assert_eq!(by_code(caller, at, number)["createdNewUser"], false, "{number}");
        }
        for authenticator in &mut self.passkeys {
            by_passkey(caller, at, authenticator, None);
        }
        if self.knows.tenants {
            for number in (0..20).chain(40..50) {
                let credentials = json!({"email": format!("p{number}@example.com"), "password": PASSWORD});
                call(caller, &format!("{app}/t1/recipe/signin"), &credentials);
            }
        }
        call(
            caller,
            &format!("{app}/recipe/dashboard/signin"),
            &json!({"email": self.named("d@example.com"), "password": PASSWORD}),
        );
        for (number, session) in self.sessions.iter().enumerate() {
            let session: Value = serde_json::from_str(session).expect("JSON");
            let (access, refresh) = (&session["accessToken"]["token"], &session["refreshToken"]["token"]);
            let verify = json!({"accessToken": access, "doAntiCsrfCheck": false, "enableAntiCsrf": false,
                "checkDatabase": true});
            call(caller, &format!("{app}/recipe/session/verify"), &verify);
            let refresh = json!({"refreshToken": refresh, "enableAntiCsrf": false,
                "useDynamicSigningKey": number.is_multiple_of(2)});
            call(caller, &format!("{app}/recipe/session/refresh"), &refresh);
        }
        assert_eq!(get(caller, &count)["count"], before, "nobody is new");
        call(
            caller,
            &format!("{at}/recipe/signup"),
            &json!({"email": "new@example.com", "password": PASSWORD}),
        );
    }
}
