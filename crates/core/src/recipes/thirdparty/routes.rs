//! The recipe's endpoints.

use super::model::Told;
use super::service::{self, SignInUp};
use crate::ground::tenancy::{LoginRecipe, service as tenancy};
use crate::ground::users::model::{ThirdParty, User, normalise_email};
use crate::ground::users::routes::to_wire;
use crate::http::Routes;
use crate::{Cx, Error, Result};
use portcullis_wire::{Cdi, Status, thirdparty as wire};

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new()
        .at::<wire::SignInUp>(sign_in_up)
        .at::<wire::GetUser>(get_user)
        .at::<wire::UsersByEmail>(users_by_email)
}

async fn sign_in_up(cx: Cx, input: wire::SignInUpRequest) -> Result<wire::SignInUpResponse> {
    if cx.cdi >= Cdi::V2_8 && !cx.tenant.stored.serves(LoginRecipe::ThirdParty, cx.cdi) {
        return Err(Error::forbidden("ThirdParty login not enabled for tenant"));
    }
    let third_party = ThirdParty { id: input.third_party_id, user_id: input.third_party_user_id };
    let email = normalise_email(&input.email.id);
    let told = Told { email: &email, is_verified: input.email.is_verified.unwrap_or(false) };
    let (found, created_new_user) = match service::sign_in_up(&cx, &third_party, told).await? {
        SignInUp::Created(found) => (found, true),
        SignInUp::Known(found) => (found, false),
        // That version has no word for it.
        SignInUp::EmailChangeNotAllowed if cx.cdi < Cdi::V2_8 => {
            return Err(Error::internal("the provider's address is another primary user's"));
        }
        SignInUp::EmailChangeNotAllowed => {
            let reason = "Email already associated with another primary user.".to_owned();
            return Ok(wire::SignInUpResponse::EmailChangeNotAllowed { reason });
        }
    };
    Ok(wire::SignInUpResponse::Ok {
        created_new_user,
        user: to_wire(&found.user, cx.cdi),
        recipe_user_id: (cx.cdi >= Cdi::V4_0).then_some(found.recipe_user_id),
    })
}

async fn get_user(cx: Cx, input: wire::GetUserRequest) -> Result<wire::GetUserResponse> {
    let cdi = cx.cdi;
    let shape = |user: User| wire::GetUserResponse::Ok { user: to_wire(&user, cdi) };
    match (input.user_id, input.third_party_id, input.third_party_user_id) {
        (Some(id), None, None) => {
            cx.require_public_tenant()?;
            let cx = cx.of_user(&id).await?;
            let user = service::find_by_id(&cx, &id).await?;
            Ok(user.map_or(wire::GetUserResponse::UnknownUserId, shape))
        }
        (None, Some(id), Some(user_id)) => {
            tenancy::require(&cx.app, &cx.scope).await?;
            let user = service::find_by_third_party(&cx, &ThirdParty { id, user_id }).await?;
            Ok(user.map_or(wire::GetUserResponse::UnknownThirdPartyUser, shape))
        }
        (Some(_), ..) => {
            Err(Error::bad_input("Please provide only one of userId or (thirdPartyId & thirdPartyUserId)"))
        }
        (None, ..) => {
            Err(Error::bad_input("Please provide one of userId or (thirdPartyId & thirdPartyUserId)"))
        }
    }
}

async fn users_by_email(cx: Cx, input: wire::UsersByEmailRequest) -> Result<wire::UsersByEmailResponse> {
    let users = service::list_by_email(&cx, &normalise_email(&input.email)).await?;
    let users = users.iter().map(|user| to_wire(user, cx.cdi)).collect();
    Ok(wire::UsersByEmailResponse { status: Status::Ok, users })
}
