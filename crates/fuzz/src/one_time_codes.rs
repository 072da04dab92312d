//! What shows that a code was received: a device's id or a link's code, the salt that is stored, and the code
//! that is entered.

use crate::input::lines;
use portcullis_core::recipes::fuzzing::passwordless::{device_id, entered, link_code};

/// What is read is written in one way alone, which is read as the same.
pub fn run(data: &[u8]) {
    let Some([text, salt, code]) = lines(data) else { return };
    for read in [device_id, link_code] {
        if let Some([written, hash]) = read(text) {
            assert_eq!(read(&written), Some([written.clone(), hash]), "{text:?}");
        }
    }
    if let Some(link) = entered(text, salt, code) {
        assert_eq!(link_code(&link).map(|[written, _]| written), Some(link.clone()));
        assert_ne!(entered(text, salt, &format!("{code}0")), Some(link), "another code");
    }
}
