//! The recipe's endpoints.

use super::model::Refusal;
use super::service::{self, Unlinked};
use crate::ground::users::routes::full_user;
use crate::http::Routes;
use crate::{Cx, Error, Result};
use portcullis_wire::accountlinking::{
    self as wire, CheckLinkResponse, CheckPrimaryResponse, CreatePrimaryResponse, LinkResponse, Owner,
    UnlinkResponse,
};

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new()
        .at::<wire::CheckPrimary>(check_primary)
        .at::<wire::CreatePrimary>(create_primary)
        .at::<wire::CheckLink>(check_link)
        .at::<wire::Link>(link)
        .at::<wire::Unlink>(unlink)
}

async fn check_primary(cx: Cx, input: wire::RecipeUserRequest) -> Result<CheckPrimaryResponse> {
    let cx = cx.of_user(&input.recipe_user_id).await?;
    match service::check_primary(&cx, &input.recipe_user_id).await? {
        Ok(was_already_a_primary_user) => Ok(CheckPrimaryResponse::Ok { was_already_a_primary_user }),
        Err(refusal @ Refusal::InfoTaken { .. }) => {
            owner(&refusal, false).map(CheckPrimaryResponse::InfoTaken)
        }
        Err(refusal) => owner(&refusal, false).map(CheckPrimaryResponse::Linked),
    }
}

async fn create_primary(cx: Cx, input: wire::RecipeUserRequest) -> Result<CreatePrimaryResponse> {
    let cx = cx.of_user(&input.recipe_user_id).await?;
    match service::create_primary(&cx, &input.recipe_user_id).await? {
        Ok((was_already_a_primary_user, user)) => {
            let user = Box::new(full_user(&user, cx.cdi));
            Ok(CreatePrimaryResponse::Ok { was_already_a_primary_user, user })
        }
        Err(refusal @ Refusal::InfoTaken { .. }) => {
            owner(&refusal, false).map(CreatePrimaryResponse::InfoTaken)
        }
        Err(refusal) => owner(&refusal, false).map(CreatePrimaryResponse::Linked),
    }
}

async fn check_link(cx: Cx, input: wire::LinkRequest) -> Result<CheckLinkResponse> {
    let cx = of_both(cx, &input).await?;
    match service::check_link(&cx, &input.recipe_user_id, &input.primary_user_id).await? {
        Ok(accounts_already_linked) => Ok(CheckLinkResponse::Ok { accounts_already_linked }),
        Err(Refusal::NotPrimary) => Ok(CheckLinkResponse::NotPrimary),
        Err(refusal @ Refusal::InfoTaken { .. }) => owner(&refusal, true).map(CheckLinkResponse::InfoTaken),
        Err(refusal) => owner(&refusal, true).map(CheckLinkResponse::Linked),
    }
}

async fn link(cx: Cx, input: wire::LinkRequest) -> Result<LinkResponse> {
    let cx = of_both(cx, &input).await?;
    let refusal = match service::link(&cx, &input.recipe_user_id, &input.primary_user_id).await? {
        Ok((accounts_already_linked, user)) => {
            let user = Box::new(full_user(&user, cx.cdi));
            return Ok(LinkResponse::Ok { accounts_already_linked, user });
        }
        Err(refusal) => refusal,
    };
    match &refusal {
        Refusal::NotPrimary => Ok(LinkResponse::NotPrimary),
        Refusal::Linked(user) => {
            let user = Box::new(full_user(user, cx.cdi));
            Ok(LinkResponse::Linked { owner: owner(&refusal, true)?, user })
        }
        Refusal::InfoTaken { .. } | Refusal::UnknownUser => {
            owner(&refusal, true).map(LinkResponse::InfoTaken)
        }
    }
}

async fn unlink(cx: Cx, input: wire::RecipeUserRequest) -> Result<UnlinkResponse> {
    let cx = cx.of_user(&input.recipe_user_id).await?;
    let outcome = service::unlink(&cx, &input.recipe_user_id).await?;
    let outcome = outcome.ok_or_else(unknown_user)?;
    Ok(UnlinkResponse::Ok {
        was_recipe_user_deleted: outcome == Unlinked::Deleted,
        was_linked: outcome != Unlinked::WasAlone,
    })
}

/// The call, at work where both users are; 400 if they are in different databases.
async fn of_both(cx: Cx, input: &wire::LinkRequest) -> Result<Cx> {
    let found = cx.of_users([&input.recipe_user_id, &input.primary_user_id]).await?;
    found.map_err(|[recipe_user, primary]| {
        let (primary, recipe_user) = (Cx::pool_id(&primary), Cx::pool_id(&recipe_user));
        Error::BadInput(format!(
            "Cannot link users that are parts of different databases. Different pool IDs: {primary} AND {recipe_user}"
        ))
    })
}

/// Whose it is already; 400 if the user is unknown.
fn owner(refusal: &Refusal, of_link: bool) -> Result<Owner> {
    let primary_user_id = match refusal {
        Refusal::Linked(user) => user.public_id().to_owned(),
        Refusal::InfoTaken { primary_user_id, .. } => primary_user_id.clone(),
        Refusal::UnknownUser | Refusal::NotPrimary => return Err(unknown_user()),
    };
    Ok(Owner { primary_user_id, description: refusal.description(of_link) })
}

fn unknown_user() -> Error {
    Error::bad_input("Unknown user ID provided")
}
