//! Addresses and phone numbers: what counts as one, and how numbers are written.

use regex::Regex;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat};
use std::sync::LazyLock;

/// The rule of the official SDKs, frontends' included: a plain or quoted name, and a domain whose last
/// part is two letters or more, or an IPv4 address in brackets. Spaces are JavaScript's.
static EMAIL_RULE: LazyLock<std::result::Result<Regex, regex::Error>> = LazyLock::new(|| {
    let atom = r#"[^<>()\[\]\\.,;:\s\u{feff}@"]+"#;
    let quoted = r#""[^\n\r\u{2028}\u{2029}]+""#;
    let address = r"\[[0-9]{1,3}(?:\.[0-9]{1,3}){3}\]";
    let domain = r"(?:[a-zA-Z0-9-]+\.)+[a-zA-Z]{2,}";
    Regex::new(&format!(r"^(?:{atom}(?:\.{atom})*|{quoted})@(?:{address}|{domain})$"))
});

/// Whether an address is one by the rule of the official SDKs.
pub(crate) fn is_email(text: &str) -> bool {
    EMAIL_RULE.as_ref().is_ok_and(|rule| rule.is_match(text))
}

/// An international phone number, as everybody writes it. By Google's rules and tables, as the frontends and
/// the core go by them.
fn read_number(text: &str) -> Option<PhoneNumber> {
    // The parser breaks down where the context of a number in the form of RFC 3966 stands before its number.
    let is_out_of_order = text
        .split_once(";phone-context=")
        .is_some_and(|(number, rest)| rest.contains("tel:") && !number.contains("tel:"));
    if is_out_of_order {
        return None;
    }
    PHONE_NUMBER_UTIL.parse(text, None).ok()
}

/// Whether there are such phone numbers.
pub(crate) fn is_phone_number(text: &str) -> bool {
    read_number(text).is_some_and(|number| PHONE_NUMBER_UTIL.is_valid_number(&number))
}

/// A phone number as it is kept: E.164, or only trimmed if it is none but passed the app's own rule.
pub(crate) fn normalise_phone_number(text: &str) -> String {
    let number = read_number(text);
    number.map_or_else(
        || text.trim().to_owned(),
        |number| PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in
            ["a@b.co", "a.b+c@x-y.example.com", "\"a b\"@example.com", "a@[127.0.0.1]", "ä@example.com"]
        {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@b",
            "a@b.c",
            "a b@example.com",
            ".a@example.com",
            "a..b@example.com",
            "a@example.com ",
            "a@exämple.com",
            "a@[1.2.3]",
            "a@b@example.com",
            "a@example.com\n",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn phone_numbers() {
        for (text, normalised) in [
            ("+442071838750", "+442071838750"),
            (" +44 (0) 20 7183-8750 ", "+442071838750"),
            ("+1 213 373 4253", "+12133734253"),
            ("tel:2071838750;phone-context=+44", "+442071838750"),
        ] {
            assert!(is_phone_number(text), "{text}");
            assert_eq!(normalise_phone_number(text), normalised);
        }
        for (text, kept) in [
            ("", ""),
            ("02071838750", "02071838750"),
            (" room 12 ", "room 12"),
            ("500;phone-context=+44;tel:", "500;phone-context=+44;tel:"),
        ] {
            assert!(!is_phone_number(text), "{text}");
            assert_eq!(normalise_phone_number(text), kept);
        }
        // It has a country, but nobody there has such a number.
        assert!(!is_phone_number("+44 1"));
    }
}
