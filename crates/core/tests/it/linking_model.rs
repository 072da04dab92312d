//! Random moves on users, several at once, beside a small model of `docs/account-linking.md`: there must be an
//! order in which the model gives the same answers and ends in the same state.

use crate::accountlinking::{make_tenant, reserved};
use crate::passwordless;
use crate::webauthn::{ORIGIN, answer, register_options};
use portcullis_testkit::authenticator::{Algorithm, Authenticator, Ceremony};
use portcullis_testkit::{Reply, TestCore};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const TENANTS: [&str; 3] = ["public", "t1", "t2"];
const EMAILS: [&str; 4] = ["a@example.com", "b@example.com", "c@example.com", "d@example.com"];
const PHONES: [&str; 2] = ["+442071838750", "+442071838751"];

/// An address or a number, by its place.
#[derive(Clone, Copy, Debug)]
enum Contact {
    Email(usize),
    Phone(usize),
}

impl Contact {
    fn info(self) -> Info {
        match self {
            Self::Email(at) => ("email", EMAILS[at].to_owned()),
            Self::Phone(at) => ("phone", PHONES[at].to_owned()),
        }
    }

    fn field(self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Phone(_) => "phoneNumber",
        }
    }
}

/// A move; users are named by their place among all that ever were.
#[derive(Clone, Debug)]
enum Move {
    SignUp {
        tenant: usize,
        email: usize,
    },
    SignInUp {
        tenant: usize,
        provider_user: usize,
        email: usize,
    },
    UseCode {
        tenant: usize,
        contact: Contact,
    },
    MakePasskey {
        tenant: usize,
        email: usize,
    },
    MakePrimary(usize),
    Link(usize, usize),
    Unlink(usize),
    ChangeEmail(usize, usize),
    ChangePasskeyEmail(usize, usize),
    /// Of somebody who signs in with codes: set, or taken away.
    ChangeContact(usize, Contact, bool),
    Join(usize, usize),
    Leave(usize, usize),
    Delete(usize, bool),
}

fn moves() -> impl Strategy<Value = Move> {
    let (user, tenant, email) = (0..100_usize, 0..TENANTS.len(), 0..EMAILS.len());
    let contact = || {
        prop_oneof![(0..EMAILS.len()).prop_map(Contact::Email), (0..PHONES.len()).prop_map(Contact::Phone)]
    };
    prop_oneof![
        2 => (tenant.clone(), email.clone()).prop_map(|(tenant, email)| Move::SignUp { tenant, email }),
        3 => (tenant.clone(), 0..3_usize, email.clone())
            .prop_map(|(tenant, provider_user, email)| Move::SignInUp { tenant, provider_user, email }),
        3 => (tenant.clone(), contact()).prop_map(|(tenant, contact)| Move::UseCode { tenant, contact }),
        1 => (tenant.clone(), email.clone()).prop_map(|(tenant, email)| Move::MakePasskey { tenant, email }),
        4 => user.clone().prop_map(Move::MakePrimary),
        5 => (user.clone(), user.clone()).prop_map(|(user, primary)| Move::Link(user, primary)),
        2 => user.clone().prop_map(Move::Unlink),
        3 => (user.clone(), email.clone()).prop_map(|(user, email)| Move::ChangeEmail(user, email)),
        2 => (user.clone(), email).prop_map(|(user, email)| Move::ChangePasskeyEmail(user, email)),
        3 => (user.clone(), contact(), any::<bool>())
            .prop_map(|(user, contact, is_set)| Move::ChangeContact(user, contact, is_set)),
        4 => (user.clone(), tenant.clone()).prop_map(|(user, tenant)| Move::Join(user, tenant)),
        2 => (user.clone(), tenant).prop_map(|(user, tenant)| Move::Leave(user, tenant)),
        1 => (user, any::<bool>()).prop_map(|(user, all)| Move::Delete(user, all)),
    ]
}

/// What a login method signs in with: its kind and its value.
type Info = (&'static str, String);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Method {
    recipe: &'static str,
    infos: BTreeSet<Info>,
    tenants: BTreeSet<&'static str>,
}

/// Everything that there is. A row without a login method is a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    methods: BTreeMap<String, Method>,
    /// Whose each id is, and whether that is a primary user.
    rows: BTreeMap<String, (String, bool)>,
}

impl Model {
    fn members(&self, group: &str) -> impl Iterator<Item = (&String, &Method)> {
        self.methods.iter().filter(move |(id, _)| self.rows[*id].0 == group)
    }

    /// What a group holds: each info of its members in each tenant of any of them.
    fn held(&self, group: &str) -> BTreeSet<(&'static str, Info)> {
        let tenants: BTreeSet<_> =
            self.members(group).flat_map(|(_, method)| method.tenants.clone()).collect();
        let infos = || self.members(group).flat_map(|(_, method)| method.infos.clone());
        tenants.into_iter().flat_map(|tenant| infos().map(move |info| (tenant, info))).collect()
    }

    fn reserved(&self) -> BTreeSet<(&'static str, Info, String)> {
        let primary: BTreeSet<_> = self.rows.values().filter(|(_, is_primary)| *is_primary).collect();
        let held = |group: &String| {
            self.held(group)
                .into_iter()
                .map(|(tenant, info)| (tenant, info, group.clone()))
                .collect::<Vec<_>>()
        };
        primary.into_iter().flat_map(|(group, _)| held(group)).collect()
    }

    /// Whether a group holds something that is another primary user's.
    fn is_taken(&self, group: &str) -> bool {
        let held = self.held(group);
        self.reserved()
            .iter()
            .any(|(tenant, info, owner)| owner != group && held.contains(&(*tenant, info.clone())))
    }

    /// What another login method of the recipe has in a tenant of that which identifies this one.
    fn double(&self, id: &str, tenant: &str) -> Option<&'static str> {
        let own = &self.methods[id];
        // An address that a provider tells is nobody's alone.
        let identifies = |kind| own.recipe != "thirdparty" || kind == "tparty";
        let others = || {
            let all = self.methods.iter().filter(|(other, _)| *other != id);
            all.map(|(_, method)| method)
                .filter(|method| method.recipe == own.recipe && method.tenants.contains(tenant))
        };
        let mut infos = own.infos.iter().filter(|(kind, _)| identifies(*kind));
        infos.find(|info| others().any(|method| method.infos.contains(*info))).map(|(kind, _)| *kind)
    }

    /// The answer to a login method of a recipe that has something else now than before.
    fn changed(&self, id: &str, recipe: &str, kind: &str) -> String {
        let (group, is_primary) = self.rows[id].clone();
        let is_double = self.methods[id].tenants.iter().any(|tenant| self.double(id, tenant).is_some());
        let is_refused = is_primary && (is_double || self.is_taken(&group));
        match (is_refused, is_double, recipe, kind) {
            (false, false, ..) => "OK",
            (true, _, "webauthn", _) => "USER_WITH_EMAIL_ALREADY_EXISTS_ERROR",
            (true, _, _, "phone") => "PHONE_NUMBER_CHANGE_NOT_ALLOWED_ERROR",
            (true, ..) => "EMAIL_CHANGE_NOT_ALLOWED_ERROR",
            (false, true, _, "phone") => "PHONE_NUMBER_ALREADY_EXISTS_ERROR",
            (false, true, ..) => "EMAIL_ALREADY_EXISTS_ERROR",
        }
        .into()
    }

    fn by_identity(&self, recipe: &str, tenant: &str, info: &Info) -> Option<String> {
        let fits = |method: &Method| {
            method.recipe == recipe && method.tenants.contains(tenant) && method.infos.contains(info)
        };
        self.methods.iter().find(|(_, method)| fits(method)).map(|(id, _)| id.clone())
    }

    fn add(&mut self, id: &str, recipe: &'static str, tenant: &'static str, infos: &[Info]) {
        let method =
            Method { recipe, infos: infos.iter().cloned().collect(), tenants: BTreeSet::from([tenant]) };
        self.methods.insert(id.to_owned(), method);
        self.rows.insert(id.to_owned(), (id.to_owned(), false));
    }

    /// The answer to a move, which is made unless it is refused.
    fn make(&mut self, ids: &[String], what: &Move, new_id: &str) -> String {
        let mut tried = self.clone();
        let answer = tried.attempt(ids, what, new_id);
        if answer.starts_with("OK") {
            *self = tried;
        }
        answer
    }

    fn attempt(&mut self, ids: &[String], what: &Move, new_id: &str) -> String {
        match what {
            Move::SignUp { tenant, email } => {
                let (tenant, info) = (TENANTS[*tenant], ("email", EMAILS[*email].to_owned()));
                if self.by_identity("emailpassword", tenant, &info).is_some() {
                    return "EMAIL_ALREADY_EXISTS_ERROR".into();
                }
                self.add(new_id, "emailpassword", tenant, &[info]);
                "OK".into()
            }
            Move::SignInUp { tenant, provider_user, email } => {
                let (tenant, email) = (TENANTS[*tenant], EMAILS[*email]);
                let infos = [("tparty", format!("google::{provider_user}")), ("email", email.to_owned())];
                let Some(id) = self.by_identity("thirdparty", tenant, &infos[0]) else {
                    self.add(new_id, "thirdparty", tenant, &infos);
                    return "OK created".into();
                };
                self.set(&id, infos[1].clone());
                self.changed(&id, "thirdparty", "email")
            }
            Move::UseCode { tenant, contact } => {
                let (tenant, info) = (TENANTS[*tenant], contact.info());
                if self.by_identity("passwordless", tenant, &info).is_some() {
                    return "OK".into();
                }
                self.add(new_id, "passwordless", tenant, &[info]);
                "OK created".into()
            }
            Move::MakePasskey { tenant, email } => {
                let (tenant, info) = (TENANTS[*tenant], ("email", EMAILS[*email].to_owned()));
                if self.by_identity("webauthn", tenant, &info).is_some() {
                    return "EMAIL_ALREADY_EXISTS_ERROR".into();
                }
                self.add(new_id, "webauthn", tenant, &[info]);
                "OK".into()
            }
            Move::MakePrimary(user) => self.make_primary(&ids[*user]),
            Move::Link(user, primary) => self.link(&ids[*user], &ids[*primary]),
            Move::Unlink(user) => self.unlink(&ids[*user]),
            Move::ChangeEmail(user, email) => {
                self.change(&ids[*user], "emailpassword", Contact::Email(*email))
            }
            Move::ChangePasskeyEmail(user, email) => {
                self.change(&ids[*user], "webauthn", Contact::Email(*email))
            }
            Move::ChangeContact(user, contact, true) => self.change(&ids[*user], "passwordless", *contact),
            Move::ChangeContact(user, contact, false) => {
                let own = self.methods.get_mut(&ids[*user]).filter(|method| method.recipe == "passwordless");
                let Some(own) = own else { return "UNKNOWN_USER_ID_ERROR".into() };
                own.infos.retain(|(kind, _)| *kind != contact.info().0);
                if own.infos.is_empty() { "400" } else { "OK" }.into()
            }
            Move::Join(user, tenant) => self.join(&ids[*user], TENANTS[*tenant]),
            Move::Leave(user, tenant) => {
                let id = &ids[*user];
                if !self.rows.contains_key(id) {
                    return "UNKNOWN_USER_ID_ERROR".into();
                }
                let method = self.methods.get_mut(id);
                format!("OK {}", method.is_some_and(|method| method.tenants.remove(TENANTS[*tenant])))
            }
            Move::Delete(user, all) => {
                self.delete(&ids[*user], *all);
                "OK".into()
            }
        }
    }

    fn set(&mut self, id: &str, info: Info) {
        let method = self.methods.get_mut(id).unwrap();
        method.infos.retain(|(kind, _)| *kind != info.0);
        method.infos.insert(info);
    }

    fn change(&mut self, id: &str, recipe: &str, contact: Contact) -> String {
        if self.methods.get(id).is_none_or(|method| method.recipe != recipe) {
            return "UNKNOWN_USER_ID_ERROR".into();
        }
        let info = contact.info();
        self.set(id, info.clone());
        self.changed(id, recipe, info.0)
    }

    fn make_primary(&mut self, id: &str) -> String {
        let Some((group, is_primary)) = self.rows.get(id).cloned() else { return "400".into() };
        if is_primary {
            let word = "RECIPE_USER_ID_ALREADY_LINKED_WITH_PRIMARY_USER_ID_ERROR";
            return if group == id { "OK true" } else { word }.into();
        }
        self.rows.insert(id.to_owned(), (group, true));
        let word = "ACCOUNT_INFO_ALREADY_ASSOCIATED_WITH_ANOTHER_PRIMARY_USER_ID_ERROR";
        if self.is_taken(id) { word } else { "OK false" }.into()
    }

    fn link(&mut self, id: &str, primary: &str) -> String {
        let (own, other) = (self.rows.get(id).cloned(), self.rows.get(primary).cloned());
        let (Some((group, is_linked)), Some((primary, is_primary))) = (own, other) else {
            return "400".into();
        };
        if !is_primary {
            return "INPUT_USER_IS_NOT_A_PRIMARY_USER".into();
        }
        if is_linked {
            let word = "RECIPE_USER_ID_ALREADY_LINKED_WITH_ANOTHER_PRIMARY_USER_ID_ERROR";
            return if group == primary { "OK true" } else { word }.into();
        }
        self.rows.insert(id.to_owned(), (primary.clone(), true));
        let word = "ACCOUNT_INFO_ALREADY_ASSOCIATED_WITH_ANOTHER_PRIMARY_USER_ID_ERROR";
        if self.is_taken(&primary) { word } else { "OK false" }.into()
    }

    fn unlink(&mut self, id: &str) -> String {
        let Some((group, is_linked)) = self.rows.get(id).cloned() else { return "400".into() };
        if !is_linked || !self.methods.contains_key(id) {
            return "OK false false".into();
        }
        if group == id && self.members(id).count() > 1 {
            self.methods.remove(id);
            return "OK true true".into();
        }
        self.rows.insert(id.to_owned(), (id.to_owned(), false));
        if self.members(&group).next().is_none() {
            self.rows.remove(&group);
        }
        "OK false true".into()
    }

    fn join(&mut self, id: &str, tenant: &'static str) -> String {
        let Some(method) = self.methods.get(id) else { return "UNKNOWN_USER_ID_ERROR".into() };
        if method.tenants.contains(tenant) {
            return "OK true".into();
        }
        let double = self.double(id, tenant);
        let (group, is_primary) = self.rows[id].clone();
        self.methods.get_mut(id).unwrap().tenants.insert(tenant);
        if is_primary && self.is_taken(&group) {
            return "ASSOCIATION_NOT_ALLOWED_ERROR".into();
        }
        match double {
            None => "OK false",
            Some("tparty") => "THIRD_PARTY_USER_ALREADY_EXISTS_ERROR",
            Some("phone") => "PHONE_NUMBER_ALREADY_EXISTS_ERROR",
            Some(_) => "EMAIL_ALREADY_EXISTS_ERROR",
        }
        .into()
    }

    fn delete(&mut self, id: &str, all: bool) {
        let Some((group, _)) = self.rows.get(id).cloned() else { return };
        let gone: Vec<String> =
            self.members(&group).map(|(id, _)| id.clone()).filter(|known| all || known == id).collect();
        for id in &gone {
            self.methods.remove(id);
            if *id != group {
                self.rows.remove(id);
            }
        }
        if self.members(&group).next().is_none() {
            self.rows.remove(&group);
        }
    }
}

/// Signs in with a code that is new. A sign-in with the same address or number at the same time takes the codes of all
/// others away, so that one of them has to begin again.
async fn use_code(core: &TestCore, contact: Contact) -> Reply {
    loop {
        let body = json!({contact.field(): contact.info().1});
        let code = passwordless::begin(core, body).await;
        let reply = passwordless::consume(core, passwordless::link(&code)).await;
        if reply.status != 200 || reply.status_word() != "RESTART_FLOW_ERROR" {
            return reply;
        }
    }
}

async fn make_passkey(core: &TestCore, email: &str) -> Reply {
    let options = register_options(core, email).await;
    let credential = Authenticator::new(Algorithm::Es256).create(&Ceremony::of(&options, ORIGIN));
    core.post("/recipe/webauthn/signup", answer(&options, &credential)).await
}

async fn change_passkey_email(core: &TestCore, id: &str, email: &str) -> Reply {
    core.put("/recipe/webauthn/user/email", json!({"recipeUserId": id, "email": email})).await
}

async fn change_contact(core: &TestCore, id: &str, contact: Contact, is_set: bool) -> Reply {
    let value = is_set.then(|| contact.info().1);
    let body = json!({"recipeUserId": id, contact.field(): value});
    core.header("rid", "passwordless").put("/recipe/user", body).await
}

/// Makes a move with the core: its answer in the model's words, and the id of whoever was made.
async fn call(core: &TestCore, ids: &[String], what: &Move) -> (String, String) {
    let path = |tenant: usize, path: &str| format!("/{}{path}", TENANTS[tenant]);
    let reply = match what {
        Move::SignUp { tenant, email } => {
            let body = json!({"email": EMAILS[*email], "password": "password1"});
            core.post(&path(*tenant, "/recipe/signup"), body).await
        }
        Move::SignInUp { tenant, provider_user, email } => {
            let body = json!({
                "thirdPartyId": "google", "thirdPartyUserId": provider_user.to_string(),
                "email": {"id": EMAILS[*email], "isVerified": false},
            });
            core.post(&path(*tenant, "/recipe/signinup"), body).await
        }
        Move::UseCode { tenant, contact } => use_code(&core.at(&path(*tenant, "")), *contact).await,
        Move::MakePasskey { tenant, email } => {
            make_passkey(&core.at(&path(*tenant, "")), EMAILS[*email]).await
        }
        Move::MakePrimary(user) => {
            core.post("/recipe/accountlinking/user/primary", json!({"recipeUserId": ids[*user]})).await
        }
        Move::Link(user, primary) => {
            let body = json!({"recipeUserId": ids[*user], "primaryUserId": ids[*primary]});
            core.post("/recipe/accountlinking/user/link", body).await
        }
        Move::Unlink(user) => {
            core.post("/recipe/accountlinking/user/unlink", json!({"recipeUserId": ids[*user]})).await
        }
        Move::ChangeEmail(user, email) => {
            let body = json!({"recipeUserId": ids[*user], "email": EMAILS[*email]});
            core.header("rid", "emailpassword").put("/recipe/user", body).await
        }
        Move::ChangePasskeyEmail(user, email) => {
            change_passkey_email(core, &ids[*user], EMAILS[*email]).await
        }
        Move::ChangeContact(user, contact, is_set) => {
            change_contact(core, &ids[*user], *contact, *is_set).await
        }
        Move::Join(user, tenant) => {
            let body = json!({"recipeUserId": ids[*user]});
            core.post(&path(*tenant, "/recipe/multitenancy/tenant/user"), body).await
        }
        Move::Leave(user, tenant) => {
            let body = json!({"recipeUserId": ids[*user]});
            core.post(&path(*tenant, "/recipe/multitenancy/tenant/user/remove"), body).await
        }
        Move::Delete(user, all) => {
            let body = json!({"userId": ids[*user], "removeAllLinkedAccounts": all});
            core.post("/user/remove", body).await
        }
    };
    if reply.status != 200 {
        return (reply.status.to_string(), String::new());
    }
    let json = reply.json();
    let mut answer = json["status"].as_str().unwrap().to_owned();
    if answer == "OK" {
        if json["createdNewUser"] == true {
            answer.push_str(" created");
        }
        for flag in [
            "wasAlreadyAPrimaryUser",
            "accountsAlreadyLinked",
            "wasRecipeUserDeleted",
            "wasLinked",
            "wasAlreadyAssociated",
            "wasAssociated",
        ] {
            if let Some(flag) = json[flag].as_bool() {
                answer.push_str(&format!(" {flag}"));
            }
        }
    }
    let is_sign_up = matches!(what, Move::SignUp { .. } | Move::MakePasskey { .. });
    let is_new = is_sign_up || json["createdNewUser"] == true;
    let id = json["user"]["id"].as_str().filter(|_| is_new).unwrap_or_default().to_owned();
    (answer, id)
}

/// What the core has of these ids, in the model's words.
async fn state(core: &TestCore, ids: &[String]) -> Model {
    let mut model = Model::default();
    for id in ids {
        let reply = core.get(&format!("/user/id?userId={id}")).await.json();
        let user = &reply["user"];
        if user.is_null() {
            continue;
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        model.rows.insert(id.clone(), (text(&user["id"]), user["isPrimaryUser"] == true));
        let methods = user["loginMethods"].as_array().unwrap();
        let Some(own) = methods.iter().find(|method| method["recipeUserId"] == json!(id)) else { continue };
        let mut infos = BTreeSet::new();
        for (kind, field) in [("email", "email"), ("phone", "phoneNumber")] {
            infos.extend(own[field].as_str().map(|value| (kind, value.to_owned())));
        }
        if let Some(user) = own["thirdParty"]["userId"].as_str() {
            infos.insert(("tparty", format!("google::{user}")));
        }
        let known = ["emailpassword", "thirdparty", "passwordless", "webauthn"];
        let recipe = known.into_iter().find(|recipe| own["recipeId"] == *recipe).unwrap();
        let tenants = own["tenantIds"].as_array().unwrap();
        let tenants =
            tenants.iter().map(|id| TENANTS.into_iter().find(|known| id == known).unwrap()).collect();
        model.methods.insert(id.clone(), Method { recipe, infos, tenants });
    }
    model
}

/// All orders of up to three things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    match count {
        1 => vec![vec![0]],
        2 => vec![vec![0, 1], vec![1, 0]],
        _ => vec![vec![0, 1, 2], vec![0, 2, 1], vec![1, 0, 2], vec![1, 2, 0], vec![2, 0, 1], vec![2, 1, 0]],
    }
}

/// The move with users who are among those known.
fn resolve(what: Move, count: usize) -> Option<Move> {
    let among = |user: usize| user % count.max(1);
    let needs_users = !matches!(
        what,
        Move::SignUp { .. } | Move::SignInUp { .. } | Move::UseCode { .. } | Move::MakePasskey { .. }
    );
    if needs_users && count == 0 {
        return None;
    }
    Some(match what {
        Move::MakePrimary(user) => Move::MakePrimary(among(user)),
        Move::Link(user, primary) => Move::Link(among(user), among(primary)),
        Move::Unlink(user) => Move::Unlink(among(user)),
        Move::ChangeEmail(user, email) => Move::ChangeEmail(among(user), email),
        Move::ChangePasskeyEmail(user, email) => Move::ChangePasskeyEmail(among(user), email),
        Move::ChangeContact(user, contact, is_set) => Move::ChangeContact(among(user), contact, is_set),
        Move::Join(user, tenant) => Move::Join(among(user), tenant),
        Move::Leave(user, tenant) => Move::Leave(among(user), tenant),
        Move::Delete(user, all) => Move::Delete(among(user), all),
        what => what,
    })
}

async fn run(rounds: Vec<Vec<Move>>) -> Result<(), TestCaseError> {
    let core = TestCore::start().await;
    for tenant in &TENANTS[1..] {
        make_tenant(&core, tenant).await;
    }
    let (mut model, mut ids) = (Model::default(), Vec::<String>::new());
    let mut seen = BTreeSet::new();
    for round in rounds {
        let round: Vec<Move> = round.into_iter().filter_map(|what| resolve(what, ids.len())).collect();
        if round.is_empty() {
            continue;
        }
        let replies = futures_util::future::join_all(round.iter().map(|what| call(&core, &ids, what))).await;
        let mut known = ids.clone();
        known.extend(replies.iter().map(|(_, id)| id.clone()).filter(|id| !id.is_empty()));
        let after = state(&core, &known).await;
        let in_order = |order: &Vec<usize>| {
            let mut model = model.clone();
            let fits = order.iter().all(|at| {
                let (answer, new_id) = &replies[*at];
                model.make(&ids, &round[*at], new_id) == *answer
            });
            (fits && model == after).then_some(model)
        };
        let Some(next) = orders(round.len()).iter().find_map(in_order) else {
            return Err(TestCaseError::fail(format!(
                "no order of {round:?} explains {replies:?}\nbefore: {model:#?}\nafter: {after:#?}\nids: {ids:?}"
            )));
        };
        let kept: BTreeSet<_> = reserved(&core).await.into_iter().collect();
        let wanted: BTreeSet<_> = next
            .reserved()
            .into_iter()
            .map(|(tenant, (kind, value), owner)| (tenant.to_owned(), kind.to_owned(), value, owner))
            .collect();
        prop_assert_eq!(kept, wanted, "after {:?}", round);
        seen.extend(replies.into_iter().map(|(answer, _)| answer));
        (model, ids) = (next, known);
    }
    prop_assert!(seen.len() > 1, "a run that only ever sees {:?}", seen);
    Ok(())
}

#[test]
fn moves_at_once_are_as_good_as_moves_one_after_the_other() {
    let config = Config { cases: 12, max_shrink_iters: 30, failure_persistence: None, ..Config::default() };
    let round = prop::collection::vec(moves(), 1..=3);
    let first = (Just(vec![Move::SignUp { tenant: 0, email: 0 }]), prop::collection::vec(round, 40..60));
    let rounds = first.prop_map(|(first, rest)| std::iter::once(first).chain(rest).collect::<Vec<_>>());
    TestRunner::new(config)
        .run(&rounds, |rounds| {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.map_err(|error| TestCaseError::fail(error.to_string()))?.block_on(run(rounds))
        })
        .unwrap();
}
