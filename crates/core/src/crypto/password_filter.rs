//! A compact set of passwords that are known from breaches: a binary fuse filter over their SHA-1 hashes, in
//! which such lists are published. It takes 18 bits for each, and one unknown password in 65,000 seems known.
//!
//! Form of a file: `MAGIC`, then little-endian the filter's seed (8 bytes), the length of a segment, its mask,
//! the length of all segments (4 bytes each), the number of fingerprints (8 bytes), and these (2 bytes each).

use std::fmt;
use std::io::{self, BufRead, Read, Write};

use aws_lc_rs::digest;
use xorf::{BinaryFuse16, Descriptor, Filter as _};

const MAGIC: &[u8; 16] = b"portcullis-pwd-1";
/// Digits of a SHA-1 hash in hex.
const HASH_DIGITS: usize = 40;
/// Fingerprints at most: 4 GiB of them. A file that claims more is refused before memory is asked for.
const FINGERPRINTS_MAX: u64 = 1 << 31;

/// The set.
pub struct PasswordFilter(BinaryFuse16);

impl fmt::Debug for PasswordFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PasswordFilter").field(&self.0.len()).finish()
    }
}

impl PasswordFilter {
    /// Reads a list, a password or SHA-1 hash in hex on each line, what follows a `:` after a hash left out; empty
    /// lines do not count. Answers the filter and the number of different passwords. Needs 8 bytes of memory for
    /// each, and some 30 while the filter is made.
    pub fn build(list: impl BufRead) -> io::Result<(Self, usize)> {
        let mut keys = Vec::new();
        for line in list.split(b'\n') {
            let line = line?;
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if !line.is_empty() {
                keys.push(key_of_line(line));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Err(invalid("the list is empty"));
        }
        let filter = BinaryFuse16::try_from(keys.as_slice()).map_err(invalid)?;
        Ok((Self(filter), keys.len()))
    }

    /// Writes the filter to a file.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        let Descriptor { seed, segment_length, segment_length_mask, segment_count_length } =
            self.0.descriptor;
        to.write_all(MAGIC)?;
        to.write_all(&seed.to_le_bytes())?;
        for number in [segment_length, segment_length_mask, segment_count_length] {
            to.write_all(&number.to_le_bytes())?;
        }
        to.write_all(&(self.0.fingerprints.len() as u64).to_le_bytes())?;
        for fingerprint in &self.0.fingerprints {
            to.write_all(&fingerprint.to_le_bytes())?;
        }
        to.flush()
    }

    /// Reads a filter from a file; refuses one that is damaged so that looking into it would go wrong.
    pub fn read(mut from: impl Read) -> io::Result<Self> {
        if &read_array(&mut from)? != MAGIC {
            return Err(invalid("this is no file that `portcullis passwords build` has made"));
        }
        let seed = u64::from_le_bytes(read_array(&mut from)?);
        let mut number = || read_array(&mut from).map(u32::from_le_bytes);
        let (segment_length, segment_length_mask, segment_count_length) = (number()?, number()?, number()?);
        let count = u64::from_le_bytes(read_array(&mut from)?);
        // Every place that a lookup computes is below this.
        let places = u64::from(segment_count_length) + 2 * u64::from(segment_length);
        let is_whole = segment_length.is_power_of_two()
            && segment_length_mask == segment_length - 1
            && segment_count_length > 0
            && segment_count_length.is_multiple_of(segment_length)
            && count == places
            && count <= FINGERPRINTS_MAX;
        if !is_whole {
            return Err(invalid("the file is damaged"));
        }
        let mut fingerprints = Vec::new();
        for _ in 0..count {
            fingerprints.push(u16::from_le_bytes(read_array(&mut from)?));
        }
        if from.read(&mut [0])? > 0 {
            return Err(invalid("the file goes on where it should end"));
        }
        let descriptor = Descriptor { seed, segment_length, segment_length_mask, segment_count_length };
        Ok(Self(BinaryFuse16 { descriptor, fingerprints: fingerprints.into_boxed_slice() }))
    }

    /// Whether the password is known; for one in 65,000 that are not this is true too.
    pub fn contains(&self, password: &str) -> bool {
        self.0.contains(&key(password.as_bytes()))
    }
}

/// The first 64 bits of the hash.
fn key(password: &[u8]) -> u64 {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password);
    hash.as_ref().iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
}

fn key_of_line(line: &[u8]) -> u64 {
    key_of_hash(line).unwrap_or_else(|| key(line))
}

/// `None` if the line is no hash: then it is a password.
fn key_of_hash(line: &[u8]) -> Option<u64> {
    let (hash, rest) = line.split_at_checked(HASH_DIGITS)?;
    if !hash.iter().all(u8::is_ascii_hexdigit) || !(rest.is_empty() || rest.starts_with(b":")) {
        return None;
    }
    let first = std::str::from_utf8(hash.get(..16)?).ok()?;
    u64::from_str_radix(first, 16).ok()
}

fn read_array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(filter: &PasswordFilter) -> Vec<u8> {
        let mut bytes = Vec::new();
        filter.write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn words_and_hashes_are_found_again_also_after_a_file() {
        // The second is the SHA-1 hash of `password`, as such lists have it.
        let list = "correct horse\r\n5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:9545824\n\ncorrect horse\nx";
        let (filter, count) = PasswordFilter::build(list.as_bytes()).unwrap();
        assert_eq!(count, 3);
        let read = PasswordFilter::read(bytes(&filter).as_slice()).unwrap();
        for filter in [filter, read] {
            assert!(["correct horse", "password", "x"].iter().all(|known| filter.contains(known)));
            assert!(!filter.contains("Password") && !filter.contains("a quite unusual one"));
        }
    }

    #[test]
    fn a_line_that_only_looks_like_a_hash_is_a_word() {
        let almost = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8x";
        let (filter, _) = PasswordFilter::build(almost.as_bytes()).unwrap();
        assert!(filter.contains(almost) && !filter.contains("password"));
    }

    #[test]
    fn few_unknown_passwords_seem_known() {
        let list = (0..20_000).map(|n| format!("known {n}")).collect::<Vec<_>>().join("\n");
        let (filter, _) = PasswordFilter::build(list.as_bytes()).unwrap();
        assert!((0..20_000).all(|n| filter.contains(&format!("known {n}"))));
        let wrong = (0..200_000).filter(|n| filter.contains(&format!("unknown {n}"))).count();
        assert!(wrong < 20, "{wrong}");
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let (filter, _) = PasswordFilter::build("a\nb\nc".as_bytes()).unwrap();
        let good = bytes(&filter);
        for length in 0..good.len() {
            assert!(PasswordFilter::read(&good[..length]).is_err(), "{length}");
        }
        let longer = [good.as_slice(), &[0]].concat();
        assert!(PasswordFilter::read(longer.as_slice()).is_err());
        // Magic, then the lengths and the count: any other value leads out of the fingerprints.
        for at in (0..MAGIC.len()).chain(MAGIC.len() + 8..MAGIC.len() + 28) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(PasswordFilter::read(bad.as_slice()).is_err(), "{at}");
        }
        // Lengths that fit together, but not to segments: a lookup would go beyond the end.
        let mut bad = good[..MAGIC.len() + 8].to_vec();
        for number in [4_u32, 3, 5] {
            bad.extend(number.to_le_bytes());
        }
        bad.extend(13_u64.to_le_bytes());
        bad.extend([0; 26]);
        assert!(PasswordFilter::read(bad.as_slice()).is_err());
        assert!(PasswordFilter::build("\n\n".as_bytes()).is_err());
    }
}
