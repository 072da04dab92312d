//! Where domains, apps and tenants live: the database that the settings of each name, laid over those that it
//! inherits. Only who says something of a database need be looked at: all others live where those above them do.

use super::databases::Named;
use super::store;
use crate::config::{self, ConfigError};
use crate::{App, PUBLIC, Result, Scope};
use portcullis_db::{Place, Tx};
use portcullis_wire::Object;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What settings that say something of a database begin with.
const PREFIX: &str = "postgresql_";

/// Whether settings may decide about a database.
pub(super) fn decides(own: &Object) -> bool {
    own.keys().any(|name| name.starts_with(PREFIX))
}

/// The database that settings name; `None` if they name none, and for the default domain's, whose own is open already,
/// whatever its settings name.
pub(super) fn named(
    app: &App,
    domain: &str,
    values: &Object,
) -> std::result::Result<Option<Named>, ConfigError> {
    let of = |values| config::postgres(values, |_| {})?.map(Named::new).transpose();
    let Some(named) = of(values)? else { return Ok(None) };
    let is_base = domain.is_empty()
        && (app.databases.is_base(&named.place)
            || of(&app.base_values)?.is_some_and(|base| base.place == named.place));
    Ok((!is_base).then_some(named))
}

/// The settings of all who say something of a database, and of every domain.
pub(super) struct Places<'a> {
    app: &'a App,
    /// In the order of domain, app and tenant.
    own: BTreeMap<(String, String, String), Object>,
}

/// Further databases of apps: by domain and app, a tenant for each that lives there, beside that of the public tenant.
pub(super) type Apart = HashMap<(String, String), Vec<String>>;

fn key(scope: &Scope) -> (String, String, String) {
    (scope.domain.clone(), scope.app_id.clone(), scope.tenant_id.clone())
}

impl<'a> Places<'a> {
    /// As they are stored.
    pub(super) async fn read(app: &'a App, tx: &mut Tx) -> Result<Self> {
        let listed = store::list_deciding(tx, PREFIX).await?;
        Ok(Self { app, own: listed.into_iter().map(|(scope, own)| (key(&scope), own)).collect() })
    }

    /// Lets a tenant have other settings.
    fn set(&mut self, scope: &Scope, own: &Object) {
        self.own.insert(key(scope), own.clone());
    }

    fn scopes(&self) -> impl Iterator<Item = Scope> {
        self.own.keys().map(|(domain, app_id, tenant_id)| Scope::new(domain, app_id, tenant_id))
    }

    /// The database that a tenant's settings name; `None` for that of the default domain.
    pub(super) fn named(&self, scope: &Scope) -> std::result::Result<Option<Named>, ConfigError> {
        let Scope { domain, app_id, tenant_id } = scope;
        let mut above =
            vec![(PUBLIC, PUBLIC), (app_id.as_str(), PUBLIC), (app_id.as_str(), tenant_id.as_str())];
        above.dedup();
        let own = |(app_id, tenant_id): (&str, &str)| {
            self.own.get(&(domain.clone(), app_id.to_owned(), tenant_id.to_owned()))
        };
        let all = above.into_iter().filter_map(own);
        let values = all.fold(self.app.base_values.clone(), |below, own| config::merge(&below, own));
        named(self.app, domain, &values)
    }

    /// As [`Places::named`]; settings that cannot be used name nothing.
    fn usable(&self, scope: &Scope) -> Option<Named> {
        self.named(scope).ok().flatten()
    }

    /// Where a tenant lives; `None` for the default domain's database.
    pub(super) fn place(&self, scope: &Scope) -> Option<Place> {
        self.usable(scope).map(|named| named.place)
    }

    /// The connection URI domains, without the default one.
    pub(super) fn domains(&self) -> HashSet<String> {
        self.own.keys().map(|(domain, ..)| domain.clone()).filter(|domain| !domain.is_empty()).collect()
    }

    /// Every database beside the default domain's, with its domain.
    pub(super) fn all(&self) -> Vec<(String, Named)> {
        self.scopes().filter_map(|scope| Some((scope.domain.clone(), self.usable(&scope)?))).collect()
    }

    /// The apps that have several databases.
    pub(super) fn apart(&self) -> Apart {
        let mut seen: HashMap<(String, String), HashSet<Option<Place>>> = HashMap::new();
        let mut apart = Apart::new();
        for scope in self.scopes().filter(|scope| !scope.is_public_tenant()) {
            let app = (scope.domain.clone(), scope.app_id.clone());
            let seen = seen.entry(app.clone()).or_insert_with(|| [self.place(&scope.public_tenant())].into());
            if seen.insert(self.place(&scope)) {
                apart.entry(app).or_default().push(scope.tenant_id);
            }
        }
        apart
    }

    /// Whether a tenant with these settings may live where they say, and those below it where they then live: no two
    /// domains share a database. Otherwise the domain with which one would be shared.
    pub(super) fn find_shared(&mut self, target: &Scope, own: &Object) -> Option<String> {
        self.set(target, own);
        let is_concerned = |scope: &Scope| {
            let is_below = target.is_public_tenant() && (target.is_public_app() || scope.is_of_app(target));
            scope.domain == target.domain && (scope == target || is_below)
        };
        let concerned: Vec<Scope> = self.scopes().filter(is_concerned).collect();
        let others = self.scopes().filter(|scope| scope.domain != target.domain);
        // Another domain's settings that cannot be used are not this one's fault.
        let others: Vec<(String, Place)> =
            others.filter_map(|scope| Some((scope.domain.clone(), self.usable(&scope)?.place))).collect();
        for scope in concerned {
            let Ok(named) = self.named(&scope) else { continue };
            let place = named.map(|named| named.place);
            let is_base = place.as_ref().is_none_or(|place| self.app.databases.is_base(place));
            if is_base && !target.domain.is_empty() {
                return Some(String::new());
            }
            if let Some((other, _)) = others.iter().find(|(_, other)| Some(other) == place.as_ref()) {
                return Some(other.clone());
            }
        }
        None
    }
}
