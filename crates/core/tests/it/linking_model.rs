//! A small model of `docs/account-linking.md`: what each move answers, and what there is after it.

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const TENANTS: [&str; 3] = ["public", "t1", "t2"];
pub(super) const EMAILS: [&str; 4] = ["a@example.com", "b@example.com", "c@example.com", "d@example.com"];
pub(super) const PHONES: [&str; 2] = ["+442071838750", "+442071838751"];

/// An address or a number, by its place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Contact {
    Email(usize),
    Phone(usize),
}

impl Contact {
    pub(super) fn info(self) -> Info {
        match self {
            Self::Email(at) => ("email", EMAILS[at].to_owned()),
            Self::Phone(at) => ("phone", PHONES[at].to_owned()),
        }
    }

    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Phone(_) => "phoneNumber",
        }
    }
}

/// A move; users are named by their place among all that ever were.
#[derive(Clone, Debug)]
pub(super) enum Move {
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

pub(super) fn moves() -> impl Strategy<Value = Move> {
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
pub(super) type Info = (&'static str, String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Method {
    pub(super) recipe: &'static str,
    pub(super) infos: BTreeSet<Info>,
    pub(super) tenants: BTreeSet<&'static str>,
}

/// Everything that there is. A row without a login method is a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) methods: BTreeMap<String, Method>,
    /// Whose each id is, and whether that is a primary user.
    pub(super) rows: BTreeMap<String, (String, bool)>,
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

    pub(super) fn reserved(&self) -> BTreeSet<(&'static str, Info, String)> {
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
    pub(super) fn make(&mut self, ids: &[String], what: &Move, new_id: &str) -> String {
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
