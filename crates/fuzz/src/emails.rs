//! E-mail addresses, and the three lists that users are searched by: addresses, numbers, providers.

use crate::input::lines;
use portcullis_core::ground::users::model::{Search, normalise_email};

/// What was normalised stays as it is.
pub fn run(data: &[u8]) {
    let Some([emails, phones, providers]) = lines(data) else { return };
    let email = normalise_email(emails);
    assert_eq!(normalise_email(&email), email);
    assert!(!email.starts_with(is_blank) && !email.ends_with(is_blank), "{email:?}");
    assert!(!email.bytes().any(|byte| byte.is_ascii_uppercase()));
    let Some(search) = Search::parse(Some(emails), Some(phones), Some(providers)) else { return };
    let lists = [&search.emails, &search.phones, &search.providers];
    assert!(lists.iter().any(|list| !list.is_empty()));
    for term in lists.into_iter().flatten() {
        assert!(!term.is_empty() && term.trim() == term && !term.contains(';'), "{term:?}");
    }
    let [emails, phones, providers] = lists.map(|list| list.join(" ;; "));
    assert_eq!(Search::parse(Some(&emails), Some(&phones), Some(&providers)).as_ref(), Some(&search));
}

/// What the reference trims.
fn is_blank(c: char) -> bool {
    c <= ' '
}
