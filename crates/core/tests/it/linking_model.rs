//! Random moves on users, several at once, beside a small model of `docs/account-linking.md`: there must be an
//! order in which the model gives the same answers and ends in the same state.

use crate::accountlinking::{make_tenant, reserved};
use portcullis_testkit::TestCore;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const TENANTS: [&str; 3] = ["public", "t1", "t2"];
const EMAILS: [&str; 4] = ["a@example.com", "b@example.com", "c@example.com", "d@example.com"];

/// A move; users are named by their place among all that ever were.
#[derive(Clone, Debug)]
enum Move {
    SignUp { tenant: usize, email: usize },
    SignInUp { tenant: usize, provider_user: usize, email: usize },
    MakePrimary(usize),
    Link(usize, usize),
    Unlink(usize),
    ChangeEmail(usize, usize),
    Join(usize, usize),
    Leave(usize, usize),
    Delete(usize, bool),
}

fn moves() -> impl Strategy<Value = Move> {
    let (user, tenant, email) = (0..100_usize, 0..TENANTS.len(), 0..EMAILS.len());
    prop_oneof![
        2 => (tenant.clone(), email.clone()).prop_map(|(tenant, email)| Move::SignUp { tenant, email }),
        3 => (tenant.clone(), 0..3_usize, email.clone())
            .prop_map(|(tenant, provider_user, email)| Move::SignInUp { tenant, provider_user, email }),
        4 => user.clone().prop_map(Move::MakePrimary),
        5 => (user.clone(), user.clone()).prop_map(|(user, primary)| Move::Link(user, primary)),
        2 => user.clone().prop_map(Move::Unlink),
        3 => (user.clone(), email).prop_map(|(user, email)| Move::ChangeEmail(user, email)),
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

    /// Whether another login method of the recipe has what identifies this one in a tenant.
    fn has_double(&self, id: &str, tenant: &str) -> bool {
        let own = &self.methods[id];
        let identity = |method: &Method| {
            let kind = if method.recipe == "thirdparty" { "tparty" } else { "email" };
            method.infos.iter().find(|(known, _)| *known == kind).cloned()
        };
        self.methods.iter().any(|(other, method)| {
            other != id
                && method.recipe == own.recipe
                && method.tenants.contains(tenant)
                && identity(method) == identity(own)
        })
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
                self.change_email(&id, email);
                let (group, is_primary) = self.rows[&id].clone();
                let is_refused = is_primary && self.is_taken(&group);
                if is_refused { "EMAIL_CHANGE_NOT_ALLOWED_ERROR" } else { "OK" }.into()
            }
            Move::MakePrimary(user) => self.make_primary(&ids[*user]),
            Move::Link(user, primary) => self.link(&ids[*user], &ids[*primary]),
            Move::Unlink(user) => self.unlink(&ids[*user]),
            Move::ChangeEmail(user, email) => {
                let id = &ids[*user];
                if self.methods.get(id).is_none_or(|method| method.recipe != "emailpassword") {
                    return "UNKNOWN_USER_ID_ERROR".into();
                }
                self.change_email(id, EMAILS[*email]);
                let (group, is_primary) = self.rows[id].clone();
                let tenants = self.methods[id].tenants.clone();
                if tenants.iter().any(|tenant| self.has_double(id, tenant)) {
                    let word = if is_primary {
                        "EMAIL_CHANGE_NOT_ALLOWED_ERROR"
                    } else {
                        "EMAIL_ALREADY_EXISTS_ERROR"
                    };
                    return word.into();
                }
                let is_refused = is_primary && self.is_taken(&group);
                if is_refused { "EMAIL_CHANGE_NOT_ALLOWED_ERROR" } else { "OK" }.into()
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

    fn change_email(&mut self, id: &str, email: &str) {
        let method = self.methods.get_mut(id).unwrap();
        method.infos.retain(|(kind, _)| *kind != "email");
        method.infos.insert(("email", email.to_owned()));
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
        let is_provider = method.recipe == "thirdparty";
        let has_double = self.has_double(id, tenant);
        let (group, is_primary) = self.rows[id].clone();
        self.methods.get_mut(id).unwrap().tenants.insert(tenant);
        if is_primary && self.is_taken(&group) {
            return "ASSOCIATION_NOT_ALLOWED_ERROR".into();
        }
        match (has_double, is_provider) {
            (false, _) => "OK false",
            (true, false) => "EMAIL_ALREADY_EXISTS_ERROR",
            (true, true) => "THIRD_PARTY_USER_ALREADY_EXISTS_ERROR",
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
    let is_new = matches!(what, Move::SignUp { .. }) || json["createdNewUser"] == true;
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
        let mut infos = BTreeSet::from([("email", text(&own["email"]))]);
        if let Some(user) = own["thirdParty"]["userId"].as_str() {
            infos.insert(("tparty", format!("google::{user}")));
        }
        let known = ["emailpassword", "thirdparty"];
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
    let needs_users = !matches!(what, Move::SignUp { .. } | Move::SignInUp { .. });
    if needs_users && count == 0 {
        return None;
    }
    Some(match what {
        Move::MakePrimary(user) => Move::MakePrimary(among(user)),
        Move::Link(user, primary) => Move::Link(among(user), among(primary)),
        Move::Unlink(user) => Move::Unlink(among(user)),
        Move::ChangeEmail(user, email) => Move::ChangeEmail(among(user), email),
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
