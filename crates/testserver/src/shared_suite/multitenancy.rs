//! Tenants.

use crate::body::{Body, unknown};
use portcullis::recipes::multitenancy::{Tenant, TenantConfig};
use portcullis::{Cx, Result};
use serde_json::{Value, json};

pub(crate) async fn call(cx: &Cx, function: &str, body: &Body) -> Result<Value> {
    let (recipe, tenant) = (cx.sdk().multitenancy(), body.tenant());
    Ok(match function {
        "createorupdatetenant" => {
            let config = config(&body.inner("config"));
            let created_new = recipe.create_or_update_tenant(cx, tenant, config).await?;
            json!({"status": "OK", "createdNew": created_new})
        }
        "gettenant" => recipe.get_tenant(cx, tenant).await?.map_or(Value::Null, |found| shown(&found)),
        "deletetenant" => {
            json!({"status": "OK", "didExist": recipe.delete_tenant(cx, tenant).await?})
        }
        "listalltenants" => {
            let tenants = recipe.list_all_tenants(cx).await?;
            json!({"status": "OK", "tenants": tenants})
        }
        _ => return Err(unknown(function)),
    })
}

fn shown(tenant: &Tenant) -> Value {
    let mut shown = json!(tenant);
    shown["status"] = "OK".into();
    shown
}

fn config(told: &Body) -> TenantConfig {
    let mut config = TenantConfig::new();
    if told.has("firstFactors") {
        config = match told.get("firstFactors") {
            Some(_) => config.first_factors(told.texts("firstFactors")),
            None => config.any_first_factor(),
        };
    }
    if told.has("requiredSecondaryFactors") {
        config = match told.get("requiredSecondaryFactors") {
            Some(_) => config.required_secondary_factors(told.texts("requiredSecondaryFactors")),
            None => config.no_secondary_factor(),
        };
    }
    if told.has("coreConfig") {
        config = config.core_config(told.object("coreConfig"));
    }
    config
}
