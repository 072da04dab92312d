//! Phone numbers.

use portcullis_core::ground::users::model::normalise_phone_number;
use rlibphonenumber::PHONE_NUMBER_UTIL;

/// A number is written as E.164 or left alone, and one that can be called stays as it is.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let text = text.trim_matches(|c| c <= ' ');
    let number = normalise_phone_number(text);
    let digits = number.strip_prefix('+').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let Some(digits) = digits else {
        assert_eq!(number, text);
        return;
    };
    assert!(digits.len() <= text.len());
    // From what only looks like a number Google's rules may take a prefix each time.
    let read = PHONE_NUMBER_UTIL.parse(text, None);
    if read.is_ok_and(|number| PHONE_NUMBER_UTIL.is_valid_number(&number)) {
        assert_eq!(normalise_phone_number(&number), number, "{text:?}");
    }
}
