//! Sets of passwords known from breaches: the first byte says whether a file follows, or a list.

use crate::input::choice;
use portcullis_core::crypto::password_filter::PasswordFilter;

/// A file that is read is written as it was, and asked without a panic; of a list every line is known.
pub fn run(data: &[u8]) {
    let Some((form, rest)) = choice(data) else { return };
    if form % 2 == 0 {
        let Ok(filter) = PasswordFilter::read(rest) else { return };
        assert_eq!(written(&filter), rest);
        for number in 0..32 {
            filter.contains(&number.to_string());
        }
        return;
    }
    let Ok((filter, count)) = PasswordFilter::build(rest) else { return };
    let file = written(&filter);
    let again = PasswordFilter::read(file.as_slice()).expect("what was written is read");
    let lines = rest.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
    assert!((1..=lines.len()).contains(&count));
    let is_hash = |line: &str| line.get(..40).is_some_and(|hash| hash.bytes().all(|b| b.is_ascii_hexdigit()));
    let words = lines.into_iter().filter_map(|line| std::str::from_utf8(line).ok());
    for word in words.filter(|line| !is_hash(line)) {
        assert!(filter.contains(word) && again.contains(word), "{word:?}");
    }
}

fn written(filter: &PasswordFilter) -> Vec<u8> {
    let mut file = Vec::new();
    filter.write(&mut file).unwrap();
    file
}
