//! The recipe as the app wants it.

use super::Codes;
use super::apis::{Api, Apis, BaseApis};
use super::functions::{BaseFunctions, Functions};
use super::types::Contact;
use crate::callback::Callback;
use crate::email::EmailDelivery;
use crate::recipes::contact::{is_email, is_phone_number};
use crate::recipes::factors::{LINK_EMAIL, LINK_PHONE, OTP_EMAIL, OTP_PHONE};
use crate::recipes::replaceable::replaceable;
use crate::recipes::{Kind, Recipe, Recipes};
use crate::sms::SmsDelivery;
use crate::{BuildError, Cx, Result};
use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;

/// Where codes and links may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactMethod {
    /// To e-mail addresses.
    Email,
    /// To phone numbers.
    Phone,
    /// To either, as the user likes.
    EmailOrPhone,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowType {
    /// A code, to be entered where it was asked for.
    UserInputCode,
    /// A link.
    MagicLink,
    /// Both.
    UserInputCodeAndMagicLink,
}

impl FlowType {
    /// As frontends know it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::UserInputCode => "USER_INPUT_CODE",
            Self::MagicLink => "MAGIC_LINK",
            Self::UserInputCodeAndMagicLink => "USER_INPUT_CODE_AND_MAGIC_LINK",
        }
    }

    /// What is sent if only these factors are allowed.
    pub(super) fn of_factors<F: AsRef<str>>(factors: &[F]) -> Self {
        let all_begin_with = |kind| factors.iter().all(|factor| factor.as_ref().starts_with(kind));
        if all_begin_with("link") {
            Self::MagicLink
        } else if all_begin_with("otp") {
            Self::UserInputCode
        } else {
            Self::UserInputCodeAndMagicLink
        }
    }

    pub(super) fn has_code(self) -> bool {
        self != Self::MagicLink
    }

    pub(super) fn has_link(self) -> bool {
        self != Self::UserInputCode
    }
}

/// Sign-up and sign-in in one, with a code or a link that is sent by e-mail or as a text message.
///
/// ```
/// use portcullis::recipes::passwordless::{ContactMethod, FlowType, Passwordless};
///
/// let recipe = Passwordless::new(ContactMethod::EmailOrPhone, FlowType::UserInputCodeAndMagicLink);
/// ```
#[derive(Debug)]
#[must_use]
pub struct Passwordless(Codes);

impl Passwordless {
    /// Where codes and links may be sent, and which of the two are.
    pub fn new(contact_method: ContactMethod, flow_type: FlowType) -> Self {
        let settings = Settings {
            contact_method,
            flow_type,
            validate_email: rule(|email| (!is_email(email)).then_some("Email is invalid")),
            validate_phone_number: rule(|number| {
                (!is_phone_number(number)).then_some("Phone number is invalid")
            }),
            custom_user_input_code: None,
        };
        Self(Codes {
            settings,
            email_delivery: None,
            sms_delivery: None,
            functions: Arc::new(BaseFunctions),
            apis: Arc::new(BaseApis),
            disabled: HashSet::new(),
        })
    }

    /// Another rule for addresses: gets the call, the tenant and the address, and answers what is wrong, for
    /// the user to read.
    pub fn validate_email<V, F>(mut self, validate: V) -> Self
    where
        V: Fn(Cx, String, String) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Option<String>>> + Send + 'static,
    {
        self.0.settings.validate_email =
            Callback::new(move |cx, (tenant, email)| validate(cx, tenant, email));
        self
    }

    /// Another rule for phone numbers: gets the call, the tenant and the number, and answers what is wrong,
    /// for the user to read.
    pub fn validate_phone_number<V, F>(mut self, validate: V) -> Self
    where
        V: Fn(Cx, String, String) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Option<String>>> + Send + 'static,
    {
        self.0.settings.validate_phone_number =
            Callback::new(move |cx, (tenant, number)| validate(cx, tenant, number));
        self
    }

    /// Another way to make the codes that are entered, for a call and a tenant; unless it is given, the core
    /// makes six digits. How hard they are to guess is then the app's matter.
    pub fn custom_user_input_code<M, F>(mut self, make: M) -> Self
    where
        M: Fn(Cx, String) -> F + Send + Sync + 'static,
        F: Future<Output = Result<String>> + Send + 'static,
    {
        self.0.settings.custom_user_input_code = Some(Callback::new(make));
        self
    }

    /// Another way to send this recipe's e-mails than [`Builder::email_delivery`](crate::Builder::email_delivery).
    pub fn email_delivery(mut self, delivery: impl EmailDelivery + 'static) -> Self {
        self.0.email_delivery = Some(Arc::new(delivery));
        self
    }

    /// Another way to send this recipe's text messages than
    /// [`Builder::sms_delivery`](crate::Builder::sms_delivery).
    pub fn sms_delivery(mut self, delivery: impl SmsDelivery + 'static) -> Self {
        self.0.sms_delivery = Some(Arc::new(delivery));
        self
    }
}

replaceable!(Passwordless.0: functions, apis, disabled);

fn rule(fault: fn(&str) -> Option<&'static str>) -> Callback<(String, String), Option<String>> {
    Callback::new(move |_, (_, text): (String, String)| {
        std::future::ready(Ok(fault(&text).map(str::to_owned)))
    })
}

impl Recipe for Passwordless {
    fn add_to(self, recipes: &mut Recipes) -> std::result::Result<(), BuildError> {
        recipes.note(Kind::Passwordless)?;
        recipes.passwordless = Some(self.0);
        Ok(())
    }
}

/// What the app has chosen.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(super) contact_method: ContactMethod,
    flow_type: FlowType,
    /// Of the tenant and the address.
    validate_email: Callback<(String, String), Option<String>>,
    /// Of the tenant and the number.
    validate_phone_number: Callback<(String, String), Option<String>>,
    custom_user_input_code: Option<Callback<String, String>>,
}

impl Settings {
    /// What is wrong with an address or a number.
    pub(crate) async fn fault(&self, cx: &Cx, tenant: &str, contact: &Contact) -> Result<Option<String>> {
        let (validate, text) = match contact {
            Contact::Email(email) => (&self.validate_email, email),
            Contact::PhoneNumber(number) => (&self.validate_phone_number, number),
        };
        validate.call(cx, (tenant.to_owned(), text.clone())).await
    }

    /// A code of the app's own making.
    pub(super) async fn user_input_code(&self, cx: &Cx, tenant: &str) -> Result<Option<String>> {
        match &self.custom_user_input_code {
            Some(make) => make.call(cx, tenant.to_owned()).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether codes are sent there.
    pub(super) fn takes(&self, contact: &Contact) -> bool {
        match contact {
            Contact::Email(_) => self.contact_method != ContactMethod::Phone,
            Contact::PhoneNumber(_) => self.contact_method != ContactMethod::Email,
        }
    }

    /// The factors that can be asked for.
    pub(crate) fn factors(&self) -> Vec<&'static str> {
        let (has_code, has_link) = (self.flow_type.has_code(), self.flow_type.has_link());
        let has_email = self.contact_method != ContactMethod::Phone;
        let has_phone = self.contact_method != ContactMethod::Email;
        let all = [
            (OTP_EMAIL, has_code && has_email),
            (OTP_PHONE, has_code && has_phone),
            (LINK_EMAIL, has_link && has_email),
            (LINK_PHONE, has_link && has_phone),
        ];
        all.into_iter().filter(|(_, is_offered)| *is_offered).map(|(factor, _)| factor).collect()
    }

    /// Those of them that an address or a number can be.
    pub(super) fn factors_of(&self, contact: &Contact) -> Vec<&'static str> {
        let kind = match contact {
            Contact::Email(_) => "-email",
            Contact::PhoneNumber(_) => "-phone",
        };
        self.factors().into_iter().filter(|factor| factor.ends_with(kind)).collect()
    }

    /// Whether whoever has a code has a link as well, and no code to enter.
    pub(super) fn is_by_link(&self) -> bool {
        !self.flow_type.has_code()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_follow_from_the_two_choices_and_flows_from_factors() {
        use ContactMethod::{Email, EmailOrPhone, Phone};
        use FlowType::{MagicLink, UserInputCode, UserInputCodeAndMagicLink};
        let (email, phone) = (Contact::Email(String::new()), Contact::PhoneNumber(String::new()));
        for (contact, flow, factors) in [
            (Email, UserInputCode, vec!["otp-email"]),
            (Email, MagicLink, vec!["link-email"]),
            (Phone, UserInputCodeAndMagicLink, vec!["otp-phone", "link-phone"]),
            (EmailOrPhone, MagicLink, vec!["link-email", "link-phone"]),
            (
                EmailOrPhone,
                UserInputCodeAndMagicLink,
                vec!["otp-email", "otp-phone", "link-email", "link-phone"],
            ),
        ] {
            let settings = Passwordless::new(contact, flow).0.settings;
            assert_eq!(settings.factors(), factors, "{contact:?} {flow:?}");
            assert_eq!(
                (settings.takes(&email), settings.takes(&phone)),
                (contact != Phone, contact != Email)
            );
            for contact in [&email, &phone].into_iter().filter(|contact| settings.takes(contact)) {
                assert_eq!(FlowType::of_factors(&settings.factors_of(contact)), flow);
            }
        }
    }
}
