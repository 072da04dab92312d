//! Tenants.

use crate::body::{Body, unknown};
use portcullis::recipes::multitenancy::{AssociateUser, DisassociateUser, Tenant, TenantConfig};
use portcullis::{Cx, Error, Result};
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
        "associateusertotenant" => {
            associated(recipe.associate_user_to_tenant(cx, tenant, body.recipe_user_id()).await?)?
        }
        "disassociateuserfromtenant" => {
            disassociated(recipe.disassociate_user_from_tenant(cx, tenant, body.recipe_user_id()).await?)?
        }
        "createorupdatethirdpartyconfig" => {
            let config = serde_json::from_value(body.object("config").into());
            let config = config.map_err(|error| Error::Internal(error.to_string()))?;
            let created_new = recipe.create_or_update_third_party_config(cx, tenant, config).await?;
            json!({"status": "OK", "createdNew": created_new})
        }
        "deletethirdpartyconfig" => {
            let did_exist = recipe.delete_third_party_config(cx, tenant, body.text("thirdPartyId")).await?;
            json!({"status": "OK", "didConfigExist": did_exist})
        }
        _ => return Err(unknown(function)),
    })
}

fn associated(outcome: AssociateUser) -> Result<Value> {
    Ok(match outcome {
        AssociateUser::Ok { was_already_associated } => {
            json!({"status": "OK", "wasAlreadyAssociated": was_already_associated})
        }
        AssociateUser::UnknownUser => json!({"status": "UNKNOWN_USER_ID_ERROR"}),
        AssociateUser::EmailAlreadyExists => json!({"status": "EMAIL_ALREADY_EXISTS_ERROR"}),
        AssociateUser::PhoneNumberAlreadyExists => json!({"status": "PHONE_NUMBER_ALREADY_EXISTS_ERROR"}),
        AssociateUser::ThirdPartyUserAlreadyExists => {
            json!({"status": "THIRD_PARTY_USER_ALREADY_EXISTS_ERROR"})
        }
        AssociateUser::NotAllowed { reason } => {
            json!({"status": "ASSOCIATION_NOT_ALLOWED_ERROR", "reason": reason})
        }
        other => return Err(Error::Internal(format!("{other:?}"))),
    })
}

fn disassociated(outcome: DisassociateUser) -> Result<Value> {
    Ok(match outcome {
        DisassociateUser::Ok { was_associated } => json!({"status": "OK", "wasAssociated": was_associated}),
        DisassociateUser::UnknownUser => json!({"status": "UNKNOWN_USER_ID_ERROR"}),
        other => return Err(Error::Internal(format!("{other:?}"))),
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
