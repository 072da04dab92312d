//! Tokens that say where a page of users begins: one as it is, and one of a made-up user.

use portcullis_core::ground::users::model::Cursor;

/// What is read is written and read again.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(cursor) = Cursor::parse(text) {
        assert!(!cursor.user_id.contains([';', '\0']));
        assert_eq!(Cursor::parse(&cursor.to_token()), Some(cursor));
    }
    let (user_id, time) = text.split_at(text.floor_char_boundary(text.len().saturating_sub(8)));
    let time_joined = time.bytes().fold(0, |time, byte| time << 8 | i64::from(byte));
    let made = Cursor { user_id: user_id.replace([';', '\0'], ""), time_joined };
    assert_eq!(Cursor::parse(&made.to_token()), Some(made));
}
