//! Doors for the fuzz targets: what devices, links and people show.

use super::model::{DeviceId, LinkCode};
use crate::crypto::digest::Secret;

/// A device's id that was read: as it is written, and its hash.
pub fn device_id(text: &str) -> Option<[String; 2]> {
    DeviceId::decode(text).map(|id| [id.encode(), id.hash()])
}

/// A link's code that was read: as it is written, and its hash.
pub fn link_code(text: &str) -> Option<[String; 2]> {
    LinkCode::decode(text).map(|code| [code.encode(), code.hash()])
}

/// What a code that is entered comes to as a link.
pub fn entered(device_id: &str, salt: &str, user_input_code: &str) -> Option<String> {
    let code = DeviceId::decode(device_id)?.link_code(&Secret::new(salt), &Secret::new(user_input_code));
    code.ok().map(|code| code.encode())
}
