//! What the functions about roles answer.

/// The outcome of giving a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddRole {
    /// The user has the role.
    Ok {
        /// Whether the user had it before.
        had_already: bool,
    },
    /// There is no such role.
    UnknownRole,
}

/// The outcome of taking a role away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoveRole {
    /// The user does not have the role.
    Ok {
        /// Whether the user had it before.
        had_it: bool,
    },
    /// There is no such role.
    UnknownRole,
}

/// Who has a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleUsers {
    /// The ids of the users.
    Ok(Vec<String>),
    /// There is no such role.
    UnknownRole,
}

/// The permissions of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// The role has these.
    Ok(Vec<String>),
    /// There is no such role.
    UnknownRole,
}

/// The outcome of taking permissions from a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stripped {
    /// The role does not have them any more.
    Ok,
    /// There is no such role.
    UnknownRole,
}
