//! An app's users as descriptions that an import reads, page by page: what `portcullis export` writes.

use super::service::context;
use crate::crypto::password_hash::StoredHash;
use crate::ground::audit::By;
use crate::ground::tenancy::service as tenancy;
use crate::ground::users::model::{Cursor, LoginMethod, User, WEBAUTHN};
use crate::ground::users::service::{self as users, Page, UserFilter};
use crate::recipes::{emailpassword, totp, usermetadata, userroles};
use crate::{App, Cx, Error, PUBLIC, Result, Scope, Unknown};
use portcullis_db::Tx;
use portcullis_wire::Object;
use portcullis_wire::bulkimport::{ImportDevice, ImportMethod, ImportRole, ImportUser};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Users of a page.
const PAGE: i64 = 500;

/// Reads the users of an app.
#[derive(Debug)]
pub struct Exporter(Cx);

/// Some users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportPage {
    /// A user each, in JSON. With hashes and secrets.
    pub lines: Vec<String>,
    /// What is not in the lines.
    pub left_out: Vec<LeftOut>,
    /// What to ask for the next page with; `None` at the end.
    pub next: Option<String>,
}

/// What a description cannot say of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The id that callers know.
    pub user_id: String,
    /// What it is, and why.
    pub what: String,
}

impl Exporter {
    /// 400 if there is no such app.
    pub async fn open(app: &Arc<App>, domain: &str, app_id: &str) -> Result<Self> {
        let scope = Scope::new(domain, app_id, PUBLIC);
        let cx = context(app, scope.clone(), By::Command, app.clock.now()).await?;
        cx.map(Self).ok_or(Error::UnknownTenant(scope, Unknown::App))
    }

    /// About how many users there are.
    pub async fn count(&self) -> Result<i64> {
        users::count(&self.0, &every_tenant()).await
    }

    /// A page of users, oldest first, one database after the other. Whoever joins meanwhile comes last.
    pub async fn page(&self, from: Option<&str>) -> Result<ExportPage> {
        let unknown = || Error::bad_input("the place to go on from is none");
        // Further databases are named by a tenant that lives there.
        let (whose, from) = from.map_or(("", None), |from| {
            from.split_once(':').map_or(("", Some(from)), |(whose, from)| (whose, Some(from)))
        });
        let from = from.filter(|token| !token.is_empty());
        let from = from.map(|token| Cursor::parse(token).ok_or_else(unknown)).transpose()?;
        let tenants = tenancy::list_apart(&self.0.app, &self.0.scope).await?;
        let at = tenants.iter().position(|tenant| tenant.scope.tenant_id == whose);
        let there = at.and_then(|at| tenants.get(at)).map(|tenant| self.0.at(&tenant.db));
        if there.is_none() && !whose.is_empty() {
            return Err(unknown());
        }
        let cx = there.as_ref().unwrap_or(&self.0);
        let mut tx = cx.db().read().await?;
        let page = Page { limit: PAGE, ascending: true, from: from.as_ref() };
        let (users, next) = users::list_in(&mut tx, cx, &every_tenant(), page).await?;
        let mut kept = Kept::read(&mut tx, cx.app_id(), &users).await?;
        if there.is_some() {
            kept.read_roles(&mut cx.app_db().read().await?, cx.app_id(), &users).await?;
        }
        let after = || Some(format!("{}:", tenants.get(at.map_or(0, |at| at + 1))?.scope.tenant_id));
        let next = next.map(|next| next.to_token());
        let next = match (&there, next) {
            (Some(_), Some(token)) => Some(format!("{whose}:{token}")),
            (None, Some(token)) => Some(token),
            (_, None) => after(),
        };
        let mut page = ExportPage { next, ..ExportPage::default() };
        for user in &users {
            let (described, left_out) = kept.describe(user);
            if let Some(described) = described {
                page.lines.push(serde_json::to_string(&described).map_err(Error::internal)?);
            }
            let named = |what| LeftOut { user_id: user.public_id().to_owned(), what };
            page.left_out.extend(left_out.into_iter().map(named));
        }
        Ok(page)
    }
}

fn every_tenant() -> UserFilter {
    UserFilter { all_tenants: true, ..UserFilter::default() }
}

/// What recipes keep about some users: under the ids that callers know, but for hashes.
struct Kept {
    hashes: HashMap<String, String>,
    metadata: HashMap<String, Object>,
    /// Roles with their tenants.
    roles: HashMap<String, BTreeMap<String, Vec<String>>>,
    /// The verified ones.
    devices: HashMap<String, Vec<ImportDevice>>,
}

impl Kept {
    async fn read(tx: &mut Tx, app_id: &str, users: &[User]) -> Result<Self> {
        let ids: Vec<String> = users.iter().map(|user| user.public_id().to_owned()).collect();
        let methods = users.iter().flat_map(|user| &user.login_methods);
        let methods: Vec<&str> = methods.map(|method| method.user_id.as_str()).collect();
        let mut kept = Self {
            hashes: HashMap::new(),
            metadata: HashMap::new(),
            roles: HashMap::new(),
            devices: HashMap::new(),
        };
        if ids.is_empty() {
            return Ok(kept);
        }
        kept.hashes.extend(emailpassword::list_hashes(tx, app_id, &methods).await?);
        kept.metadata.extend(usermetadata::list_in(tx, app_id, &ids).await?);
        kept.read_roles(tx, app_id, users).await?;
        for (device, id) in totp::list_devices_of(tx, app_id, &ids).await? {
            // One that is not verified never counted.
            if device.verified {
                kept.devices.entry(id).or_default().push(ImportDevice {
                    secret_key: device.secret,
                    period: device.period,
                    skew: device.skew,
                    device_name: Some(device.name),
                });
            }
        }
        Ok(kept)
    }

    async fn read_roles(&mut self, tx: &mut Tx, app_id: &str, users: &[User]) -> Result<()> {
        let ids: Vec<String> = users.iter().map(|user| user.public_id().to_owned()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        for (id, role, tenant_id) in userroles::list_assignments(tx, app_id, &ids).await? {
            self.roles.entry(id).or_default().entry(role).or_default().push(tenant_id);
        }
        Ok(())
    }

    /// The user's description, if there can be one, and what is not in it.
    fn describe(&self, user: &User) -> (Option<ImportUser>, Vec<String>) {
        let mut left_out = Vec::new();
        let mut login_methods = Vec::new();
        for method in &user.login_methods {
            match self.describe_method(method) {
                Ok(described) => login_methods.push(described),
                Err(why) => left_out.push(format!("login method {}: {why}", method.public_id())),
            }
        }
        // A group may outlive the login method that it is named after: the oldest one takes its place.
        let at = login_methods.iter().position(|method| method.user_id == user.id).unwrap_or(0);
        let Some(named_after) = login_methods.get_mut(at) else {
            left_out.push("the whole user: no login method is left".to_owned());
            return (None, left_out);
        };
        named_after.is_primary = user.is_primary;
        let own_id = named_after.external_user_id.take().filter(|_| named_after.user_id != user.id);
        left_out.extend(own_id.map(|id| format!("the id {id} of a login method: the user's stands for it")));
        let tenants: Vec<&String> = login_methods.iter().flat_map(|method| &method.tenant_ids).collect();
        let mut user_roles = Vec::new();
        for (role, tenant_ids) in self.roles.get(user.public_id()).into_iter().flatten() {
            let is_there = |id: &&String| *id == PUBLIC || tenants.contains(id);
            let (kept, foreign): (Vec<&String>, Vec<&String>) = tenant_ids.iter().partition(is_there);
            for id in foreign {
                left_out.push(format!("role {role} in the tenant {id}, which the user is not in"));
            }
            if !kept.is_empty() {
                let tenant_ids = kept.into_iter().cloned().collect();
                user_roles.push(ImportRole { role: role.clone(), tenant_ids });
            }
        }
        let described = ImportUser {
            // So that an import that gives new internal ids leaves the user this one.
            external_user_id: Some(user.public_id().to_owned()),
            user_metadata: self.metadata.get(user.public_id()).cloned(),
            user_roles: (!user_roles.is_empty()).then_some(user_roles),
            totp_devices: self.devices.get(user.public_id()).cloned(),
            login_methods,
        };
        (Some(described), left_out)
    }

    /// The login method's description, or why there is none.
    fn describe_method(&self, method: &LoginMethod) -> std::result::Result<ImportMethod, &'static str> {
        if method.recipe_id == WEBAUTHN {
            return Err(
                "passkeys work with the relying party alone that made them, and no import takes them",
            );
        }
        if method.tenant_ids.is_empty() {
            return Err("it is in no tenant");
        }
        let mut described = ImportMethod {
            tenant_ids: method.tenant_ids.clone(),
            recipe_id: method.recipe_id.clone(),
            is_verified: method.verified,
            time_joined: method.time_joined,
            email: method.email.clone(),
            phone_number: method.phone_number.clone(),
            user_id: method.user_id.clone(),
            external_user_id: method.external_user_id.clone(),
            ..ImportMethod::default()
        };
        if let Some(third_party) = &method.third_party {
            described.third_party_id = Some(third_party.id.clone());
            described.third_party_user_id = Some(third_party.user_id.clone());
        }
        if method.recipe_id == "emailpassword" {
            let hash = self.hashes.get(&method.user_id).ok_or("it has no password")?;
            let kind = StoredHash::recognise(hash).ok_or("its password's hash is of no known form")?;
            described.password_hash = Some(hash.clone());
            described.hashing_algorithm = Some(kind.name().to_owned());
        }
        Ok(described)
    }
}
