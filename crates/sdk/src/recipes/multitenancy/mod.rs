//! Tenants: which ways of signing in each of them allows.

mod functions;

pub use functions::{Functions, Tenant, TenantConfig};

use super::{Kind, Recipe, Recipes};
use crate::{BuildError, Cx, Result};
use functions::BaseFunctions;
use std::fmt;
use std::sync::Arc;

/// The tenants of an app. The recipe is there also if it is not added: only who replaces functions adds
/// it.
///
/// ```
/// use portcullis::recipes::multitenancy::TenantConfig;
/// use portcullis::{Cx, Portcullis, Result};
///
/// async fn new_customer(sdk: &Portcullis, name: &str) -> Result<bool> {
///     let only_passwords = TenantConfig::new().first_factors(["emailpassword"]);
///     sdk.multitenancy().create_or_update_tenant(&Cx::new(sdk), name, only_passwords).await
/// }
/// ```
#[must_use]
pub struct Multitenancy {
    functions: Arc<dyn Functions>,
}

impl fmt::Debug for Multitenancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multitenancy").finish_non_exhaustive()
    }
}

impl Default for Multitenancy {
    fn default() -> Self {
        Self::new()
    }
}

impl Multitenancy {
    /// The recipe as it is.
    pub fn new() -> Self {
        Self { functions: Arc::new(BaseFunctions) }
    }

    /// Replaces functions: `replace` gets those below and answers those above.
    pub fn override_functions<F: Functions + 'static>(
        mut self,
        replace: impl FnOnce(Arc<dyn Functions>) -> F,
    ) -> Self {
        self.functions = Arc::new(replace(self.functions));
        self
    }
}

impl Recipe for Multitenancy {
    fn add_to(self, recipes: &mut Recipes) -> std::result::Result<(), BuildError> {
        recipes.note(Kind::Multitenancy)?;
        recipes.multitenancy = Tenants { functions: self.functions };
        Ok(())
    }
}

/// The multitenancy recipe at work.
pub struct Tenants {
    pub(crate) functions: Arc<dyn Functions>,
}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenants").finish_non_exhaustive()
    }
}

impl Default for Tenants {
    fn default() -> Self {
        Self { functions: Multitenancy::new().functions }
    }
}

impl Tenants {
    /// A tenant; `None` if there is none of this name.
    pub async fn get_tenant(&self, cx: &Cx, tenant: &str) -> Result<Option<Tenant>> {
        self.functions.get_tenant(cx, tenant).await
    }

    /// Makes a tenant or changes what `config` says. Answers whether it is new.
    pub async fn create_or_update_tenant(&self, cx: &Cx, tenant: &str, config: TenantConfig) -> Result<bool> {
        self.functions.create_or_update_tenant(cx, tenant, config).await
    }

    /// Deletes a tenant, with all that is kept there. Answers whether it was there.
    pub async fn delete_tenant(&self, cx: &Cx, tenant: &str) -> Result<bool> {
        self.functions.delete_tenant(cx, tenant).await
    }

    /// Every tenant of the app.
    pub async fn list_all_tenants(&self, cx: &Cx) -> Result<Vec<Tenant>> {
        self.functions.list_all_tenants(cx).await
    }
}
