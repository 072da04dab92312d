//! Login methods that are one user.

use crate::body::{Body, unknown};
use crate::record::{Record, Side};
use crate::session::session_of;
use crate::users::account_info;
use portcullis::recipes::accountlinking::{
    AccountLinking, AutomaticLinking, CanCreatePrimaryUser, CreatePrimaryUser, LinkAccounts, LinkingFailure,
    LinkingQuestion, LoginInfo, NewEmail,
};
use portcullis::recipes::session::Session;
use portcullis::{Cx, Error, Result};
use serde_json::{Value, json};
use std::sync::Arc;

/// The recipe as the suite describes it.
pub(crate) fn recipe(config: &Body, record: &Arc<Record>) -> AccountLinking {
    let mut recipe = AccountLinking::new();
    let rule = config.optional("shouldDoAutomaticAccountLinking").and_then(Rule::of);
    let asked = Arc::clone(record);
    recipe = recipe.should_do_automatic_account_linking(move |cx, question| {
        let (rule, record) = (rule, Arc::clone(&asked));
        async move { decide(&cx, &record, rule, &question).await }
    });
    if config.has("onAccountLinked") {
        let record = Arc::clone(record);
        recipe = recipe.on_account_linked(move |_, user, method| {
            record.keep("primaryUserInCallback", json!(user));
            record.keep("newAccountInfoInCallback", json!(method));
            std::future::ready(Ok(()))
        });
    }
    recipe
}

/// What one of the suite's decisions goes by, told by the names in its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    requires_verification: bool,
    told: Told,
    /// Nothing must be proven if the call says so.
    unverified_if_told: bool,
    exception: Exception,
}

/// What a call may say of linking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    /// That it wants it: else nothing is linked.
    Only,
    /// That it does not.
    Not,
}

impl Told {
    fn refuses(self, cx: &Cx) -> bool {
        match self {
            Self::Nothing => false,
            Self::Only => !is_told(cx, "DO_LINK"),
            Self::Not => is_told(cx, "DO_NOT_LINK"),
        }
    }
}

/// When a decision is another one than usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exception {
    Never,
    /// Not with the session's own user.
    SessionUser,
    /// Not for a user by himself with a certain address.
    Address,
    /// Not for the only user with an address, if it has a password.
    OnlyPassword,
    /// Not for a provider's user to someone else, unless the call says that the provider has verified it.
    UnverifiedByProvider,
}

/// The address that is another one than usual.
const EXCEPTIONAL: &str = "test2@example.com";

impl Rule {
    /// `None` for a decision that never links.
    fn of(text: &str) -> Option<Self> {
        let times = |name: &str| text.matches(name).count();
        let unverified_if_told = times("DO_LINK_WITHOUT_VERIFICATION") > 0;
        let exception = if text.contains("onlyLinkIfNewUserVerified") {
            Exception::UnverifiedByProvider
        } else if text.contains("getUserId") {
            Exception::SessionUser
        } else if text.contains(EXCEPTIONAL) {
            Exception::Address
        } else if text.contains("listUsersByAccountInfo") {
            Exception::OnlyPassword
        } else {
            Exception::Never
        };
        let by_name = exception == Exception::UnverifiedByProvider;
        if !by_name && !text.contains("shouldAutomaticallyLink:!0") {
            return None;
        }
        let told = if by_name || text.contains("DO_NOT_LINK") {
            Told::Not
        } else if times("DO_LINK") > times("DO_LINK_WITHOUT_VERIFICATION") {
            Told::Only
        } else {
            Told::Nothing
        };
        Some(Self {
            requires_verification: by_name || text.contains("shouldRequireVerification:!0"),
            told,
            unverified_if_told,
            exception,
        })
    }

    async fn applies(self, cx: &Cx, question: &LinkingQuestion) -> Result<bool> {
        let (login, user) = (&question.login, &question.user);
        Ok(match self.exception {
            Exception::Never => false,
            Exception::SessionUser => {
                let session = question.session.as_ref().map(Session::user_id);
                user.as_ref().is_some_and(|user| Some(user.id.as_str()) == session)
            }
            Exception::Address => login.account.email.as_deref() == Some(EXCEPTIONAL) && user.is_none(),
            Exception::OnlyPassword => {
                let email = login.account.email.as_deref().unwrap_or_default();
                login.recipe_id == "emailpassword"
                    && cx.sdk().users_by_email(cx, "public", email).await?.len() <= 1
            }
            Exception::UnverifiedByProvider => {
                login.account.third_party.is_some() && user.is_some() && !is_told(cx, "isVerified")
            }
        })
    }

    async fn decide(self, cx: &Cx, question: &LinkingQuestion) -> Result<AutomaticLinking> {
        let is_refused = self.told.refuses(cx) || self.applies(cx, question).await?;
        let any_will_do = !self.requires_verification
            || self.unverified_if_told && is_told(cx, "DO_LINK_WITHOUT_VERIFICATION");
        Ok(if is_refused {
            AutomaticLinking::No
        } else if any_will_do {
            AutomaticLinking::EvenUnverified
        } else {
            AutomaticLinking::IfVerified
        })
    }
}

fn is_told(cx: &Cx, name: &str) -> bool {
    cx.user_context().named(name) == Some(true.into())
}

async fn decide(
    cx: &Cx,
    record: &Record,
    rule: Option<Rule>,
    question: &LinkingQuestion,
) -> Result<AutomaticLinking> {
    let name = "AccountLinking.shouldDoAutomaticAccountLinking";
    let names = ["DO_LINK", "DO_NOT_LINK", "DO_LINK_WITHOUT_VERIFICATION", "isVerified"];
    let told = names.iter().filter_map(|name| Some(((*name).to_owned(), cx.user_context().named(name)?)));
    let told: serde_json::Map<_, _> = told.collect();
    let session = question.session.as_ref().map(|session| json!({"handle": session.handle()}));
    let asked = json!([shown(&question.login), question.user, session, question.tenant, told]);
    record.log(Side::Call, name, &asked);
    let decided = match rule {
        Some(rule) => rule.decide(cx, question).await,
        None => Ok(AutomaticLinking::No),
    };
    record.log_outcome(name, &decided, |decided| match decided {
        AutomaticLinking::No => json!({"shouldAutomaticallyLink": false}),
        linking => json!({"shouldAutomaticallyLink": true,
            "shouldRequireVerification": *linking == AutomaticLinking::IfVerified}),
    });
    decided
}

/// A login method as the Node SDK asks about it.
fn shown(login: &LoginInfo) -> Value {
    let mut shown = json!({"recipeId": login.recipe_id});
    let account = &login.account;
    for (name, value) in [
        ("recipeUserId", json!(login.recipe_user_id)),
        ("email", json!(account.email)),
        ("phoneNumber", json!(account.phone_number)),
        ("thirdParty", json!(account.third_party)),
    ] {
        if !value.is_null() {
            shown[name] = value;
        }
    }
    shown
}

pub(crate) async fn call(cx: &Cx, function: &str, body: &Body) -> Result<Value> {
    let (recipe, tenant, id) = (cx.sdk().account_linking(), body.tenant(), body.recipe_user_id());
    Ok(match function {
        "createprimaryuser" => made_primary(recipe.create_primary_user(cx, id).await?),
        "cancreateprimaryuser" => can_be_primary(recipe.can_create_primary_user(cx, id).await?),
        "linkaccounts" => linked(recipe.link_accounts(cx, id, body.text("primaryUserId")).await?),
        "unlinkaccount" => {
            let unlinked = recipe.unlink_account(cx, id).await?;
            json!({"status": "OK", "wasRecipeUserDeleted": unlinked.was_recipe_user_deleted,
                "wasLinked": unlinked.was_linked})
        }
        "createprimaryuseridorlinkaccounts" => {
            let session = session_of(cx, body).await?;
            json!(recipe.create_primary_user_or_link_accounts(cx, tenant, id, session.as_ref()).await?)
        }
        "getprimaryuserthatcanbelinkedtorecipeuserid" => {
            json!(recipe.primary_user_that_can_be_linked(cx, tenant, id).await?)
        }
        "issignupallowed" => {
            let told = body.inner("newUser");
            let account = account_info(&told);
            let verified = body.flag("isVerified").unwrap_or(false);
            let mut login = LoginInfo::new(told.text("recipeId")).verified(verified);
            login.account = account;
            let session = session_of(cx, body).await?;
            recipe.is_sign_up_allowed(cx, tenant, &login, session.as_ref()).await?.into()
        }
        "issigninallowed" => {
            let session = session_of(cx, body).await?;
            recipe.is_sign_in_allowed(cx, tenant, id, session.as_ref()).await?.into()
        }
        "isemailchangeallowed" => {
            let session = session_of(cx, body).await?;
            let is_verified = body.flag("isVerified").unwrap_or(false);
            let new = NewEmail { email: body.text("newEmail"), is_verified };
            recipe.is_email_change_allowed(cx, id, new, session.as_ref()).await?.into()
        }
        "verifyemailforrecipeuseriflinkedaccountsareverified" => {
            let user = cx.sdk().find_user(cx, body.inner("user").text("id")).await?;
            let user = user.ok_or_else(|| Error::Internal("there is no such user".to_owned()))?;
            recipe.verify_email_if_proven_elsewhere(cx, &user, id).await?;
            Value::Null
        }
        _ => return Err(unknown(function)),
    })
}

fn made_primary(outcome: CreatePrimaryUser) -> Value {
    match outcome {
        CreatePrimaryUser::Ok { user, was_already_primary } => {
            json!({"status": "OK", "user": user, "wasAlreadyAPrimaryUser": was_already_primary})
        }
        CreatePrimaryUser::Linked { primary_user_id, description } => {
            json!({"status": "RECIPE_USER_ID_ALREADY_LINKED_WITH_PRIMARY_USER_ID_ERROR",
                "primaryUserId": primary_user_id, "description": description})
        }
        CreatePrimaryUser::AccountInfoTaken { primary_user_id, description } => {
            taken(&primary_user_id, &description)
        }
    }
}

fn can_be_primary(outcome: CanCreatePrimaryUser) -> Value {
    match outcome {
        CanCreatePrimaryUser::Ok { was_already_primary } => {
            json!({"status": "OK", "wasAlreadyAPrimaryUser": was_already_primary})
        }
        CanCreatePrimaryUser::Linked { primary_user_id, description } => {
            json!({"status": "RECIPE_USER_ID_ALREADY_LINKED_WITH_PRIMARY_USER_ID_ERROR",
                "primaryUserId": primary_user_id, "description": description})
        }
        CanCreatePrimaryUser::AccountInfoTaken { primary_user_id, description } => {
            taken(&primary_user_id, &description)
        }
    }
}

fn linked(outcome: LinkAccounts) -> Value {
    match outcome {
        LinkAccounts::Ok { user, were_already_linked } => {
            json!({"status": "OK", "accountsAlreadyLinked": were_already_linked, "user": user})
        }
        LinkAccounts::NotPrimary => json!({"status": "INPUT_USER_IS_NOT_A_PRIMARY_USER"}),
        LinkAccounts::Linked { user, description } => {
            json!({"status": "RECIPE_USER_ID_ALREADY_LINKED_WITH_ANOTHER_PRIMARY_USER_ID_ERROR",
                "primaryUserId": user.id, "user": user, "description": description})
        }
        LinkAccounts::AccountInfoTaken { primary_user_id, description } => {
            taken(&primary_user_id, &description)
        }
    }
}

fn taken(primary_user_id: &str, description: &str) -> Value {
    json!({"status": "ACCOUNT_INFO_ALREADY_ASSOCIATED_WITH_ANOTHER_PRIMARY_USER_ID_ERROR",
        "primaryUserId": primary_user_id, "description": description})
}

/// Why a function has not linked a login method to the session's user, as functions of the Node SDK say it.
pub(crate) fn not_linked(failure: LinkingFailure) -> Value {
    let reason = match failure {
        LinkingFailure::EmailVerificationRequired => "EMAIL_VERIFICATION_REQUIRED",
        LinkingFailure::RecipeUserLinked => {
            "RECIPE_USER_ID_ALREADY_LINKED_WITH_ANOTHER_PRIMARY_USER_ID_ERROR"
        }
        LinkingFailure::AccountInfoTaken => {
            "ACCOUNT_INFO_ALREADY_ASSOCIATED_WITH_ANOTHER_PRIMARY_USER_ID_ERROR"
        }
        LinkingFailure::SessionUserInfoTaken => {
            "SESSION_USER_ACCOUNT_INFO_ALREADY_ASSOCIATED_WITH_ANOTHER_PRIMARY_USER_ID_ERROR"
        }
    };
    json!({"status": "LINKING_TO_SESSION_USER_FAILED", "reason": reason})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_told_by_the_names_in_it() {
        let rule = |text: &str| Rule::of(text).unwrap();
        let verified = "{shouldAutomaticallyLink:!0,shouldRequireVerification:!0}";
        let any = "{shouldAutomaticallyLink:!0,shouldRequireVerification:!1}";
        let told = rule(&format!("c=>c.DO_LINK?{verified}:{{}}"));
        assert!(told.told == Told::Only && told.requires_verification);
        let unless = rule(&format!("c=>c.DO_NOT_LINK?{{}}:c.DO_LINK_WITHOUT_VERIFICATION?{any}:{verified}"));
        assert!(unless.told == Told::Not && unless.unverified_if_told && unless.requires_verification);
        assert!(!rule(&format!("()=>({any})")).requires_verification);
        let not_own = rule(&format!("(u,s)=>u.id===s.getUserId()?{{}}:{any}"));
        assert_eq!(not_own.exception, Exception::SessionUser);
        assert_eq!(rule("onlyLinkIfNewUserVerified").exception, Exception::UnverifiedByProvider);
        assert_eq!(Rule::of("()=>({shouldAutomaticallyLink:!1})"), None);
    }
}
