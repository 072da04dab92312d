//! Versions of the core driver interface (CDI), the protocol between a backend SDK and the core.

use std::fmt;
use std::str::FromStr;

/// One version of the core driver interface, ordered number by number: 2.10 is newer than 2.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cdi {
    major: u16,
    minor: u16,
}

macro_rules! versions {
    ($($name:ident = $major:literal . $minor:literal, $text:literal;)*) => {
        impl Cdi {
            $(
                #[doc = concat!("Version ", $text, ".")]
                pub const $name: Self = Self { major: $major, minor: $minor };
            )*
            /// Every version that the core serves, oldest first.
            pub const SUPPORTED: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

versions! {
    V2_7 = 2 . 7, "2.7";
    V2_8 = 2 . 8, "2.8";
    V2_9 = 2 . 9, "2.9";
    V2_10 = 2 . 10, "2.10";
    V2_11 = 2 . 11, "2.11";
    V2_12 = 2 . 12, "2.12";
    V2_13 = 2 . 13, "2.13";
    V2_14 = 2 . 14, "2.14";
    V2_15 = 2 . 15, "2.15";
    V2_16 = 2 . 16, "2.16";
    V2_17 = 2 . 17, "2.17";
    V2_18 = 2 . 18, "2.18";
    V2_19 = 2 . 19, "2.19";
    V2_20 = 2 . 20, "2.20";
    V2_21 = 2 . 21, "2.21";
    V3_0 = 3 . 0, "3.0";
    V3_1 = 3 . 1, "3.1";
    V4_0 = 4 . 0, "4.0";
    V5_0 = 5 . 0, "5.0";
    V5_1 = 5 . 1, "5.1";
    V5_2 = 5 . 2, "5.2";
    V5_3 = 5 . 3, "5.3";
    V5_4 = 5 . 4, "5.4";
    V5_5 = 5 . 5, "5.5";
    V5_6 = 5 . 6, "5.6";
}

impl Cdi {
    /// The newest version served.
    pub const LATEST: Self = Self::V5_6;

    /// Whether the core serves this version.
    pub fn is_supported(self) -> bool {
        Self::SUPPORTED.contains(&self)
    }
}

impl fmt::Display for Cdi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The text is not of the form `major.minor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAVersion;

impl FromStr for Cdi {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let (major, minor) = text.split_once('.').ok_or(NotAVersion)?;
        Ok(Self { major: number(major)?, minor: number(minor)? })
    }
}

fn number(text: &str) -> Result<u16, NotAVersion> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().map_err(|_| NotAVersion) } else { Err(NotAVersion) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number_not_by_text() {
        assert!(Cdi::V2_10 > Cdi::V2_9);
        assert!(Cdi::V5_0 > Cdi::V2_21);
        assert!(Cdi::SUPPORTED.is_sorted());
        assert_eq!(Cdi::SUPPORTED.last(), Some(&Cdi::LATEST));
    }

    #[test]
    fn only_major_dot_minor_parses() {
        assert_eq!("5.4".parse(), Ok(Cdi::V5_4));
        for text in ["5", "5.", ".4", "5.4.0", "+5.4", "a.b", "", "5.99999"] {
            assert_eq!(text.parse::<Cdi>(), Err(NotAVersion), "{text}");
        }
    }
}
