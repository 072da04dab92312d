//! A user as the rules see it, and how ids and addresses are written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};
use std::borrow::Cow;
use std::collections::HashSet;

/// The recipe whose login methods have passkeys.
pub const WEBAUTHN: &str = "webauthn";

/// A provider's user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThirdParty {
    /// The provider.
    pub id: String,
    /// The user there.
    pub user_id: String,
}

impl ThirdParty {
    /// `<provider>::<user>`, by which such users are found.
    pub fn to_text(&self) -> String {
        format!("{}::{}", self.id, self.user_id)
    }
}

/// A kind of account info.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InfoKind {
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// A provider's user.
    ThirdParty,
}

impl InfoKind {
    /// Every kind, in the order in which conflicts are told.
    pub const ALL: [Self; 3] = [Self::Email, Self::Phone, Self::ThirdParty];

    /// The kind with a stored name.
    pub fn parse(name: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.name() == name).unwrap_or(Self::ThirdParty)
    }

    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::ThirdParty => "tparty",
        }
    }
}

/// One way in which a user signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginMethod {
    /// The recipe.
    pub recipe_id: String,
    /// The internal id.
    pub user_id: String,
    /// The id that callers know, if it is another one.
    pub external_user_id: Option<String>,
    /// Milliseconds since 1970.
    pub time_joined: i64,
    /// The tenants in which it works, sorted.
    pub tenant_ids: Vec<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The phone number.
    pub phone_number: Option<String>,
    /// The provider's user.
    pub third_party: Option<ThirdParty>,
    /// The passkeys, oldest first.
    pub credential_ids: Vec<String>,
    /// Whether the address is verified.
    pub verified: bool,
}

impl LoginMethod {
    /// One of which nothing is known but that it is there.
    pub fn new(recipe_id: &str, user_id: &str, time_joined: i64) -> Self {
        Self {
            recipe_id: recipe_id.to_owned(),
            user_id: user_id.to_owned(),
            external_user_id: None,
            time_joined,
            tenant_ids: Vec::new(),
            email: None,
            phone_number: None,
            third_party: None,
            credential_ids: Vec::new(),
            verified: false,
        }
    }

    /// Its address, number, or `<provider>::<user>`.
    pub fn info(&self, kind: InfoKind) -> Option<Cow<'_, str>> {
        match kind {
            InfoKind::Email => self.email.as_deref().map(Cow::Borrowed),
            InfoKind::Phone => self.phone_number.as_deref().map(Cow::Borrowed),
            InfoKind::ThirdParty => self.third_party.as_ref().map(|user| Cow::Owned(user.to_text())),
        }
    }

    /// The id that callers know.
    pub fn public_id(&self) -> &str {
        self.external_user_id.as_ref().unwrap_or(&self.user_id)
    }
}

/// A user: one login method, or several that are linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The internal id.
    pub id: String,
    /// The id that callers know, if it is another one.
    pub external_id: Option<String>,
    /// Whether other login methods may be linked to it.
    pub is_primary: bool,
    /// Oldest first.
    pub login_methods: Vec<LoginMethod>,
}

impl User {
    /// The id that callers know.
    pub fn public_id(&self) -> &str {
        self.external_id.as_ref().unwrap_or(&self.id)
    }

    /// When the oldest login method was made.
    pub fn time_joined(&self) -> i64 {
        self.login_methods.first().map_or(0, |method| method.time_joined)
    }

    /// The login method with an internal id.
    pub fn method(&self, user_id: &str) -> Option<&LoginMethod> {
        self.login_methods.iter().find(|method| method.user_id == user_id)
    }
}

/// An address as it is stored: trimmed, in lower case. Nothing else is checked, as in the reference.
pub fn normalise_email(email: &str) -> String {
    trim(email).to_lowercase()
}

/// As the reference trims: all up to the blank, control characters too, and no other white space. Addresses
/// that it stored are found again.
fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// A phone number as it is stored: E.164, if it is an international number; else only trimmed. By Google's
/// rules and tables, as in the reference and in the SDKs, since two spellings must come to one user.
pub fn normalise_phone_number(text: &str) -> String {
    let text = trim(text);
    if is_out_of_order(text) {
        return text.to_owned();
    }
    let number = PHONE_NUMBER_UTIL.parse(text, None);
    number.map_or_else(
        |_| text.to_owned(),
        |number| PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned(),
    )
}

/// Whether a text names a number in the form of RFC 3966 after that number's context: the parser, as the
/// reference's, looks for what is between the two and breaks down.
fn is_out_of_order(text: &str) -> bool {
    text.split_once(";phone-context=")
        .is_some_and(|(number, rest)| rest.contains("tel:") && !number.contains("tel:"))
}

/// Whether an address was made up for a user who has none; it counts as verified.
pub fn is_fake_email(email: &str) -> bool {
    email.ends_with("@stfakeemail.supertokens.com") || email.ends_with(".fakeemail.com")
}

/// Where a page of users begins: the first user on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The internal id.
    pub user_id: String,
    /// When the user joined, in milliseconds since 1970.
    pub time_joined: i64,
}

impl Cursor {
    /// The token that callers get for it: `<user id>;<time joined>` in base64.
    pub fn to_token(&self) -> String {
        STANDARD.encode(format!("{};{}", self.user_id, self.time_joined))
    }

    /// The reverse of [`Cursor::to_token`].
    pub fn parse(token: &str) -> Option<Self> {
        let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
        let (user_id, time_joined) = text.split_once(';').filter(|_| !text.contains('\0'))?;
        Some(Self { user_id: user_id.to_owned(), time_joined: time_joined.parse().ok()? })
    }
}

/// What a search looks for: a user fits who has, in one login method, one of each list that is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Beginnings of addresses, or of what follows the `@`.
    pub emails: Vec<String>,
    /// Beginnings of phone numbers.
    pub phones: Vec<String>,
    /// Beginnings of `<provider>::<user>`.
    pub providers: Vec<String>,
}

impl Search {
    /// Terms of one kind at most: each is a statement of its own in a longer one, of which SQLite takes five hundred.
    pub const TERMS_MAX: usize = 100;

    /// Whether there are more terms than can be looked for.
    pub fn is_too_long(&self) -> bool {
        [&self.emails, &self.phones, &self.providers].into_iter().any(|terms| terms.len() > Self::TERMS_MAX)
    }

    /// The search that three lists, separated by `;`, ask for; `None` if all are empty.
    pub fn parse(emails: Option<&str>, phones: Option<&str>, providers: Option<&str>) -> Option<Self> {
        let terms = |list: Option<&str>| -> Vec<String> {
            let terms = list.unwrap_or_default().split(';').map(|term| term.to_lowercase().trim().to_owned());
            let mut seen = HashSet::new();
            terms.filter(|term| !term.is_empty() && seen.insert(term.clone())).collect()
        };
        let search = Self { emails: terms(emails), phones: terms(phones), providers: terms(providers) };
        (search != Self::default()).then_some(search)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_trimmed_and_lower_case() {
        assert_eq!(normalise_email(" \t\n\u{1} Ann@Example.COM "), "ann@example.com");
        assert_eq!(normalise_email("\u{a0}Ann "), "\u{a0}ann");
        for fake in ["a@stfakeemail.supertokens.com", "a@google.fakeemail.com"] {
            assert!(is_fake_email(fake), "{fake}");
        }
        for real in ["a@example.com", "a@x.stfakeemail.supertokens.com", "a@fakeemail.com"] {
            assert!(!is_fake_email(real), "{real}");
        }
    }

    #[test]
    fn international_numbers_are_written_as_e_164_and_others_stay_as_they_are() {
        for (given, stored) in [
            ("+442071838750", "+442071838750"),
            (" +44-207 183 8750 ", "+442071838750"),
            ("+44 (0)20 7183 8750", "+442071838750"),
            ("tel:+1-650-253-0000", "+16502530000"),
            // Zeros that belong to the number, and a prefix of the country that does not.
            ("+39 06 1234", "+39061234"),
            ("+1 1 684 733 1234", "+16847331234"),
            // Both begin like a number with the country's prefix, and are none.
            ("+78091234567", "+78091234567"),
            ("+3758011234567", "+3758011234567"),
            ("020 7183 8750", "020 7183 8750"),
            (" +1 ", "+1"),
            ("+999123456789", "+999123456789"),
            ("hello", "hello"),
            ("tel:2071838750;phone-context=+44", "+442071838750"),
            ("500;phone-context=+44;tel:", "500;phone-context=+44;tel:"),
            ("", ""),
        ] {
            assert_eq!(normalise_phone_number(given), stored, "{given}");
            assert_eq!(normalise_phone_number(stored), stored);
        }
    }

    #[test]
    fn a_search_has_terms() {
        let search = Search::parse(Some(" Ann ;;b"), None, Some(";")).unwrap();
        assert_eq!(search.emails, ["ann", "b"]);
        assert!(search.phones.is_empty() && search.providers.is_empty());
        assert_eq!(Search::parse(Some(" ; "), Some(""), None), None);
        assert_eq!(Search::parse(Some("a;b;A;a"), None, None).unwrap().emails, ["a", "b"]);
    }

    #[test]
    fn a_cursor_survives_its_token() {
        let cursor = Cursor { user_id: "id".into(), time_joined: 7 };
        assert_eq!(cursor.to_token(), "aWQ7Nw==");
        assert_eq!(Cursor::parse("aWQ7Nw=="), Some(cursor));
        for text in ["id;x", "id", "i\0;7"] {
            assert_eq!(Cursor::parse(&STANDARD.encode(text)), None, "{text}");
        }
        assert_eq!(Cursor::parse("id;7"), None);
    }
}
